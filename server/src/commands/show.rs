//! `show`: one application, and the note that somebody read it.

use loket_core::journal::EntryHash;
use loket_core::journal::Partition;
use loket_core::replica::ReplicaError;
use loket_core::replica::case::Case;
use loket_core::replica::view::Surroundings;
use loket_core::store::{Store, Table};
use serde_json::{Value, json};

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::Office;

/// How the command line is named in the notes of who read what.
const READER: &str = "baris perintah";

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
    note_read(&mut office, &id, "show")?;
    let shown = shown(&office, &case)?;
    let text = describe(&shown);
    Ok(Answer::new(shown, text))
}

/// What `show` says of a case at the office.
pub(super) fn shown<S: Store>(office: &Office<S>, case: &Case) -> Result<Value, ReplicaError> {
    let row = office.replica.row(&case.partition, &case.id)?.ok_or(ReplicaError::NotFound)?;
    let decided = row.decisions > 0 && row.open_requests == 0;
    let staff = office.staff_list()?;
    office.replica.show(
        case,
        &Surroundings {
            now: now(),
            mark: if decided { "decided" } else { "office" },
            sms: &|due| office.job_state(case, due),
            staff: &|id| staff.iter().find(|one| one.id == id).map(|one| one.name.clone()),
            me: None,
        },
    )
}

/// Notes that personal data was read: who, when, of which application; nothing of what it says.
pub(super) fn note_read<S: Store>(office: &mut Office<S>, id: &EntryHash, what: &str) -> Result<(), Failure> {
    let mut random = [0; 8];
    dice(&mut random);
    let key = [&b"read/"[..], &now().to_be_bytes(), b"/", &random].concat();
    let note = json!({ "who": READER, "what": what, "application": id.to_hex() }).to_string();
    super::write(office, |office| {
        Ok(office.replica.store.put(&Partition::Office, Table::Meta, &key, Some(note.as_bytes()))?)
    })
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
