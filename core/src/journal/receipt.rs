//! Receipts: the office's signed word on what it durably holds of a partition.

use minicbor::{Decode, Encode};

use super::run::Head;
use super::vector::Vector;
use super::{EntryHash, JournalId, Partition};
use crate::identity::{PublicKey, Signature};

/// Held entries that a receipt names at most; the office shows its supervisor the rest.
pub const MAX_HELD: usize = 1000;

/// What the office durably holds of a partition. Only the newest of the highest epoch counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The partition.
    pub partition: Partition,
    /// The office's epoch: a new one begins when it was restored from a backup.
    pub epoch: u64,
    /// The partition's last position at the office: grows with every entry there.
    pub number: u64,
    /// The office's time, seconds since 1970.
    pub time: i64,
    /// What it holds.
    pub vector: Vector,
    /// What its last verified backup holds: what a phone may let go.
    pub backup: Vector,
    /// When that backup was made, in seconds since 1970 of the office; 0 where there is none.
    pub backup_at: i64,
    /// Entries that are kept and do not count.
    pub held: Vec<EntryHash>,
    /// The office's signature over [`Receipt::signed_bytes`].
    pub signature: Signature,
}

/// A receipt on its way, as changes to an earlier one that the receiver has.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct WireReceipt {
    /// The partition.
    #[n(0)]
    pub partition: Partition,
    /// The office's epoch.
    #[n(1)]
    pub epoch: u64,
    /// The number.
    #[n(2)]
    pub number: u64,
    /// The office's time.
    #[n(3)]
    pub time: i64,
    /// Number of the receipt (of the same epoch) on top of whose vector `heads` are put; none: the empty vector.
    #[n(4)]
    pub base: Option<u64>,
    /// Heads that differ from the base's.
    #[n(5)]
    pub heads: Vec<(JournalId, Head)>,
    /// The verified backup's vector, whole; none where it is the base's.
    #[n(6)]
    pub backup: Option<Vec<(JournalId, Head)>>,
    /// Entries that are kept and do not count.
    #[n(7)]
    pub held: Vec<EntryHash>,
    /// The signature.
    #[n(8)]
    pub signature: Signature,
    /// When the backup was made; none where there is none.
    #[n(9)]
    pub backup_at: Option<i64>,
}

impl Receipt {
    /// Digest of what it says, its time and number apart: equal where nothing new is said.
    pub fn content_digest(epoch: u64, vector: &Vector, backup: &Vector, held: &[EntryHash]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("loket 1 receipt");
        hasher.update(&epoch.to_be_bytes());
        hasher.update(&vector.digest());
        hasher.update(&backup.digest());
        held.iter().for_each(|hash| {
            hasher.update(&hash.0);
        });
        *hasher.finalize().as_bytes()
    }

    /// [`Receipt::content_digest`] of this receipt.
    pub fn digest(&self) -> [u8; 32] {
        Self::content_digest(self.epoch, &self.vector, &self.backup, &self.held)
    }

    /// What the office signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        [
            &b"loket 1 receipt"[..],
            &self.partition.to_bytes(),
            &self.number.to_be_bytes(),
            &self.time.to_be_bytes(),
            &self.backup_at.to_be_bytes(),
            &self.digest(),
        ]
        .concat()
    }

    /// Whether the office signed it.
    pub fn verifies(&self, office: &PublicKey) -> bool {
        office.verifies(&self.signed_bytes(), &self.signature)
    }

    /// Whether it counts rather than `other`.
    pub fn is_newer_than(&self, other: &Receipt) -> bool {
        let rank = |receipt: &Receipt| (receipt.epoch, receipt.number, receipt.backup_at, receipt.time);
        rank(self) > rank(other)
    }

    fn tells_of_the_same_backup(&self, other: &Receipt) -> bool {
        self.backup_at == other.backup_at && self.backup == other.backup
    }

    /// What travels to somebody who has `base` (of the same epoch, or it is left aside).
    pub fn close(&self, base: Option<&Receipt>) -> WireReceipt {
        let base = base.filter(|base| base.epoch == self.epoch);
        let empty = Vector::default();
        WireReceipt {
            partition: self.partition,
            epoch: self.epoch,
            number: self.number,
            time: self.time,
            base: base.map(|base| base.number),
            heads: self.vector.since(base.map_or(&empty, |base| &base.vector)),
            backup: (base.is_none_or(|base| !base.tells_of_the_same_backup(self)) && self.backup_at != 0)
                .then(|| self.backup.since(&empty)),
            held: self.held.clone(),
            signature: self.signature,
            backup_at: (self.backup_at != 0).then_some(self.backup_at),
        }
    }
}

impl WireReceipt {
    /// Rebuilds the receipt on top of the one that the receiver has; none where the base is another.
    pub fn open(&self, have: Option<&Receipt>) -> Option<Receipt> {
        let empty = Vector::default();
        let base = match self.base {
            None => None,
            Some(number) => Some(have.filter(|r| r.epoch == self.epoch && r.number == number)?),
        };
        let backup_at = self.backup_at.unwrap_or(0);
        let backup = match (&self.backup, base) {
            // Of no backup, nothing can be said.
            _ if backup_at == 0 => empty.clone(),
            (Some(backup), _) => empty.with(backup),
            // A later backup may hold just the same: the digests of a session cannot tell the two apart.
            (None, Some(base)) => base.backup.clone(),
            (None, None) => empty.clone(),
        };
        Some(Receipt {
            partition: self.partition,
            epoch: self.epoch,
            number: self.number,
            time: self.time,
            vector: base.map_or(&empty, |base| &base.vector).with(&self.heads),
            backup,
            backup_at,
            held: self.held.clone(),
            signature: self.signature,
        })
    }
}
