//! `restore`: an office from a backup, which is healed by its phones before it decides again.

use std::path::PathBuf;
use std::time::Duration;

use loket_core::store::sqlite::SqliteStore;
use serde_json::json;

use super::Answer;
use super::backup::{beside, copy_scans};
use super::healing::lines;
use super::verify::verify_all;
use crate::attachments::Shelves;
use crate::config::{Failure, Folder, dice, now};

/// Between two looks at the clock.
const LOOK_AT_CLOCK: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, help = "Berkas cadangan dari `loket backup`")]
    from: PathBuf,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<Answer, Failure> {
    let bar = super::at_work("memulihkan kantor");
    if !args.from.is_file() {
        return Err(Failure::new(format!(
            "{} bukan berkas cadangan: sebutkan berkas dari `loket backup --to`",
            args.from.display()
        )));
    }
    // Refused here where it is no store of ours, before anything is written.
    drop(SqliteStore::read_only(&args.from)?);
    let part = folder.prepare_restore(&args.from, &beside(&args.from, ".kunci"))?;
    let shelves = Shelves::new(folder.attachments());
    let mut office = folder.open_restored(&part)?;
    bar.set_message("menyalin lampiran");
    copy_scans(&office.replica, &Shelves::new(beside(&args.from, ".lampiran")), &shelves)?;
    let began = now();
    super::write(&mut office, |office| office.begin_anew(began, &mut dice))?;
    bar.set_message("memeriksa");
    let verified = verify_all(&office.replica, &shelves)?;
    if !verified.faults.is_empty() {
        return Err(Failure(format!(
            "cadangan ini rusak, {} kesalahan di dalamnya: pakai cadangan lain\n{}",
            verified.faults.len(),
            verified.faults.join("\n")
        )));
    }
    let healing = office.healing()?;
    office.replica.store.empty_log()?;
    drop(office);
    // An epoch is named by its second: whoever restores this copy again begins another one.
    while now() == began {
        std::thread::sleep(LOOK_AT_CLOCK);
    }
    folder.finish_restore(&part)?;
    bar.finish_and_clear();
    let (waiting, text) = lines(&healing);
    let text = format!(
        "Kantor dipulihkan: {} entri, {} permohonan. Jalankan `loket serve`; yang diterima dan diputuskan sejak \
         cadangan kembali dari HP saat disinkronkan.\nSampai semuanya sinkron, wilayah ini menerima tetapi tidak \
         memutuskan:\n{text}",
        verified.entries, verified.applications
    );
    let json = json!({
        "entries": verified.entries, "applications": verified.applications, "healing": waiting,
    });
    Ok(Answer::new(json, text))
}
