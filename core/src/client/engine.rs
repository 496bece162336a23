//! The engine: a session and the replica it speaks for. Everything here blocks on the store, so it runs beside the
//! runtime: frames are handed in, frames come out.

use std::collections::{BTreeMap, BTreeSet};

use super::attachments::Upload;
use super::ended::has_ended;
use super::{ClientError, Phone};
use crate::journal::body::{Body, Value};
use crate::journal::{AttachmentHash, Content, EntryHash, JournalId, Partition};
use crate::replica::ReplicaError;
use crate::replica::learn::{ALLOWANCE, LearnError};
use crate::store::{Query, Store};
use crate::sync::message::{Message, ProtocolError};
use crate::sync::session::{Output, Session, SessionError};

/// Code of the farewell of an office that does not know the device.
const UNKNOWN: u16 = 3;
/// Things that a time-out names at most.
const MAX_NAMED: usize = 5;

/// A session and the replica it speaks for.
pub(super) struct Engine {
    pub phone: Phone,
    session: Session,
    /// Entries that were sent and that came.
    sent: u64,
    received: u64,
    /// Own journals of which the office did not take something, with its code.
    refused: Vec<(JournalId, u8)>,
    positions: BTreeMap<Partition, u64>,
    version: i64,
    /// Applications with own requests that were on their way when the entries had been exchanged.
    asked: Option<BTreeSet<(Partition, EntryHash)>>,
    /// Scans that the office has confirmed, and whose record has not come back.
    confirmed: BTreeSet<(Partition, AttachmentHash)>,
    /// Whether the office left out a body before its word on that had come: it lets applications go just now.
    too_early: bool,
    /// Applications that were destroyed.
    destroyed: u64,
    /// The office has declared this device lost.
    lost: bool,
}

impl Engine {
    /// Calls the office; returns the first frame.
    pub(super) fn call(phone: Phone) -> Result<(Engine, Vec<u8>), ClientError> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|_| ClientError::refused("perangkat tidak dapat membuat bilangan acak: mulai ulang"))?;
        let (session, frame) = Session::call(phone.author(), nonce);
        let version = phone.replica.store.data_version()?;
        let mut engine = Engine {
            phone,
            session,
            sent: 0,
            received: 0,
            refused: Vec::new(),
            positions: BTreeMap::new(),
            version,
            asked: None,
            confirmed: BTreeSet::new(),
            too_early: false,
            destroyed: 0,
            lost: false,
        };
        engine.changed_partitions()?;
        Ok((engine, frame))
    }

    /// Entries that were sent since this was last asked.
    pub(super) fn take_sent(&mut self) -> u64 {
        std::mem::take(&mut self.sent)
    }

    /// Entries that came since this was last asked.
    pub(super) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.received)
    }

    /// Lets go of what the office no longer needs here; returns how many applications.
    pub(super) fn let_go(&mut self) -> Result<u64, ClientError> {
        if self.too_early {
            return Err(ClientError::Network("Dinas sedang melepas permohonan lama: ulangi".into()));
        }
        Ok(self.phone.let_go()? as u64 + std::mem::take(&mut self.destroyed))
    }

    /// Whether everything that was known on both sides has been exchanged.
    pub(super) fn is_settled(&self) -> bool {
        self.session.is_settled()
    }

    /// Takes a frame in; everything learned from it is durable when this returns the frames to send.
    pub(super) fn receive(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, (ClientError, Vec<u8>)> {
        let outputs = self.session.receive(frame, &self.phone.replica, &*self.phone.signer);
        let outputs = outputs.and_then(|outputs| {
            self.look_ahead()?;
            Ok(outputs)
        });
        let frames = outputs.and_then(|outputs| self.carry_out(outputs));
        if self.lost {
            return Err((wiped(&mut self.phone), Session::farewell(&ProtocolError::Revoked.into())));
        }
        frames.map_err(|error| {
            let farewell = Session::farewell(&error);
            if matches!(error, SessionError::Protocol(ProtocolError::Ended(UNKNOWN)))
                && let Err(error) = self.phone.note_unknown()
            {
                return (error, farewell);
            }
            (sentence(error), farewell)
        })
    }

    /// Where the office has more of what this phone is writing, the phone was put back to an old copy.
    fn look_ahead(&mut self) -> Result<(), ReplicaError> {
        let (ahead, me) = (self.session.take_ahead(), self.phone.author());
        if ahead.is_empty() {
            return Ok(());
        }
        self.phone.replica.transaction(|replica| replica.notice_ahead(&me, &ahead))
    }

    /// What other processes wrote in this folder since the last look.
    pub(super) fn look(&mut self) -> Result<Vec<Vec<u8>>, ClientError> {
        let version = self.phone.replica.store.data_version()?;
        if version == self.version || !self.session.is_open() {
            return Ok(Vec::new());
        }
        self.version = version;
        self.phone.replica.read_office_files()?;
        let changed = self.changed_partitions()?;
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let outputs = self.session.poll(&self.phone.replica, Some(&changed)).map_err(sentence)?;
        self.carry_out(outputs).map_err(sentence)
    }

    fn changed_partitions(&mut self) -> Result<BTreeSet<Partition>, ReplicaError> {
        let mut changed = BTreeSet::new();
        for partition in self.phone.replica.store.partitions()? {
            let position = self.phone.replica.position(&partition)?;
            if self.positions.insert(partition, position) != Some(position) {
                changed.insert(partition);
            }
        }
        Ok(changed)
    }

    fn carry_out(&mut self, outputs: Vec<Output>) -> Result<Vec<Vec<u8>>, SessionError> {
        let mut frames = Vec::new();
        let mut todo: std::collections::VecDeque<Output> = outputs.into();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => {
                    self.sent += entries_of(&frame);
                    frames.push(frame);
                }
                Output::Learn { batch, runs } => {
                    let learned = self.phone.replica.transaction(|replica| replica.learn(&runs))?;
                    self.received += learned.entries as u64;
                    self.destroyed += learned.destroyed.len() as u64;
                    self.too_early |= learned.refused.iter().any(|(_, e)| *e == LearnError::Destroyed);
                    todo.extend(self.session.taken(batch, &learned.refused, &self.phone.replica)?);
                }
                Output::Receipt(receipt) => {
                    self.phone.replica.transaction(|replica| replica.learn_receipt(&receipt))?;
                }
                Output::Taken { refused } => self.refused.extend(refused),
                Output::Revoked(run) => {
                    self.lost |= self.phone.replica.is_lost(&run, &self.phone.author())?;
                }
                Output::PeerDone => {}
            }
        }
        Ok(frames)
    }

    /// Scans that are here and, as far as is known, not at the office; the smallest first.
    pub(super) fn uploads(&self) -> Result<Vec<Upload>, ClientError> {
        let mut uploads = Vec::new();
        for partition in self.phone.replica.store.partitions()? {
            self.phone.replica.for_each_attachment(&partition, |hash, row| {
                let known = self.confirmed.contains(&(partition, hash));
                if row.here && !row.at_office && !known && row.named {
                    uploads.push(Upload { partition, hash, bytes: row.bytes });
                }
            })?;
        }
        uploads.sort_by_key(|upload| (upload.bytes, upload.hash));
        Ok(uploads)
    }

    /// The office has confirmed a scan.
    pub(super) fn confirm(&mut self, upload: &Upload) {
        self.confirmed.insert((upload.partition, upload.hash));
    }

    /// Whether the office takes no more of this device's today.
    pub(super) fn is_beyond_allowance(&self) -> bool {
        self.refused.iter().any(|(_, code)| *code == ALLOWANCE)
    }

    /// The code of something that the office will not take without help. What follows in a journal of which it takes
    /// no more today only seems to have a gap there.
    fn refusal(&self) -> Option<u8> {
        let waits = |journal| self.refused.contains(&(journal, ALLOWANCE));
        self.refused.iter().find(|(journal, _)| !waits(*journal)).map(|(_, code)| *code)
    }

    /// Takes note of the partitions that the office exchanges with this phone; whether there are none any more.
    pub(super) fn note_ended(&mut self) -> Result<bool, ClientError> {
        self.phone.note_ended(self.session.unnamed())?;
        self.phone.has_ended()
    }

    /// What has not come back yet of what this session carried; sentences, nothing where all is done.
    ///
    /// # Errors
    /// Where the office has refused something of this device.
    pub(super) fn outstanding(&mut self) -> Result<Vec<String>, ClientError> {
        if let Some(code) = self.refusal() {
            return Err(ClientError::Office(format!(
                "Dinas tidak menerima sebagian pekerjaan perangkat ini (kode {code}): hubungi Dinas, data tetap tersimpan di sini"
            )));
        }
        let mut outstanding = Vec::new();
        for partition in self.phone.replica.store.partitions()? {
            outstanding.extend(self.unreceipted(&partition)?);
        }
        outstanding.extend(self.unrecorded()?);
        outstanding.extend(self.unanswered()?);
        outstanding.truncate(MAX_NAMED);
        Ok(outstanding)
    }

    /// Entries that no receipt covers (the next sync would have to ask for it), and entries that the receipt knows
    /// and this phone does not. Where this device has no certificate any more, only its own entries count.
    fn unreceipted(&self, partition: &Partition) -> Result<Option<String>, ReplicaError> {
        let (replica, me) = (&self.phone.replica, self.phone.author());
        let journals = replica.journals(partition)?;
        let receipt = replica.receipt(partition)?;
        let vector = receipt.map(|receipt| receipt.vector).unwrap_or_default();
        // Of what goes on in a partition that it was put out of it hears nothing.
        let ended = has_ended(replica, partition)?;
        let certified = replica.certificate(partition, &me)?.is_some_and(|row| row.revoked.is_none());
        let certified = certified && !ended;
        let office = replica.office_author();
        let mut awaited = journals.iter().filter(|(_, row)| certified || row.journal.author == me);
        if awaited.any(|(id, row)| !vector.covers(id, row.head.seq)) {
            return Ok(Some(format!("tanda terima Dinas untuk wilayah {partition}")));
        }
        let lacks = !ended
            && vector.0.iter().any(|(id, head)| match journals.get(id) {
                None => true,
                Some(row) => row.journal.author == office && row.head.seq < head.seq,
            });
        Ok(lacks.then(|| format!("kabar terbaru Dinas untuk wilayah {partition}")))
    }

    /// Scans that the office confirmed and has not put on record; those that share an entry with a scan that
    /// another phone holds are not waited for.
    fn unrecorded(&mut self) -> Result<Option<String>, ReplicaError> {
        let mut open = BTreeSet::new();
        for (partition, hash) in std::mem::take(&mut self.confirmed) {
            let row = self.phone.replica.attachment(&partition, &hash)?.unwrap_or_default();
            if row.at_office || has_ended(&self.phone.replica, &partition)? {
                continue;
            }
            open.insert((partition, hash));
        }
        self.confirmed = open;
        for (partition, hash) in &self.confirmed {
            for (edit, _) in self.phone.replica.namings(partition, hash)? {
                if self.all_confirmed(partition, &edit)? {
                    return Ok(Some(format!("catatan penerimaan {} lampiran", self.confirmed.len())));
                }
            }
        }
        Ok(None)
    }

    /// Whether the office has every scan that an edit names.
    fn all_confirmed(&self, partition: &Partition, edit: &EntryHash) -> Result<bool, ReplicaError> {
        let found = self.phone.replica.store.entries(partition, Query::Hash(edit), 1)?;
        let Some((_, entry)) = found.first() else { return Ok(false) };
        let Content::Present(bytes) = &entry.content else { return Ok(false) };
        let Ok(Body::Edit(edit)) = Body::from_bytes(bytes) else { return Ok(false) };
        for op in &edit.ops {
            let Value::Attachment(hash, _) = op.value else { continue };
            let row = self.phone.replica.attachment(partition, &hash)?.unwrap_or_default();
            if !row.at_office && !self.confirmed.contains(&(*partition, hash)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Own requests without an answer.
    fn unanswered(&mut self) -> Result<Vec<String>, ReplicaError> {
        let asked = match self.asked.take() {
            Some(asked) => asked,
            None => self.requests()?,
        };
        let (mut open, mut sentences) = (BTreeSet::new(), Vec::new());
        let me = self.phone.author();
        for (partition, id) in asked {
            let Some(row) = self.phone.replica.row(&partition, &id)? else { continue };
            if row.open_requests == 0 || has_ended(&self.phone.replica, &partition)? {
                continue;
            }
            let case = self.phone.replica.case(&partition, &id)?;
            let mut mine = case.open_requests().filter(|request| request.author == me);
            if let Some(request) = mine.next() {
                let act = &request.request.act;
                sentences.push(format!("jawaban Dinas atas {act} untuk {}", row.number));
                open.insert((partition, id));
            }
        }
        self.asked = Some(open);
        Ok(sentences)
    }

    fn requests(&self) -> Result<BTreeSet<(Partition, EntryHash)>, ReplicaError> {
        let mut asked = BTreeSet::new();
        self.phone.replica.for_each_application(|partition, id, row| {
            if row.open_requests > 0 {
                asked.insert((partition, id));
            }
            Ok(())
        })?;
        Ok(asked)
    }
}

/// Wipes a phone that is in other hands; what there is to say then.
pub(super) fn wiped(phone: &mut Phone) -> ClientError {
    phone.wipe().err().unwrap_or(ClientError::Wiped)
}

/// Entries that a frame carries. Our own frames are well formed.
fn entries_of(frame: &[u8]) -> u64 {
    match Message::from_bytes(frame) {
        Ok(Message::Batch(batch)) => {
            batch.unpack().map_or(0, |runs| runs.iter().map(|run| run.entries.len() as u64).sum())
        }
        _ => 0,
    }
}

/// What ended a session, for people.
fn sentence(error: SessionError) -> ClientError {
    match error {
        SessionError::Replica(error) => error.into(),
        SessionError::Protocol(ProtocolError::Ended(code)) => match code {
            2 => ClientError::Outdated,
            UNKNOWN => ClientError::Office(
                "Dinas tidak mengenal perangkat ini, atau izinnya sudah dicabut: hubungi Dinas, minta kode baru, lalu \
                 jalankan `enroll` dengan kode itu di folder ini"
                    .into(),
            ),
            97 => ClientError::Allowance,
            98 => ClientError::Network("Dinas memulai ulang sambungan: ulangi sebentar lagi".into()),
            99 => ClientError::Network("Dinas sedang mengalami gangguan: ulangi nanti".into()),
            code => ClientError::Network(format!("Dinas mengakhiri sinkronisasi (kode {code}): ulangi")),
        },
        SessionError::Protocol(error) => ClientError::Office(format!("sinkronisasi gagal: {error}")),
    }
}
