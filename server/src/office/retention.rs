//! Retention: applications that have ended leave the phones, and are destroyed when their time is over.
//!
//! Both periods are the service's, counted from the last decision by the office's clock. What is due stands in a
//! queue of jobs, written when an application ends; who looks at it there finds out what is to be done now, so a job
//! too many or too early does no harm.

use std::collections::BTreeMap;

use loket_core::catalogue::Role;
use loket_core::journal::body::{Body, Destroyed, Retired};
use loket_core::journal::{EntryHash, JournalId, Partition, Remains, encode};
use loket_core::replica::case::Case;
use loket_core::replica::retention::Cause;
use loket_core::replica::rows::{self, ApplicationRow};
use loket_core::replica::write::Dice;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Query, Store, Table};

use super::Office;
use super::desk::place_of;
use super::held::{MAX_REASON, discard_key};
use super::look::Look;

#[cfg(test)]
mod tests;

/// Jobs that are looked at in one transaction.
pub const MAX_AT_ONCE: usize = 32;
/// Bytes of what stays of applications in one entry.
const MAX_REMAINS: usize = 128 << 10;
/// Entries of one application that are looked at.
const MAX_ENTRIES: usize = loket_core::replica::MAX_HISTORY;
/// Seconds until a look at what cannot be done yet: no backup holds it, or a scan of it has not come.
pub(super) const AGAIN: i64 = 3600;
/// Seconds of a day.
const DAY: i64 = 24 * 3600;
/// Prefix of the jobs: due, partition, application.
const DUE: &[u8] = b"simpan/";

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Jobs that were looked at.
    pub jobs: usize,
    /// Applications that left the phones.
    pub retired: usize,
    /// Applications that were destroyed.
    pub destroyed: usize,
}

/// An application whose time is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// Its row.
    pub row: ApplicationRow,
    /// Its id.
    pub id: EntryHash,
    /// Office time of the next look, in seconds since 1970.
    pub due: i64,
    /// Whether phones have let it go.
    pub retired: bool,
}

/// What is to be done about an application.
enum Verdict {
    Nothing,
    Later(i64),
    Retire(i64),
    Destroy,
}

impl<S: Store> Office<S> {
    /// An application that has ended is looked at when its time on the phones is over.
    pub(super) fn plan_retention(&mut self, case: &Case, row: &ApplicationRow) -> Result<(), ReplicaError> {
        let Some(file) = case.service.as_ref().filter(|_| row.fin && !row.gone) else { return Ok(()) };
        let due = after(row.since, file.service.retention_days.phone);
        self.look_at(&case.partition, &case.id, due)
    }

    fn look_at(&mut self, partition: &Partition, id: &EntryHash, due: i64) -> Result<(), ReplicaError> {
        let key = [DUE, &due.max(0).to_be_bytes(), &partition.to_bytes(), id.as_bytes()].concat();
        self.put_local(Table::Job, &key, &(*partition, *id))
    }

    /// Does what is due, some at a time; the caller holds a transaction ([`Office::write`]) and calls again while
    /// anything was.
    pub fn retain(&mut self, now: i64, dice: &mut Dice<'_>) -> Result<Retained, ReplicaError> {
        let page = self.replica.store.scan(&Partition::Office, Table::Job, DUE, None, MAX_AT_ONCE)?;
        let mut done = Retained::default();
        let (mut retire, mut destroy) = (Vec::new(), Vec::new());
        for (key, at) in page {
            if due_of(&key) > now {
                break;
            }
            done.jobs += 1;
            self.replica.store.put(&Partition::Office, Table::Job, &key, None)?;
            let (partition, id): (Partition, EntryHash) = rows::decode(&at)?;
            match self.verdict(&partition, &id, now)? {
                Verdict::Nothing => {}
                Verdict::Later(due) => self.look_at(&partition, &id, due)?,
                Verdict::Retire(due) => {
                    retire.push((partition, self.remains(&partition, &id, "selesai", now)?));
                    self.look_at(&partition, &id, due)?;
                }
                Verdict::Destroy => {
                    destroy.push((partition, self.remains(&partition, &id, "masa_simpan", now)?));
                }
            }
        }
        (done.retired, done.destroyed) = (retire.len(), destroy.len());
        for (partition, applications) in entries(retire) {
            self.append(partition, None, &Body::Retired(Retired { applications }), dice)?;
        }
        self.destroy_all(destroy, dice)?;
        Ok(done)
    }

    fn verdict(&self, partition: &Partition, id: &EntryHash, now: i64) -> Result<Verdict, ReplicaError> {
        let Some(row) = self.replica.row(partition, id)? else { return Ok(Verdict::Nothing) };
        let gone = self.replica.gone(partition, id)?;
        if !row.fin || gone.as_ref().is_some_and(|gone| gone.destroyed) {
            return Ok(Verdict::Nothing);
        }
        let Some(file) = self.replica.catalogue().by_hash(&row.catalogue) else {
            return Ok(Verdict::Later(now + DAY));
        };
        let period = file.service.retention_days;
        let (phones, office) = (after(row.since, period.phone), after(row.since, period.office));
        if self.heals(partition)? {
            return Ok(Verdict::Later(now + AGAIN));
        }
        Ok(match gone {
            _ if now >= office => Verdict::Destroy,
            Some(_) => Verdict::Later(office),
            None if now < phones => Verdict::Later(phones),
            None if self.is_backed_up(partition, id)? => Verdict::Retire(office),
            None => Verdict::Later((now + AGAIN).min(office)),
        })
    }

    /// Whether the last verified backup holds an application, and its scans are here.
    fn is_backed_up(&self, partition: &Partition, id: &EntryHash) -> Result<bool, ReplicaError> {
        let heads = self.backup_heads(partition)?;
        let covered: BTreeMap<JournalId, u64> = self.replica.coverage(partition, &heads)?;
        self.replica.is_covered(partition, id, &covered)
    }

    fn remains(
        &self,
        partition: &Partition,
        id: &EntryHash,
        cause: &str,
        now: i64,
    ) -> Result<Remains, ReplicaError> {
        let case = self.replica.case(partition, id)?;
        self.replica.remains_of(&case, Cause { cause, staff: None, reason: None, at: now })
    }

    /// Destroys an application that has ended before its time is over, because somebody who may ordered it. The
    /// caller holds a transaction.
    ///
    /// # Errors
    /// Where there is no such application, it has not ended or is destroyed already, or the member of staff may not.
    pub fn destroy(
        &mut self,
        name: &str,
        staff: u32,
        reason: &str,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Remains, ReplicaError> {
        let by = self.replica.staff(staff)?;
        if by.role != Role::Admin {
            return Err(ReplicaError::refused(
                "hanya petugas berperan admin yang memusnahkan permohonan: lihat `loket staff list`",
            ));
        }
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > MAX_REASON {
            return Err(ReplicaError::refused(format!(
                "alasan wajib diisi tanpa menyebut nama, paling panjang {MAX_REASON} huruf"
            )));
        }
        let (partition, id) = self.replica.need(name)?;
        let case = self.replica.case(&partition, &id)?;
        if !by.covers(&place_of(&case)) {
            return Err(ReplicaError::refused("permohonan itu di luar wilayah petugas ini"));
        }
        if self.replica.gone(&partition, &id)?.is_some_and(|gone| gone.destroyed) {
            return Err(ReplicaError::refused("permohonan itu sudah dimusnahkan"));
        }
        if !case.state().is_some_and(|state| state.fin) {
            return Err(ReplicaError::refused(
                "permohonan itu belum selesai: selesaikan, batalkan, atau cabut dahulu, lalu musnahkan",
            ));
        }
        if self.heals(&partition)? {
            return Err(ReplicaError::refused(
                "wilayah ini masih menunggu HP setelah pemulihan: lihat `loket healing`, lalu ulangi",
            ));
        }
        let why = Cause { cause: "perintah", staff: Some(staff), reason: Some(reason), at: now };
        let remains = self.replica.remains_of(&case, why)?;
        self.destroy_all(vec![(partition, remains.clone())], dice)?;
        Ok(remains)
    }

    fn destroy_all(
        &mut self,
        applications: Vec<(Partition, Remains)>,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        for (partition, applications) in entries(applications) {
            let ids: Vec<EntryHash> = applications.iter().map(|remains| remains.id).collect();
            self.append(partition, None, &Body::Destroyed(Destroyed { applications }), dice)?;
            for id in ids {
                self.forget(&partition, &id)?;
                self.replica.rematerialise(&partition, &id)?;
            }
        }
        Ok(())
    }

    /// Forgets what the office keeps of a destroyed application beside its entries.
    pub(super) fn forget(&mut self, partition: &Partition, id: &EntryHash) -> Result<(), ReplicaError> {
        self.drop_messages(partition, id)?;
        self.drop_words(partition, id)?;
        self.drop_checked(id)?;
        for (_, entry) in self.replica.store.entries(partition, Query::Application(id), MAX_ENTRIES)? {
            self.replica.store.put(&Partition::Office, Table::Held, &discard_key(&entry.hash), None)?;
        }
        Ok(())
    }
}

/// Applications that have ended and whose time is counted, by when they are looked at next; at most `limit`.
pub fn counted<S: Store>(replica: &Replica<S>, limit: usize) -> Result<Vec<Counted>, ReplicaError> {
    let page = replica.store.scan(&Partition::Office, Table::Job, DUE, None, limit)?;
    let mut counted = Vec::new();
    for (key, at) in page {
        let (partition, id): (Partition, EntryHash) = rows::decode(&at)?;
        if let Some(row) = replica.row(&partition, &id)? {
            let retired = replica.gone(&partition, &id)?.is_some();
            counted.push(Counted { row, id, due: due_of(&key), retired });
        }
    }
    Ok(counted)
}

/// By partition, as much as one entry holds.
fn entries(applications: Vec<(Partition, Remains)>) -> Vec<(Partition, Vec<Remains>)> {
    let mut entries: Vec<(Partition, Vec<Remains>)> = Vec::new();
    let mut room = 0;
    let mut sorted = applications;
    sorted.sort_by_key(|(partition, remains)| (*partition, remains.id));
    for (partition, remains) in sorted {
        let size = encode(&remains).len();
        match entries.last_mut().filter(|(last, _)| *last == partition && size <= room) {
            Some((_, applications)) => {
                room -= size;
                applications.push(remains);
            }
            None => {
                room = MAX_REMAINS.saturating_sub(size);
                entries.push((partition, vec![remains]));
            }
        }
    }
    entries
}

/// When a job is due.
fn due_of(key: &[u8]) -> i64 {
    let due = key.get(DUE.len()..DUE.len() + 8).and_then(|bytes| bytes.try_into().ok());
    due.map_or(0, i64::from_be_bytes)
}

/// So many days later.
pub(super) fn after(since: i64, days: u32) -> i64 {
    since.saturating_add(i64::from(days) * DAY)
}
