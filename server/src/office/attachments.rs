//! What the office knows of scans: which are whole, and the entry that says so to everyone.

use std::collections::BTreeSet;

use loket_core::journal::body::{Body, HeldAttachments, Value};
use loket_core::journal::{AttachmentHash, Content, EntryHash, JournalId, Partition};
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
        let mut edits: BTreeSet<(Partition, JournalId, u64)> = BTreeSet::new();
        let mut cases: BTreeSet<(Partition, EntryHash)> = BTreeSet::new();
        for (partition, hash) in arrived {
            let Some(mut row) = self.replica.attachment(partition, hash)? else { continue };
            row.here = true;
            self.replica.put_attachment(partition, hash, &row)?;
            for (journal, seq, id) in self.replica.namings(partition, hash)? {
                edits.insert((*partition, journal, seq));
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
    fn tell_held(
        &mut self,
        edits: &BTreeSet<(Partition, JournalId, u64)>,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let partitions: BTreeSet<Partition> = edits.iter().map(|(partition, ..)| *partition).collect();
        for partition in partitions {
            let mut spans: Vec<(JournalId, u64, u64)> = Vec::new();
            for (_, journal, seq) in edits.iter().filter(|(p, ..)| *p == partition) {
                if !self.edit_is_held(&partition, journal, *seq)? {
                    continue;
                }
                match spans.last_mut() {
                    Some((last, _, end)) if last == journal && *end + 1 == *seq => *end = *seq,
                    _ => spans.push((*journal, *seq, *seq)),
                }
            }
            if !spans.is_empty() {
                self.append(partition, None, &Body::HeldAttachments(HeldAttachments { spans }), dice)?;
            }
        }
        Ok(())
    }

    /// Whether every attachment that an edit names is here.
    fn edit_is_held(
        &self,
        partition: &Partition,
        journal: &JournalId,
        seq: u64,
    ) -> Result<bool, ReplicaError> {
        let found =
            self.replica.store.entries(partition, Query::Journal(journal, seq.saturating_sub(1)), 1)?;
        let Some((_, entry)) = found.first().filter(|(_, entry)| entry.header.seq == seq) else {
            return Ok(false);
        };
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
