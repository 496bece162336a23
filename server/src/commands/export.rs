//! `export`: an application's document as a file that any Automerge opens.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use loket_core::journal::ChangeHash;
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::reads::{Read, Reader};

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(help = "Nomor pendaftaran")]
    number: String,
    #[arg(long, help = "Berkas tujuan")]
    out: PathBuf,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let (partition, id) = office.replica.need(&args.number)?;
    let case = office.replica.case(&partition, &id)?;
    if case.remains.is_some() {
        return Err(Failure::new(
            "permohonan itu sudah dimusnahkan: tidak ada lagi dokumen yang dapat disimpan",
        ));
    }
    let read = Read { by: Reader::Command, what: "export", application: Some(id), reason: None };
    super::write(&mut office, |office| office.note_read(&read, now(), &mut dice))?;
    let document = case.document.export().map_err(|error| Failure::new(error.to_string()))?;
    keep(&args.out, &document).map_err(|error| Failure::file(&args.out, &error))?;
    let heads: Vec<String> = case.document.heads().iter().map(ChangeHash::to_hex).collect();
    let text = format!("Dokumen disimpan di {}.", args.out.display());
    Ok(Answer::new(json!({ "heads": heads }), text))
}

/// Writes the file beside its place and then gives it its name, so that no half of it is ever there.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)
}
