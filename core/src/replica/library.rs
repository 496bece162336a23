//! What a session reads of a replica, on phone and office alike.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{self, JournalRow};
use super::{Replica, ReplicaError};
use crate::identity::{PublicKey, Signature};
use crate::journal::receipt::Receipt;
use crate::journal::run::{MAX_RUN, Run, WireEntry};
use crate::journal::vector::Vector;
use crate::journal::{AuthorId, Content, EntryHash, JournalId, Partition, StoredEntry};
use crate::store::{Query, Store, Table};
use crate::sync::Library;

impl<S: Store> Replica<S> {
    /// Entries of a journal after this number, cut where its author signed.
    pub fn run(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
        bytes: usize,
    ) -> Result<Option<Run>, ReplicaError> {
        let Some(row) = self.store.get(partition, Table::Journal, journal.as_bytes())? else {
            return Ok(None);
        };
        let row: JournalRow = rows::decode(&row)?;
        let signed = self.signatures(partition, journal, after)?;
        let Some((&first_signed, _)) = signed.first_key_value() else { return Ok(None) };
        let entries = self.stretch(partition, journal, after, first_signed, bytes)?;
        let end = entries.last().map_or(after, |entry| entry.header.seq);
        let Some((&last, &signature)) = signed.range(..=end).next_back() else { return Ok(None) };
        let mut latest: BTreeMap<EntryHash, u64> = BTreeMap::new();
        let mut wire = Vec::new();
        for entry in entries.iter().take_while(|entry| entry.header.seq <= last) {
            let back = self.distance_back(partition, entry, &latest)?;
            latest.insert(entry.application(), entry.header.seq);
            wire.push(WireEntry::close(entry, back));
        }
        Ok(Some(Run { journal: row.journal, first: after + 1, entries: wire, signature }))
    }

    /// Signed positions of a journal after this number.
    fn signatures(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
    ) -> Result<BTreeMap<u64, Signature>, ReplicaError> {
        let from = rows::seq_key(journal, after);
        let rows = self.store.scan(partition, Table::Signature, journal.as_bytes(), Some(&from), MAX_RUN)?;
        rows.into_iter()
            .map(|(key, value)| {
                let signature = value.try_into().map_err(|_| ReplicaError::Damaged("tanda tangan"))?;
                Ok((rows::parse_seq_key(&key)?.1, Signature(signature)))
            })
            .collect()
    }

    /// Entries after a number: until the bytes are used up, but at least to the first signature.
    fn stretch(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
        at_least: u64,
        bytes: usize,
    ) -> Result<Vec<StoredEntry>, ReplicaError> {
        let mut stretch: Vec<StoredEntry> = Vec::new();
        let (mut at, mut used) = (after, 0);
        loop {
            let limit = 128.min(MAX_RUN - stretch.len());
            let entries = self.store.entries(partition, Query::Journal(journal, at), limit)?;
            if entries.is_empty() {
                return Ok(stretch);
            }
            for (_, entry) in entries {
                used += match &entry.content {
                    Content::Present(body) => body.len(),
                    Content::Destroyed => 32,
                };
                if used > bytes && entry.header.seq > at_least {
                    return Ok(stretch);
                }
                at = entry.header.seq;
                stretch.push(entry);
            }
        }
    }

    /// The distance to an earlier entry of the same journal about the same application.
    fn distance_back(
        &self,
        partition: &Partition,
        entry: &StoredEntry,
        latest: &BTreeMap<EntryHash, u64>,
    ) -> Result<Option<u64>, ReplicaError> {
        let Some(application) = entry.header.application else { return Ok(None) };
        if let Some(seq) = latest.get(&application) {
            return Ok(Some(entry.header.seq - seq));
        }
        let row = self.store.entries(partition, Query::Application(&application), super::MAX_HISTORY)?;
        let earlier = row.iter().map(|(_, e)| &e.header).filter(|h| h.journal == entry.header.journal);
        let seq = earlier.map(|header| header.seq).filter(|seq| *seq < entry.header.seq).max();
        Ok(seq.map(|seq| entry.header.seq - seq))
    }

    /// Hash of the entry of this number.
    pub fn hash_at(
        &self,
        partition: &Partition,
        journal: &JournalId,
        seq: u64,
    ) -> Result<Option<EntryHash>, ReplicaError> {
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        let found = self.store.entries(partition, Query::Journal(journal, before), 1)?;
        Ok(found.first().filter(|(_, entry)| entry.header.seq == seq).map(|(_, entry)| entry.hash))
    }

    /// Whether a journal is the office's.
    pub fn is_office_journal(
        &self,
        partition: &Partition,
        journal: &JournalId,
    ) -> Result<bool, ReplicaError> {
        let row = self.store.get(partition, Table::Journal, journal.as_bytes())?;
        let row: Option<JournalRow> = row.map(|bytes| rows::decode(&bytes)).transpose()?;
        Ok(row.is_some_and(|row| row.journal.author == self.office_author()))
    }
}

/// A phone's side: it talks to its office about everything it holds.
impl<S: Store> Library for Replica<S> {
    fn key(&self, author: &AuthorId) -> Result<Option<PublicKey>, ReplicaError> {
        Ok((*author == self.office_author()).then_some(*self.office_key()))
    }

    fn scope(&self, _: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError> {
        Ok(self.store.partitions()?.into_iter().collect())
    }

    fn admits(&self, peer: &AuthorId, _: &Partition) -> Result<bool, ReplicaError> {
        Ok(*peer == self.office_author())
    }

    fn vector(&self, partition: &Partition) -> Result<Vector, ReplicaError> {
        Replica::vector(self, partition)
    }

    fn receipted(
        &self,
        partition: &Partition,
        epoch: u64,
        number: u64,
    ) -> Result<Option<Vector>, ReplicaError> {
        let receipt = Replica::receipt(self, partition)?;
        Ok(receipt.filter(|r| (r.epoch, r.number) == (epoch, number)).map(|receipt| receipt.vector))
    }

    fn receipt(&self, partition: &Partition) -> Result<Option<Receipt>, ReplicaError> {
        Replica::receipt(self, partition)
    }

    fn run(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
        bytes: usize,
    ) -> Result<Option<Run>, ReplicaError> {
        Replica::run(self, partition, journal, after, bytes)
    }

    fn hash_at(
        &self,
        partition: &Partition,
        journal: &JournalId,
        seq: u64,
    ) -> Result<Option<EntryHash>, ReplicaError> {
        Replica::hash_at(self, partition, journal, seq)
    }

    fn goes_first(&self, partition: &Partition, journal: &JournalId) -> Result<bool, ReplicaError> {
        self.is_office_journal(partition, journal)
    }
}
