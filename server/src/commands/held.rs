//! `held`: what is kept and does not count, and a supervisor's word on it.

use loket_core::journal::EntryHash;
use loket_core::replica::rules::Hold;
use loket_core::replica::view::time_text;
use serde_json::{Value, json};

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::held::{HeldEdit, Verdict};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Daftar isian yang ditahan, dengan sebabnya")]
    List,
    #[command(about = "Terima isian yang ditahan: sejak itu dihitung di mana saja")]
    Adopt(VerdictArgs),
    #[command(about = "Singkirkan isian dari daftar: tetap disimpan, tidak dihitung")]
    Discard(VerdictArgs),
}

#[derive(clap::Args)]
pub(super) struct VerdictArgs {
    #[arg(required = true, value_name = "ENTRY", help = "Entri: awal kodenya, paling sedikit 8 huruf")]
    entries: Vec<String>,
    #[arg(
        long = "as",
        value_name = "STAFF",
        help = "Nomor petugas (admin) yang memutuskan; lihat `loket staff list`"
    )]
    staff: u32,
    #[arg(long, help = "Alasan")]
    reason: String,
}

impl VerdictArgs {
    fn verdict(&self) -> Verdict<'_> {
        Verdict { entries: &self.entries, staff: self.staff, reason: &self.reason }
    }
}

pub(super) fn run(folder: &Folder, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::List => list(folder),
        Command::Adopt(args) => {
            let mut office = folder.office()?;
            let done = super::write(&mut office, |office| office.adopt(&args.verdict(), now(), &mut dice))?;
            Ok(decided("adopted", &done, "isian diterima dan dihitung sejak sekarang."))
        }
        Command::Discard(args) => {
            let mut office = folder.office()?;
            let done = super::write(&mut office, |office| office.discard(&args.verdict(), now()))?;
            Ok(decided("discarded", &done, "isian disingkirkan dari daftar; tetap disimpan."))
        }
    }
}

fn decided(what: &str, entries: &[EntryHash], words: &str) -> Answer {
    let hashes: Vec<String> = entries.iter().map(EntryHash::to_hex).collect();
    Answer::new(json!({ what: hashes }), format!("{} {words}", entries.len()))
}

fn list(folder: &Folder) -> Result<Answer, Failure> {
    let held = folder.office()?.held()?;
    let mut text = String::new();
    for one in &held {
        line(one, 0, &mut text);
    }
    if held.is_empty() {
        text.push_str("Tidak ada isian yang ditahan.");
    }
    Ok(Answer::new(Value::Array(held.iter().map(shape).collect()), text))
}

fn line(one: &HeldEdit, depth: usize, text: &mut String) {
    let entry: String = one.entry.to_hex().chars().take(16).collect();
    let claimed = one.claimed.map(time_text).unwrap_or_default();
    let cause = one.cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    text.push_str(&format!(
        "{:indent$}{entry}  {:<28} {}  {claimed}  {}: {}{cause}\n",
        "",
        one.number,
        one.partition,
        one.officer,
        one.hold,
        indent = depth * 2
    ));
    for below in &one.descendants {
        line(below, depth + 1, text);
    }
}

fn shape(one: &HeldEdit) -> Value {
    json!({
        "entry": one.entry.to_hex(), "number": one.number, "id": one.application.to_hex(),
        "service": one.service, "partition": one.partition.to_string(), "device": one.device.to_hex(),
        "officer": one.officer, "claimed_at": one.claimed.map(time_text), "hold": one.hold.code(),
        "reason": one.hold.to_string(), "cause": one.cause, "adoptable": one.hold == Hold::NotPermitted,
        "descendants": one.descendants.iter().map(shape).collect::<Vec<_>>(),
    })
}
