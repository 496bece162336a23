//! After a restore from a backup. The office begins a new epoch; what it had received and decided since the backup
//! comes back from the phones. A partition decides nothing until every certified device has synced, or a supervisor
//! waives those that do not come: a decision made before that could contradict one that is on its way back.

use std::collections::BTreeSet;

use loket_core::catalogue::Role;
use loket_core::journal::body::{Body, HeldAttachments};
use loket_core::journal::receipt::Receipt;
use loket_core::journal::{AuthorId, EntryHash, Partition, office_beginning, office_epoch};
use loket_core::replica::write::{Dice, EPOCH, random};
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Query, Store, Table};

use super::look::Look;
use super::{Delivery, OFFICE_EPOCH, Office};

/// The row that says, for the office and for each partition, since when it is being healed.
const HEALING: &[u8] = b"healing";
/// The row that keeps in which epoch a partition was met.
const BEGUN: &[u8] = b"begun";
/// The row that keeps when the newest backup was made of which a phone has heard, where that is newer than this copy.
const NEWER: &[u8] = b"newer_backup";
/// Prefix of the rows of the devices that have synced since.
const SYNCED: &[u8] = b"healed/";
/// Rows read at a time.
const PAGE: usize = 512;
/// Spans of one entry about held attachments.
const MAX_SPANS: usize = 4096;

/// A partition that is being healed.
pub struct Healing {
    /// The partition.
    pub partition: Partition,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Devices that have not synced since, each with its officer.
    pub awaited: Vec<(AuthorId, String)>,
    /// When a backup was made, in seconds since 1970, that is newer than the one restored: phones may have dropped what
    /// only that one holds.
    pub newer_backup: Option<i64>,
}

/// Whether the office is being healed at all; cheap, and a little old at the worst.
pub fn is_healing<S: Store>(replica: &Replica<S>) -> Result<bool, ReplicaError> {
    Ok(replica.store.get(&Partition::Office, Table::Meta, HEALING)?.is_some())
}

impl<S: Store> Office<S> {
    /// Begins a new epoch of the office over a store that was restored from a copy. The caller holds a transaction
    /// ([`Office::write`]).
    pub fn begin_anew(&mut self, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        self.begin_beyond(self.office_epoch, now, dice)
    }

    /// Begins a new epoch, later than its own and than `seen`.
    fn begin_beyond(&mut self, seen: u64, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        // What was written before in this transaction stands in the epoch that ends.
        self.seal()?;
        // By the clock, so that two restores from one copy begin two epochs; by dice where the clock is behind.
        let by_clock = u64::try_from(now).unwrap_or_default();
        let last = seen.max(self.office_epoch);
        self.office_epoch = if by_clock > last {
            by_clock
        } else {
            let [a, b, ..] = random(dice);
            last.saturating_add(1 + u64::from(u16::from_be_bytes([a, b])))
        };
        self.replica.set_meta(OFFICE_EPOCH, Some(&self.office_epoch.to_be_bytes()))?;
        self.epoch = self.replica.begin_epoch(&office_beginning(self.office_epoch), dice)?;
        for partition in self.replica.store.partitions()? {
            if partition == Partition::Office {
                continue;
            }
            self.forget_synced(&partition)?;
            self.store_begun(&partition)?;
            if !self.devices_of(&partition)?.is_empty() {
                self.replica.store.put(&partition, Table::Meta, HEALING, Some(&now.to_be_bytes()))?;
                self.replica.store.put(&Partition::Office, Table::Meta, HEALING, Some(&now.to_be_bytes()))?;
            }
            self.say_held(&partition, dice)?;
        }
        Ok(())
    }

    /// Begins a new epoch where these runs show that this store is an older copy than anybody has said: an entry of
    /// its own came that it does not know, or one of an epoch that is not before its own. (A copy of the file was
    /// put in its place; or it was restored twice, the second time under a clock that is behind.)
    pub(super) fn notice_lost_epoch(
        &mut self,
        group: &[Delivery],
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let mut seen = self.replica.meta(EPOCH)?.is_none().then_some(self.office_epoch);
        for journal in group.iter().flat_map(|delivery| &delivery.runs).map(|run| &run.journal) {
            let epoch = u64::from(office_epoch(&journal.epoch));
            let foreign = journal.author == self.signer.author()
                && journal.epoch != self.epoch
                && epoch >= self.office_epoch;
            // Only what is kept was signed by the office.
            if foreign && self.replica.line(&journal.partition, &journal.id())?.is_some() {
                seen = seen.max(Some(epoch));
            }
        }
        seen.map_or(Ok(()), |seen| self.begin_beyond(seen, now, dice))
    }

    /// A phone shows a receipt. Where the office gave it in a later epoch than this one, that epoch was lost, and a
    /// new one begins. The caller holds a transaction.
    pub fn notice_receipt(
        &mut self,
        receipt: &Receipt,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let newer = self.newer_backup(receipt)?;
        let tells = receipt.epoch > self.office_epoch || newer.is_some();
        if !tells || !receipt.verifies(&self.public_key()) {
            return Ok(());
        }
        if let Some(at) = newer {
            self.replica.store.put(&receipt.partition, Table::Meta, NEWER, Some(&at.to_be_bytes()))?;
        }
        if receipt.epoch > self.office_epoch { self.begin_beyond(receipt.epoch, now, dice) } else { Ok(()) }
    }

    /// When the backup was made that a receipt tells of, where neither this office nor a receipt before knew of it.
    fn newer_backup(&self, receipt: &Receipt) -> Result<Option<i64>, ReplicaError> {
        let known = self.backup_at(&receipt.partition)?.max(self.heard_of(&receipt.partition)?.unwrap_or(0));
        Ok(Some(receipt.backup_at).filter(|at| *at > known))
    }

    /// The newest backup of which a phone has told, where it was not known here.
    fn heard_of(&self, partition: &Partition) -> Result<Option<i64>, ReplicaError> {
        let row = self.replica.store.get(partition, Table::Meta, NEWER)?;
        Ok(row.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?))))
    }

    /// A partition of which the copy knew nothing has come back, or was opened just now: it is healed like the others.
    pub(super) fn meet(&mut self, partition: &Partition, now: i64) -> Result<(), ReplicaError> {
        let begun = self.replica.store.get(partition, Table::Meta, BEGUN)?;
        if *partition == Partition::Office || begun.is_some_and(|begun| begun == self.epoch) {
            return Ok(());
        }
        self.store_begun(partition)?;
        self.replica.store.put(partition, Table::Meta, HEALING, Some(&now.to_be_bytes()))?;
        Ok(())
    }

    fn store_begun(&mut self, partition: &Partition) -> Result<(), ReplicaError> {
        Ok(self.replica.store.put(partition, Table::Meta, BEGUN, Some(&self.epoch))?)
    }

    /// Says anew which scans are here: what an earlier epoch said counts no more, since what came after the copy was
    /// made is lost.
    fn say_held(&mut self, partition: &Partition, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        let mut spans: Vec<(EntryHash, u64)> = Vec::new();
        for (line, row) in self.replica.journals(partition)? {
            let mut after = row.fork.map_or(0, |(_, seq)| seq);
            let mut open = false;
            loop {
                let page = self.replica.store.entries(partition, Query::Journal(&line, after), PAGE)?;
                let Some((_, last)) = page.last() else { break };
                after = last.header.seq;
                for (_, entry) in &page {
                    let held = self.names_only_held(partition, entry)?;
                    match spans.last_mut().filter(|_| open && held) {
                        Some((end, count)) => (*end, *count) = (entry.hash, *count + 1),
                        None if held => spans.push((entry.hash, 1)),
                        None => {}
                    }
                    open = held;
                }
            }
        }
        for spans in spans.chunks(MAX_SPANS) {
            let held = HeldAttachments { spans: spans.to_vec() };
            self.append(*partition, None, &Body::HeldAttachments(held), dice)?;
        }
        Ok(())
    }

    /// Whether a partition is being healed: nothing is decided in it.
    pub fn heals(&self, partition: &Partition) -> Result<bool, ReplicaError> {
        Ok(is_healing(&self.replica)? && self.replica.store.get(partition, Table::Meta, HEALING)?.is_some())
    }

    /// A device has brought everything that it had. Partitions for which all have come decide again. The caller
    /// holds a transaction.
    pub fn synced(&mut self, device: &AuthorId, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        for partition in self.replica.scope_of(device)? {
            if !self.heals(&partition)? {
                continue;
            }
            let key = [SYNCED, device.as_bytes()].concat();
            self.replica.store.put(&partition, Table::Meta, &key, Some(&now.to_be_bytes()))?;
            if self.awaited(&partition)?.is_empty() {
                self.healed(&partition, now, dice)?;
            }
        }
        Ok(())
    }

    /// A supervisor gives up waiting for the devices of a partition that have not synced. The caller holds a
    /// transaction.
    ///
    /// # Errors
    /// Where nothing is waited for there, or the member of staff is no supervisor.
    pub fn waive(
        &mut self,
        partition: &Partition,
        staff: u32,
        reason: &str,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Vec<(AuthorId, String)>, ReplicaError> {
        let reason = reason.trim();
        if self.replica.staff(staff)?.role != Role::Admin {
            return Err(ReplicaError::refused("hanya admin yang boleh melanjutkan tanpa menunggu perangkat"));
        }
        if reason.is_empty() {
            return Err(ReplicaError::refused(
                "alasan wajib diisi: tulis mengapa perangkat itu tidak ditunggu",
            ));
        }
        if !self.heals(partition)? {
            return Err(ReplicaError::refused("wilayah ini tidak sedang menunggu perangkat mana pun"));
        }
        let awaited = self.awaited(partition)?;
        let key = [&b"waived/"[..], &now.to_be_bytes()].concat();
        let row = (staff, reason.to_owned(), awaited.iter().map(|(device, _)| *device).collect::<Vec<_>>());
        self.replica.store.put(partition, Table::Meta, &key, Some(&rows::encode(&row)))?;
        self.healed(partition, now, dice)?;
        Ok(awaited)
    }

    /// Partitions that are being healed.
    pub fn healing(&self) -> Result<Vec<Healing>, ReplicaError> {
        let mut healing = Vec::new();
        for partition in self.replica.store.partitions()? {
            let row = self.replica.store.get(&partition, Table::Meta, HEALING)?;
            let since = row.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
            if let Some(since) = since.filter(|_| partition != Partition::Office) {
                let (awaited, newer_backup) = (self.awaited(&partition)?, self.heard_of(&partition)?);
                healing.push(Healing { partition, since, awaited, newer_backup });
            }
        }
        Ok(healing)
    }

    /// Certified devices of a partition that have not synced since the restore.
    fn awaited(&self, partition: &Partition) -> Result<Vec<(AuthorId, String)>, ReplicaError> {
        let mut awaited = Vec::new();
        for (device, officer) in self.devices_of(partition)? {
            let key = [SYNCED, device.as_bytes()].concat();
            if self.replica.store.get(partition, Table::Meta, &key)?.is_none() {
                awaited.push((device, officer));
            }
        }
        Ok(awaited)
    }

    fn devices_of(&self, partition: &Partition) -> Result<Vec<(AuthorId, String)>, ReplicaError> {
        let mut devices = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let store = &self.replica.store;
            let page = store.scan(partition, Table::Certificate, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(devices) };
            after = Some(last.clone());
            for (key, bytes) in page {
                let row: rows::CertificateRow = rows::decode(&bytes)?;
                let device = AuthorId::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("sertifikat"))?;
                if row.revoked.is_none() {
                    devices.push((device, row.certificate.officer));
                }
            }
        }
    }

    /// A partition decides again: what waited meanwhile is answered.
    fn healed(&mut self, partition: &Partition, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        self.replica.store.put(partition, Table::Meta, HEALING, None)?;
        self.forget_synced(partition)?;
        let mut ids: BTreeSet<EntryHash> = BTreeSet::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let store = &self.replica.store;
            let page = store.scan(partition, Table::Application, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, _) in page {
                ids.insert(EntryHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("permohonan"))?);
            }
        }
        for id in ids {
            let case = self.replica.case(partition, &id)?;
            self.settle(case, now, dice)?;
        }
        if self.healing()?.is_empty() {
            self.replica.store.put(&Partition::Office, Table::Meta, HEALING, None)?;
        }
        Ok(())
    }

    fn forget_synced(&mut self, partition: &Partition) -> Result<(), ReplicaError> {
        let rows = self.replica.store.scan(partition, Table::Meta, SYNCED, None, usize::MAX)?;
        for (key, _) in rows {
            self.replica.store.put(partition, Table::Meta, &key, None)?;
        }
        Ok(())
    }
}
