//! What a session reads of the office: partitions by certificate, receipts made and signed when asked for.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use loket_core::identity::{PublicKey, Signature, Signer};
use loket_core::journal::receipt::{MAX_HELD, Receipt};
use loket_core::journal::run::{Head, Run};
use loket_core::journal::vector::Vector;
use loket_core::journal::{AuthorId, EntryHash, JournalId, Partition};
use loket_core::replica::lines::At;
use loket_core::replica::rows::CertificateRow;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, StoreError, Table};
use loket_core::sync::message::ProtocolError;
use loket_core::sync::{Library, Sending};
use minicbor::{Decode, Encode};

use super::Office;

/// The row that keeps what the last verified backup holds of a partition.
const BACKUP: &[u8] = b"backup";

/// What the last verified backup holds of a partition (`Table::Receipt`).
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
struct BackupRow {
    /// When it was made, in seconds since 1970; 0 where there is none.
    #[n(0)]
    at: i64,
    #[n(1)]
    heads: Vec<(JournalId, Head)>,
}

/// What the last verified backup holds of a partition; nothing where there is none.
fn backup_of<S: Store>(replica: &Replica<S>, partition: &Partition) -> Result<BackupRow, ReplicaError> {
    let row = replica.store.get(partition, Table::Receipt, BACKUP)?;
    Ok(row.map(|bytes| rows::decode(&bytes)).transpose()?.unwrap_or_default())
}

/// Receipts that are kept signed.
const MAX_CACHED: usize = 10_000;

/// Receipts as last signed: while nothing new is to be said, the same one is given.
#[derive(Clone, Default)]
pub struct Receipts(Arc<Mutex<HashMap<Partition, Arc<Receipt>>>>);

/// The office as sessions read it, over any replica of its store.
pub struct OfficeLibrary<'a, S> {
    /// The replica.
    pub replica: &'a Replica<S>,
    /// The office's key.
    pub signer: &'a dyn Signer,
    /// The office's epoch.
    pub epoch: u64,
    /// Signed receipts.
    pub receipts: &'a Receipts,
    /// Seconds since 1970.
    pub now: i64,
}

impl<S: Store> Office<S> {
    /// The office as sessions read it.
    pub fn library<'a>(&'a self, receipts: &'a Receipts, now: i64) -> OfficeLibrary<'a, S> {
        OfficeLibrary {
            replica: &self.replica,
            signer: &*self.signer,
            epoch: self.office_epoch,
            receipts,
            now,
        }
    }

    /// Takes note of what a verified backup holds of a partition: receipts tell it from now on. The caller holds a
    /// transaction.
    pub fn backed_up(&mut self, partition: &Partition, vector: &Vector, at: i64) -> Result<(), ReplicaError> {
        let row = BackupRow { at, heads: vector.0.iter().map(|(line, head)| (*line, *head)).collect() };
        Ok(self.replica.store.put(partition, Table::Receipt, BACKUP, Some(&rows::encode(&row)))?)
    }

    /// When the last verified backup of a partition was made, in seconds since 1970; 0 where there is none.
    pub(super) fn backup_at(&self, partition: &Partition) -> Result<i64, ReplicaError> {
        Ok(backup_of(&self.replica, partition)?.at)
    }

    /// The newest entries that the last verified backup holds of a partition.
    pub(super) fn backup_heads(&self, partition: &Partition) -> Result<Vec<EntryHash>, ReplicaError> {
        Ok(backup_of(&self.replica, partition)?.heads.into_iter().map(|(_, head)| head.hash).collect())
    }

    /// The office's epoch: a new one begins with a restored backup.
    pub fn office_epoch(&self) -> u64 {
        self.office_epoch
    }
}

impl<S: Store> OfficeLibrary<'_, S> {
    /// Whether a receipt that a phone shows tells something of the office that it does not know: an epoch later than its
    /// own, or a backup newer than it knows of.
    pub fn is_told_by(&self, receipt: &Receipt) -> Result<bool, ReplicaError> {
        Ok(receipt.epoch > self.epoch || receipt.backup_at > self.backup(&receipt.partition)?.at)
    }

    fn held(&self, partition: &Partition) -> Result<Vec<EntryHash>, ReplicaError> {
        let rows = self.replica.store.scan(partition, Table::Held, b"held/", None, MAX_HELD)?;
        Ok(rows.iter().filter_map(|(key, _)| EntryHash::try_from(key.get(5..)?).ok()).collect())
    }

    fn backup(&self, partition: &Partition) -> Result<BackupRow, ReplicaError> {
        backup_of(self.replica, partition)
    }

    fn make(&self, partition: &Partition) -> Result<Receipt, ReplicaError> {
        let backup = self.backup(partition)?;
        // The number is read before the vector, which is then taken back to it.
        let number = self.replica.position(partition)?;
        let vector = self.replica.vector_at(partition, number)?;
        // A fork that was found in between: then the next asking finds it all.
        let vector = vector.ok_or(StoreError::Busy)?;
        let mut receipt = Receipt {
            partition: *partition,
            epoch: self.epoch,
            number,
            time: self.now,
            vector,
            backup: Vector(backup.heads.into_iter().collect()),
            backup_at: backup.at,
            held: self.held(partition)?,
            signature: Signature([0; 64]),
        };
        receipt.signature = self.signer.sign(&receipt.signed_bytes())?;
        Ok(receipt)
    }
}

impl<S: Store> Library for OfficeLibrary<'_, S> {
    fn key(
        &self,
        author: &AuthorId,
        _: Option<&Run>,
    ) -> Result<Result<PublicKey, ProtocolError>, ReplicaError> {
        let all = self.replica.certificates_of(author)?;
        let holds = all.values().find(|row| row.revoked.is_none());
        if let Some(row) = holds {
            let key = (row.certificate.not_after > self.now).then_some(row.certificate.key);
            return Ok(key.ok_or(ProtocolError::Unknown));
        }
        // Whose certificates have all ended may still bring what it has, to be held.
        let all_may = all.values().all(CertificateRow::may_bring);
        let key = all.values().find(|_| all_may).map(|row| row.certificate.key);
        Ok(key.ok_or(ProtocolError::Unknown))
    }

    fn end_of(&self, author: &AuthorId) -> Result<Option<Run>, ReplicaError> {
        self.replica.loss_run(author)
    }

    fn scope(&self, peer: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError> {
        let mut scope = self.replica.scope_of(peer)?;
        if !scope.is_empty() {
            scope.insert(Partition::Office);
        }
        Ok(scope)
    }

    fn admits(&self, peer: &AuthorId, partition: &Partition) -> Result<bool, ReplicaError> {
        // Its random name is known to those alone to whom it was opened; after a restore the office may not know yet
        // that it was. They may bring what they have, and get nothing.
        let opened = matches!(partition, Partition::NeedToKnow(_)) && self.replica.editor(peer)?.is_some();
        // What a device wrote before it knew that it was moved is held here rather than lost on it.
        Ok(opened || self.parted(peer, partition)?)
    }

    fn parted(&self, peer: &AuthorId, partition: &Partition) -> Result<bool, ReplicaError> {
        Ok(self.replica.certificate(partition, peer)?.is_some_and(|row| row.may_bring()))
    }

    fn vector(&self, partition: &Partition) -> Result<Vector, ReplicaError> {
        self.replica.vector(partition)
    }

    fn receipted(
        &self,
        partition: &Partition,
        epoch: u64,
        number: u64,
    ) -> Result<Option<Vector>, ReplicaError> {
        if epoch != self.epoch || number > self.replica.position(partition)? {
            return Ok(None);
        }
        self.replica.vector_at(partition, number)
    }

    fn receipt(&self, partition: &Partition) -> Result<Option<Receipt>, ReplicaError> {
        let number = self.replica.position(partition)?;
        let says = (self.epoch, number, self.backup(partition)?.at);
        {
            let cached = self.receipts.0.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |r: &&Arc<Receipt>| (r.epoch, r.number, r.backup_at) == says;
            if let Some(receipt) = cached.get(partition).filter(same) {
                return Ok(Some(Receipt::clone(receipt)));
            }
        }
        let receipt = self.make(partition)?;
        let mut cached = self.receipts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= MAX_CACHED {
            cached.clear();
        }
        cached.insert(*partition, Arc::new(receipt.clone()));
        Ok(Some(receipt))
    }

    fn run(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
        bytes: usize,
    ) -> Result<Option<Sending>, ReplicaError> {
        let backup = match self.replica.has_gone(partition)? {
            true => Some(Vector(self.backup(partition)?.heads.into_iter().collect())),
            false => None,
        };
        self.replica.run_for(partition, journal, after, bytes, backup.as_ref())
    }

    fn hash_at(
        &self,
        partition: &Partition,
        journal: &JournalId,
        seq: u64,
    ) -> Result<Option<EntryHash>, ReplicaError> {
        self.replica.hash_at(partition, journal, seq)
    }

    fn way(&self, partition: &Partition, hash: &EntryHash) -> Result<Vec<At>, ReplicaError> {
        self.replica.way_to(partition, hash)
    }

    fn forked(&self, partition: &Partition, line: &JournalId) -> Result<bool, ReplicaError> {
        Ok(self.replica.line(partition, line)?.is_some_and(|row| row.forked))
    }

    fn turn(&self, partition: &Partition, line: &JournalId) -> Result<(u8, u64), ReplicaError> {
        self.replica.turn(partition, line)
    }
}
