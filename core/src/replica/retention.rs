//! Retention: what becomes of applications that the office has let go.
//!
//! The office says so in an entry that names what stays ([`Remains`]). **Retired**: phones let the bodies go, as
//! soon as a verified backup of the office covers them and the office holds the scans; the office keeps them.
//! **Destroyed**: nobody keeps them. Headers stay everywhere, so chains and signatures verify; what comes later for
//! a destroyed application is kept without its body, and its author is told.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Case, rows_adopted};
use super::learn::Learned;
use super::rows::{self, AttachmentRow, GoneRow, LateRow};
use super::{MAX_HISTORY, Replica, ReplicaError};
use crate::catalogue::{Kind, Service};
use crate::journal::body::{Body, Value};
use crate::journal::{
    AttachmentHash, AuthorId, Content, EntryHash, JournalId, Partition, Remains, StoredEntry,
};
use crate::store::{Query, Store, Table};
use crate::workflow::{ACT_TOLD, Decision, Event, Frozen, MARK_CODES, NEED_REASON, NEED_SERIAL};

/// Rows that are read at once.
const PAGE: usize = 256;
/// Prefix of the rows that name applications which this replica has still to let go.
const RETIRED: &[u8] = b"purna/";
/// Prefix of the rows that name scans whose files have still to be removed.
const FILE: &[u8] = b"berkas/";
/// The row that says that the store's log and free pages may hold what was let go.
const LOG: &[u8] = b"log";
/// Scans whose files are named at once.
pub const MAX_UNLINKED: usize = 64;

/// Why and by whom an application is let go.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    /// `selesai`, `masa_simpan` or `perintah`.
    pub cause: &'a str,
    /// Who ordered it.
    pub staff: Option<u32>,
    /// In which words.
    pub reason: Option<&'a str>,
    /// Office time.
    pub at: i64,
}

impl<S: Store> Replica<S> {
    /// What the office has said of an application that it let go.
    pub fn gone(&self, partition: &Partition, id: &EntryHash) -> Result<Option<GoneRow>, ReplicaError> {
        let row = self.store.get(partition, Table::Gone, id.as_bytes())?;
        row.map(|bytes| rows::decode(&bytes)).transpose()
    }

    /// Whether the office has let anything go in a partition: most have nothing to look for.
    pub fn has_gone(&self, partition: &Partition) -> Result<bool, ReplicaError> {
        Ok(!self.store.scan(partition, Table::Gone, &[], None, 1)?.is_empty())
    }

    /// Whether applications of a partition wait to be let go here.
    pub fn has_retired(&self, partition: &Partition) -> Result<bool, ReplicaError> {
        Ok(!self.store.scan(partition, Table::Sweep, RETIRED, None, 1)?.is_empty())
    }

    /// What stays of a case.
    pub fn remains_of(&self, case: &Case, why: Cause<'_>) -> Result<Remains, ReplicaError> {
        let row = self.row(&case.partition, &case.id)?.ok_or(ReplicaError::NotFound)?;
        let service = case.service.as_ref().map(|file| &file.service);
        let mut last = Vec::with_capacity(case.tips.len());
        for (line, seq) in &case.tips {
            last.extend(self.hash_at(&case.partition, line, *seq)?);
        }
        Ok(Remains {
            id: case.id,
            number: row.number,
            service: row.service,
            version: row.version,
            variant: row.variant,
            catalogue: row.catalogue,
            place: row.place,
            record: case.record.iter().filter(|d| moves(d)).map(|decision| bare(decision, service)).collect(),
            last,
            cause: why.cause.to_owned(),
            staff: why.staff,
            reason: why.reason.map(str::to_owned),
            at: why.at,
        })
    }

    /// Takes the office's word that it let applications go.
    pub(super) fn follow_gone(
        &mut self,
        partition: &Partition,
        applications: Vec<Remains>,
        destroyed: bool,
        learned: &mut Learned,
    ) -> Result<(), ReplicaError> {
        for remains in applications {
            let id = remains.id;
            let row = GoneRow { destroyed, remains };
            // Two epochs of an office that was restored may both have said so; which came first must not matter.
            let weight = |row: &GoneRow| (row.destroyed, row.remains.record.len(), rows::encode(row));
            if self.gone(partition, &id)?.is_some_and(|before| weight(&before) >= weight(&row)) {
                continue;
            }
            self.store.put(partition, Table::Gone, id.as_bytes(), Some(&rows::encode(&row)))?;
            if destroyed {
                self.let_go(partition, &id)?;
            } else if !self.keeps_retired {
                self.store.put(partition, Table::Sweep, &key(RETIRED, id.as_bytes()), Some(&[]))?;
            }
            // The office's journal goes first: entries that it speaks of may come later.
            if !self.store.entries(partition, Query::Application(&id), 1)?.is_empty() {
                learned.applications.insert((*partition, id));
                if destroyed {
                    learned.destroyed.insert((*partition, id));
                }
            }
        }
        Ok(())
    }

    /// More came of an application that this phone has let go, or will: it goes too, once a backup covers it.
    pub(super) fn follow_late(&mut self, partition: &Partition, id: &EntryHash) -> Result<(), ReplicaError> {
        if self.keeps_retired || !self.has_gone(partition)? {
            return Ok(());
        }
        match self.gone(partition, id)? {
            Some(gone) if !gone.destroyed => {
                Ok(self.store.put(partition, Table::Sweep, &key(RETIRED, id.as_bytes()), Some(&[]))?)
            }
            _ => Ok(()),
        }
    }

    /// Empties those of these entries whose application is destroyed: they came too late.
    pub(super) fn empty_late(
        &mut self,
        partition: &Partition,
        entries: &mut [StoredEntry],
    ) -> Result<(), ReplicaError> {
        if !self.has_gone(partition)? {
            return Ok(());
        }
        for entry in entries {
            if self.gone(partition, &entry.application())?.is_some_and(|gone| gone.destroyed) {
                entry.content = Content::Destroyed;
            }
        }
        Ok(())
    }

    /// Lets the bodies of an application go, and everything that was made of them. The caller holds a transaction
    /// and materialises the application.
    fn let_go(&mut self, partition: &Partition, id: &EntryHash) -> Result<(), ReplicaError> {
        let last = self.gone(partition, id)?.map(|gone| gone.remains.last).unwrap_or_default();
        let counted = self.coverage(partition, &last)?;
        let mut scans: BTreeSet<AttachmentHash> = BTreeSet::new();
        for (_, entry) in self.store.entries(partition, Query::Application(id), MAX_HISTORY)? {
            let Content::Present(bytes) = &entry.content else { continue };
            let body = Body::from_bytes(bytes).ok();
            if !covers(&counted, &entry) {
                self.note_late(partition, id, &entry.line, body.as_ref())?;
            }
            if let Some(Body::Edit(edit)) = &body {
                scans.extend(edit.ops.iter().filter_map(|op| match op.value {
                    Value::Attachment(hash, _) => Some(hash),
                    _ => None,
                }));
            }
            self.store.put(partition, Table::Pending, entry.hash.as_bytes(), None)?;
            self.store.put(partition, Table::Held, &key(b"held/", entry.hash.as_bytes()), None)?;
            self.store.put(partition, Table::Held, &rows_adopted(&entry.hash), None)?;
            self.store.append(partition, &StoredEntry { content: Content::Destroyed, ..entry })?;
        }
        for hash in scans {
            self.drop_naming(partition, &hash, id)?;
        }
        self.store.put(partition, Table::Sweep, &key(RETIRED, id.as_bytes()), None)?;
        self.store.put(partition, Table::Document, id.as_bytes(), None)?;
        Ok(self.store.put(&Partition::Office, Table::Sweep, LOG, Some(&[]))?)
    }

    /// Notes that somebody's work came too late, so that they can be told.
    fn note_late(
        &mut self,
        partition: &Partition,
        id: &EntryHash,
        line: &JournalId,
        body: Option<&Body>,
    ) -> Result<(), ReplicaError> {
        let Some(author) = self.line(partition, line)?.map(|row| row.journal.author) else { return Ok(()) };
        let mut late = self.late(partition, id, &author)?;
        match body {
            Some(Body::Edit(_)) => late.edits += 1,
            Some(Body::Request(_)) => late.requests += 1,
            _ => return Ok(()),
        }
        let key = key(id.as_bytes(), author.as_bytes());
        Ok(self.store.put(partition, Table::Notice, &key, Some(&rows::encode(&late)))?)
    }

    /// What an author wrote of an application that came too late.
    pub fn late(
        &self,
        partition: &Partition,
        id: &EntryHash,
        author: &AuthorId,
    ) -> Result<LateRow, ReplicaError> {
        let row = self.store.get(partition, Table::Notice, &key(id.as_bytes(), author.as_bytes()))?;
        Ok(row.map(|bytes| rows::decode(&bytes)).transpose()?.unwrap_or_default())
    }

    /// An application names a scan no more. Where nobody else in the partition does, its file goes too.
    fn drop_naming(
        &mut self,
        partition: &Partition,
        hash: &AttachmentHash,
        id: &EntryHash,
    ) -> Result<(), ReplicaError> {
        let mut others = Vec::new();
        for (edit, application) in self.namings(partition, hash)? {
            self.store.put(partition, Table::Naming, &key(hash.as_bytes(), edit.as_bytes()), None)?;
            if application != *id {
                others.push((edit, application));
            }
        }
        let row = self.attachment(partition, hash)?.unwrap_or_default();
        let Some((first, rest)) = others.split_first() else {
            self.store.put(partition, Table::Attachment, hash.as_bytes(), None)?;
            return self.unlink_later(partition, hash);
        };
        self.put_attachment(partition, hash, &AttachmentRow { by: Some(*first), ..row })?;
        for (edit, application) in rest {
            let key = key(hash.as_bytes(), edit.as_bytes());
            self.store.put(partition, Table::Naming, &key, Some(application.as_bytes()))?;
        }
        Ok(())
    }

    /// Lets retired applications of a partition go that the last verified backup of the office covers, as its
    /// newest receipt says, and whose scans it holds. The caller holds a transaction. Returns how many.
    pub fn sweep(&mut self, partition: &Partition) -> Result<usize, ReplicaError> {
        let (mut after, mut count): (Option<Vec<u8>>, usize) = (None, 0);
        let mut covered = None;
        loop {
            let page = self.store.scan(partition, Table::Sweep, RETIRED, after.as_deref(), PAGE)?;
            let Some((end, _)) = page.last() else { return Ok(count) };
            after = Some(end.clone());
            if covered.is_none() {
                let Some(receipt) = self.receipt(partition)? else { return Ok(count) };
                let heads: Vec<EntryHash> = receipt.backup.0.values().map(|head| head.hash).collect();
                covered = Some(self.coverage(partition, &heads)?);
            }
            let Some(covered) = &covered else { return Ok(count) };
            for (name, _) in page {
                let id = name.get(RETIRED.len()..).and_then(|hash| EntryHash::try_from(hash).ok());
                let id = id.ok_or(ReplicaError::Damaged("purna"))?;
                if self.is_covered(partition, &id, covered)? {
                    self.let_go(partition, &id)?;
                    self.rematerialise(partition, &id)?;
                    count += 1;
                }
            }
        }
    }

    /// Whether these heads cover everything of an application that is here, and its scans are at the office.
    pub fn is_covered(
        &self,
        partition: &Partition,
        id: &EntryHash,
        covered: &BTreeMap<JournalId, u64>,
    ) -> Result<bool, ReplicaError> {
        let entries = self.store.entries(partition, Query::Application(id), MAX_HISTORY)?;
        for (_, entry) in &entries {
            if !covers(covered, entry) {
                return Ok(false);
            }
            let Content::Present(bytes) = &entry.content else { continue };
            let Ok(Body::Edit(edit)) = Body::from_bytes(bytes) else { continue };
            for op in &edit.ops {
                let Value::Attachment(hash, _) = op.value else { continue };
                let row = self.attachment(partition, &hash)?.unwrap_or_default();
                // A scan that no edit names which counts goes nowhere.
                let safe = if self.keeps_retired { row.here } else { row.at_office };
                if row.named && !safe {
                    return Ok(false);
                }
            }
        }
        Ok(!entries.is_empty())
    }

    /// How far each line is covered by these entries and what leads to them.
    pub fn coverage(
        &self,
        partition: &Partition,
        heads: &[EntryHash],
    ) -> Result<BTreeMap<JournalId, u64>, ReplicaError> {
        let mut covered: BTreeMap<JournalId, u64> = BTreeMap::new();
        for hash in heads {
            for at in self.way_to(partition, hash)? {
                let seq = covered.entry(at.line).or_default();
                *seq = at.seq.max(*seq);
            }
        }
        Ok(covered)
    }

    /// Some scans whose files have still to be removed, each with the partition that let it go.
    pub fn unlinked(&self) -> Result<Vec<(Partition, AttachmentHash)>, ReplicaError> {
        let mut unlinked = Vec::new();
        for partition in self.store.partitions()? {
            let rows =
                self.store.scan(&partition, Table::Sweep, FILE, None, MAX_UNLINKED - unlinked.len())?;
            for (name, _) in rows {
                let hash = name.get(FILE.len()..).and_then(|hash| AttachmentHash::try_from(hash).ok());
                unlinked.push((partition, hash.ok_or(ReplicaError::Damaged("berkas"))?));
            }
            if unlinked.len() >= MAX_UNLINKED {
                break;
            }
        }
        Ok(unlinked)
    }

    /// The file of a scan that nobody names has to be removed.
    pub fn unlink_later(&mut self, partition: &Partition, hash: &AttachmentHash) -> Result<(), ReplicaError> {
        let key = key(FILE, hash.as_bytes());
        Ok(self.store.put(partition, Table::Sweep, &key, Some(&[]))?)
    }

    /// The file of a scan was removed, or is wanted again.
    pub fn forget_unlinked(
        &mut self,
        partition: &Partition,
        hash: &AttachmentHash,
    ) -> Result<(), ReplicaError> {
        Ok(self.store.put(partition, Table::Sweep, &key(FILE, hash.as_bytes()), None)?)
    }

    /// Whether the store's log may still hold what was let go.
    pub fn must_purge(&self) -> Result<bool, ReplicaError> {
        Ok(self.store.get(&Partition::Office, Table::Sweep, LOG)?.is_some())
    }

    /// The log was emptied.
    pub fn purged(&mut self) -> Result<(), ReplicaError> {
        Ok(self.store.put(&Partition::Office, Table::Sweep, LOG, None)?)
    }
}

/// Whether a decision belongs to what stays: a wish that was refused moved nothing.
fn moves(decision: &Decision) -> bool {
    !matches!(decision.kind, Event::Refused(_))
}

/// A decision without the words that may name somebody: reasons, remarks, what the act was told in free text; and
/// without the hashes of changes and scans that are gone.
/// Choices, dates, numbers and the serial of the
/// card stay.
fn bare(decision: &Decision, service: Option<&Service>) -> Decision {
    let kind = |id: &str| {
        let needs = service?.act(&decision.act)?.needs().iter();
        needs.clone().find(|need| need.id == id).map(|need| need.kind)
    };
    let plain = |id: &str| {
        [NEED_SERIAL, NEED_REASON].contains(&id)
            || matches!(decision.kind, Event::Numbered | Event::Unreached)
            || decision.act == ACT_TOLD
            || matches!(kind(id), Some(Kind::Pilihan | Kind::YaTidak | Kind::Tanggal | Kind::Bilangan))
    };
    Decision {
        reason: None,
        frozen: decision.frozen.as_ref().map(|_| Frozen::default()),
        marks: decision
            .marks
            .iter()
            .filter(|(_, m)| MARK_CODES.iter().any(|(c, _)| c == m))
            .cloned()
            .collect(),
        params: decision.params.iter().filter(|(id, _)| plain(id)).cloned().collect(),
        ..decision.clone()
    }
}

fn covers(covered: &BTreeMap<JournalId, u64>, entry: &StoredEntry) -> bool {
    covered.get(&entry.line).is_some_and(|seq| entry.header.seq <= *seq)
}

fn key(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    [prefix, name].concat()
}
