//! Sync: two replicas bring each other up to date. A session is a pure state machine: frames and what the
//! replica knows go in, frames and learned runs come out. Both sides run the same code; only the transport
//! differs.

pub mod message;
pub mod session;

use std::collections::BTreeSet;

use crate::identity::PublicKey;
use crate::journal::receipt::Receipt;
use crate::journal::run::Run;
use crate::journal::vector::Vector;
use crate::journal::{AuthorId, EntryHash, JournalId, Partition};
use crate::replica::ReplicaError;

/// What a session reads of its replica.
pub trait Library {
    /// The key of somebody with whom a session may be held: the office, a certified device.
    fn key(&self, author: &AuthorId) -> Result<Option<PublicKey>, ReplicaError>;
    /// The partitions that are exchanged with this peer.
    fn scope(&self, peer: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError>;
    /// Whether this peer may bring a partition that is not in its scope yet: a new need-to-know one.
    fn admits(&self, peer: &AuthorId, partition: &Partition) -> Result<bool, ReplicaError>;
    /// What is here of a partition.
    fn vector(&self, partition: &Partition) -> Result<Vector, ReplicaError>;
    /// The vector of the receipt of this office epoch and number; none where that is not known here.
    fn receipted(
        &self,
        partition: &Partition,
        epoch: u64,
        number: u64,
    ) -> Result<Option<Vector>, ReplicaError>;
    /// The newest receipt; the office makes it now.
    fn receipt(&self, partition: &Partition) -> Result<Option<Receipt>, ReplicaError>;
    /// Entries of a journal after this number, cut where its author signed: at most `bytes` of bodies unless one
    /// signature's stretch is longer.
    fn run(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
        bytes: usize,
    ) -> Result<Option<Run>, ReplicaError>;
    /// Hash of the entry of this number.
    fn hash_at(
        &self,
        partition: &Partition,
        journal: &JournalId,
        seq: u64,
    ) -> Result<Option<EntryHash>, ReplicaError>;
    /// Journals that go first, since others are checked against them: the office's.
    fn goes_first(&self, partition: &Partition, journal: &JournalId) -> Result<bool, ReplicaError>;
}
