//! What a session reads of a replica, on phone and office alike.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::At;
use super::rows::{self, JournalRow};
use super::{Replica, ReplicaError};
use crate::identity::{PublicKey, Signature};
use crate::journal::receipt::Receipt;
use crate::journal::run::{Head, MAX_RUN, Run, WireEntry};
use crate::journal::vector::Vector;
use crate::journal::{AuthorId, Content, EntryHash, JournalId, Partition, StoredEntry};
use crate::store::{Query, Store, Table};
use crate::sync::message::ProtocolError;
use crate::sync::{Library, Sending};

impl<S: Store> Replica<S> {
    /// Entries of a line after this number, cut where their author signed. Where nothing on the line itself is
    /// signed any more, it goes on along one that leaves it, whose signature vouches for both.
    pub fn run(
        &self,
        partition: &Partition,
        line: &JournalId,
        after: u64,
        bytes: usize,
    ) -> Result<Option<Sending>, ReplicaError> {
        self.run_for(partition, line, after, bytes, None)
    }

    /// As [`Replica::run`]; to phones without the bodies of applications that they would let go again: those that a
    /// backup of this vector holds. Of the rest the phones' copies are the only ones beside the office's.
    pub fn run_for(
        &self,
        partition: &Partition,
        line: &JournalId,
        after: u64,
        bytes: usize,
        backup: Option<&Vector>,
    ) -> Result<Option<Sending>, ReplicaError> {
        let Some(row) = self.line(partition, line)? else { return Ok(None) };
        let begin = row.fork.map_or(0, |(_, seq)| seq);
        let after = after.max(begin);
        let mut stretch = Stretch { line: *line, after, entries: Vec::new(), bytes };
        let mut sending = Vec::new();
        let mut at = row.clone();
        let signature = loop {
            if let Some((last, signature)) = self.cut(partition, &mut stretch)? {
                stretch.entries.retain(|entry| entry.header.seq <= last);
                break signature;
            }
            sending.push((stretch.line, at.head));
            // Unsigned yet, or vouched for by what follows behind the fork.
            let Some((next, child)) = self.leaving(partition, &stretch.line, &at)? else { return Ok(None) };
            (stretch.line, stretch.after, at) = (next, at.head.seq, child);
        };
        let Some(end) = stretch.entries.last() else { return Ok(None) };
        sending.push((stretch.line, Head { seq: end.header.seq, hash: end.hash }));
        let mut latest: BTreeMap<EntryHash, u64> = BTreeMap::new();
        let mut wire = Vec::new();
        for mut entry in stretch.entries {
            let back = self.distance_back(partition, &entry, &latest)?;
            latest.insert(entry.application(), entry.header.seq);
            if backup.is_some_and(|backup| backup.covers(&entry.line, entry.header.seq))
                && self.gone(partition, &entry.application())?.is_some()
            {
                entry.content = Content::Destroyed;
            }
            wire.push(WireEntry::close(&entry, back));
        }
        let forked = row.fork.is_some() || row.forked;
        let base = if forked && after > 0 { self.hash_at(partition, line, after)? } else { None };
        let run = Run { journal: row.journal, first: after + 1, entries: wire, signature, after: base };
        Ok(Some(Sending { run, heads: sending }))
    }

    /// A line that leaves this one at its head; always the same one.
    fn leaving(
        &self,
        partition: &Partition,
        line: &JournalId,
        row: &JournalRow,
    ) -> Result<Option<(JournalId, JournalRow)>, ReplicaError> {
        if !row.forked {
            return Ok(None);
        }
        let mut children = self.journals(partition)?.into_iter();
        Ok(children.find(|(_, child)| child.fork == Some((*line, row.head.seq))))
    }

    /// Reads on along the stretch's line, and tells the last number in it that its author signed.
    fn cut(
        &self,
        partition: &Partition,
        stretch: &mut Stretch,
    ) -> Result<Option<(u64, Signature)>, ReplicaError> {
        let signed = self.signatures(partition, &stretch.line, stretch.after)?;
        let at_least = signed.first_key_value().map_or(u64::MAX, |(first, _)| *first);
        self.stretch(partition, stretch, at_least)?;
        let end = stretch.entries.last().map_or(0, |entry| entry.header.seq);
        Ok(signed.range(..=end).next_back().map(|(last, signature)| (*last, *signature)))
    }

    /// Signed positions of a line after this number.
    fn signatures(
        &self,
        partition: &Partition,
        line: &JournalId,
        after: u64,
    ) -> Result<BTreeMap<u64, Signature>, ReplicaError> {
        let from = rows::seq_key(line, after);
        let rows = self.store.scan(partition, Table::Signature, line.as_bytes(), Some(&from), MAX_RUN)?;
        rows.into_iter()
            .map(|(key, value)| {
                let signature = value.try_into().map_err(|_| ReplicaError::Damaged("tanda tangan"))?;
                Ok((rows::parse_seq_key(&key)?.1, Signature(signature)))
            })
            .collect()
    }

    /// Entries of a line: until the bytes are used up, but at least to the first signature.
    fn stretch(
        &self,
        partition: &Partition,
        stretch: &mut Stretch,
        at_least: u64,
    ) -> Result<(), ReplicaError> {
        let mut at = stretch.after;
        let mut used: usize = stretch.entries.iter().map(size).sum();
        loop {
            let limit = 128.min(MAX_RUN - stretch.entries.len());
            let entries = self.store.entries(partition, Query::Journal(&stretch.line, at), limit)?;
            if entries.is_empty() {
                return Ok(());
            }
            for (_, entry) in entries {
                used += size(&entry);
                if used > stretch.bytes && entry.header.seq > at_least {
                    return Ok(());
                }
                at = entry.header.seq;
                stretch.entries.push(entry);
            }
        }
    }

    /// The distance to an earlier entry of the same line about the same application.
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
        let earlier = row.iter().map(|(_, e)| e).filter(|e| e.line == entry.line);
        let seq = earlier.map(|entry| entry.header.seq).filter(|seq| *seq < entry.header.seq).max();
        Ok(seq.map(|seq| entry.header.seq - seq))
    }

    /// Hands on everything of a partition beyond this vector, as runs of about so many bytes at a time, in the order in
    /// which they build on each other.
    pub fn runs_beyond<E: From<ReplicaError>>(
        &self,
        partition: &Partition,
        base: &Vector,
        bytes: usize,
        mut each: impl FnMut(Vec<Run>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut lines = Vec::new();
        for (line, head) in &self.vector(partition)?.0 {
            if !base.covers(line, head.seq) {
                lines.push((self.turn(partition, line)?, *line));
            }
        }
        lines.sort_unstable();
        let (mut runs, mut size) = (Vec::new(), 0);
        for (_, line) in lines {
            let mut after = base.head(&line).seq;
            while let Some(sending) = self.run(partition, &line, after, bytes)? {
                let told = sending.heads.iter().find(|(on, _)| *on == line).map(|(_, head)| head.seq);
                size += sending.run.size();
                runs.push(sending.run);
                if size >= bytes {
                    each(std::mem::take(&mut runs))?;
                    size = 0;
                }
                // What is told behind a fork is told with the line that leaves it.
                match told {
                    Some(seq) if seq > after => after = seq,
                    _ => break,
                }
            }
        }
        if runs.is_empty() { Ok(()) } else { each(runs) }
    }

    /// When a line's turn is among its partition's; see [`Library::turn`].
    pub fn turn(&self, partition: &Partition, line: &JournalId) -> Result<(u8, u64), ReplicaError> {
        let Some(row) = self.line(partition, line)? else { return Ok((u8::MAX, 0)) };
        let others = u8::from(row.journal.author != self.office_author());
        Ok((others, row.fork.map_or(0, |(_, seq)| seq)))
    }
}

/// What is being read for a run.
struct Stretch {
    line: JournalId,
    after: u64,
    entries: Vec<StoredEntry>,
    bytes: usize,
}

/// What an entry counts for where bytes are bounded.
fn size(entry: &StoredEntry) -> usize {
    match &entry.content {
        Content::Present(body) => body.len(),
        Content::Destroyed => 32,
    }
}

/// A phone's side: it talks to its office about everything it holds.
impl<S: Store> Library for Replica<S> {
    fn key(
        &self,
        author: &AuthorId,
        _: Option<&Run>,
    ) -> Result<Result<PublicKey, ProtocolError>, ReplicaError> {
        let office = (*author == self.office_author()).then_some(*self.office_key());
        Ok(office.ok_or(ProtocolError::Unknown))
    }

    fn end_of(&self, _: &AuthorId) -> Result<Option<Run>, ReplicaError> {
        Ok(None)
    }

    fn scope(&self, _: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError> {
        Ok(self.store.partitions()?.into_iter().collect())
    }

    fn admits(&self, peer: &AuthorId, _: &Partition) -> Result<bool, ReplicaError> {
        Ok(*peer == self.office_author())
    }

    fn parted(&self, _: &AuthorId, _: &Partition) -> Result<bool, ReplicaError> {
        Ok(false)
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
    ) -> Result<Option<Sending>, ReplicaError> {
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

    fn way(&self, partition: &Partition, hash: &EntryHash) -> Result<Vec<At>, ReplicaError> {
        Replica::way_to(self, partition, hash)
    }

    fn forked(&self, partition: &Partition, line: &JournalId) -> Result<bool, ReplicaError> {
        Ok(self.line(partition, line)?.is_some_and(|row| row.forked))
    }

    fn turn(&self, partition: &Partition, line: &JournalId) -> Result<(u8, u64), ReplicaError> {
        Replica::turn(self, partition, line)
    }
}
