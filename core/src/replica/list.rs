//! Lists: every application on this replica, and how far each has come.

use std::collections::BTreeMap;

use super::rows::{self, ApplicationRow, AttachmentRow};
use super::{Replica, ReplicaError};
use crate::journal::receipt::Receipt;
use crate::journal::run::Head;
use crate::journal::vector::Vector;
use crate::journal::{AttachmentHash, AuthorId, EntryHash, JournalId, Partition};
use crate::store::{Query, Store, Table};

/// The row of a partition that says what another phone has of this device's journals.
const CARRIED: &[u8] = b"carried";

/// How far the work on an application has come, as its officer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Something of it is on this phone alone.
    Phone,
    /// Another phone has it too.
    Carried,
    /// The office durably holds all of it.
    Office,
    /// And has answered the last request.
    Decided,
}

impl Mark {
    /// The word for scripts.
    pub fn as_str(&self) -> &'static str {
        match self {
            Mark::Phone => "phone",
            Mark::Carried => "carried",
            Mark::Office => "office",
            Mark::Decided => "decided",
        }
    }
}

/// An application in a list.
pub struct Listed {
    /// Its partition.
    pub partition: Partition,
    /// Its id.
    pub id: EntryHash,
    /// What is known of it.
    pub row: ApplicationRow,
    /// How far it has come.
    pub mark: Mark,
    /// Edits that are held: here, or at the office as its receipt says.
    pub held: u32,
}

impl<S: Store> Replica<S> {
    /// Calls `each` for every application here, partition by partition.
    pub fn for_each_application(
        &self,
        mut each: impl FnMut(Partition, EntryHash, ApplicationRow) -> Result<(), ReplicaError>,
    ) -> Result<(), ReplicaError> {
        for partition in self.store.partitions()? {
            let mut after: Option<Vec<u8>> = None;
            loop {
                let rows = self.store.scan(&partition, Table::Application, &[], after.as_deref(), 256)?;
                let Some((last, _)) = rows.last() else { break };
                after = Some(last.clone());
                for (key, value) in rows {
                    let id =
                        EntryHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("permohonan"))?;
                    each(partition, id, rows::decode(&value)?)?;
                }
            }
        }
        Ok(())
    }

    /// Every application on this phone with its mark.
    pub fn list(&self, me: &AuthorId) -> Result<Vec<Listed>, ReplicaError> {
        let mut marks: BTreeMap<Partition, Marker> = BTreeMap::new();
        let mut all = Vec::new();
        self.for_each_application(|partition, id, row| {
            if let std::collections::btree_map::Entry::Vacant(vacant) = marks.entry(partition) {
                vacant.insert(self.marker(&partition, me)?);
            }
            all.extend(marks.get(&partition).map(|marker| marker.listed(partition, id, row)));
            Ok(())
        })?;
        Ok(all)
    }

    /// At most `limit` applications after the named one, by partition and id: what a screen shows first, without
    /// reading the others.
    pub fn list_after(
        &self,
        me: &AuthorId,
        after: Option<(Partition, EntryHash)>,
        limit: usize,
    ) -> Result<Vec<Listed>, ReplicaError> {
        let mut all = Vec::new();
        for partition in self.store.partitions()? {
            let left = limit - all.len();
            let from = match after {
                Some((at, _)) if partition < at => continue,
                Some((at, id)) if partition == at => Some(id),
                _ => None,
            };
            all.extend(self.list_of(&partition, me, from, left)?);
            if all.len() >= limit {
                break;
            }
        }
        Ok(all)
    }

    /// Calls `each` for every scan that is known of in a partition.
    pub fn for_each_attachment(
        &self,
        partition: &Partition,
        mut each: impl FnMut(AttachmentHash, AttachmentRow),
    ) -> Result<(), ReplicaError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.scan(partition, Table::Attachment, &[], after.as_deref(), 256)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, bytes) in rows {
                let hash =
                    AttachmentHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("lampiran"))?;
                each(hash, rows::decode(&bytes)?);
            }
        }
    }

    /// At most `limit` applications of a partition after the named one, by id.
    pub fn list_of(
        &self,
        partition: &Partition,
        me: &AuthorId,
        after: Option<EntryHash>,
        limit: usize,
    ) -> Result<Vec<Listed>, ReplicaError> {
        let after = after.as_ref().map(EntryHash::as_bytes);
        let rows = self.store.scan(partition, Table::Application, &[], after, limit)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let marker = self.marker(partition, me)?;
        let listed = |(key, value): (Vec<u8>, Vec<u8>)| {
            let id = EntryHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("permohonan"))?;
            Ok(marker.listed(*partition, id, rows::decode(&value)?))
        };
        rows.into_iter().map(listed).collect()
    }

    /// What another phone has of this device's journals in a partition.
    fn carried(&self, partition: &Partition) -> Result<Vector, ReplicaError> {
        let Some(row) = self.store.get(partition, Table::Meta, CARRIED)? else {
            return Ok(Vector::default());
        };
        let heads: Vec<(JournalId, Head)> = rows::decode(&row)?;
        Ok(Vector(heads.into_iter().collect()))
    }

    /// Takes note that another phone has everything that is here of this device's journals in a partition. The caller
    /// holds a transaction.
    pub fn note_carried(&mut self, partition: &Partition, me: &AuthorId) -> Result<(), ReplicaError> {
        let journals = self.journals(partition)?;
        let own = journals.into_iter().filter(|(_, row)| row.journal.author == *me);
        let heads: Vec<(JournalId, Head)> = own.map(|(line, row)| (line, row.head)).collect();
        if heads.is_empty() {
            return Ok(());
        }
        Ok(self.store.put(partition, Table::Meta, CARRIED, Some(&rows::encode(&heads)))?)
    }

    /// What tells the marks of a partition's applications on this phone.
    pub fn marker(&self, partition: &Partition, me: &AuthorId) -> Result<Marker, ReplicaError> {
        let own = self.journals(partition)?.into_iter().filter(|(_, row)| row.journal.author == *me);
        let receipt = self.receipt(partition)?;
        let mut held: BTreeMap<EntryHash, u32> = BTreeMap::new();
        for hash in receipt.iter().flat_map(|receipt| &receipt.held) {
            for (_, entry) in self.store.entries(partition, Query::Hash(hash), 1)? {
                *held.entry(entry.application()).or_default() += 1;
            }
        }
        let carried = self.carried(partition)?;
        Ok(Marker { own: own.map(|(id, _)| id).collect(), receipt, carried, held })
    }
}

/// What tells the marks of a partition's applications on a phone.
pub struct Marker {
    own: Vec<JournalId>,
    receipt: Option<Receipt>,
    /// What another phone has of this one's work.
    carried: Vector,
    /// Edits that the office holds, by application.
    held: BTreeMap<EntryHash, u32>,
}

impl Marker {
    /// The line of an application's row.
    pub fn listed(&self, partition: Partition, id: EntryHash, row: ApplicationRow) -> Listed {
        // Of an edit that is held here as well the office knows too, or will.
        let held = self.held.get(&id).copied().unwrap_or(0).max(row.held);
        Listed { partition, id, mark: self.mark(&row), held, row }
    }

    /// How far an application has come.
    pub fn mark(&self, row: &ApplicationRow) -> Mark {
        let receipted = |(journal, seq): &(JournalId, u64)| {
            self.receipt.as_ref().is_some_and(|receipt| receipt.vector.covers(journal, *seq))
        };
        let taken = |tip: &(JournalId, u64)| receipted(tip) || self.carried.covers(&tip.0, tip.1);
        if !row.tips.iter().filter(|(journal, _)| self.own.contains(journal)).all(taken) {
            Mark::Phone
        } else if row.decisions > 0 && row.open_requests == 0 {
            Mark::Decided
        } else if row.tips.iter().all(receipted) {
            Mark::Office
        } else {
            Mark::Carried
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::identity::{SeededKey, Signer};
    use crate::replica::write::{Author, Opening, text};
    use crate::store::memory::MemoryStore;

    #[test]
    fn pages_of_a_list_are_the_list() {
        let (key, office) = (SeededKey::new(1), SeededKey::new(0).public_key());
        let mut replica = Replica::open(MemoryStore::default(), office).unwrap();
        let author = Author { signer: &key, epoch: [1; 8] };
        let file = replica.catalogue().get("ktp-el-perubahan", "2026.1").unwrap();
        let mut count = 0u8;
        let mut dice = |bytes: &mut [u8]| {
            count += 1;
            bytes.fill(count);
        };
        replica
            .transaction(|replica| {
                for number in 0..7 {
                    let place: Partition = ["33.12.08.2002", "33.12.08.2003"][number % 2].parse().unwrap();
                    let number = number.to_string();
                    let opening = Opening { file: &file, variant: None, place, number: &number, from: None };
                    replica.open_application(&author, &opening, vec![text("rt", "001")], 1, &mut dice)?;
                }
                Ok(())
            })
            .unwrap();
        let named = |listed: Vec<Listed>| -> Vec<_> {
            listed.into_iter().map(|one| (one.partition, one.id)).collect()
        };
        let whole = named(replica.list(&key.author()).unwrap());
        assert_eq!(whole.len(), 7);
        for limit in 1..9 {
            let mut paged = Vec::new();
            loop {
                let page = named(replica.list_after(&key.author(), paged.last().copied(), limit).unwrap());
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                paged.extend(page);
            }
            assert_eq!(paged, whole, "pages of {limit}");
        }
    }
}
