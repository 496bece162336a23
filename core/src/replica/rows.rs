//! Rows: what a replica derives from its entries, as it stands in the store. Each can be made again.

use minicbor::{Decode, Encode};

use super::ReplicaError;
use crate::journal::body::{CAUSE_LOST, Certificate};
use crate::journal::run::Head;
use crate::journal::{ChangeHash, EntryHash, Journal, JournalId, Partition, Remains};

/// Encodes a row.
pub fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    crate::journal::encode(row)
}

/// Reads a row.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, ReplicaError> {
    minicbor::decode(bytes).map_err(|_| ReplicaError::Damaged("baris"))
}

/// A line of a journal and its head (`Table::Journal`).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct JournalRow {
    /// The journal.
    #[n(0)]
    pub journal: Journal,
    /// Its head here; number 0 where the journal is forked at its beginning.
    #[n(1)]
    pub head: Head,
    /// The line that it leaves, and the last number before it; none for the journal's own line.
    #[n(2)]
    pub fork: Option<(JournalId, u64)>,
    /// Whether other lines leave it at its head.
    #[n(3)]
    pub forked: bool,
}

impl JournalRow {
    /// A journal's own line before its first entry.
    pub fn new(journal: Journal) -> Self {
        Self { journal, head: Head::EMPTY, fork: None, forked: false }
    }
}

/// A device in a partition (`Table::Certificate`).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct CertificateRow {
    /// The newest certificate.
    #[n(0)]
    pub certificate: Certificate,
    /// Where it was revoked: the last entries that count, each with its journal.
    #[n(1)]
    pub revoked: Option<Vec<(JournalId, Head)>>,
    /// Why it was revoked.
    #[n(2)]
    #[cbor(default)]
    pub cause: String,
    /// The office's entry that gave it.
    #[n(3)]
    pub entry: Option<EntryHash>,
    /// The office's entry that ended it, with the cause that is kept.
    #[n(4)]
    pub ended_by: Option<EntryHash>,
}

impl CertificateRow {
    /// Whether it has ended, and its device may bring what it has all the same: work in good faith, for a supervisor to
    /// look at. Not that of a device in other hands.
    pub fn may_bring(&self) -> bool {
        self.revoked.is_some() && self.cause != CAUSE_LOST
    }
}

/// A document (`Table::Document`): a cache of what the entries give. A document of one edit has none, see
/// [`ApplicationRow::sole`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct DocumentRow {
    /// Positions of the edits that are in it.
    #[n(0)]
    pub applied: Vec<u64>,
    /// The saved document under zstd; none while no edit is in it.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub saved: Option<Vec<u8>>,
}

impl DocumentRow {
    /// What is known of a document that is the one edit at this position.
    pub fn of_one(position: u64) -> Self {
        Self { applied: vec![position], saved: None }
    }
}

/// An application in lists (`Table::Application`).
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(array)]
pub struct ApplicationRow {
    /// Registration number.
    #[n(0)]
    pub number: String,
    /// Service.
    #[n(1)]
    pub service: String,
    /// Version of the service's file.
    #[n(2)]
    pub version: String,
    /// Variant, or nothing.
    #[n(3)]
    pub variant: Option<String>,
    /// Hash of the service's file.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub catalogue: [u8; 32],
    /// Where it was filed.
    #[n(5)]
    pub place: Option<Partition>,
    /// Official state.
    #[n(6)]
    pub state: String,
    /// Revision that is frozen; 0 before the first submission.
    #[n(7)]
    pub revision: u32,
    /// Decisions so far.
    #[n(8)]
    pub decisions: u32,
    /// The last entry of each journal about it.
    #[n(9)]
    pub tips: Vec<(JournalId, u64)>,
    /// Requests that are not answered.
    #[n(10)]
    pub open_requests: u32,
    /// Edits that wait for a parent.
    #[n(11)]
    pub waiting: u32,
    /// Edits that are held.
    #[n(12)]
    pub held: u32,
    /// Key under which its person is indexed.
    #[n(13)]
    #[cbor(with = "minicbor::bytes")]
    pub person: Option<[u8; 32]>,
    /// Key of its row in the desks' queues.
    #[n(14)]
    #[cbor(with = "minicbor::bytes")]
    pub queue: Option<Vec<u8>>,
    /// Office time of the last decision, or the claimed time of the first edit.
    #[n(15)]
    pub since: i64,
    /// Heads of the document.
    #[n(16)]
    pub heads: Vec<ChangeHash>,
    /// Whether everything about it has ended.
    #[n(17)]
    pub fin: bool,
    /// Whether only its remains are here.
    #[n(18)]
    #[cbor(default)]
    pub gone: bool,
    /// Position of the only edit that counts, where no more is to be known of its document: it has no row then.
    #[n(19)]
    pub sole: Option<u64>,
    /// Whose it is, for lists and searches: a person's name. While names contradict each other, one of them.
    #[n(20)]
    #[cbor(default)]
    pub name: Option<String>,
    /// Words under which the office finds it, separated by blanks.
    #[n(21)]
    #[cbor(default)]
    pub words: Option<String>,
}

/// An application that the office has let go (`Table::Gone`).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct GoneRow {
    /// Whether it is destroyed everywhere; otherwise phones alone let it go.
    #[n(0)]
    pub destroyed: bool,
    /// What stays of it.
    #[n(1)]
    pub remains: Remains,
}

/// Work of one author on an application that came after its end was decided, and that nobody reads any more
/// (`Table::Notice`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
pub struct LateRow {
    /// Edits.
    #[n(0)]
    pub edits: u32,
    /// Requests.
    #[n(1)]
    pub requests: u32,
}

/// An attachment that entries of a partition name (`Table::Attachment`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
pub struct AttachmentRow {
    /// Size in bytes.
    #[n(0)]
    pub bytes: u64,
    /// Whether this replica has all of it.
    #[n(1)]
    pub here: bool,
    /// Whether the office has said that it has all of it.
    #[n(2)]
    pub at_office: bool,
    /// Whether an edit that counts names it.
    #[n(3)]
    pub named: bool,
    /// The first edit that named it, and its application. Most scans are named once; further ones stand
    /// in `Table::Naming`.
    #[n(4)]
    pub by: Option<(EntryHash, EntryHash)>,
}

/// A number or an id without separators, in capital letters.
pub fn plain_name(number_or_id: &str) -> String {
    let name: String = number_or_id.chars().filter(char::is_ascii_alphanumeric).take(80).collect();
    name.to_ascii_uppercase()
}

/// Key by which people name applications: a number without separators; what follows it is an id.
pub fn name_key(number: &str) -> Vec<u8> {
    let mut key = plain_name(number).into_bytes();
    key.push(0);
    key
}

/// Key of the row by which an application is found under a name.
pub fn named_key(number: &str, id: &EntryHash) -> Vec<u8> {
    [&name_key(number)[..], id.as_bytes()].concat()
}

/// Key of a journal and number: big-endian, so that rows come in order.
pub fn seq_key(journal: &JournalId, seq: u64) -> Vec<u8> {
    [&journal.0[..], &seq.to_be_bytes()].concat()
}

/// Reads [`seq_key`].
pub fn parse_seq_key(key: &[u8]) -> Result<(JournalId, u64), ReplicaError> {
    let damaged = ReplicaError::Damaged("nomor");
    let (journal, seq) = key.split_at_checked(32).ok_or(ReplicaError::Damaged("nomor"))?;
    let journal = JournalId::try_from(journal).map_err(|_| ReplicaError::Damaged("nomor"))?;
    Ok((journal, u64::from_be_bytes(seq.try_into().map_err(|_| damaged)?)))
}

/// Key under which a person's applications for a service are found. Not reversible without the store.
pub fn person_key(nik: &str, service: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("loket 1 person");
    hasher.update(nik.as_bytes());
    hasher.update(&[0]);
    hasher.update(service.as_bytes());
    *hasher.finalize().as_bytes()
}
