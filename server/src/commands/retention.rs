//! `retention` and `destroy`: whose time is over when, and destroying before that.

use loket_core::replica::view::time_text;
use serde_json::json;

use super::Answer;
use crate::attachments::Shelves;
use crate::config::{Failure, Folder, dice, limits, now};
use crate::office::retention::counted;
use crate::retention::unlink;

/// Applications that are listed.
const MAX_LISTED: usize = 200;

#[derive(clap::Args)]
pub(super) struct DestroyArgs {
    #[arg(help = "Nomor pendaftaran atau id permohonan yang sudah selesai")]
    number: String,
    #[arg(long = "as", value_name = "STAFF", help = "Nomor petugas (admin); lihat `loket staff list`")]
    staff: u32,
    #[arg(long, help = "Alasan, tanpa nama dan nomor orang: ikut tersimpan")]
    reason: String,
}

pub(super) fn run(folder: &Folder) -> Result<Answer, Failure> {
    let counted = counted(&folder.office()?.replica, MAX_LISTED)?;
    let mut text = String::new();
    for one in &counted {
        let next = if one.retired { "dimusnahkan" } else { "dilepas dari HP, bila cadangan sudah memuatnya" };
        text.push_str(&format!(
            "{:<28} {:<24} {}  {next}\n",
            one.row.number,
            one.row.service,
            time_text(one.due)
        ));
    }
    if counted.is_empty() {
        text.push_str("Belum ada permohonan selesai yang masa simpannya dihitung.");
    }
    let shape = counted.iter().map(|one| {
        json!({
            "id": one.id.to_hex(), "number": one.row.number, "service": one.row.service,
            "due": time_text(one.due), "retired": one.retired,
        })
    });
    Ok(Answer::new(json!(shape.collect::<Vec<_>>()), text))
}

pub(super) fn destroy(folder: &Folder, args: &DestroyArgs) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let remains = super::write(&mut office, |office| {
        office.destroy(&args.number, args.staff, &args.reason, now(), &mut dice)
    })?;
    let shelves = Shelves::new(folder.attachments());
    while super::write(&mut office, |office| unlink(office, &shelves))? > 0 {}
    // A large store is written anew by `serve`, at night; so is one that somebody reads just now.
    if office.replica.store.size()? <= limits::PURGE_AT_ONCE && office.replica.store.purge().is_ok() {
        office.replica.transaction(|replica| replica.purged())?;
    }
    let text = format!(
        "Permohonan {} dimusnahkan: isian, permintaan, dan lampirannya. Riwayat keputusannya tetap ada tanpa nama dan \
         tanpa alasan. HP menyusul pada sinkron berikutnya; cadangan yang dibuat sebelum ini masih memuatnya.",
        remains.number
    );
    Ok(Answer::new(json!({ "destroyed": remains.number, "id": remains.id.to_hex() }), text))
}
