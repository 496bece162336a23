//! Sync: two replicas bring each other up to date. A session is a pure state machine: frames and what the
//! replica knows go in, frames and learned runs come out. Both sides run the same code; only the transport
//! differs.

pub mod known;
pub mod message;
pub mod session;

use std::collections::BTreeSet;

use message::ProtocolError;

use crate::identity::PublicKey;
use crate::journal::receipt::Receipt;
use crate::journal::run::{Head, Run};
use crate::journal::vector::Vector;
use crate::journal::{AuthorId, EntryHash, JournalId, Partition};
use crate::replica::ReplicaError;
use crate::replica::lines::At;

/// A run that is about to be sent.
pub struct Sending {
    /// The run.
    pub run: Run,
    /// How far it brings the receiver on which lines.
    pub heads: Vec<(JournalId, Head)>,
}

/// What a session reads of its replica.
pub trait Library {
    /// The key of somebody with whom a session may be held: the office, a certified device; or why none may.
    /// `shown` is the certificate that a phone shows to another.
    fn key(
        &self,
        author: &AuthorId,
        shown: Option<&Run>,
    ) -> Result<Result<PublicKey, ProtocolError>, ReplicaError>;
    /// The office's entry that ended somebody's certificate because the device is in other hands, with the headers up to
    /// its next signature; none where it did not, or that is not known here.
    fn end_of(&self, author: &AuthorId) -> Result<Option<Run>, ReplicaError>;
    /// The partitions that are exchanged with this peer.
    fn scope(&self, peer: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError>;
    /// Whether this peer may bring a partition that is not in its scope yet: a new need-to-know one.
    fn admits(&self, peer: &AuthorId, partition: &Partition) -> Result<bool, ReplicaError>;
    /// Whether the peer's certificate in a partition has ended: of what it brings there it hears receipts, and gets
    /// nothing else.
    fn parted(&self, peer: &AuthorId, partition: &Partition) -> Result<bool, ReplicaError>;
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
    /// Entries of a line after this number, cut where its author signed: at most `bytes` of bodies unless one
    /// signature's stretch is longer.
    fn run(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
        bytes: usize,
    ) -> Result<Option<Sending>, ReplicaError>;
    /// Hash of the entry of this number on a line, or before the line's beginning on the way to it.
    fn hash_at(
        &self,
        partition: &Partition,
        journal: &JournalId,
        seq: u64,
    ) -> Result<Option<EntryHash>, ReplicaError>;
    /// The way from the entry of this hash back to its journal's beginning: each line with the last number that
    /// belongs to it; empty where there is no such entry here.
    fn way(&self, partition: &Partition, hash: &EntryHash) -> Result<Vec<At>, ReplicaError>;
    /// Whether a line ends here at a fork.
    fn forked(&self, partition: &Partition, line: &JournalId) -> Result<bool, ReplicaError>;
    /// When a line's turn is among its partition's, smallest first: the office's, since others are checked against
    /// them, and what a line leaves before the line.
    fn turn(&self, partition: &Partition, line: &JournalId) -> Result<(u8, u64), ReplicaError>;
}
