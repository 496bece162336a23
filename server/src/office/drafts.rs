//! Drafts that nobody ends. An application that was begun and never submitted would keep a person's data on phones and
//! at the office for ever. The office takes it back once nobody has touched it for as long as the service says; from
//! then on it is retained like any other that has ended.
//!
//! Drafts stand in a queue of their own, by when they are looked at next. Time is the office's alone: it is counted from
//! when the office last saw something new of the draft, whatever clock the phone has.

use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::case::Case;
use loket_core::replica::rows::{self, ApplicationRow};
use loket_core::replica::write::Dice;
use loket_core::store::{Store, Table};
use loket_core::workflow::{ACT_LAPSE, Decision, Event};

use super::Office;
use super::retention::{AGAIN, MAX_AT_ONCE, after};

#[cfg(test)]
mod tests;

/// First byte of a draft's key among the queues; desks have the places of their roles.
pub(super) const DRAFTS: u8 = u8::MAX - 1;

/// What is kept of a draft between two looks: where it is, and how many entries about it there were.
type Seen = (Partition, EntryHash, u64);

/// What was done about drafts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Drafts that were looked at.
    pub looked: usize,
    /// Drafts that were taken back.
    pub ended: usize,
}

impl<S: Store> Office<S> {
    /// The draft's place in the queue: the one it has, or a new one where it has none.
    pub(super) fn draft_key(case: &Case, row: &ApplicationRow, now: i64) -> Option<Vec<u8>> {
        let file = case.service.as_ref()?;
        case.state().filter(|state| !state.fin && state.revision == 0)?;
        let had = row.queue.as_ref().filter(|key| key.first() == Some(&DRAFTS));
        Some(had.cloned().unwrap_or_else(|| key(after(now, file.service.retention_days.draft), &case.id)))
    }

    pub(super) fn put_draft(&mut self, key: &[u8], case: &Case) -> Result<(), ReplicaError> {
        self.put_local(Table::Queue, key, &(case.partition, case.id, entries(case)))
    }

    /// Takes back drafts that nobody has touched since the last look, some at a time; the caller holds a transaction
    /// and calls again while any was looked at.
    pub fn end_drafts(&mut self, now: i64, dice: &mut Dice<'_>) -> Result<Ended, ReplicaError> {
        let page = self.replica.store.scan(&Partition::Office, Table::Queue, &[DRAFTS], None, MAX_AT_ONCE)?;
        let mut done = Ended::default();
        for (key, seen) in page.into_iter().filter(|(key, _)| due_of(key) <= now) {
            let (partition, id, before): Seen = rows::decode(&seen)?;
            done.looked += 1;
            let case = self.replica.case(&partition, &id)?;
            let days = case.service.as_ref().map_or(1, |file| file.service.retention_days.draft);
            if self.heals(&partition)? || case.service.is_none() {
                self.look_again(&key, now + AGAIN, &case)?;
            } else if entries(&case) != before {
                self.look_again(&key, after(now, days), &case)?;
            } else {
                done.ended += 1;
                self.take_back(case, days, now, dice)?;
            }
        }
        Ok(done)
    }

    fn look_again(&mut self, old: &[u8], due: i64, case: &Case) -> Result<(), ReplicaError> {
        self.replica.store.put(&Partition::Office, Table::Queue, old, None)?;
        let Some(mut row) = self.replica.row(&case.partition, &case.id)? else { return Ok(()) };
        let new = key(due, &case.id);
        self.put_draft(&new, case)?;
        row.queue = Some(new);
        self.replica.put_row(&case.partition, &case.id, &row)
    }

    fn take_back(
        &mut self,
        case: Case,
        days: u32,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let decision = Decision {
            act: ACT_LAPSE.to_owned(),
            kind: Event::Done,
            reason: Some(format!("tidak diajukan, dan tidak disentuh selama {days} hari")),
            ..self.own_event(&case, now)
        };
        let case = self.record(case, decision, dice)?;
        self.follow_up(&case, now)
    }
}

/// Everything that anybody wrote about it.
fn entries(case: &Case) -> u64 {
    (case.edits.len() + case.requests.len()) as u64
}

fn key(due: i64, id: &EntryHash) -> Vec<u8> {
    [&[DRAFTS][..], &due.max(0).to_be_bytes(), id.as_bytes()].concat()
}

fn due_of(key: &[u8]) -> i64 {
    let due = key.get(1..9).and_then(|bytes| bytes.try_into().ok());
    due.map_or(i64::MAX, i64::from_be_bytes)
}
