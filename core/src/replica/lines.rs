//! Lines: how a journal is kept that goes two ways. A device that was restored from an old copy writes under
//! numbers that its lost days have used already; both branches stand, nothing is rewritten, and every entry is
//! kept once. Which lines there are follows from the entries alone, so replicas that have the same entries name
//! them alike, whatever came first.

use std::collections::BTreeSet;

use super::rows::{self, CertificateRow, JournalRow};
use super::{Replica, ReplicaError};
use crate::journal::run::{Head, Run, RunError};
use crate::journal::{EntryHash, Journal, JournalId, Partition, StoredEntry};
use crate::store::{Query, Store, Table};

/// Lines of one journal: each fork costs its device a restore from an old copy.
pub const MAX_LINES: usize = 64;

/// A place in a journal: a line and a number on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The line.
    pub line: JournalId,
    /// The number.
    pub seq: u64,
}

/// What came of placing entries.
pub(super) struct Placed {
    /// The new ones, on their line.
    pub entries: Vec<StoredEntry>,
    /// Applications whose entries stand on another line now.
    pub moved: BTreeSet<EntryHash>,
}

impl<S: Store> Replica<S> {
    /// What is known of a line.
    pub fn line(&self, partition: &Partition, line: &JournalId) -> Result<Option<JournalRow>, ReplicaError> {
        let row = self.store.get(partition, Table::Journal, line.as_bytes())?;
        row.map(|bytes| rows::decode(&bytes)).transpose()
    }

    /// Where an entry stands.
    pub fn locate(&self, partition: &Partition, hash: &EntryHash) -> Result<Option<At>, ReplicaError> {
        let found = self.store.entries(partition, Query::Hash(hash), 1)?;
        Ok(found.first().map(|(_, entry)| At { line: entry.line, seq: entry.header.seq }))
    }

    /// The way from a place back to its journal's beginning: each line with the last number that belongs to it.
    pub fn way(&self, partition: &Partition, from: At) -> Result<Vec<At>, ReplicaError> {
        let mut way = vec![from];
        let mut at = from;
        while let Some((line, seq)) = self.line(partition, &at.line)?.and_then(|row| row.fork) {
            if way.len() > MAX_LINES {
                return Err(ReplicaError::Damaged("jurnal"));
            }
            at = At { line, seq: seq.min(at.seq) };
            way.push(at);
        }
        Ok(way)
    }

    /// Whether an author's entry counts as far as the certificate goes: it is not revoked, or the entry is one of
    /// those that the revocation leaves, or stands before one. Of an entry that the revocation names and that has
    /// not come, everything before its number in its journal is taken to lead to it.
    pub fn admits(
        &self,
        partition: &Partition,
        certificate: &CertificateRow,
        entry: At,
    ) -> Result<bool, ReplicaError> {
        let Some(last) = &certificate.revoked else { return Ok(true) };
        let journal = self.line(partition, &entry.line)?.map(|row| row.journal.id());
        for (_, head) in last.iter().filter(|(id, head)| Some(*id) == journal && entry.seq <= head.seq) {
            let Some(end) = self.locate(partition, &head.hash)? else { return Ok(true) };
            if self.way(partition, end)?.iter().any(|at| at.line == entry.line && entry.seq <= at.seq) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The way back from the entry of this hash; empty where it is not here.
    pub fn way_to(&self, partition: &Partition, hash: &EntryHash) -> Result<Vec<At>, ReplicaError> {
        match self.locate(partition, hash)? {
            Some(at) => self.way(partition, at),
            None => Ok(Vec::new()),
        }
    }

    /// The entry of this number on a line, or before the line's beginning on the way to it.
    pub fn entry_at(
        &self,
        partition: &Partition,
        line: &JournalId,
        seq: u64,
    ) -> Result<Option<StoredEntry>, ReplicaError> {
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        let mut line = *line;
        for _ in 0..=MAX_LINES {
            let found = self.store.entries(partition, Query::Journal(&line, before), 1)?;
            if let Some((_, entry)) = found.into_iter().next()
                && entry.header.seq == seq
            {
                return Ok(Some(entry));
            }
            match self.line(partition, &line)?.and_then(|row| row.fork) {
                Some((parent, fork)) if seq <= fork => line = parent,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Hash of the entry of this number; see [`Replica::entry_at`].
    pub fn hash_at(
        &self,
        partition: &Partition,
        line: &JournalId,
        seq: u64,
    ) -> Result<Option<EntryHash>, ReplicaError> {
        Ok(self.entry_at(partition, line, seq)?.map(|entry| entry.hash))
    }

    /// The places that a run may go on from. More than one only where its journal is forked and it does not say
    /// which: then the signature tells.
    pub(super) fn bases(&self, run: &Run) -> Result<Vec<(At, Head)>, ReplicaError> {
        let (partition, id) = (run.journal.partition, run.journal.id());
        let Some(seq) = run.first.checked_sub(1) else { return Ok(Vec::new()) };
        let base = |line, hash| (At { line, seq }, Head { seq, hash });
        if let Some(after) = run.after {
            let found = self.store.entries(&partition, Query::Hash(&after), 1)?;
            let fits = |e: &&(u64, StoredEntry)| e.1.header.seq == seq && e.1.header.journal == id;
            return Ok(found.iter().find(fits).map(|(_, e)| base(e.line, e.hash)).into_iter().collect());
        }
        if seq == 0 {
            return Ok(vec![base(id, Head::EMPTY.hash)]);
        }
        let Some(row) = self.line(&partition, &id)? else { return Ok(Vec::new()) };
        if row.head.seq == seq {
            return Ok(vec![base(id, row.head.hash)]);
        }
        let mut lines = vec![id];
        if row.forked {
            lines.extend(self.lines_of(&partition, &run.journal)?.into_iter().map(|(line, _)| line));
        }
        let mut bases = Vec::new();
        for line in lines {
            let found = self.store.entries(&partition, Query::Journal(&line, seq - 1), 1)?;
            if let Some((_, entry)) = found.first().filter(|(_, entry)| entry.header.seq == seq) {
                bases.push(base(line, entry.hash));
            }
        }
        bases.dedup();
        Ok(bases)
    }

    /// The lines of a journal behind its forks.
    fn lines_of(
        &self,
        partition: &Partition,
        journal: &Journal,
    ) -> Result<Vec<(JournalId, JournalRow)>, ReplicaError> {
        let all = self.journals(partition)?.into_iter();
        Ok(all.filter(|(_, row)| row.journal == *journal && row.fork.is_some()).collect())
    }

    /// Keeps those of these consecutive entries that are not here yet, behind `base`. Where they leave the line
    /// that is known, the journal is forked there.
    pub(super) fn place(
        &mut self,
        journal: &Journal,
        base: At,
        entries: Vec<StoredEntry>,
    ) -> Result<Result<Placed, RunError>, ReplicaError> {
        let partition = journal.partition;
        let mut placed = Placed { entries: Vec::new(), moved: BTreeSet::new() };
        let mut at = base;
        let mut entries = entries.into_iter().peekable();
        while let Some(entry) = entries.peek() {
            let Some(next) = self.next(journal, at, &entry.hash)? else { break };
            at = next;
            entries.next();
        }
        let Some(first) = entries.peek() else { return Ok(Ok(placed)) };
        let name = journal.line(&first.hash);
        let mut row = match self.line(&partition, &at.line)? {
            None => JournalRow::new(*journal),
            Some(row) if row.head.seq <= at.seq && !row.forked => row,
            Some(row) => {
                if self.lines_of(&partition, journal)?.len() + 2 > MAX_LINES {
                    return Ok(Err(RunError::Fork));
                }
                if row.head.seq > at.seq {
                    self.split(row, at, &mut placed.moved)?;
                }
                let fork = Some((at.line, at.seq));
                at.line = name;
                JournalRow { fork, ..JournalRow::new(*journal) }
            }
        };
        for mut entry in entries {
            entry.line = at.line;
            row.head = Head { seq: entry.header.seq, hash: entry.hash };
            self.keep(&partition, &entry)?;
            placed.entries.push(entry);
        }
        self.put_line(&at.line, &row)?;
        Ok(Ok(placed))
    }

    /// The place of the entry behind `at` if it is the one of this hash.
    fn next(&self, journal: &Journal, at: At, hash: &EntryHash) -> Result<Option<At>, ReplicaError> {
        let (partition, seq) = (&journal.partition, at.seq + 1);
        let Some(row) = self.line(partition, &at.line)? else { return Ok(None) };
        let line = match () {
            () if row.head.seq > at.seq => at.line,
            () if row.forked => journal.line(hash),
            () => return Ok(None),
        };
        let found = self.store.entries(partition, Query::Journal(&line, at.seq), 1)?;
        Ok(found.first().filter(|(_, entry)| entry.hash == *hash).map(|_| At { line, seq }))
    }

    /// Cuts a line behind `at`: what follows becomes a line of its own, named like any other behind a fork.
    fn split(
        &mut self,
        row: JournalRow,
        at: At,
        moved: &mut BTreeSet<EntryHash>,
    ) -> Result<(), ReplicaError> {
        let partition = row.journal.partition;
        let kept = self.entry_at(&partition, &at.line, at.seq)?.map_or(Head::EMPTY.hash, |entry| entry.hash);
        let damaged = ReplicaError::Damaged("jurnal");
        let first = self.entry_at(&partition, &at.line, at.seq + 1)?.ok_or(damaged)?;
        let name = row.journal.line(&first.hash);
        let mut after = at.seq;
        loop {
            let page = self.store.entries(&partition, Query::Journal(&at.line, after), PAGE)?;
            let Some((_, last)) = page.last() else { break };
            after = last.header.seq;
            for (_, entry) in page {
                moved.insert(entry.application());
                self.move_signature(&partition, &at.line, &name, entry.header.seq)?;
                self.store.append(&partition, &StoredEntry { line: name, ..entry })?;
            }
        }
        // What branched off behind the cut branches off the new line now.
        for (line, child) in self.lines_of(&partition, &row.journal)? {
            if let Some((parent, seq)) = child.fork
                && parent == at.line
                && seq > at.seq
            {
                self.put_line(&line, &JournalRow { fork: Some((name, seq)), ..child })?;
            }
        }
        self.put_line(&name, &JournalRow { fork: Some((at.line, at.seq)), ..row.clone() })?;
        let head = Head { seq: at.seq, hash: kept };
        // A line behind a fork that is cut at its own beginning cannot be: its name is its first entry's.
        self.put_line(&at.line, &JournalRow { head, forked: true, ..row })?;
        let position = self.position(&partition)?;
        self.store.put(&partition, Table::Meta, FORKED, Some(&position.to_be_bytes()))?;
        Ok(())
    }

    /// The partition's position when a line of it was last cut: vectors from before name lines that are no more.
    pub(super) fn forked_at(&self, partition: &Partition) -> Result<u64, ReplicaError> {
        let row = self.store.get(partition, Table::Meta, FORKED)?;
        Ok(row.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?))).unwrap_or(0))
    }

    fn move_signature(
        &mut self,
        partition: &Partition,
        from: &JournalId,
        to: &JournalId,
        seq: u64,
    ) -> Result<(), ReplicaError> {
        let key = rows::seq_key(from, seq);
        if let Some(signature) = self.store.get(partition, Table::Signature, &key)? {
            self.store.put(partition, Table::Signature, &key, None)?;
            self.store.put(partition, Table::Signature, &rows::seq_key(to, seq), Some(&signature))?;
        }
        Ok(())
    }

    pub(super) fn put_line(&mut self, line: &JournalId, row: &JournalRow) -> Result<(), ReplicaError> {
        let partition = row.journal.partition;
        Ok(self.store.put(&partition, Table::Journal, line.as_bytes(), Some(&rows::encode(row)))?)
    }
}

/// Entries read at a time.
const PAGE: usize = 256;
/// The row that keeps when a line of the partition was last cut.
const FORKED: &[u8] = b"forked";
