//! A store in memory: the model that the others are compared with, and what the simulator's phones keep.
//!
//! A transaction writes in place and remembers how to take each write back, so that a large store costs nothing
//! to begin a transaction on. Entries and values are shared between clones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bounds::{TAKEN, check_entry, check_row, key_range};
use super::{Query, Row, Store, StoreError, Table};
use crate::journal::{Content, EntryHash, JournalId, Partition, StoredEntry};

/// A store that is gone when its process is.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    parts: BTreeMap<Partition, Part>,
    /// How to take the open transaction back, oldest first; none while no transaction is open.
    undo: Option<Vec<Undo>>,
    /// What ails its medium, and after how many more writes that shows.
    ill: Option<(Ill, u64)>,
}

/// What can ail a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ill {
    /// There is no room, once.
    Full,
    /// Nothing can be written any more.
    Broken,
}

/// One partition.
#[derive(Debug, Clone, Default)]
struct Part {
    /// In order of position, from 1.
    entries: Vec<Arc<StoredEntry>>,
    journals: BTreeMap<(JournalId, u64), u64>,
    applications: BTreeSet<(EntryHash, u64)>,
    hashes: BTreeMap<EntryHash, u64>,
    rows: BTreeMap<Table, Rows>,
}

type Rows = BTreeMap<Vec<u8>, Arc<[u8]>>;

/// One write, the other way round.
#[derive(Debug, Clone)]
enum Undo {
    Append(Partition),
    Replace(Partition, u64, Arc<StoredEntry>),
    Put(Partition, Table, Vec<u8>, Option<Arc<[u8]>>),
}

impl Part {
    fn slot(&mut self, position: u64) -> Option<&mut Arc<StoredEntry>> {
        self.entries.get_mut(usize::try_from(position.checked_sub(1)?).ok()?)
    }

    fn push(&mut self, entry: Arc<StoredEntry>) -> u64 {
        let position = self.entries.len() as u64 + 1;
        self.journals.insert((entry.line, entry.header.seq), position);
        self.applications.insert((entry.application(), position));
        self.hashes.insert(entry.hash, position);
        self.entries.push(entry);
        position
    }

    /// Puts another state of an entry into its slot, on its line.
    fn replace(&mut self, position: u64, entry: Arc<StoredEntry>) -> Option<Arc<StoredEntry>> {
        let slot = self.slot(position)?;
        let before = std::mem::replace(slot, Arc::clone(&entry));
        if before.line != entry.line {
            self.journals.remove(&(before.line, before.header.seq));
            self.journals.insert((entry.line, entry.header.seq), position);
        }
        Some(before)
    }

    fn pop(&mut self) {
        let position = self.entries.len() as u64;
        if let Some(entry) = self.entries.pop() {
            self.journals.remove(&(entry.line, entry.header.seq));
            self.applications.remove(&(entry.application(), position));
            self.hashes.remove(&entry.hash);
        }
    }

    /// Writes a row and returns what was there.
    fn put(&mut self, table: Table, key: &[u8], value: Option<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        let rows = self.rows.entry(table).or_default();
        match value {
            Some(value) => rows.insert(key.to_vec(), value),
            None => rows.remove(key),
        }
    }

    fn positions(&self, query: Query<'_>, limit: usize) -> Vec<u64> {
        match query {
            Query::Journal(journal, after) => match after.checked_add(1) {
                Some(from) => {
                    let range = (*journal, from)..=(*journal, u64::MAX);
                    self.journals.range(range).take(limit).map(|(_, p)| *p).collect()
                }
                None => Vec::new(),
            },
            Query::After(after) => {
                (after.saturating_add(1)..=self.entries.len() as u64).take(limit).collect()
            }
            Query::Application(hash) => {
                self.applications.range((*hash, 0)..=(*hash, u64::MAX)).take(limit).map(|(_, p)| *p).collect()
            }
            Query::Hash(hash) => self.hashes.get(hash).into_iter().take(limit).copied().collect(),
        }
    }
}

impl MemoryStore {
    /// What a crash at this moment would leave: the store as its last kept transaction made it.
    pub fn crashed(&self) -> Self {
        let mut left = self.clone();
        left.take_back();
        left.ill = None;
        left
    }

    /// Lets a write fail after so many more, as a disk does: a row, an entry or the end of a transaction, of which
    /// nothing is then kept.
    pub fn fail_after(&mut self, writes: u64, ill: Ill) {
        self.ill = Some((ill, writes));
    }

    /// Takes what [`MemoryStore::fail_after`] asked for back.
    pub fn mend(&mut self) {
        self.ill = None;
    }

    /// One more write.
    fn strike(&mut self) -> Result<(), StoreError> {
        match &mut self.ill {
            None => Ok(()),
            Some((_, more)) if *more > 0 => {
                *more -= 1;
                Ok(())
            }
            Some((Ill::Broken, _)) => Err(StoreError::Broken("as was asked for".into())),
            Some((Ill::Full, _)) => {
                self.ill = None;
                Err(StoreError::Full)
            }
        }
    }

    /// Undoes and closes the open transaction, if there is one.
    fn take_back(&mut self) {
        for step in self.undo.take().into_iter().flatten().rev() {
            match step {
                Undo::Append(partition) => self.parts.entry(partition).or_default().pop(),
                Undo::Replace(partition, position, before) => {
                    self.parts.entry(partition).or_default().replace(position, before);
                }
                Undo::Put(partition, table, key, before) => {
                    self.parts.entry(partition).or_default().put(table, &key, before);
                }
            }
        }
    }

    fn log(&mut self) -> Result<&mut Vec<Undo>, StoreError> {
        self.undo.as_mut().ok_or(StoreError::Misuse("a write outside a transaction"))
    }
}

impl Store for MemoryStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.undo.is_some() {
            return Err(StoreError::Misuse("a transaction is open already"));
        }
        self.undo = Some(Vec::new());
        Ok(())
    }

    fn finish(&mut self, keep: bool) -> Result<(), StoreError> {
        self.log().map_err(|_| StoreError::Misuse("no transaction is open"))?;
        let struck = if keep { self.strike() } else { Ok(()) };
        if keep && struck.is_ok() {
            self.undo = None;
        } else {
            self.take_back();
        }
        struck
    }

    fn append(&mut self, partition: &Partition, entry: &StoredEntry) -> Result<u64, StoreError> {
        self.log()?;
        self.strike()?;
        check_entry(entry)?;
        let part = self.parts.entry(*partition).or_default();
        let there = part.journals.get(&(entry.line, entry.header.seq)).copied();
        let Some(&position) = part.hashes.get(&entry.hash) else {
            if there.is_some() {
                return Err(StoreError::Misuse(TAKEN));
            }
            let position = part.push(Arc::new(entry.clone()));
            self.log()?.push(Undo::Append(*partition));
            return Ok(position);
        };
        let Some(old) = part.slot(position).map(|slot| Arc::clone(slot)) else {
            return Err(StoreError::Misuse(TAKEN));
        };
        let moved = old.line != entry.line && there.is_none();
        let same = old.content == entry.content;
        if !(entry.content == Content::Destroyed && old.line == entry.line || moved && same) {
            return Err(StoreError::Misuse(TAKEN));
        }
        if let Some(before) = part.replace(position, Arc::new(entry.clone())) {
            self.log()?.push(Undo::Replace(*partition, position, before));
        }
        Ok(position)
    }

    fn entries(
        &self,
        partition: &Partition,
        query: Query<'_>,
        limit: usize,
    ) -> Result<Vec<(u64, StoredEntry)>, StoreError> {
        let Some(part) = self.parts.get(partition) else { return Ok(Vec::new()) };
        let entry = |position: u64| {
            let index = usize::try_from(position.checked_sub(1)?).ok()?;
            Some((position, StoredEntry::clone(part.entries.get(index)?)))
        };
        Ok(part.positions(query, limit).into_iter().filter_map(entry).collect())
    }

    fn put(
        &mut self,
        partition: &Partition,
        table: Table,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.log()?;
        self.strike()?;
        check_row(key, value)?;
        let part = self.parts.entry(*partition).or_default();
        let before = part.put(table, key, value.map(Arc::from));
        self.log()?.push(Undo::Put(*partition, table, key.to_vec(), before));
        Ok(())
    }

    fn get(&self, partition: &Partition, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.parts.get(partition).and_then(|part| part.rows.get(&table));
        Ok(rows.and_then(|rows| rows.get(key)).map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        partition: &Partition,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.parts.get(partition).and_then(|part| part.rows.get(&table));
        let (Some(rows), Some((lower, upper))) = (rows, key_range(prefix, after)) else {
            return Ok(Vec::new());
        };
        let range = rows.range(lower..upper).take(limit);
        Ok(range.map(|(key, value)| (key.clone(), value.to_vec())).collect())
    }

    fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let kept = |part: &Part| !part.entries.is_empty() || part.rows.values().any(|rows| !rows.is_empty());
        Ok(self.parts.iter().filter(|(_, part)| kept(part)).map(|(partition, _)| *partition).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        contract::check(MemoryStore::default);
    }

    #[test]
    #[allow(clippy::unwrap_used)]
    fn a_crash_leaves_the_last_kept_transaction() {
        let mut store = MemoryStore::default();
        store.begin().unwrap();
        store.put(&Partition::Office, Table::Meta, b"a", Some(b"1")).unwrap();
        store.finish(true).unwrap();
        store.begin().unwrap();
        store.put(&Partition::Office, Table::Meta, b"a", Some(b"2")).unwrap();
        store.append(&Partition::Office, &contract::entry(1, 1, None, b"body")).unwrap();
        let mut left = store.crashed();
        assert_eq!(left.get(&Partition::Office, Table::Meta, b"a").unwrap(), Some(b"1".to_vec()));
        assert!(left.entries(&Partition::Office, Query::After(0), 9).unwrap().is_empty());
        left.begin().unwrap();
        store.finish(true).unwrap();
        assert_eq!(store.entries(&Partition::Office, Query::After(0), 9).unwrap().len(), 1);
    }
}
