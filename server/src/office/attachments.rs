//! What the office knows of scans: which are whole, and the entry that says so to everyone.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::journal::body::{Body, HeldAttachments, Value};
use loket_core::journal::{AttachmentHash, Content, EntryHash, JournalId, Partition, StoredEntry};
use loket_core::replica::ReplicaError;
use loket_core::replica::write::Dice;
use loket_core::store::{Query, Store};

use super::Office;

impl<S: Store> Office<S> {
    /// Attachments of a partition have arrived whole and verified. Everyone is told by one entry; files that
    /// waited for them enter their queue. The caller holds a transaction ([`Office::write`]).
    pub fn attachments_arrived(
        &mut self,
        arrived: &[(Partition, AttachmentHash)],
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let mut edits: BTreeSet<(Partition, EntryHash)> = BTreeSet::new();
        let mut cases: BTreeSet<(Partition, EntryHash)> = BTreeSet::new();
        for (partition, hash) in arrived {
            let Some(mut row) = self.replica.attachment(partition, hash)? else {
                // What named it was destroyed while it came.
                self.replica.unlink_later(partition, hash)?;
                continue;
            };
            row.here = true;
            self.replica.put_attachment(partition, hash, &row)?;
            for (edit, id) in self.replica.namings(partition, hash)? {
                edits.insert((*partition, edit));
                cases.insert((*partition, id));
            }
        }
        self.tell_held(&edits, dice)?;
        for (partition, id) in cases {
            // A draft waits for nothing at the office.
            if !self.replica.row(&partition, &id)?.is_some_and(|row| row.revision > 0 && !row.fin) {
                continue;
            }
            let case = self.replica.case(&partition, &id)?;
            self.settle(case, now, dice)?;
        }
        Ok(())
    }

    /// One entry a partition: the edits all of whose attachments are here, as spans.
    pub(super) fn tell_held(
        &mut self,
        edits: &BTreeSet<(Partition, EntryHash)>,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let mut held: BTreeMap<Partition, BTreeMap<(JournalId, u64), EntryHash>> = BTreeMap::new();
        for (partition, edit) in edits {
            if let Some(entry) = self.held_edit(partition, edit)? {
                held.entry(*partition).or_default().insert((entry.line, entry.header.seq), entry.hash);
            }
        }
        for (partition, edits) in held {
            let mut spans: Vec<(EntryHash, u64)> = Vec::new();
            let mut before: Option<(JournalId, u64)> = None;
            for ((line, seq), hash) in edits {
                match spans.last_mut() {
                    Some((last, count)) if before == Some((line, seq - 1)) => {
                        (*last, *count) = (hash, *count + 1);
                    }
                    _ => spans.push((hash, 1)),
                }
                before = Some((line, seq));
            }
            self.append(partition, None, &Body::HeldAttachments(HeldAttachments { spans }), dice)?;
        }
        Ok(())
    }

    /// An edit all of whose attachments are here.
    fn held_edit(
        &self,
        partition: &Partition,
        edit: &EntryHash,
    ) -> Result<Option<StoredEntry>, ReplicaError> {
        let mut found = self.replica.store.entries(partition, Query::Hash(edit), 1)?;
        let Some((_, entry)) = found.pop() else { return Ok(None) };
        Ok(self.names_only_held(partition, &entry)?.then_some(entry))
    }

    pub(super) fn names_only_held(
        &self,
        partition: &Partition,
        entry: &StoredEntry,
    ) -> Result<bool, ReplicaError> {
        let Content::Present(bytes) = &entry.content else { return Ok(false) };
        let Ok(Body::Edit(edit)) = Body::from_bytes(bytes) else { return Ok(false) };
        for op in &edit.ops {
            if let Value::Attachment(hash, _) = op.value
                && !self.replica.attachment(partition, &hash)?.is_some_and(|row| row.here)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
