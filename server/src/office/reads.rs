//! Who read a person's data: a note for every reading, written before anything is shown.

use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::write::Dice;
use loket_core::store::{Store, Table};
use serde_json::json;

use super::Office;

/// Prefix of the notes, which stand in order of time.
const READS: &[u8] = b"read/";

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Somebody at the command line.
    Command,
    /// A member of staff.
    Staff(u32),
}

/// That somebody reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<'a> {
    /// Who.
    pub by: Reader,
    /// In what: a command, a page.
    pub what: &'a str,
    /// Which application; nothing of what it says.
    pub application: EntryHash,
    /// Why, where that was asked.
    pub reason: Option<&'a str>,
}

impl<S: Store> Office<S> {
    /// Notes that somebody reads; the caller holds a transaction.
    pub fn note_read(&mut self, read: &Read<'_>, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        let mut random = [0; 8];
        dice(&mut random);
        let key = [READS, &now.to_be_bytes(), b"/", &random].concat();
        let who = match read.by {
            Reader::Command => "baris perintah".to_owned(),
            Reader::Staff(id) => format!("petugas {id}"),
        };
        let note = json!({
            "who": who, "what": read.what, "application": read.application.to_hex(), "reason": read.reason,
        });
        let note = note.to_string();
        Ok(self.replica.store.put(&Partition::Office, Table::Meta, &key, Some(note.as_bytes()))?)
    }
}
