//! What an entry says: a device's edits and requests, the office's decisions and everything else it publishes.
//!
//! A body is 16 random bytes followed by one CBOR value. Structures are arrays, so a later version may append
//! fields which an older reader skips; a kind that a reader does not know is kept and does not count.

use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode, Encoder};

use super::run::Head;
use super::{AttachmentHash, AuthorId, ChangeHash, EntryHash, JournalId, Partition, Remains, encode};
use crate::catalogue::Role;
use crate::identity::{PublicKey, SealKey};
use crate::workflow::Decision;

/// Random bytes before a body.
pub const NONCE: usize = 16;
/// Operations of one edit.
pub const MAX_OPS: usize = 256;
/// Parents of one entry.
pub const MAX_PARENTS: usize = 64;
/// Length of a register's name, in bytes.
pub const MAX_REGISTER: usize = 120;
/// Length of a register's value, in bytes.
pub const MAX_TEXT: usize = 8 << 10;

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Body {
    /// Field operations on an application.
    #[n(0)]
    Edit(#[n(0)] Edit),
    /// An officer's wish for an official act, or a reported fact.
    #[n(1)]
    Request(#[n(0)] Request),
    /// The office's answer, and every other official event.
    #[n(2)]
    Decision(#[n(0)] Decision),
    /// A device may write in this partition.
    #[n(3)]
    Certificate(#[n(0)] Certificate),
    /// From here on it may not.
    #[n(4)]
    Revocation(#[n(0)] Revocation),
    /// Held entries that count after all.
    #[n(5)]
    Adopt(#[n(0)] Adopt),
    /// Attachments that the office holds in full.
    #[n(6)]
    HeldAttachments(#[n(0)] HeldAttachments),
    /// Applications whose bodies were destroyed.
    #[n(7)]
    Destroyed(#[n(0)] Destroyed),
    /// A file of the office: a service, the regions, the holidays.
    #[n(8)]
    OfficeFile(#[n(0)] OfficeFile),
    /// The office's next key.
    #[n(9)]
    OfficeKey(#[n(0)] OfficeKey),
    /// Applications that have ended and that phones let go.
    #[n(10)]
    Retired(#[n(0)] Retired),
}

/// A list of field operations on one application, made at the state that the screen showed.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Edit {
    /// The edits it builds on; none for an application's first.
    #[n(0)]
    pub parents: Vec<Parent>,
    /// The change hash at which a replay has to arrive.
    #[n(1)]
    pub change: ChangeHash,
    /// The device's clock, seconds since 1970: a claim.
    #[n(2)]
    pub time: i64,
    /// The operations.
    #[n(3)]
    pub ops: Vec<Op>,
    /// For an edit of the office: the member of staff on whose behalf it was made.
    #[n(4)]
    pub staff: Option<u32>,
}

/// An entry of the same application, named as shortly as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The application's first entry.
    First,
    /// The entry so many sequence numbers back in the same journal.
    Back(u64),
    /// The entry of this hash.
    Entry(EntryHash),
}

impl<C> Encode<C> for Parent {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Parent::First => e.u64(0)?.ok(),
            Parent::Back(distance) => e.u64(*distance)?.ok(),
            Parent::Entry(hash) => e.bytes(&hash.0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Parent {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? == Type::Bytes {
            let hash = EntryHash::try_from(d.bytes()?);
            return hash.map(Parent::Entry).map_err(|_| minicbor::decode::Error::message("no hash"));
        }
        Ok(match d.u64()? {
            0 => Parent::First,
            distance => Parent::Back(distance),
        })
    }
}

/// One operation: puts a register or clears it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Op {
    /// The register's name.
    #[n(0)]
    pub register: String,
    /// What it holds from now on.
    #[n(1)]
    pub value: Value,
}

/// What a register can hold. In the document each is text; attachments travel as bytes, since hexadecimal does
/// not compress back to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: the register is cleared.
    Clear,
    /// Text.
    Text(String),
    /// An attachment and its size in bytes.
    Attachment(AttachmentHash, u64),
}

impl Value {
    /// The text that the document holds; none for [`Value::Clear`].
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Clear => None,
            Value::Text(text) => Some(text.clone()),
            Value::Attachment(hash, bytes) => Some(format!("{hash} {bytes}")),
        }
    }

    /// Reads an attachment's text.
    pub fn parse_attachment(text: &str) -> Option<(AttachmentHash, u64)> {
        let (hash, bytes) = text.split_once(' ')?;
        Some((AttachmentHash::from_hex(hash)?, bytes.parse().ok()?))
    }
}

impl<C> Encode<C> for Value {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Value::Clear => e.null()?.ok(),
            Value::Text(text) => e.str(text)?.ok(),
            Value::Attachment(hash, bytes) => e.array(2)?.bytes(&hash.0)?.u64(*bytes)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Value {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let wrong = || minicbor::decode::Error::message("no register's value");
        match d.datatype()? {
            Type::Null => {
                d.null()?;
                Ok(Value::Clear)
            }
            Type::String => Ok(Value::Text(d.str()?.to_owned())),
            Type::Array => {
                if d.array()? != Some(2) {
                    return Err(wrong());
                }
                let hash = AttachmentHash::try_from(d.bytes()?).map_err(|_| wrong())?;
                Ok(Value::Attachment(hash, d.u64()?))
            }
            _ => Err(wrong()),
        }
    }
}

/// An officer's wish for an official act, or a reported fact.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Request {
    /// The act.
    #[n(0)]
    pub act: String,
    /// For a submission: the edits at its frozen heads.
    #[n(1)]
    pub parents: Vec<Parent>,
    /// For a submission: [`frozen_digest`] of the heads and attachments.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub frozen: Option<[u8; 32]>,
    /// The device's clock, seconds since 1970: a claim.
    #[n(3)]
    pub time: i64,
    /// Why.
    #[n(4)]
    pub reason: Option<String>,
    /// What the act has to be told.
    #[n(5)]
    pub params: Vec<(String, String)>,
}

/// Commits to the heads and the attachments of a frozen version, whatever their order.
pub fn frozen_digest(heads: &[ChangeHash], attachments: &[AttachmentHash]) -> [u8; 32] {
    let mut heads: Vec<_> = heads.iter().map(|h| h.0).collect();
    let mut attachments: Vec<_> = attachments.iter().map(|a| a.0).collect();
    heads.sort_unstable();
    attachments.sort_unstable();
    attachments.dedup();
    let mut hasher = blake3::Hasher::new_derive_key("loket 1 frozen");
    hasher.update(&(heads.len() as u64).to_be_bytes());
    heads.iter().chain(&attachments).for_each(|hash| {
        hasher.update(hash);
    });
    *hasher.finalize().as_bytes()
}

/// A device may write in the partition in which this stands.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Certificate {
    /// The device's key.
    #[n(0)]
    pub key: PublicKey,
    /// What its officer may do.
    #[n(1)]
    pub role: Role,
    /// All partitions of the device; the first is where new applications are filed unless told otherwise.
    #[n(2)]
    pub partitions: Vec<Partition>,
    /// Seconds since 1970 from which an entry of the office may end it.
    #[n(3)]
    pub not_after: i64,
    /// The officer, as conflicts and time lines show it.
    #[n(4)]
    pub officer: String,
    /// What bundles are sealed to the device with.
    #[n(5)]
    pub seal: Option<SealKey>,
}

/// The cause of an end whose device is in other hands: nothing more of it is taken.
pub const CAUSE_LOST: &str = "hilang";

/// Ends a certificate: of this author's entries only these count, and those before them in their journals.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Revocation {
    /// The device.
    #[n(0)]
    pub author: AuthorId,
    /// Last entries that count, each with its journal; of a journal that is not named, none.
    #[n(1)]
    pub last: Vec<(JournalId, Head)>,
    /// Why: `dicabut`, `pindah`, `kedaluwarsa`, `hilang`. Where several words give several, `hilang` is kept, or the
    /// first of the others by their bytes.
    #[n(2)]
    pub cause: String,
}

/// Held entries that count after all, with their ancestors.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Adopt {
    /// The entries.
    #[n(0)]
    pub entries: Vec<EntryHash>,
    /// The supervisor.
    #[n(1)]
    pub staff: u32,
    /// Why.
    #[n(2)]
    pub reason: String,
}

/// Attachments that the office holds in full: every one that these edits name. An entry and how many a span has:
/// that entry, and those before it in its journal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HeldAttachments {
    /// The last entry, and how many.
    #[n(0)]
    pub spans: Vec<(EntryHash, u64)>,
}

/// Applications whose bodies and attachments were destroyed as the law asks: nobody keeps them any more.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Destroyed {
    /// What stays of them.
    #[n(0)]
    pub applications: Vec<Remains>,
}

/// Applications that have ended, and that the office holds in a verified backup too: phones let their bodies and
/// attachments go, the office keeps them until it destroys them.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Retired {
    /// What phones keep of them.
    #[n(0)]
    pub applications: Vec<Remains>,
}

/// A file of the office.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct OfficeFile {
    /// What it is: `layanan` (a service), `wilayah` (regions), `hari_libur` (holidays of a year), `jam_kerja`
    /// (working hours).
    #[n(0)]
    pub kind: String,
    /// Its name, e.g. the service's id.
    #[n(1)]
    pub name: String,
    /// Its bytes under zstd.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub zstd: Vec<u8>,
}

/// The office's next key.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct OfficeKey {
    /// The key.
    #[n(0)]
    pub key: PublicKey,
    /// Seconds since 1970 from which it signs.
    #[n(1)]
    pub since: i64,
}

/// A body that cannot be read; its entry is kept and does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Shorter than its random bytes, or no CBOR of this shape (or of a later version's).
    #[error("isi entri tidak terbaca oleh versi ini")]
    Unreadable,
    /// More operations, parents or bytes than [`MAX_OPS`], [`MAX_PARENTS`] and the rest allow.
    #[error("isi entri melampaui batas")]
    TooLarge,
}

impl Body {
    /// The bytes of an entry with this body, after random bytes.
    pub fn to_bytes(&self, nonce: [u8; NONCE]) -> Vec<u8> {
        [&nonce[..], &encode(self)].concat()
    }

    /// Reads an entry's body.
    pub fn from_bytes(bytes: &[u8]) -> Result<Body, BodyError> {
        let value = bytes.get(NONCE..).ok_or(BodyError::Unreadable)?;
        let body: Body = minicbor::decode(value).map_err(|_| BodyError::Unreadable)?;
        if body.within_limits() { Ok(body) } else { Err(BodyError::TooLarge) }
    }

    fn within_limits(&self) -> bool {
        match self {
            Body::Edit(edit) => {
                edit.parents.len() <= MAX_PARENTS
                    && edit.ops.len() <= MAX_OPS
                    && edit.ops.iter().all(|op| {
                        op.register.len() <= MAX_REGISTER
                            && !matches!(&op.value, Value::Text(text) if text.len() > MAX_TEXT)
                    })
            }
            Body::Request(request) => {
                request.parents.len() <= MAX_PARENTS
                    && request.act.len() <= MAX_REGISTER
                    && request.params.len() <= MAX_OPS
                    && request.reason.as_ref().is_none_or(|reason| reason.len() <= MAX_TEXT)
                    && request.params.iter().all(|(k, v)| k.len() <= MAX_REGISTER && v.len() <= MAX_TEXT)
            }
            _ => true,
        }
    }
}
