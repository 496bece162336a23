//! One phone's side of a meeting: the session, and the replica it speaks for. Everything here blocks on the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::draft::note_here;
use super::super::engine::wiped;
use super::super::{ClientError, Phone};
use super::scans::{MAX_SCANS, Scan};
use crate::journal::{AttachmentHash, AuthorId, Partition};
use crate::replica::ReplicaError;
use crate::replica::neighbour::{Neighbour, Shown};
use crate::store::sqlite::SqliteStore;
use crate::sync::Library;
use crate::sync::message::{Message, ProtocolError};
use crate::sync::session::{Bond, Output, Session, SessionError};

/// A session with another phone and the replica it speaks for.
pub(super) struct Encounter {
    pub phone: Phone,
    session: Session,
    shown: Shown,
    /// Entries that were sent and that came.
    pub sent: u64,
    pub received: u64,
    /// The office has declared this device lost, as the other phone has heard.
    lost: bool,
}

impl Encounter {
    /// Calls the phone that is expected, over a line of this handshake hash; returns the first frame.
    pub(super) fn call(
        phone: Phone,
        line: [u8; 32],
        expected: AuthorId,
    ) -> Result<(Self, Vec<u8>), ClientError> {
        let bond = Bond { expected: Some(expected), ..bond(&phone, line)? };
        let (session, frame) = Session::call_bound(phone.author(), nonce()?, bond);
        Ok((Self::new(phone, session), frame))
    }

    /// Answers whoever has read this phone's code.
    pub(super) fn answer(phone: Phone, line: [u8; 32]) -> Result<Self, ClientError> {
        let session = Session::answer_bound(phone.author(), nonce()?, bond(&phone, line)?);
        Ok(Self::new(phone, session))
    }

    fn new(phone: Phone, session: Session) -> Self {
        Self { phone, session, shown: Shown::default(), sent: 0, received: 0, lost: false }
    }

    fn library(&self) -> Neighbour<'_, SqliteStore> {
        library(&self.phone, &self.shown)
    }

    /// The other phone and its officer, once it has proven who it is.
    pub(super) fn peer(&self) -> Option<(AuthorId, String)> {
        let officer = self.shown.certificate().map(|certificate| certificate.officer.clone());
        Some((self.session.peer()?, officer.unwrap_or_default()))
    }

    /// Whether everything that was known on both sides has been exchanged.
    pub(super) fn is_settled(&self) -> bool {
        self.session.is_settled()
    }

    /// Takes a frame in; everything learned from it is durable when this returns the frames to send.
    pub(super) fn receive(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, (ClientError, Vec<Vec<u8>>)> {
        let library = library(&self.phone, &self.shown);
        let outputs = self.session.receive(frame, &library, &*self.phone.signer);
        let outputs = outputs.and_then(|outputs| {
            self.look_ahead()?;
            Ok(outputs)
        });
        let frames = outputs.and_then(|outputs| self.carry_out(outputs));
        if self.lost {
            return Err((wiped(&mut self.phone), vec![Session::farewell(&ProtocolError::Revoked.into())]));
        }
        frames.map_err(|error| {
            // Who is in other hands hears it from the office's own word.
            let word = self.session.last_word(&self.library()).ok().flatten();
            let farewell = word.into_iter().chain([Session::farewell(&error)]).collect();
            (sentence(error), farewell)
        })
    }

    /// Where the other phone has more of what this one is writing, this one was put back to an old copy.
    fn look_ahead(&mut self) -> Result<(), ReplicaError> {
        let (ahead, me) = (self.session.take_ahead(), self.phone.author());
        if ahead.is_empty() {
            return Ok(());
        }
        self.phone.replica.transaction(|replica| replica.notice_ahead(&me, &ahead))
    }

    fn carry_out(&mut self, outputs: Vec<Output>) -> Result<Vec<Vec<u8>>, SessionError> {
        let mut frames = Vec::new();
        let mut todo: VecDeque<Output> = outputs.into();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => {
                    self.sent += entries_of(&frame);
                    frames.push(frame);
                }
                Output::Learn { batch, runs } => {
                    let learned = self.phone.replica.transaction(|replica| replica.learn(&runs))?;
                    self.received += learned.entries as u64;
                    let library = library(&self.phone, &self.shown);
                    todo.extend(self.session.taken(batch, &learned.refused, &library)?);
                }
                Output::Receipt(receipt) => {
                    self.phone.replica.transaction(|replica| replica.learn_receipt(&receipt))?;
                }
                Output::Revoked(run) => {
                    self.lost |= self.phone.replica.is_lost(&run, &self.phone.author())?;
                }
                Output::Taken { .. } | Output::PeerDone => {}
            }
        }
        Ok(frames)
    }

    fn common(&self) -> Result<BTreeSet<Partition>, ReplicaError> {
        match self.session.peer() {
            Some(peer) => self.library().scope(&peer),
            None => Ok(BTreeSet::new()),
        }
    }

    /// Once all entries are exchanged: takes note that the other phone has this one's, and lets go of what the office
    /// no longer needs here, as the newest receipt says that came along.
    pub(super) fn settle(&mut self) -> Result<(), ClientError> {
        let (common, me) = (self.common()?, self.phone.author());
        self.phone.replica.transaction(|replica| {
            common.iter().try_for_each(|partition| replica.note_carried(partition, &me))
        })?;
        self.phone.let_go()?;
        Ok(())
    }

    /// Scans that are named in what both phones hold and that neither this phone nor the office has; the smallest
    /// first.
    pub(super) fn lacking(&self) -> Result<Vec<Scan>, ClientError> {
        let mut lacking: BTreeMap<AttachmentHash, u64> = BTreeMap::new();
        for partition in self.common()? {
            self.phone.replica.for_each_attachment(&partition, |hash, row| {
                if row.named && !row.here && !row.at_office {
                    lacking.insert(hash, row.bytes);
                }
            })?;
        }
        let mut scans = Vec::new();
        for (hash, bytes) in lacking {
            scans.push(Scan { hash, bytes, offset: self.phone.files.offset(&hash)?.into() });
        }
        scans.sort_by_key(|scan| (scan.bytes, scan.hash));
        scans.truncate(MAX_SCANS);
        Ok(scans)
    }

    /// Of the scans that the other phone lacks, those that it may have and this phone holds.
    pub(super) fn given(&self, asked: Vec<Scan>) -> Result<Vec<Scan>, ClientError> {
        let common = self.common()?;
        let mut given = Vec::new();
        for scan in asked {
            for partition in &common {
                let row = self.phone.replica.attachment(partition, &scan.hash)?;
                if row.is_some_and(|row| row.here && row.bytes == scan.bytes) {
                    given.push(scan);
                    break;
                }
            }
        }
        Ok(given)
    }

    /// A scan has come, all of it.
    pub(super) fn arrived(&mut self, hash: &AttachmentHash) -> Result<(), ClientError> {
        let common = self.common()?;
        self.phone.replica.transaction(|replica| {
            common.iter().try_for_each(|partition| note_here(replica, partition, hash, true, false))
        })?;
        Ok(())
    }
}

fn library<'a>(phone: &'a Phone, shown: &'a Shown) -> Neighbour<'a, SqliteStore> {
    Neighbour { replica: &phone.replica, me: phone.author(), now: phone.now(), shown }
}

fn nonce() -> Result<[u8; 16], ClientError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)
        .map_err(|_| ClientError::refused("perangkat tidak dapat membuat bilangan acak: mulai ulang"))?;
    Ok(nonce)
}

fn bond(phone: &Phone, line: [u8; 32]) -> Result<Bond, ClientError> {
    let certificate = phone.replica.certificate_run(&phone.author())?;
    if certificate.is_none() {
        return Err(ClientError::refused(
            "perangkat ini belum menerima sertifikatnya: sinkronkan sekali dengan Dinas sebelum bertemu HP lain",
        ));
    }
    Ok(Bond { line: Some(line), certificate, expected: None })
}

/// Entries that a frame carries. Our own frames are well formed.
fn entries_of(frame: &[u8]) -> u64 {
    match Message::from_bytes(frame) {
        Ok(Message::Batch(batch)) => {
            batch.unpack().unwrap_or_default().iter().map(|run| run.entries.len() as u64).sum()
        }
        _ => 0,
    }
}

/// What failed, for people. What the other phone found wrong with this one is said as such.
fn sentence(error: SessionError) -> ClientError {
    let refused = |why: &str| ClientError::refused(format!("HP lain menolak bertemu: {why}"));
    match error {
        SessionError::Replica(error) => error.into(),
        SessionError::Protocol(ProtocolError::Ended(code)) => match code {
            2 => ClientError::Outdated,
            7 => refused("sertifikat HP ini tidak dikenalnya, sinkronkan dahulu dengan Dinas"),
            8 => refused("izin HP ini sudah dicabut, hubungi Dinas"),
            9 => refused("masa izin HP ini sudah habis, daftarkan ulang ke Dinas"),
            10 => refused("HP ini bertugas di wilayah lain"),
            code => ClientError::Network(format!("HP lain mengakhiri pertemuan (kode {code}): ulangi")),
        },
        SessionError::Protocol(ProtocolError::Version) => ClientError::Outdated,
        SessionError::Protocol(error) => ClientError::refused(error.to_string()),
    }
}
