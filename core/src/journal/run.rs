//! Runs of entries on their way: what of a header the receiver can compute is left out.
//!
//! A run is consecutive entries of one journal, ending where its author signed. The receiver knows the entry before
//! the first one, so sequence numbers, previous hashes and body hashes need not travel; it computes them, and the
//! one signature at the end vouches for all. Where a journal is forked, the run names the entry that it goes on
//! from.

use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode, Encoder};

use super::{
    Content, EntryHash, Extension, HEADER_VERSION, Header, Journal, JournalId, MAX_BODY, MAX_EXTENSION,
    StoredEntry, body_hash,
};
use crate::identity::{PublicKey, Signature};

/// Entries of one run.
pub const MAX_RUN: usize = 1024;

/// Consecutive entries of one journal, signed at their end.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Run {
    /// The journal.
    #[n(0)]
    pub journal: Journal,
    /// Sequence number of the first entry.
    #[n(1)]
    pub first: u64,
    /// The entries.
    #[n(2)]
    #[cbor(decode_with = "read_entries")]
    pub entries: Vec<WireEntry>,
    /// The author's signature at the last entry; vouches for all before it.
    #[n(3)]
    pub signature: Signature,
    /// The entry before the first one, where the journal is forked and the number would not tell; otherwise it is
    /// the one of the number before on the journal's own line.
    #[n(4)]
    pub after: Option<EntryHash>,
}

/// Reads entries, [`MAX_RUN`] at most: an empty one takes two bytes, and much more in memory.
fn read_entries<'b, C>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Vec<WireEntry>, minicbor::decode::Error> {
    bounded(d, ctx, MAX_RUN)
}

/// Reads an array of `most` members at most; a longer one is not read any further.
fn bounded<'b, C, T: Decode<'b, C>>(
    d: &mut Decoder<'b>,
    ctx: &mut C,
    most: usize,
) -> Result<Vec<T>, minicbor::decode::Error> {
    let mut all = Vec::new();
    for one in d.array_iter_with(ctx)? {
        if all.len() >= most {
            return Err(minicbor::decode::Error::message("too many members"));
        }
        all.push(one?);
    }
    Ok(all)
}

/// An entry on its way.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct WireEntry {
    /// Its application.
    #[n(0)]
    pub application: AppRef,
    /// The body's bytes as its author encoded them; none where it was destroyed.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Option<Vec<u8>>,
    /// The body's hash, where it was destroyed.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub destroyed: Option<[u8; 32]>,
    /// Version of the header, where it is not [`HEADER_VERSION`].
    #[n(3)]
    pub version: Option<u8>,
    /// Header fields of a later version.
    #[n(4)]
    pub extension: Option<Extension>,
}

/// An entry's application, named as shortly as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppRef {
    /// None, or the entry is the application's first.
    None,
    /// The same as of the entry so many numbers back in this journal.
    Back(u64),
    /// The one named by this hash.
    Is(EntryHash),
}

impl<C> Encode<C> for AppRef {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            AppRef::None => e.u64(0)?.ok(),
            AppRef::Back(distance) => e.u64(*distance)?.ok(),
            AppRef::Is(hash) => e.bytes(&hash.0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for AppRef {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? == Type::Bytes {
            let hash = EntryHash::try_from(d.bytes()?);
            return hash.map(AppRef::Is).map_err(|_| minicbor::decode::Error::message("no hash"));
        }
        Ok(match d.u64()? {
            0 => AppRef::None,
            distance => AppRef::Back(distance),
        })
    }
}

/// The last entry of a journal: number and hash. Number 0 is the empty journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Head {
    /// Sequence number.
    #[n(0)]
    pub seq: u64,
    /// Header hash; zeros for the empty journal.
    #[n(1)]
    pub hash: EntryHash,
}

impl Head {
    /// Of a journal without entries.
    pub const EMPTY: Head = Head { seq: 0, hash: EntryHash([0; 32]) };
}

/// Why a run is refused as a whole: nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It has no entries, or more than [`MAX_RUN`], or one beyond its bounds.
    #[error("deret entri kosong atau melampaui batas")]
    Bounds,
    /// Entries between the journal's head here and the run's first are lacking.
    #[error("ada entri yang terlewat sebelum deret ini")]
    Gap,
    /// Its journal has more branches than a device restored now and then can have.
    #[error("jurnal bercabang terlalu banyak: daftarkan perangkat ini sebagai perangkat baru")]
    Fork,
    /// A reference points outside the journal.
    #[error("entri merujuk permohonan yang tidak dikenal")]
    Reference,
    /// The author's signature does not fit.
    #[error("tanda tangan perangkat tidak sah")]
    Signature,
}

/// What an author signs to vouch for a journal up to this entry.
pub fn signed_bytes(journal: &JournalId, head: &Head) -> Vec<u8> {
    [&b"loket 1 journal head"[..], &journal.0, &head.seq.to_be_bytes(), &head.hash.0].concat()
}

impl Run {
    /// About how many bytes it takes, before compression.
    pub fn size(&self) -> usize {
        self.entries.iter().map(|entry| entry.body.as_ref().map_or(32, Vec::len) + 48).sum()
    }

    /// Whether it is a run at all: some entries, not too many, and numbers that can be.
    ///
    /// # Errors
    /// [`RunError::Bounds`] where it is not.
    pub fn check_bounds(&self) -> Result<(), RunError> {
        let count = self.entries.len();
        let last = self.first.checked_add(count as u64);
        let fits = (1..=MAX_RUN).contains(&count) && self.first > 0 && last.is_some();
        if fits { Ok(()) } else { Err(RunError::Bounds) }
    }

    /// Rebuilds the entries after `base` (the entry before the first one), checks their chain and the signature.
    /// `application_of` tells the application of an earlier entry on the way to `base`.
    pub fn open(
        &self,
        base: Head,
        author: &PublicKey,
        application_of: impl Fn(u64) -> Option<EntryHash>,
    ) -> Result<Vec<StoredEntry>, RunError> {
        self.check_bounds()?;
        if self.first != base.seq + 1 {
            return Err(RunError::Gap);
        }
        let id = self.journal.id();
        let mut opened: Vec<StoredEntry> = Vec::with_capacity(self.entries.len());
        let mut at = base;
        for wire in &self.entries {
            let back = |distance: u64| {
                let seq = (at.seq + 1).checked_sub(distance)?;
                match seq.checked_sub(base.seq + 1) {
                    Some(index) => opened.get(index as usize).map(StoredEntry::application),
                    None => application_of(seq),
                }
            };
            let entry = wire.open(id, at, back)?;
            at = Head { seq: at.seq + 1, hash: entry.hash };
            opened.push(entry);
        }
        if !author.verifies(&signed_bytes(&id, &at), &self.signature) {
            return Err(RunError::Signature);
        }
        Ok(opened)
    }
}

impl WireEntry {
    fn open(
        &self,
        journal: JournalId,
        at: Head,
        back: impl Fn(u64) -> Option<EntryHash>,
    ) -> Result<StoredEntry, RunError> {
        let application = match self.application {
            AppRef::None => None,
            AppRef::Back(distance) => Some(back(distance).ok_or(RunError::Reference)?),
            AppRef::Is(hash) => Some(hash),
        };
        let (body_hash, content) = match (&self.body, self.destroyed) {
            (Some(body), _) if body.len() > MAX_BODY => return Err(RunError::Bounds),
            (Some(body), _) => (body_hash(body), Content::Present(body.clone())),
            (None, Some(hash)) => (hash, Content::Destroyed),
            (None, None) => return Err(RunError::Bounds),
        };
        if self.extension.as_ref().is_some_and(|e| e.0.len() > MAX_EXTENSION) {
            return Err(RunError::Bounds);
        }
        let header = Header {
            version: self.version.unwrap_or(HEADER_VERSION),
            journal,
            seq: at.seq + 1,
            prev: (at.seq > 0).then_some(at.hash),
            body_hash,
            application,
            extension: self.extension.clone(),
        };
        Ok(StoredEntry::new(header, content))
    }

    /// What travels of an entry. `back` is the distance to an earlier entry of the journal about the same
    /// application, if there is one.
    pub fn close(entry: &StoredEntry, back: Option<u64>) -> WireEntry {
        let application = match (entry.header.application, back) {
            (None, _) => AppRef::None,
            (Some(_), Some(distance)) => AppRef::Back(distance),
            (Some(hash), None) => AppRef::Is(hash),
        };
        let (body, destroyed) = match &entry.content {
            Content::Present(body) => (Some(body.clone()), None),
            Content::Destroyed => (None, Some(entry.header.body_hash)),
        };
        let version = (entry.header.version != HEADER_VERSION).then_some(entry.header.version);
        WireEntry { application, body, destroyed, version, extension: entry.header.extension.clone() }
    }
}
