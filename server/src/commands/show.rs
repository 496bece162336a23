//! `show`: one application, and the note that somebody read it.

use serde_json::Value;

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::look::Look;
use crate::office::reads::{Read, Reader};

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(help = "Nomor pendaftaran")]
    number: String,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let (partition, id) = office.replica.need(&args.number)?;
    let case = office.replica.judged_case(&partition, &id)?;
    // Noted before it is shown: nobody reads without a trace.
    let read = Read { by: Reader::Command, what: "show", application: Some(id), reason: None };
    super::write(&mut office, |office| office.note_read(&read, now(), &mut dice))?;
    let shown = office.replica.shown(&case, now())?;
    let text = describe(&shown);
    Ok(Answer::new(shown, text))
}

/// The application for a person at a terminal.
fn describe(shown: &Value) -> String {
    let word = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |name: &str| shown.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut text =
        format!("{}  {}  {} ({})\n", word("number"), word("service"), word("label"), word("state"));
    for (field, value) in shown.get("fields").and_then(Value::as_object).into_iter().flatten() {
        if !field.starts_with('_') && !field.contains('/') {
            text.push_str(&format!("  {field}: {}\n", value.as_str().unwrap_or_default()));
        }
    }
    for (title, name, key) in
        [("Lampiran", "attachments", "requirement"), ("Peringatan", "warnings", "sentence")]
    {
        let items = list(name);
        if !items.is_empty() {
            text.push_str(&format!("{title}\n"));
        }
        for item in items {
            text.push_str(&format!("  {}\n", item.get(key).and_then(Value::as_str).unwrap_or_default()));
        }
    }
    text.push_str("Catatan resmi\n");
    for line in list("record") {
        let part = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        text.push_str(&format!("  {}  {} oleh {} ({})", part("at"), part("act"), part("by"), part("role")));
        for more in ["sentence", "reason"].map(part).into_iter().filter(|more| !more.is_empty()) {
            text.push_str(&format!(": {more}"));
        }
        text.push('\n');
    }
    let acts: Vec<String> = list("available")
        .iter()
        .filter_map(|one| Some(format!("{} ({})", one.get("act")?.as_str()?, one.get("role")?.as_str()?)))
        .collect();
    if !acts.is_empty() {
        text.push_str(&format!("Dapat dilakukan: {}\n", acts.join(", ")));
    }
    text
}
