//! `healing`: what a restored office still waits for, and going on without it.

use loket_core::journal::Partition;
use loket_core::replica::ReplicaError;
use loket_core::replica::view::time_text;
use serde_json::{Value, json};

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::restore::Healing;

#[derive(clap::Args)]
pub(super) struct WaiveArgs {
    #[arg(long, help = "Wilayah, seperti tertulis di `loket healing`")]
    partition: String,
    #[arg(long = "as", help = "Nomor petugas (admin)")]
    staff: u32,
    #[arg(long, help = "Mengapa perangkat yang belum sinkron tidak ditunggu")]
    reason: String,
}

pub(super) fn run(folder: &Folder) -> Result<Answer, Failure> {
    let (json, text) = lines(&folder.office()?.healing()?);
    Ok(Answer::new(json!(json), text))
}

/// What is waited for, for scripts and people.
pub(super) fn lines(healing: &[Healing]) -> (Vec<Value>, String) {
    let mut text = String::new();
    let json = healing.iter().map(|Healing { partition, since, awaited, newer_backup }| {
        let officers: Vec<&str> = awaited.iter().map(|(_, officer)| officer.as_str()).collect();
        text.push_str(&format!("{partition}  menunggu {}\n", officers.join(", ")));
        if let Some(at) = newer_backup {
            text.push_str(&format!(
                "  Ada cadangan yang lebih baru ({}): HP mungkin sudah melepas berkas yang hanya ada di situ. \
                 Bila masih ada, pulihkan dari cadangan itu.\n",
                time_text(*at)
            ));
        }
        let devices = awaited
            .iter()
            .map(|(device, officer)| json!({ "device": device.to_hex(), "officer": officer }))
            .collect::<Vec<_>>();
        json!({
            "partition": partition.to_string(), "since": time_text(*since), "awaited": devices,
            "newer_backup": newer_backup.map(time_text),
        })
    });
    let json: Vec<Value> = json.collect();
    if json.is_empty() {
        text.push_str("Tidak ada wilayah yang menunggu HP: semuanya memutuskan seperti biasa.");
    }
    (json, text)
}

/// Goes on without the devices that have not synced since the restore.
pub(super) fn waive(folder: &Folder, args: &WaiveArgs) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let partition: Partition = args
        .partition
        .parse()
        .map_err(|_| ReplicaError::refused("wilayah tidak dikenal: lihat `loket healing`"))?;
    let waived = super::write(&mut office, |office| {
        office.waive(&partition, args.staff, &args.reason, now(), &mut dice)
    })?;
    let devices: Vec<String> = waived.iter().map(|(device, _)| device.to_hex()).collect();
    let text = format!(
        "Wilayah {partition} memutuskan lagi tanpa {} perangkat. Keputusan lama yang kelak kembali dari perangkat \
         itu tetap berlaku; yang bertentangan ditandai untuk diperiksa.",
        devices.len()
    );
    Ok(Answer::new(json!({ "partition": partition.to_string(), "waived": devices }), text))
}
