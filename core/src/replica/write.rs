//! Writing: an author's own entries, from the officer's keystrokes to the sealed journal.

use std::collections::BTreeMap;

use super::case::Case;
use super::learn::Learned;
use super::rows::JournalRow;
use super::rules::{self, MAX_EDIT_BYTES, MAX_EDITS};
use super::{Replica, ReplicaError};
use crate::application::Document;
use crate::catalogue::{Privacy, ServiceFile};
use crate::identity::Signer;
use crate::journal::body::{Body, Edit, NONCE, Op, Request, Value, frozen_digest};
use crate::journal::run::{Head, signed_bytes};
use crate::journal::{
    AttachmentHash, AuthorId, ChangeHash, Content, EntryHash, HEADER_VERSION, Header, Journal, JournalId,
    Partition, Place, StoredEntry, actor, body_hash,
};
use crate::number::Number;
use crate::store::{Query, Store, Table};
use crate::time::today;

/// Entries after which a journal is signed at the latest, so that runs can be cut.
const SIGN_EVERY: u64 = 64;
/// The row that holds the epoch of a store's own journals.
pub const EPOCH: &str = "epoch";
/// Bytes of bodies after which a journal is signed at the latest.
const SIGN_EVERY_BYTES: usize = 64 << 10;

/// A source of random bytes: the platform's, or a simulator's seeded one.
pub type Dice<'a> = dyn FnMut(&mut [u8]) + 'a;

/// Who writes: a key and the epoch of its journals in this store.
pub struct Author<'a> {
    /// The key.
    pub signer: &'a dyn Signer,
    /// The epoch.
    pub epoch: [u8; 8],
}

impl Author<'_> {
    /// The journal of this author in a partition.
    pub fn journal(&self, partition: Partition) -> Journal {
        Journal { author: self.signer.author(), partition, epoch: self.epoch }
    }
}

/// What a new application is.
pub struct Opening<'a> {
    /// The service's file.
    pub file: &'a ServiceFile,
    /// The variant.
    pub variant: Option<&'a str>,
    /// Where it is filed.
    pub place: Partition,
    /// The registration number.
    pub number: &'a str,
    /// The application it follows from.
    pub from: Option<&'a str>,
}

impl<S: Store> Replica<S> {
    /// The epoch of this store's own journals; drawn once, and again after the store was found to be restored from
    /// an old copy.
    pub fn epoch(&mut self, dice: &mut Dice<'_>) -> Result<[u8; 8], ReplicaError> {
        if let Some(epoch) = self.meta(EPOCH)?.and_then(|bytes| bytes.try_into().ok()) {
            return Ok(epoch);
        }
        self.begin_epoch(&[], dice)
    }

    /// Begins a new epoch of this store's own journals: random, behind a beginning of at most eight bytes.
    pub fn begin_epoch(&mut self, beginning: &[u8], dice: &mut Dice<'_>) -> Result<[u8; 8], ReplicaError> {
        let mut epoch = [0; 8];
        dice(&mut epoch);
        epoch.iter_mut().zip(beginning).for_each(|(byte, first)| *byte = *first);
        self.set_meta(EPOCH, Some(&epoch))?;
        Ok(epoch)
    }

    /// Appends an own entry under random bytes; it is chained now and signed by [`Replica::seal`]. The caller holds
    /// a transaction and materialises the application.
    pub fn append(
        &mut self,
        author: &Author<'_>,
        partition: Partition,
        application: Option<EntryHash>,
        body: &Body,
        nonce: [u8; NONCE],
    ) -> Result<StoredEntry, ReplicaError> {
        let journal = author.journal(partition);
        let id = journal.id();
        let head = self.head(&partition, &id)?;
        let bytes = body.to_bytes(nonce);
        let header = Header {
            version: HEADER_VERSION,
            journal: id,
            seq: head.seq + 1,
            prev: (head.seq > 0).then_some(head.hash),
            body_hash: body_hash(&bytes),
            application,
            extension: None,
        };
        let entry = StoredEntry::new(header, Content::Present(bytes));
        self.keep(&partition, &entry)?;
        let head = Head { seq: head.seq + 1, hash: entry.hash };
        self.put_line(&id, &JournalRow { head, ..JournalRow::new(journal) })?;
        let office = self.office_epoch_of(&journal);
        if let Some(epoch) = office {
            self.meet_epoch(&partition, epoch)?;
        }
        let mut learned = Learned::default();
        self.follow(&partition, &entry, office, &mut learned)?;
        if learned.files {
            self.read_office_files()?;
        }
        Ok(entry)
    }

    /// Signs an own journal: at its head, and before that wherever a run would otherwise grow too long to be cut.
    pub fn seal(&mut self, author: &Author<'_>, partition: Partition) -> Result<(), ReplicaError> {
        let id = author.journal(partition).id();
        let mut after = self.last_signed(&partition, &id)?;
        let (mut count, mut bytes) = (0, 0);
        loop {
            let entries = self.store.entries(&partition, Query::Journal(&id, after), 256)?;
            let Some((_, last)) = entries.last() else { return Ok(()) };
            let end = self.head(&partition, &id)?.seq;
            after = last.header.seq;
            for (_, entry) in entries {
                let seq = entry.header.seq;
                count += 1;
                bytes += match &entry.content {
                    Content::Present(body) => body.len(),
                    Content::Destroyed => 0,
                };
                if count >= SIGN_EVERY || bytes >= SIGN_EVERY_BYTES || seq == end {
                    (count, bytes) = (0, 0);
                    let signature =
                        author.signer.sign(&signed_bytes(&id, &Head { seq, hash: entry.hash }))?;
                    self.put_signature(&partition, &id, seq, &signature)?;
                    self.set_last_signed(&partition, &id, seq)?;
                }
            }
        }
    }

    fn last_signed(&self, partition: &Partition, id: &JournalId) -> Result<u64, ReplicaError> {
        let row = self.store.get(partition, Table::Meta, &signed_key(id))?;
        Ok(row.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?))).unwrap_or(0))
    }

    fn set_last_signed(
        &mut self,
        partition: &Partition,
        id: &JournalId,
        seq: u64,
    ) -> Result<(), ReplicaError> {
        Ok(self.store.put(partition, Table::Meta, &signed_key(id), Some(&seq.to_be_bytes()))?)
    }

    /// Opens an application with its first fields, in its own partition where the service is need-to-know.
    pub fn open_application(
        &mut self,
        author: &Author<'_>,
        opening: &Opening<'_>,
        fields: Vec<Op>,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        self.open_for(author, opening, fields, None, now, dice)
    }

    /// As [`Replica::open_application`], on behalf of a member of staff where the office does it.
    pub fn open_for(
        &mut self,
        author: &Author<'_>,
        opening: &Opening<'_>,
        fields: Vec<Op>,
        staff: Option<u32>,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        let service = &opening.file.service;
        let partition = match service.privacy {
            Privacy::PerluTahu => {
                let mut id = [0; 16];
                dice(&mut id);
                Partition::NeedToKnow(id)
            }
            Privacy::Biasa | Privacy::Anak => opening.place,
        };
        let catalogue = data_encoding::HEXLOWER.encode(&opening.file.hash);
        let mut ops = vec![
            text("_layanan", &service.service),
            text("_versi", &service.version),
            text("_katalog", &catalogue),
            text("_nomor", opening.number),
            text("_wilayah", &opening.place.to_string()),
        ];
        ops.extend(opening.variant.map(|variant| text("_varian", variant)));
        ops.extend(opening.from.map(|from| text("_asal", from)));
        ops.extend(fields);
        let nonce = random(dice);
        let by = actor(&author.journal(partition).id(), &nonce);
        let mut document = Document::default();
        let change = document.replay(&[], &by, now, &ops, None).map_err(sentence)?;
        let edit = Edit { parents: Vec::new(), change, time: now, ops, staff };
        rules::check_edit(service, &edit, true, staff.is_some())
            .map_err(|hold| ReplicaError::refused(hold.to_string()))?;
        let entry = self.append(author, partition, None, &Body::Edit(edit), nonce)?;
        self.materialise(&partition, &entry.hash)
    }

    /// Adds operations to an application at what the screen showed: its document's heads here. Operations that
    /// change nothing are left out; nothing at all is no edit.
    pub fn edit(
        &mut self,
        author: &Author<'_>,
        case: Case,
        ops: Vec<Op>,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        self.edit_for(author, case, ops, None, now, dice)
    }

    /// As [`Replica::edit`], on behalf of a member of staff where the office does it.
    pub fn edit_for(
        &mut self,
        author: &Author<'_>,
        case: Case,
        ops: Vec<Op>,
        staff: Option<u32>,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        let ops = effective(&case, ops);
        let heads = case.document.heads();
        self.edit_at(author, case, &heads, ops, staff, now, dice)
    }

    /// The next registration number of an author for a place and year. The caller holds the transaction in which it is
    /// used, so two processes never take the same one.
    pub fn next_number(&mut self, place: Place, me: &AuthorId, now: i64) -> Result<String, ReplicaError> {
        let year = today(now).year();
        let name = format!("nomor/{}/{year}", place.digits());
        let last = self.meta(&name)?.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
        let mut counter = last.unwrap_or(0);
        // The highest 20 bits of the author's name are the device's code.
        let device = me.0.first_chunk::<4>().map_or(0, |first| u32::from_be_bytes(*first) >> 12);
        loop {
            counter += 1;
            let number = Number::new(place, year, device, counter)
                .map_err(|error| ReplicaError::refused(error.to_string()))?
                .to_string();
            // Another device with the same code may have given it, and this one may be a restored copy.
            if self.find(&number)?.is_none() {
                self.set_meta(&name, Some(&counter.to_be_bytes()))?;
                return Ok(number);
            }
        }
    }

    /// Adds operations at these heads, on behalf of a member of staff where the office does it.
    #[expect(
        clippy::too_many_arguments,
        reason = "who, on what, where, what, for whom, when, with which dice"
    )]
    pub fn edit_at(
        &mut self,
        author: &Author<'_>,
        case: Case,
        heads: &[ChangeHash],
        ops: Vec<Op>,
        staff: Option<u32>,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        if ops.is_empty() {
            return Ok(case);
        }
        let Some(file) = case.service.clone() else {
            return Err(ReplicaError::refused("versi layanan ini belum ada di perangkat: sinkronkan dahulu"));
        };
        let journal = author.journal(case.partition).id();
        let seq = self.head(&case.partition, &journal)?.seq + 1;
        let me = author.signer.public_key().author();
        let mine = case.edits.iter().filter(|edit| edit.author == me);
        if mine.clone().map(|edit| edit.bytes).sum::<usize>() >= MAX_EDIT_BYTES {
            return Err(ReplicaError::refused(
                "permohonan ini sudah terlalu banyak memuat isian dari perangkat ini: buat permohonan baru",
            ));
        }
        if mine.count() >= MAX_EDITS {
            return Err(ReplicaError::refused(format!(
                "permohonan ini sudah {MAX_EDITS} kali diubah dari perangkat ini: buat permohonan baru"
            )));
        }
        let parents =
            case.parents_for(heads, &journal, seq).ok_or(ReplicaError::Damaged("induk perubahan"))?;
        let nonce = random(dice);
        let by = actor(&journal, &nonce);
        let change = case.document.clone().replay(heads, &by, now, &ops, None).map_err(sentence)?;
        let edit = Edit { parents, change, time: now, ops, staff };
        rules::check_edit(&file.service, &edit, false, me == self.office_author())
            .map_err(|hold| ReplicaError::refused(hold.to_string()))?;
        self.append(author, case.partition, Some(case.id), &Body::Edit(edit), nonce)?;
        self.materialise(&case.partition, &case.id)
    }

    /// Asks for an act. A submission freezes the document's heads and attachments as they are here.
    pub fn request(
        &mut self,
        author: &Author<'_>,
        case: &Case,
        wish: Asked,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        let journal = author.journal(case.partition).id();
        let seq = self.head(&case.partition, &journal)?.seq + 1;
        let (parents, frozen) = if wish.freezes {
            let heads = case.document.heads();
            let parents =
                case.parents_for(&heads, &journal, seq).ok_or(ReplicaError::Damaged("induk perubahan"))?;
            (parents, Some(frozen_digest(&heads, &attachments(&case.document.registers()))))
        } else {
            (Vec::new(), None)
        };
        let Asked { act, reason, params, .. } = wish;
        let body = Body::Request(Request { act, parents, frozen, time: now, reason, params });
        self.append(author, case.partition, Some(case.id), &body, random(dice))?;
        self.materialise(&case.partition, &case.id)
    }
}

/// An officer's wish.
pub struct Asked {
    /// The act.
    pub act: String,
    /// Whether it freezes the document: a submission.
    pub freezes: bool,
    /// Why.
    pub reason: Option<String>,
    /// What the act has to be told.
    pub params: Vec<(String, String)>,
}

/// Random bytes for a body.
pub fn random(dice: &mut Dice<'_>) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    dice(&mut nonce);
    nonce
}

/// An operation that puts text.
pub fn text(register: &str, value: &str) -> Op {
    Op { register: register.to_owned(), value: Value::Text(value.to_owned()) }
}

/// The attachments that registers name, sorted and once each.
pub fn attachments(registers: &BTreeMap<String, String>) -> Vec<AttachmentHash> {
    let named = registers.iter().filter(|(name, _)| name.starts_with("lampiran/"));
    let mut hashes: Vec<_> =
        named.filter_map(|(_, value)| Value::parse_attachment(value)).map(|(hash, _)| hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Leaves out operations that would change nothing: the register already shows the value and nothing competes.
fn effective(case: &Case, ops: Vec<Op>) -> Vec<Op> {
    let registers = case.document.registers();
    let conflicts = case.document.conflicts();
    ops.into_iter()
        .filter(|op| {
            registers.get(&op.register) != op.value.text().as_ref()
                || conflicts.iter().any(|conflict| conflict.register == op.register)
        })
        .collect()
}

fn sentence(error: crate::application::ReplayError) -> ReplicaError {
    ReplicaError::refused(error.to_string())
}

fn signed_key(id: &JournalId) -> Vec<u8> {
    [&b"signed/"[..], &id.0].concat()
}
