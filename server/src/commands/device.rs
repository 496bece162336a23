//! `device` and `grant`: the phones that are known, and what they may see.

use std::collections::BTreeMap;

use loket_core::journal::body::CAUSE_LOST;
use loket_core::journal::{AuthorId, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::view::time_text;
use loket_core::store::{Store, Table};
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::Office;

/// Rows read at a time.
const PAGE: usize = 1024;
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

/// Every device that was ever certified, with the partitions of its certificates.
fn devices<S: Store>(office: &Office<S>) -> Result<BTreeMap<AuthorId, Vec<Partition>>, ReplicaError> {
    let mut devices: BTreeMap<AuthorId, Vec<Partition>> = BTreeMap::new();
    let prefix = b"scope/";
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows =
            office.replica.store.scan(&Partition::Office, Table::Meta, prefix, after.as_deref(), PAGE)?;
        let Some((last, _)) = rows.last() else { return Ok(devices) };
        after = Some(last.clone());
        for (key, _) in &rows {
            let rest = key.get(prefix.len()..).unwrap_or_default();
            let Some((author, partition)) = rest.split_at_checked(32) else { continue };
            if let (Ok(author), Some(partition)) =
                (AuthorId::try_from(author), Partition::from_bytes(partition))
            {
                devices.entry(author).or_default().push(partition);
            }
        }
    }
}

fn list(folder: &Folder) -> Result<Answer, Failure> {
    let office = folder.office()?;
    let mut json = Vec::new();
    let mut text = String::new();
    for (device, partitions) in devices(&office)? {
        let open = office.replica.scope_of(&device)?;
        let mut newest = None;
        for partition in &partitions {
            newest = office.replica.certificate(partition, &device)?.map(|row| row.certificate).or(newest);
        }
        let Some(certificate) = newest else { continue };
        let (id, revoked) = (device.to_hex(), open.is_empty());
        let partitions: Vec<String> = open.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "{}  {:<20} {}{}\n",
            id.get(..16).unwrap_or_default(),
            certificate.role,
            certificate.officer,
            if revoked { " (dicabut)" } else { "" }
        ));
        json.push(json!({
            "device": id, "officer": certificate.officer, "role": certificate.role, "partitions": partitions,
            "revoked": revoked, "not_after": time_text(certificate.not_after),
        }));
    }
    if json.is_empty() {
        text.push_str("Belum ada perangkat: undang dengan `loket invite`.");
    }
    Ok(Answer::new(json!(json), text))
}

/// The one device whose id begins so.
fn find<S: Store>(office: &Office<S>, named: &str) -> Result<AuthorId, ReplicaError> {
    let named = named.trim().to_ascii_lowercase();
    let mut found = devices(office)?.into_keys().filter(|device| device.to_hex().starts_with(&named));
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
