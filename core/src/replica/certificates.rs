//! What the office says of devices: that one is certified, and that its certificate has ended. An office that was put
//! back to a copy says some of it in several epochs, and their journals come in any order.

use minicbor::{Decode, Encode};

use super::learn::{Learned, scope_key};
use super::rows::{self, CertificateRow};
use super::rules::may_edit;
use super::{Replica, ReplicaError};
use crate::journal::body::{CAUSE_LOST, Certificate, Revocation};
use crate::journal::run::Head;
use crate::journal::{AuthorId, EntryHash, JournalId, Partition};
use crate::store::{Store, Table};

/// Prefix of the rows for ends of certificates that are not here yet, by author.
const EARLY: &[u8] = b"ended/";

/// The end of a certificate that came before it.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
struct EarlyRow {
    /// The newest office epoch that said so.
    #[n(0)]
    epoch: u32,
    /// What counts all the same.
    #[n(1)]
    last: Vec<(JournalId, Head)>,
    /// Why it ended.
    #[n(2)]
    cause: String,
    /// The entry that said so.
    #[n(3)]
    by: Option<EntryHash>,
}

fn early_key(author: &AuthorId) -> Vec<u8> {
    [EARLY, author.as_bytes()].concat()
}

/// Of two causes that several words give, and the entries that say so, keeps one, whichever came first.
fn keep_graver(kept: (&mut String, &mut Option<EntryHash>), said: (&str, EntryHash)) {
    let rank = |cause: &str, by| (cause != CAUSE_LOST, cause.to_owned(), by);
    if rank(said.0, Some(said.1)) < rank(kept.0, *kept.1) {
        *kept.0 = said.0.to_owned();
        *kept.1 = Some(said.1);
    }
}

/// What any of several words lets count does.
fn join(last: &mut Vec<(JournalId, Head)>, more: &[(JournalId, Head)]) {
    last.extend(more);
    last.sort_unstable();
    last.dedup();
}

impl<S: Store> Replica<S> {
    pub(super) fn follow_certificate(
        &mut self,
        partition: &Partition,
        epoch: u32,
        (entry, certificate): (EntryHash, Certificate),
        learned: &mut Learned,
    ) -> Result<(), ReplicaError> {
        let author = certificate.key.author();
        let early = self.take_early(partition, &author)?;
        // Nothing of others is taken in without a certificate: it is work done here before the first sync.
        let before = self.certificate(partition, &author)?;
        let edits = may_edit(certificate.role);
        // One that is said twice is shown by the same entry, whichever came first.
        let said = before.as_ref().filter(|before| before.certificate == certificate);
        let entry = said.and_then(|before| before.entry).map_or(entry, |before| entry.min(before));
        let again = before
            .is_none_or(|before| before.revoked.is_some() || may_edit(before.certificate.role) != edits);
        let mut row = CertificateRow {
            certificate,
            revoked: None,
            cause: String::new(),
            entry: Some(entry),
            ended_by: None,
        };
        // One of the same epoch, or a later one, was given after that end.
        if let Some(early) = early.filter(|early| epoch < early.epoch) {
            (row.revoked, row.cause, row.ended_by) = (Some(early.last), early.cause, early.by);
        }
        self.store.put(partition, Table::Certificate, author.as_bytes(), Some(&rows::encode(&row)))?;
        let scope = scope_key(&author, partition);
        self.store.put(&Partition::Office, Table::Meta, &scope, Some(&[]))?;
        if again { self.judge_again(partition, &author, learned) } else { Ok(()) }
    }

    fn take_early(
        &mut self,
        partition: &Partition,
        author: &AuthorId,
    ) -> Result<Option<EarlyRow>, ReplicaError> {
        let key = early_key(author);
        let Some(row) = self.store.get(partition, Table::Meta, &key)? else { return Ok(None) };
        self.store.put(partition, Table::Meta, &key, None)?;
        rows::decode(&row).map(Some)
    }

    /// Whether an end of a certificate is known here that is not.
    pub(super) fn ended_early(&self, partition: &Partition, author: &AuthorId) -> Result<bool, ReplicaError> {
        Ok(self.store.get(partition, Table::Meta, &early_key(author))?.is_some())
    }

    pub(super) fn follow_revocation(
        &mut self,
        partition: &Partition,
        epoch: u32,
        (entry, revocation): (&EntryHash, &Revocation),
        learned: &mut Learned,
    ) -> Result<(), ReplicaError> {
        let author = revocation.author;
        let Some(mut row) = self.certificate(partition, &author)? else {
            let mut early = self.take_early(partition, &author)?.unwrap_or_else(|| EarlyRow {
                epoch,
                last: Vec::new(),
                cause: revocation.cause.clone(),
                by: Some(*entry),
            });
            early.epoch = early.epoch.max(epoch);
            keep_graver((&mut early.cause, &mut early.by), (&revocation.cause, *entry));
            join(&mut early.last, &revocation.last);
            let key = early_key(&author);
            return Ok(self.store.put(partition, Table::Meta, &key, Some(&rows::encode(&early)))?);
        };
        // It may have been said once more by an office that knew less: what any of its words lets count does.
        if row.revoked.is_none() {
            (row.cause, row.ended_by) = (revocation.cause.clone(), Some(*entry));
        }
        keep_graver((&mut row.cause, &mut row.ended_by), (&revocation.cause, *entry));
        let mut last = row.revoked.take().unwrap_or_default();
        join(&mut last, &revocation.last);
        row.revoked = Some(last);
        self.store.put(partition, Table::Certificate, author.as_bytes(), Some(&rows::encode(&row)))?;
        self.judge_again(partition, &author, learned)
    }
}
