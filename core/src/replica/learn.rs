//! Learning: entries that come from elsewhere, checked, kept, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use super::case::rows_adopted;
use super::lines::At;
use super::rows::{self, ApplicationRow, AttachmentRow, CertificateRow};
use super::rules::may_edit;
use super::write::EPOCH;
use super::{Replica, ReplicaError};
use crate::identity::{PublicKey, Signature};
use crate::journal::body::{Adopt, Body, HeldAttachments, OfficeFile, Value};
use crate::journal::receipt::Receipt;
use crate::journal::run::{Head, Run, RunError, WireEntry};
use crate::journal::{
    AuthorId, Content, EntryHash, Journal, JournalId, MAX_DEVICE_BODY, Partition, StoredEntry, office_epoch,
};
use crate::store::{Query, Store, Table};

/// Largest file of the office, in bytes.
pub const MAX_OFFICE_FILE: usize = 8 << 20;

/// Code of [`LearnError::Allowance`]: the one for which a phone waits instead of asking a person for help.
pub const ALLOWANCE: u8 = 8;

/// Why a run was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// Its author has no certificate in this partition.
    #[error("perangkat tidak terdaftar di wilayah ini")]
    UnknownAuthor,
    /// Its chain, bounds or signature do not hold.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A body is left out, and the office has not said that it let the application go.
    #[error("isi entri dihilangkan tanpa pernyataan Dinas")]
    Destroyed,
    /// Its author has brought as much today as one device may. It may come again tomorrow.
    #[error("batas harian perangkat tercapai")]
    Allowance,
    /// Its author, or the partition, has as many journals as there may be.
    #[error("terlalu banyak jurnal dari perangkat ini")]
    Journals,
}

impl LearnError {
    /// A stable code for the wire.
    pub fn code(&self) -> u8 {
        match self {
            LearnError::UnknownAuthor => 1,
            LearnError::Run(RunError::Bounds) => 2,
            LearnError::Run(RunError::Gap) => 3,
            LearnError::Run(RunError::Fork) => 4,
            LearnError::Run(RunError::Reference) => 5,
            LearnError::Run(RunError::Signature) => 6,
            LearnError::Destroyed => 7,
            LearnError::Allowance => ALLOWANCE,
            LearnError::Journals => 9,
        }
    }
}

/// What came of learning runs.
#[derive(Debug, Default)]
pub struct Learned {
    /// Applications that changed.
    pub applications: BTreeSet<(Partition, EntryHash)>,
    /// Partitions that have new entries.
    pub partitions: BTreeSet<Partition>,
    /// New entries.
    pub entries: usize,
    /// New entries of each author, and the bytes of their bodies.
    pub brought: BTreeMap<AuthorId, (u64, u64)>,
    /// Runs that were not taken in.
    pub refused: Vec<(JournalId, LearnError)>,
    /// Whether the office published files.
    pub files: bool,
    /// Applications here of which the office said that they are destroyed.
    pub destroyed: BTreeSet<(Partition, EntryHash)>,
}

/// Kind of the office's files of which every version stays.
const KEPT_IN_ALL_VERSIONS: &str = "layanan";
/// Former versions of one file that are looked for.
const MAX_REPLACED: usize = 16;

impl<S: Store> Replica<S> {
    /// Takes runs in; the caller holds a transaction. A run that does not hold is left out and named; it
    /// blocks no other.
    pub fn learn(&mut self, runs: &[Run]) -> Result<Learned, ReplicaError> {
        let learned = self.learn_entries(runs)?;
        for (partition, id) in &learned.applications {
            self.materialise(partition, id)?;
        }
        Ok(learned)
    }

    /// As [`Replica::learn`], but for the materialising of the applications it names, which is left to the caller:
    /// where several deliveries touch one, once is enough.
    pub fn learn_entries(&mut self, runs: &[Run]) -> Result<Learned, ReplicaError> {
        let mut learned = Learned::default();
        for run in runs {
            if let Err(error) = self.learn_run(run, &mut learned)? {
                learned.refused.push((run.journal.id(), error));
            }
        }
        if learned.files {
            self.read_office_files()?;
        }
        Ok(learned)
    }

    fn learn_run(
        &mut self,
        run: &Run,
        learned: &mut Learned,
    ) -> Result<Result<(), LearnError>, ReplicaError> {
        let partition = run.journal.partition;
        let Some(key) = self.key_of(&partition, &run.journal.author)? else {
            return Ok(Err(LearnError::UnknownAuthor));
        };
        let office = self.office_epoch_of(&run.journal);
        let from_office = office.is_some();
        let large = |entry: &WireEntry| entry.body.as_ref().is_some_and(|body| body.len() > MAX_DEVICE_BODY);
        if !from_office && run.entries.iter().any(large) {
            return Ok(Err(RunError::Bounds.into()));
        }
        let (base, mut entries) = match self.open_run(run, &key)? {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error.into())),
        };
        if !from_office && !self.may_lack(&partition, &entries)? {
            return Ok(Err(LearnError::Destroyed));
        }
        self.empty_late(&partition, &mut entries)?;
        let Some(end) = entries.last().map(|entry| entry.hash) else { return Ok(Ok(())) };
        let placed = match self.place(&run.journal, base, entries)? {
            Ok(placed) => placed,
            Err(error) => return Ok(Err(error.into())),
        };
        if let Some(at) = self.locate(&partition, &end)? {
            self.put_signature(&partition, &at.line, at.seq, &run.signature)?;
        }
        learned.applications.extend(placed.moved.into_iter().map(|id| (partition, id)));
        if placed.entries.is_empty() {
            return Ok(Ok(()));
        }
        learned.partitions.insert(partition);
        learned.entries += placed.entries.len();
        let brought = learned.brought.entry(run.journal.author).or_default();
        for entry in &placed.entries {
            brought.0 += 1;
            brought.1 += entry.content.len() as u64;
        }
        if let Some(epoch) = office {
            self.meet_epoch(&partition, epoch)?;
        }
        for entry in &placed.entries {
            self.follow(&partition, entry, office, learned)?;
        }
        self.follow_spans(&partition)?;
        self.notice_own(&run.journal)?;
        // Which of a revoked author's entries count may be known only now.
        if self.certificate(&partition, &run.journal.author)?.is_some_and(|row| row.revoked.is_some()) {
            self.judge_again(&partition, &run.journal.author, learned)?;
        }
        Ok(Ok(()))
    }

    /// Opens a run behind the entry that it goes on from.
    fn open_run(
        &self,
        run: &Run,
        key: &PublicKey,
    ) -> Result<Result<(At, Vec<StoredEntry>), RunError>, ReplicaError> {
        let partition = run.journal.partition;
        if let Err(error) = run.check_bounds() {
            return Ok(Err(error));
        }
        let mut refused = RunError::Gap;
        for (at, head) in self.bases(run)? {
            let application_of = |seq| {
                let found = self.entry_at(&partition, &at.line, seq).ok()?;
                found.map(|entry| entry.application())
            };
            match run.open(head, key, application_of) {
                Ok(entries) => return Ok(Ok((at, entries))),
                Err(error) => refused = error,
            }
        }
        Ok(Err(refused))
    }

    /// An entry of this store's own journals that it does not know: it was restored from an old copy, and what it
    /// writes from here on stands in journals of a new epoch.
    fn notice_own(&mut self, journal: &Journal) -> Result<(), ReplicaError> {
        if self.meta(EPOCH)?.is_some_and(|epoch| epoch == journal.epoch) {
            self.set_meta(EPOCH, None)?;
        }
        Ok(())
    }

    /// Somebody has more of these lines than is here. Where one of them is what this store, `me`'s, is writing, it was
    /// restored from an old copy: what it writes from here on stands in journals of a new epoch, before the lost
    /// entries come back. The caller holds a transaction.
    pub fn notice_ahead(
        &mut self,
        me: &AuthorId,
        ahead: &[(Partition, JournalId)],
    ) -> Result<(), ReplicaError> {
        let Some(epoch) = self.meta(EPOCH)?.and_then(|bytes| bytes.try_into().ok()) else { return Ok(()) };
        for (partition, line) in ahead {
            let own = Journal { author: *me, partition: *partition, epoch };
            if own.id() == *line {
                self.notice_own(&own)?;
            }
        }
        Ok(())
    }

    /// Whether the office has let go every application of which these entries lack a body: nobody else may leave
    /// one out, since it would never be asked for again.
    fn may_lack(&self, partition: &Partition, entries: &[StoredEntry]) -> Result<bool, ReplicaError> {
        for entry in entries.iter().filter(|entry| entry.content == Content::Destroyed) {
            if self.gone(partition, &entry.application())?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The head of a journal's own line here.
    pub fn head(&self, partition: &Partition, journal: &JournalId) -> Result<Head, ReplicaError> {
        Ok(self.line(partition, journal)?.map_or(Head::EMPTY, |row| row.head))
    }

    /// Keeps an author's signature at an entry.
    pub(super) fn put_signature(
        &mut self,
        partition: &Partition,
        journal: &JournalId,
        seq: u64,
        signature: &Signature,
    ) -> Result<(), ReplicaError> {
        let key = rows::seq_key(journal, seq);
        Ok(self.store.put(partition, Table::Signature, &key, Some(&signature.0))?)
    }

    /// Appends an entry and remembers the partition's position.
    pub(super) fn keep(&mut self, partition: &Partition, entry: &StoredEntry) -> Result<u64, ReplicaError> {
        let position = self.store.append(partition, entry)?;
        self.put_position(partition, position)?;
        Ok(position)
    }

    fn put_position(&mut self, partition: &Partition, position: u64) -> Result<(), ReplicaError> {
        Ok(self.store.put(partition, Table::Meta, b"position", Some(&position.to_be_bytes()))?)
    }

    /// What follows from an entry beside its application's document.
    pub(super) fn follow(
        &mut self,
        partition: &Partition,
        entry: &StoredEntry,
        office: Option<u32>,
        learned: &mut Learned,
    ) -> Result<(), ReplicaError> {
        let body = match &entry.content {
            Content::Present(bytes) => Body::from_bytes(bytes).ok(),
            Content::Destroyed => None,
        };
        let of_application = entry.header.application.is_some() || matches!(body, Some(Body::Edit(_)));
        if of_application {
            learned.applications.insert((*partition, entry.application()));
        }
        if of_application && body.is_some() {
            self.follow_late(partition, &entry.application())?;
        }
        let (Some(body), Some(epoch)) = (body, office) else { return Ok(()) };
        match body {
            Body::Certificate(certificate) => {
                self.follow_certificate(partition, epoch, (entry.hash, certificate), learned)
            }
            Body::Revocation(revocation) => {
                self.follow_revocation(partition, epoch, (&entry.hash, &revocation), learned)
            }
            Body::Adopt(adopt) => self.follow_adopt(partition, &adopt, learned),
            Body::HeldAttachments(held) => self.follow_held(partition, epoch, &held),
            Body::OfficeFile(file) => self.follow_file(&file, learned),
            Body::Destroyed(gone) => self.follow_gone(partition, gone.applications, true, learned),
            Body::Retired(gone) => self.follow_gone(partition, gone.applications, false, learned),
            Body::Edit(_) | Body::Request(_) | Body::Decision(_) | Body::OfficeKey(_) => Ok(()),
        }
    }

    fn follow_adopt(
        &mut self,
        partition: &Partition,
        adopt: &Adopt,
        learned: &mut Learned,
    ) -> Result<(), ReplicaError> {
        for hash in &adopt.entries {
            self.store.put(partition, Table::Held, &rows_adopted(hash), Some(&[]))?;
            let found = self.store.entries(partition, Query::Hash(hash), 1)?;
            if let Some((_, entry)) = found.first() {
                self.rematerialise(partition, &entry.application())?;
                learned.applications.insert((*partition, entry.application()));
            }
        }
        Ok(())
    }

    /// Materialises afresh what an author wrote, since what counts of it has changed.
    pub(super) fn judge_again(
        &mut self,
        partition: &Partition,
        author: &AuthorId,
        learned: &mut Learned,
    ) -> Result<(), ReplicaError> {
        let journals: BTreeSet<JournalId> = self
            .journals(partition)?
            .into_iter()
            .filter(|(_, row)| row.journal.author == *author)
            .map(|(id, _)| id)
            .collect();
        if journals.is_empty() {
            return Ok(());
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.scan(partition, Table::Application, &[], after.as_deref(), 256)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, bytes) in rows {
                let row: ApplicationRow = rows::decode(&bytes)?;
                if row.tips.iter().any(|(journal, _)| journals.contains(journal)) {
                    let id =
                        EntryHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("permohonan"))?;
                    self.rematerialise(partition, &id)?;
                    learned.applications.insert((*partition, id));
                }
            }
        }
    }

    /// The office epoch of a journal, where it is the office's.
    pub(super) fn office_epoch_of(&self, journal: &Journal) -> Option<u32> {
        (journal.author == self.office_author()).then(|| office_epoch(&journal.epoch))
    }

    /// The newest office epoch that has written in a partition.
    fn newest_epoch(&self, partition: &Partition) -> Result<u32, ReplicaError> {
        let row = self.store.get(partition, Table::Meta, NEWEST_EPOCH)?;
        Ok(row.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?))).unwrap_or(0))
    }

    /// The office writes in this epoch. Where it is a new one, the office was restored from a copy: which scans it
    /// holds is what it says from now on, and what it said before counts no more.
    pub(super) fn meet_epoch(&mut self, partition: &Partition, epoch: u32) -> Result<(), ReplicaError> {
        let newest = self.newest_epoch(partition)?;
        if epoch <= newest {
            return Ok(());
        }
        self.store.put(partition, Table::Meta, NEWEST_EPOCH, Some(&epoch.to_be_bytes()))?;
        if newest == 0 {
            return Ok(());
        }
        for (key, _) in self.store.scan(partition, Table::Meta, SPAN, None, MAX_SPANS)? {
            self.store.put(partition, Table::Meta, &key, None)?;
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.scan(partition, Table::Attachment, &[], after.as_deref(), 256)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, bytes) in rows {
                let row = AttachmentRow { at_office: false, ..rows::decode(&bytes)? };
                self.store.put(partition, Table::Attachment, &key, Some(&rows::encode(&row)))?;
            }
        }
    }

    fn follow_held(
        &mut self,
        partition: &Partition,
        epoch: u32,
        held: &HeldAttachments,
    ) -> Result<(), ReplicaError> {
        if epoch < self.newest_epoch(partition)? {
            return Ok(());
        }
        for (last, count) in &held.spans {
            // The office's journal goes first: edits that it speaks of may come later.
            if !self.mark_span(partition, last, *count)? {
                self.store.put(partition, Table::Meta, &span_key(last), Some(&count.to_be_bytes()))?;
            }
        }
        Ok(())
    }

    /// The office spoke of some entries before they came.
    fn follow_spans(&mut self, partition: &Partition) -> Result<(), ReplicaError> {
        for (key, count) in self.store.scan(partition, Table::Meta, SPAN, None, MAX_SPANS)? {
            let last = key.get(SPAN.len()..).and_then(|hash| EntryHash::try_from(hash).ok());
            let last = last.ok_or(ReplicaError::Damaged("rentang"))?;
            let count = count.try_into().map_err(|_| ReplicaError::Damaged("rentang"))?;
            if self.mark_span(partition, &last, u64::from_be_bytes(count))? {
                self.store.put(partition, Table::Meta, &key, None)?;
            }
        }
        Ok(())
    }

    /// Marks the scans of an edit and of those before it in its journal, `count` in all. Tells whether it is here.
    fn mark_span(
        &mut self,
        partition: &Partition,
        last: &EntryHash,
        count: u64,
    ) -> Result<bool, ReplicaError> {
        let Some(end) = self.locate(partition, last)? else { return Ok(false) };
        let first = (end.seq + 1).saturating_sub(count).max(1);
        for At { line, seq } in self.way(partition, end)? {
            let begin = self.line(partition, &line)?.and_then(|row| row.fork).map_or(0, |(_, seq)| seq);
            let mut after = first.saturating_sub(1).max(begin);
            while after < seq {
                let entries = self.store.entries(partition, Query::Journal(&line, after), 256)?;
                let Some((_, end)) = entries.last() else { break };
                after = end.header.seq;
                for (_, entry) in entries.iter().filter(|(_, entry)| entry.header.seq <= seq) {
                    self.mark_at_office(partition, entry)?;
                }
            }
        }
        Ok(true)
    }

    fn mark_at_office(&mut self, partition: &Partition, entry: &StoredEntry) -> Result<(), ReplicaError> {
        let Content::Present(bytes) = &entry.content else { return Ok(()) };
        let Ok(Body::Edit(edit)) = Body::from_bytes(bytes) else { return Ok(()) };
        for op in &edit.ops {
            let Value::Attachment(hash, bytes) = op.value else { continue };
            let row = self.attachment(partition, &hash)?;
            let row = AttachmentRow { bytes, at_office: true, ..row.unwrap_or_default() };
            self.put_attachment(partition, &hash, &row)?;
        }
        Ok(())
    }

    fn follow_file(&mut self, file: &OfficeFile, learned: &mut Learned) -> Result<(), ReplicaError> {
        let Ok(bytes) = zstd::bulk::decompress(&file.zstd, MAX_OFFICE_FILE) else { return Ok(()) };
        let digest = blake3::hash(&bytes);
        let prefix = format!("{}/{}/", file.kind, file.name);
        // Every version of a service stays: applications were filed under it. Of the rest the newest alone holds.
        if file.kind != KEPT_IN_ALL_VERSIONS {
            for (old, _) in self.store.scan(
                &Partition::Office,
                Table::Catalogue,
                prefix.as_bytes(),
                None,
                MAX_REPLACED,
            )? {
                self.store.put(&Partition::Office, Table::Catalogue, &old, None)?;
            }
        }
        let key = format!("{prefix}{}", digest.to_hex());
        self.store.put(&Partition::Office, Table::Catalogue, key.as_bytes(), Some(&bytes))?;
        learned.files = true;
        Ok(())
    }

    /// Keeps a receipt, if it is the office's and newer than the one that is kept. Tells whether it was.
    pub fn learn_receipt(&mut self, receipt: &Receipt) -> Result<bool, ReplicaError> {
        if !receipt.verifies(self.office_key()) {
            return Ok(false);
        }
        if self.receipt(&receipt.partition)?.is_some_and(|have| !receipt.is_newer_than(&have)) {
            return Ok(false);
        }
        let bytes = rows::encode(&receipt.close(None));
        self.store.put(&receipt.partition, Table::Receipt, b"newest", Some(&bytes))?;
        Ok(true)
    }

    /// The newest receipt of a partition that is kept here.
    pub fn receipt(&self, partition: &Partition) -> Result<Option<Receipt>, ReplicaError> {
        let Some(bytes) = self.store.get(partition, Table::Receipt, b"newest")? else { return Ok(None) };
        Ok(rows::decode::<crate::journal::receipt::WireReceipt>(&bytes)?.open(None))
    }

    /// The partitions in which a device has a certificate that has not ended.
    pub fn scope_of(&self, author: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError> {
        let all = self.certificates_of(author)?.into_iter();
        Ok(all.filter(|(_, row)| row.revoked.is_none()).map(|(partition, _)| partition).collect())
    }

    /// A device's certificates by partition, those that have ended too.
    pub fn certificates_of(
        &self,
        author: &AuthorId,
    ) -> Result<BTreeMap<Partition, CertificateRow>, ReplicaError> {
        let prefix = [&b"scope/"[..], author.as_bytes()].concat();
        let rows = self.store.scan(&Partition::Office, Table::Meta, &prefix, None, MAX_SCOPE)?;
        let mut certificates = BTreeMap::new();
        for (key, _) in rows {
            let partition = key.get(prefix.len()..).and_then(Partition::from_bytes);
            let partition = partition.ok_or(ReplicaError::Damaged("wilayah"))?;
            if let Some(row) = self.certificate(&partition, author)? {
                certificates.insert(partition, row);
            }
        }
        Ok(certificates)
    }

    /// Whether a device may bring this partition to the office: one of need-to-know that nobody has opened yet,
    /// from somebody who edits in a village or kecamatan.
    pub fn opens(&self, author: &AuthorId, partition: &Partition) -> Result<bool, ReplicaError> {
        Ok(matches!(partition, Partition::NeedToKnow(_))
            && self.journals(partition)?.is_empty()
            && self.editor(author)?.is_some())
    }

    /// The certificate of a device that may open need-to-know applications: one that edits in some village or
    /// kecamatan, or did when it wrote what it brings.
    pub fn editor(&self, author: &AuthorId) -> Result<Option<CertificateRow>, ReplicaError> {
        let all = self.certificates_of(author)?;
        let edits = |(place, row): &(&Partition, &CertificateRow)| {
            matches!(place, Partition::Place(_)) && may_edit(row.certificate.role)
        };
        if let Some((_, row)) = all.iter().filter(edits).find(|(_, row)| row.revoked.is_none()) {
            return Ok(Some(row.clone()));
        }
        let may_bring = all.values().all(CertificateRow::may_bring);
        Ok(all.iter().find(edits).filter(|_| may_bring).map(|(_, row)| row.clone()))
    }
}

/// The row that keeps the newest office epoch that has written in a partition.
const NEWEST_EPOCH: &[u8] = b"newest_epoch";
/// Spans of a partition that the office may speak of before their entries come.
const MAX_SPANS: usize = 10_000;
/// Prefix of the rows that keep such spans: the last entry of each, and how many.
const SPAN: &[u8] = b"span/";

fn span_key(last: &EntryHash) -> Vec<u8> {
    [SPAN, last.as_bytes()].concat()
}

/// Partitions that one device may hold.
pub const MAX_SCOPE: usize = 4096;

pub(super) fn scope_key(author: &AuthorId, partition: &Partition) -> Vec<u8> {
    [&b"scope/"[..], author.as_bytes(), &partition.to_bytes()].concat()
}
