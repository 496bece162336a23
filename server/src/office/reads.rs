//! Who read a person's data, and what administrators did: a note for each, written before anything is shown.

use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::write::Dice;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use serde_json::{Value, json};

use super::Office;

/// Prefix of the notes, which stand in order of time.
const READS: &[u8] = b"read/";
/// Before the number of a member of staff, in a note.
const STAFF: &str = "petugas ";

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
    /// Which application; nothing of what it says. None where what was done is nobody's: a device was invited, say.
    pub application: Option<EntryHash>,
    /// Why, where that was asked.
    pub reason: Option<&'a str>,
}

/// A reading that was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Office time, in seconds since 1970.
    pub at: i64,
    /// Who; none for the command line.
    pub staff: Option<u32>,
    /// In what.
    pub what: String,
    /// Which application.
    pub application: Option<EntryHash>,
    /// Why.
    pub reason: Option<String>,
}

/// Readings between two moments, in order, at most `limit`; with the key behind which more may follow.
pub fn readings<S: Store>(
    replica: &Replica<S>,
    from: i64,
    until: i64,
    limit: usize,
) -> Result<Vec<Noted>, ReplicaError> {
    let begin = [READS, &from.saturating_sub(1).to_be_bytes(), &[u8::MAX]].concat();
    let rows = replica.store.scan(&Partition::Office, Table::Meta, READS, Some(&begin), limit)?;
    let mut all = Vec::with_capacity(rows.len());
    for (key, note) in rows {
        let at = key.get(READS.len()..READS.len() + 8).and_then(|bytes| bytes.try_into().ok());
        let at = at.map_or(0, i64::from_be_bytes);
        if at >= until {
            break;
        }
        let note: Value = serde_json::from_slice(&note).unwrap_or_default();
        let text = |name: &str| note.get(name).and_then(Value::as_str).map(str::to_owned);
        all.push(Noted {
            at,
            staff: text("who").and_then(|who| who.strip_prefix(STAFF)?.parse().ok()),
            what: text("what").unwrap_or_default(),
            application: text("application").and_then(|id| EntryHash::from_hex(&id)),
            reason: text("reason"),
        });
    }
    Ok(all)
}

impl<S: Store> Office<S> {
    /// Notes what an administrator does, in the transaction in which it is done.
    pub fn note_deed(
        &mut self,
        staff: u32,
        what: &str,
        about: &str,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let reason = Some(about).filter(|about| !about.is_empty());
        self.note_read(&Read { by: Reader::Staff(staff), what, application: None, reason }, now, dice)
    }

    /// Notes that somebody reads; the caller holds a transaction.
    pub fn note_read(&mut self, read: &Read<'_>, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        let mut random = [0; 8];
        dice(&mut random);
        let key = [READS, &now.to_be_bytes(), b"/", &random].concat();
        let who = match read.by {
            Reader::Command => "baris perintah".to_owned(),
            Reader::Staff(id) => format!("{STAFF}{id}"),
        };
        let note = json!({
            "who": who, "what": read.what, "application": read.application.map(|id| id.to_hex()), "reason": read.reason,
        });
        let note = note.to_string();
        Ok(self.replica.store.put(&Partition::Office, Table::Meta, &key, Some(note.as_bytes()))?)
    }
}
