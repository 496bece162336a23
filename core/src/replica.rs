//! A replica: a store together with what its contents mean. Phone, office and simulator keep the same kind.
//!
//! Entries come in (`learn`) or are written here (`write`); each touched application is then materialised: its
//! edits are replayed into its document, its official record folded. Everything in rows can be made again from
//! the entries.

use std::collections::BTreeMap;

use crate::catalogue::{Catalogue, ServiceFile};
use crate::identity::PublicKey;
use crate::journal::run::Head;
use crate::journal::vector::{MAX_JOURNALS, Vector};
use crate::journal::{AuthorId, EntryHash, JournalId, Partition};
use crate::region::Regions;
use crate::store::{Query, Store, StoreError, Table};
use crate::workflow::Calendar;

pub mod case;
mod certificates;
mod check;

pub mod learn;
pub mod library;
pub mod lines;
pub mod list;
pub mod neighbour;
pub mod retention;
pub mod rows;
pub mod rules;
pub mod view;
pub mod write;

use rows::{CertificateRow, JournalRow};

/// Entries of one application that are read at once; more are refused by the rules long before.
pub const MAX_HISTORY: usize = 20_000;
/// Applications of one number that are looked at.
const MAX_NAMED: usize = 16;
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 64;
/// Files of the office (services in all versions, regions, holidays) that are kept.
pub const MAX_OFFICE_FILES: usize = 500;

/// Why a replica could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key cannot sign.
    #[error(transparent)]
    Key(#[from] crate::identity::CannotSign),
    /// What was asked for does not fit: the sentence says what to do.
    #[error("{0}")]
    Refused(String),
    /// There is no such application here.
    #[error("permohonan tidak ditemukan: periksa nomornya, atau sinkronkan dahulu")]
    NotFound,
    /// A row or entry of this store cannot be read (a defect, or a damaged file).
    #[error("data tersimpan tidak terbaca: {0}")]
    Damaged(&'static str),
}

impl ReplicaError {
    /// A refusal with its sentence.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self::Refused(sentence.into())
    }
}

/// A store together with what its contents mean.
pub struct Replica<S> {
    /// The store.
    pub store: S,
    office: PublicKey,
    office_author: AuthorId,
    catalogue: Catalogue,
    regions: Regions,
    calendar: Calendar,
    /// Whether it keeps what phones let go: the office's own.
    keeps_retired: bool,
}

impl<S: Store> Replica<S> {
    /// Opens a replica of the office with this key: the catalogue that came with the program, and what the
    /// office has published since.
    pub fn open(store: S, office: PublicKey) -> Result<Self, ReplicaError> {
        let mut replica = Self {
            store,
            office,
            office_author: office.author(),
            catalogue: Catalogue::builtin(),
            regions: Regions::wonogiri(),
            calendar: Calendar::default(),
            keeps_retired: false,
        };
        replica.read_office_files()?;
        Ok(replica)
    }

    /// Makes it the office's own, which keeps what phones let go.
    pub fn keep_retired(&mut self) {
        self.keeps_retired = true;
    }

    /// The office's key.
    pub fn office_key(&self) -> &PublicKey {
        &self.office
    }

    /// The office as an author.
    pub fn office_author(&self) -> AuthorId {
        self.office_author
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The regions of the office's kabupaten.
    pub fn regions(&self) -> &Regions {
        &self.regions
    }

    /// Working hours and holidays, as the office's files `jam_kerja` and `hari_libur` say ([`Calendar::read_week`],
    /// [`Calendar::read_holidays`]).
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Reads the office's published files again; another process may have added one.
    pub fn read_office_files(&mut self) -> Result<(), ReplicaError> {
        let rows = self.store.scan(&Partition::Office, Table::Catalogue, &[], None, MAX_OFFICE_FILES)?;
        self.calendar = Calendar::default();
        for (key, bytes) in rows {
            if key.starts_with(b"layanan/")
                && let Ok(file) = ServiceFile::parse("layanan", &bytes)
            {
                // The office published it after the same check; what cannot be added here is simply not offered.
                let _ = self.catalogue.add(file);
            }
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            if key.starts_with(b"hari_libur/") {
                // One file a year.
                self.calendar.holidays.extend(Calendar::read_holidays(text).unwrap_or_default());
            }
            if key.starts_with(b"jam_kerja/")
                && let Ok(week) = Calendar::read_week(text)
            {
                self.calendar.week = week;
            }
            if key.starts_with(b"wilayah/")
                && let Ok(regions) = Regions::parse(text)
            {
                self.regions = regions;
            }
        }
        Ok(())
    }

    /// The text of the office's newest file of a kind and name; none where it published none.
    pub fn office_file(&self, kind: &str, name: &str) -> Result<Option<String>, ReplicaError> {
        let prefix = format!("{kind}/{name}/");
        let rows = self.store.scan(&Partition::Office, Table::Catalogue, prefix.as_bytes(), None, 1)?;
        Ok(rows.into_iter().next().map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Runs `work` in one transaction of the store.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, ReplicaError>,
    ) -> Result<T, ReplicaError> {
        self.store.begin()?;
        match work(self) {
            Ok(value) => {
                self.store.finish(true)?;
                Ok(value)
            }
            Err(error) => {
                self.store.finish(false)?;
                Err(error)
            }
        }
    }

    /// What this replica has of a partition.
    pub fn vector(&self, partition: &Partition) -> Result<Vector, ReplicaError> {
        let lines = self.journals(partition)?.into_iter().filter(|(_, row)| row.head.seq > 0);
        Ok(Vector(lines.map(|(line, row)| (line, row.head)).collect()))
    }

    /// The lines of a partition's journals.
    pub fn journals(&self, partition: &Partition) -> Result<BTreeMap<JournalId, JournalRow>, ReplicaError> {
        let rows = self.store.scan(partition, Table::Journal, &[], None, MAX_JOURNALS)?;
        rows.iter()
            .map(|(key, value)| {
                let id = JournalId::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("journal"))?;
                Ok((id, rows::decode::<JournalRow>(value)?))
            })
            .collect()
    }

    /// What the partition's vector was when its last position was `number`: what a receipt of that number says.
    /// None where a line has been cut since, so that the receipt names one that is no more.
    pub fn vector_at(&self, partition: &Partition, number: u64) -> Result<Option<Vector>, ReplicaError> {
        let forked = self.forked_at(partition)?;
        if forked > 0 && number <= forked {
            return Ok(None);
        }
        let lines = self.journals(partition)?;
        let mut vector = self.vector(partition)?;
        let mut after = number;
        loop {
            let entries = self.store.entries(partition, Query::After(after), 512)?;
            let Some((last, _)) = entries.last() else { return Ok(Some(vector)) };
            after = *last;
            for (_, entry) in entries {
                let fork = lines.get(&entry.line).and_then(|row| row.fork).map_or(0, |(_, seq)| seq);
                let before = entry.header.seq - 1;
                if vector.head(&entry.line).seq > before {
                    let hash = entry.header.prev.unwrap_or(Head::EMPTY.hash);
                    let head = if before > fork { Head { seq: before, hash } } else { Head::EMPTY };
                    vector = vector.with(&[(entry.line, head)]);
                }
            }
        }
    }

    /// The last position of a partition; 0 where nothing is kept.
    pub fn position(&self, partition: &Partition) -> Result<u64, ReplicaError> {
        let row = self.store.get(partition, Table::Meta, b"position")?;
        Ok(row.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?))).unwrap_or(0))
    }

    /// The key of an author who may write in a partition: the office's, or a certified device's.
    pub fn key_of(
        &self,
        partition: &Partition,
        author: &AuthorId,
    ) -> Result<Option<PublicKey>, ReplicaError> {
        if *author == self.office_author {
            return Ok(Some(self.office));
        }
        Ok(self.certificate(partition, author)?.map(|row| row.certificate.key))
    }

    /// A device's certificate in a partition.
    pub fn certificate(
        &self,
        partition: &Partition,
        author: &AuthorId,
    ) -> Result<Option<CertificateRow>, ReplicaError> {
        let row = self.store.get(partition, Table::Certificate, author.as_bytes())?;
        row.map(|bytes| rows::decode(&bytes)).transpose()
    }

    /// Where the application of this number or id (hexadecimal) is.
    pub fn find(&self, number_or_id: &str) -> Result<Option<(Partition, EntryHash)>, ReplicaError> {
        Ok(self.all_named(number_or_id)?.into_iter().next())
    }

    /// Every application of this number, more than one until the office tells them apart; or the one with this id.
    pub fn all_named(&self, number_or_id: &str) -> Result<Vec<(Partition, EntryHash)>, ReplicaError> {
        if rows::plain_name(number_or_id).len() == ID_DIGITS {
            let found = self.ids_beginning(number_or_id)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let prefix = rows::name_key(number_or_id);
        let rows = self.store.scan(&Partition::Office, Table::Number, &prefix, None, MAX_NAMED)?;
        rows.iter().map(|(_, at)| rows::decode(at)).collect()
    }

    /// Applications whose id begins with these hexadecimal digits; at most a few, enough to see that it is not one.
    /// Nothing where they are no such digits. Each partition is asked: a further index over hashes would cost every
    /// new application more than this costs the few who ask.
    pub fn ids_beginning(&self, digits: &str) -> Result<Vec<(Partition, EntryHash)>, ReplicaError> {
        let digits = rows::plain_name(digits);
        let beginnings: Vec<String> = match digits.len() % 2 {
            0 => vec![digits],
            _ => "0123456789ABCDEF".chars().map(|last| format!("{digits}{last}")).collect(),
        };
        let mut found = Vec::new();
        for partition in self.store.partitions()? {
            for beginning in &beginnings {
                let Ok(prefix) = data_encoding::HEXUPPER.decode(beginning.as_bytes()) else { continue };
                for (key, _) in self.store.scan(&partition, Table::Application, &prefix, None, MAX_NAMED)? {
                    let id = EntryHash::try_from(&key[..]);
                    found.push((partition, id.map_err(|_| ReplicaError::Damaged("permohonan"))?));
                }
            }
        }
        found.truncate(MAX_NAMED);
        Ok(found)
    }

    /// As [`Replica::find`], or the error for people.
    pub fn need(&self, number_or_id: &str) -> Result<(Partition, EntryHash), ReplicaError> {
        self.find(number_or_id)?.ok_or(ReplicaError::NotFound)
    }

    /// A value of this replica's own (never synced).
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, ReplicaError> {
        Ok(self.store.get(&Partition::Office, Table::Meta, name.as_bytes())?)
    }

    /// Sets a value of this replica's own.
    pub fn set_meta(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), ReplicaError> {
        Ok(self.store.put(&Partition::Office, Table::Meta, name.as_bytes(), value)?)
    }
}
