//! What is searched: a line of text for each application, brought up to date by the entries that came since.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::client::Phone;
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::list::Listed;
use loket_core::store::{Query, Store};

use crate::error::LoketError;
use crate::list::{ApplicationSummary, summary};

/// Entries of a partition that are looked through one by one; where more have come, all of it is read anew.
const MAX_NEW: usize = 256;

/// Lower-case texts of what an application is found by.
#[derive(Default)]
pub(crate) struct Index {
    partitions: BTreeMap<Partition, Indexed>,
}

#[derive(Default)]
struct Indexed {
    /// The position up to which it knows the partition.
    position: u64,
    texts: BTreeMap<EntryHash, String>,
}

impl Index {
    /// Brings it up to date.
    pub(crate) fn follow(&mut self, phone: &Phone) -> Result<(), LoketError> {
        let partitions = phone.replica.store.partitions().map_err(loket_core::replica::ReplicaError::from)?;
        for partition in partitions {
            self.partitions.entry(partition).or_default().follow(phone, &partition)?;
        }
        Ok(())
    }

    /// Applications whose text holds what is wanted (lower-case); at most so many.
    pub(crate) fn search(
        &mut self,
        phone: &Phone,
        wanted: &str,
        limit: usize,
    ) -> Result<Vec<ApplicationSummary>, LoketError> {
        self.follow(phone)?;
        let mut found = Vec::new();
        for (&partition, indexed) in &self.partitions {
            let matching = indexed.texts.iter().filter(|(_, text)| text.contains(wanted));
            let ids: Vec<EntryHash> = matching.map(|(id, _)| *id).take(limit - found.len()).collect();
            let marker =
                if ids.is_empty() { None } else { Some(phone.replica.marker(&partition, &phone.author())?) };
            for id in ids {
                let row = phone.replica.row(&partition, &id)?;
                let listed = marker.as_ref().and_then(|marker| Some(marker.listed(partition, id, row?)));
                found.extend(listed.map(|listed| summary(phone.replica.catalogue(), listed)));
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

impl Indexed {
    fn follow(&mut self, phone: &Phone, partition: &Partition) -> Result<(), LoketError> {
        let position = phone.replica.position(partition)?;
        if position == self.position {
            return Ok(());
        }
        match self.touched(phone, partition)? {
            Some(touched) => {
                let marker = phone.replica.marker(partition, &phone.author())?;
                for id in touched {
                    match phone.replica.row(partition, &id)? {
                        Some(row) => self.put(phone, marker.listed(*partition, id, row)),
                        None => drop(self.texts.remove(&id)),
                    }
                }
            }
            None => {
                self.texts.clear();
                let mut after = None;
                loop {
                    let all = phone.replica.list_of(partition, &phone.author(), after, MAX_NEW)?;
                    let Some(last) = all.last() else { break };
                    after = Some(last.id);
                    all.into_iter().for_each(|listed| self.put(phone, listed));
                }
            }
        }
        self.position = position;
        Ok(())
    }

    /// Applications that entries since the last look are about; none where too many came, or one that may concern all.
    fn touched(
        &self,
        phone: &Phone,
        partition: &Partition,
    ) -> Result<Option<BTreeSet<EntryHash>>, LoketError> {
        if self.position == 0 {
            return Ok(None);
        }
        let entries = phone.replica.store.entries(partition, Query::After(self.position), MAX_NEW + 1);
        let entries = entries.map_err(loket_core::replica::ReplicaError::from)?;
        let office = phone.replica.office_author();
        if entries.len() > MAX_NEW {
            return Ok(None);
        }
        let mut touched = BTreeSet::new();
        for (_, entry) in entries {
            let by_office =
                phone.replica.line(partition, &entry.line)?.is_none_or(|row| row.journal.author == office);
            if by_office && entry.header.application.is_none() {
                // A certificate, or an end of one: other edits may count now.
                return Ok(None);
            }
            touched.insert(entry.application());
        }
        Ok(Some(touched))
    }

    fn put(&mut self, phone: &Phone, listed: Listed) {
        let id = listed.id;
        let one = summary(phone.replica.catalogue(), listed);
        let words = [one.name.as_deref().unwrap_or_default(), &one.number, &one.title, &one.label, &one.id];
        self.texts.insert(id, words.join("\n").to_lowercase());
    }
}
