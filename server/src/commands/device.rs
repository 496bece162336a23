//! `device` and `grant`: the phones that are known, and what they may see.

use loket_core::journal::body::CAUSE_LOST;
use loket_core::journal::{AuthorId, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::view::time_text;
use loket_core::store::Store;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::Office;
use crate::office::look::Look;

/// Characters of a device's id that name it at the least.
const SHORTEST: usize = 8;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Daftar perangkat")]
    List,
    #[command(
        about = "Cabut sebuah perangkat: yang dikirim setelah ini ditahan, atau ditolak bila perangkat hilang"
    )]
    Revoke(RevokeArgs),
    #[command(about = "Pindahkan sebuah perangkat ke wilayah lain")]
    Transfer(TransferArgs),
}

#[derive(clap::Args)]
pub(super) struct TransferArgs {
    #[arg(help = "Perangkat: awal kodenya, paling sedikit 8 huruf")]
    device: String,
    #[arg(long, required = true, num_args = 1.., help = "Kode kecamatan atau desa yang baru")]
    partition: Vec<String>,
}

#[derive(clap::Args)]
pub(super) struct RevokeArgs {
    #[arg(help = "Perangkat: awal kodenya, paling sedikit 8 huruf")]
    device: String,
    #[arg(long, default_value = "dicabut", value_parser = ["dicabut", "pindah", "kedaluwarsa", "hilang"],
        help = "Sebab; `hilang` untuk HP yang hilang atau dicuri: tidak ada lagi yang diterima darinya")]
    cause: String,
}

#[derive(clap::Args)]
pub(super) struct GrantArgs {
    #[arg(help = "Nomor pendaftaran")]
    number: String,
    #[arg(long, help = "Perangkat: awal kodenya, paling sedikit 8 huruf")]
    device: String,
}

pub(super) fn run(folder: &Folder, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::List => list(folder),
        Command::Revoke(args) => revoke(folder, &args),
        Command::Transfer(args) => transfer(folder, &args),
    }
}

fn list(folder: &Folder) -> Result<Answer, Failure> {
    let mut json = Vec::new();
    let mut text = String::new();
    for device in folder.office()?.replica.devices()? {
        let id = device.id.to_hex();
        let partitions: Vec<String> = device.partitions.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "{}  {:<20} {}{}\n",
            id.get(..16).unwrap_or_default(),
            device.certificate.role,
            device.certificate.officer,
            if device.has_ended() { " (dicabut)" } else { "" }
        ));
        json.push(json!({
            "device": id, "officer": device.certificate.officer, "role": device.certificate.role,
            "partitions": partitions, "revoked": device.has_ended(),
            "not_after": time_text(device.certificate.not_after),
        }));
    }
    if json.is_empty() {
        text.push_str("Belum ada perangkat: undang dengan `loket invite`.");
    }
    Ok(Answer::new(json!(json), text))
}

/// The one device whose id begins so.
pub(super) fn find<S: Store>(office: &Office<S>, named: &str) -> Result<AuthorId, ReplicaError> {
    let named = named.trim().to_ascii_lowercase();
    let all = office.replica.certified()?.into_keys();
    let mut found = all.filter(|device| device.to_hex().starts_with(&named));
    match (found.next(), found.next()) {
        (Some(device), None) if named.len() >= SHORTEST => Ok(device),
        (Some(_), _) => Err(ReplicaError::refused(format!(
            "lebih dari satu perangkat mungkin dimaksud: tulis lebih banyak huruf kodenya, paling sedikit {SHORTEST}"
        ))),
        (None, _) => Err(ReplicaError::refused("perangkat tidak dikenal: lihat `loket device list`")),
    }
}

fn revoke(folder: &Folder, args: &RevokeArgs) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let device = super::write(&mut office, |office| {
        let device = find(office, &args.device)?;
        office.revoke(&device, &args.cause, &mut dice)?;
        Ok(device)
    })?;
    let later = match args.cause == CAUSE_LOST {
        true => "Yang datang sesudah ini ditolak.",
        false => "Yang datang sesudah ini disimpan sebagai tertahan: lihat `loket held`.",
    };
    let text = format!("Perangkat {device} dicabut. Pekerjaannya sampai saat ini tetap dihitung. {later}");
    Ok(Answer::new(json!({ "device": device.to_hex(), "cause": args.cause }), text))
}

fn transfer(folder: &Folder, args: &TransferArgs) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let (device, (partitions, left)) = super::write(&mut office, |office| {
        let device = find(office, &args.device)?;
        Ok((device, office.transfer(&device, &args.partition, now(), &mut dice)?))
    })?;
    let names = |all: &[Partition]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let text = format!(
        "Perangkat {device} dipindahkan. Pekerjaannya di {} wilayah lama dihitung sampai saat ini; yang menyusul          ditahan: lihat `loket held list`.",
        left.len()
    );
    let json = json!({ "device": device.to_hex(), "partitions": names(&partitions), "left": names(&left) });
    Ok(Answer::new(json, text))
}

/// Lets a device into the partition of a need-to-know application.
pub(super) fn grant(folder: &Folder, args: &GrantArgs) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let (device, partition) = super::write(&mut office, |office| {
        let (partition, _) = office.replica.need(&args.number)?;
        if !matches!(partition, Partition::NeedToKnow(_)) {
            return Err(ReplicaError::refused(
                "permohonan ini tidak perlu dijaga: siapa pun yang terdaftar di desanya sudah melihatnya",
            ));
        }
        let device = find(office, &args.device)?;
        if office.replica.certificate(&partition, &device)?.is_none_or(|row| row.revoked.is_some()) {
            office.grant(&device, partition, &mut dice)?;
        }
        Ok((device, partition))
    })?;
    let json =
        json!({ "number": args.number, "device": device.to_hex(), "partition": partition.to_string() });
    Ok(Answer::new(json, "Perangkat itu sekarang melihat permohonan tersebut."))
}
