//! Another phone, as a session between phones sees it. Both show a certificate that their office signed; what they
//! exchange is what both are certified for. A need-to-know partition goes to the office alone.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::lines::At;
use super::{Replica, ReplicaError};
use crate::identity::PublicKey;
use crate::journal::body::{Body, CAUSE_LOST, Certificate};
use crate::journal::receipt::Receipt;
use crate::journal::run::{Head, Run, WireEntry};
use crate::journal::vector::Vector;
use crate::journal::{AuthorId, Content, EntryHash, JournalId, Partition, StoredEntry};
use crate::store::{Query, Store};
use crate::sync::message::ProtocolError;
use crate::sync::{Library, Sending};

/// The certificate that the peer of a session has shown.
#[derive(Debug, Default)]
pub struct Shown(OnceLock<(AuthorId, Certificate)>);

impl Shown {
    /// It, once the peer has shown it.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.get().map(|(_, certificate)| certificate)
    }
}

/// A phone's replica, for a session with another phone.
pub struct Neighbour<'a, S> {
    /// The replica.
    pub replica: &'a Replica<S>,
    /// This phone, as an author.
    pub me: AuthorId,
    /// Seconds since 1970.
    pub now: i64,
    /// What the peer has shown.
    pub shown: &'a Shown,
}

impl<S: Store> Replica<S> {
    /// The newest certificate of a device as others can check it who know the office's key alone: the office's entry,
    /// and the headers after it up to where the office signed. What else these entries say is left out.
    pub fn certificate_run(&self, author: &AuthorId) -> Result<Option<Run>, ReplicaError> {
        let mut newest: Option<(i64, Run)> = None;
        for (partition, row) in self.certificates_of(author)? {
            let not_after = row.certificate.not_after;
            // That a need-to-know partition is there is nothing to show.
            let shows = row.revoked.is_none() && !matches!(partition, Partition::NeedToKnow(_));
            let Some(entry) = row.entry.filter(|_| shows) else { continue };
            if newest.as_ref().is_none_or(|(time, _)| *time < not_after)
                && let Some(run) = self.bare_run(&partition, &entry)?
            {
                newest = Some((not_after, run));
            }
        }
        Ok(newest.map(|(_, run)| run))
    }

    /// The office's word that a device is in other hands, as the device itself can check it; none where it never said so.
    pub fn loss_run(&self, author: &AuthorId) -> Result<Option<Run>, ReplicaError> {
        for (partition, row) in self.certificates_of(author)? {
            let shows = row.cause == CAUSE_LOST && !matches!(partition, Partition::NeedToKnow(_));
            if let Some(entry) = row.ended_by.filter(|_| shows)
                && let Some(run) = self.bare_run(&partition, &entry)?
            {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// An entry of the office with the headers that lead to its next signature.
    fn bare_run(&self, partition: &Partition, entry: &EntryHash) -> Result<Option<Run>, ReplicaError> {
        let Some(At { line, seq }) = self.locate(partition, entry)? else { return Ok(None) };
        let Some(Sending { mut run, .. }) = self.run(partition, &line, seq - 1, 0)? else { return Ok(None) };
        let entries = self.store.entries(partition, Query::Journal(&line, seq - 1), run.entries.len())?;
        if entries.len() != run.entries.len() {
            // The signature stands behind a fork: another partition's certificate will do.
            return Ok(None);
        }
        let bare = |(_, mut entry): (u64, StoredEntry)| {
            if entry.header.seq != seq {
                entry.content = Content::Destroyed;
            }
            WireEntry::close(&entry, None)
        };
        run.entries = entries.into_iter().map(bare).collect();
        run.after = self.hash_at(partition, &line, seq - 1)?;
        Ok(Some(run))
    }

    /// The certificate of `author` that a run of the office's shows; nothing where it shows none.
    pub fn shown_certificate(&self, run: &Run, author: &AuthorId) -> Option<Certificate> {
        self.shown(run)?.into_iter().find_map(|body| match body {
            Body::Certificate(certificate) if certificate.key.author() == *author => Some(certificate),
            _ => None,
        })
    }

    /// Whether a run of the office's shows that the device of `author` is in other hands.
    pub fn shows_loss(&self, run: &Run, author: &AuthorId) -> bool {
        let lost = |body: &Body| match body {
            Body::Revocation(end) => end.author == *author && end.cause == CAUSE_LOST,
            _ => false,
        };
        self.shown(run).is_some_and(|bodies| bodies.iter().any(lost))
    }

    /// Whether a run of the office's says that this device, `me`, is in other hands, and nothing that is known here was said
    /// after it: one that was found again and certified anew is not lost by an old word.
    pub fn is_lost(&self, run: &Run, me: &AuthorId) -> Result<bool, ReplicaError> {
        if !self.shows_loss(run, me) {
            return Ok(false);
        }
        let partition = run.journal.partition;
        let given = self.certificate(&partition, me)?.and_then(|row| row.entry);
        let Some(entry) = given else { return Ok(true) };
        let Some(at) = self.locate(&partition, &entry)? else { return Ok(true) };
        let Some(row) = self.line(&partition, &at.line)? else { return Ok(true) };
        let said = (self.office_epoch_of(&run.journal), run.first);
        Ok(said > (self.office_epoch_of(&row.journal), at.seq))
    }

    /// What a run of the office's says that stands by itself, if the office signed it.
    fn shown(&self, run: &Run) -> Option<Vec<Body>> {
        let base = match (run.first, run.after) {
            (1, _) => Head::EMPTY,
            (first, Some(hash)) => Head { seq: first.checked_sub(1)?, hash },
            (_, None) => return None,
        };
        if run.journal.author != self.office_author() {
            return None;
        }
        let entries = run.open(base, self.office_key(), |_| None).ok()?;
        let read = |entry: &StoredEntry| match &entry.content {
            Content::Present(bytes) => Body::from_bytes(bytes).ok(),
            Content::Destroyed => None,
        };
        Some(entries.iter().filter_map(read).collect())
    }
}

impl<S: Store> Neighbour<'_, S> {
    /// Places for which this phone is certified, and the office's own partition.
    fn own(&self) -> Result<BTreeSet<Partition>, ReplicaError> {
        let mut own = self.replica.scope_of(&self.me)?;
        own.retain(|partition| !matches!(partition, Partition::NeedToKnow(_)));
        own.insert(Partition::Office);
        Ok(own)
    }

    /// Whether this replica knows of an end of the peer's certificate in a partition.
    fn has_ended(&self, partition: &Partition, peer: &AuthorId) -> Result<bool, ReplicaError> {
        let row = self.replica.certificate(partition, peer)?;
        Ok(row.is_some_and(|row| row.revoked.is_some()) || self.replica.ended_early(partition, peer)?)
    }

    /// What a certificate opens to the peer here.
    fn common(
        &self,
        peer: &AuthorId,
        certificate: &Certificate,
    ) -> Result<BTreeSet<Partition>, ReplicaError> {
        let mut common = BTreeSet::from([Partition::Office]);
        for partition in self.own()? {
            if certificate.partitions.contains(&partition) && !self.has_ended(&partition, peer)? {
                common.insert(partition);
            }
        }
        Ok(common)
    }

    /// Whether a session may be held with who shows this certificate.
    fn judge(
        &self,
        peer: &AuthorId,
        certificate: &Certificate,
    ) -> Result<Result<(), ProtocolError>, ReplicaError> {
        if certificate.not_after < self.now {
            return Ok(Err(ProtocolError::Expired));
        }
        if self.common(peer, certificate)?.len() > 1 {
            return Ok(Ok(()));
        }
        for partition in self.own()? {
            if certificate.partitions.contains(&partition) {
                return Ok(Err(ProtocolError::Revoked));
            }
        }
        Ok(Err(ProtocolError::Elsewhere))
    }
}

impl<S: Store> Library for Neighbour<'_, S> {
    fn key(
        &self,
        author: &AuthorId,
        shown: Option<&Run>,
    ) -> Result<Result<PublicKey, ProtocolError>, ReplicaError> {
        let certificate = shown.and_then(|run| self.replica.shown_certificate(run, author));
        let Some(certificate) = certificate.filter(|_| *author != self.me) else {
            return Ok(Err(ProtocolError::Certificate));
        };
        if let Err(refused) = self.judge(author, &certificate)? {
            return Ok(Err(refused));
        }
        let key = certificate.key;
        // One session has one peer; a second one would be answered by its own.
        let kept = self.shown.0.get_or_init(|| (*author, certificate));
        Ok(if kept.0 == *author { Ok(key) } else { Err(ProtocolError::Unexpected) })
    }

    fn end_of(&self, author: &AuthorId) -> Result<Option<Run>, ReplicaError> {
        self.replica.loss_run(author)
    }

    fn scope(&self, peer: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError> {
        match self.shown.0.get() {
            Some((author, certificate)) if author == peer => self.common(peer, certificate),
            _ => Ok(BTreeSet::new()),
        }
    }

    fn admits(&self, _: &AuthorId, partition: &Partition) -> Result<bool, ReplicaError> {
        // The peer may not have heard yet that its certificate there has ended: what it brings is judged by its own.
        Ok(self.own()?.contains(partition))
    }

    fn parted(&self, _: &AuthorId, _: &Partition) -> Result<bool, ReplicaError> {
        Ok(false)
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
        Library::receipted(self.replica, partition, epoch, number)
    }

    fn receipt(&self, partition: &Partition) -> Result<Option<Receipt>, ReplicaError> {
        self.replica.receipt(partition)
    }

    fn run(
        &self,
        partition: &Partition,
        journal: &JournalId,
        after: u64,
        bytes: usize,
    ) -> Result<Option<Sending>, ReplicaError> {
        self.replica.run(partition, journal, after, bytes)
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
        Library::forked(self.replica, partition, line)
    }

    fn turn(&self, partition: &Partition, line: &JournalId) -> Result<(u8, u64), ReplicaError> {
        self.replica.turn(partition, line)
    }
}
