//! Bundles: what a session would carry, as a sealed file that travels by memory card, cable or messenger.
//!
//! A bundle is sealed to one receiver's key (Noise's one-way pattern N), and nobody else learns more of it than its
//! size. It says nothing of who packed it that could be believed: entries, receipts and scans are what they prove to
//! be. Its end is marked, so one that was cut is told from one that is whole; what came before the cut is good.

use std::io::{self, Read, Write};

use minicbor::{Decode, Encode};
use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::{Builder, TransportState};
use zeroize::Zeroizing;

use crate::identity::SealKey;
use crate::journal::receipt::WireReceipt;
use crate::journal::{AttachmentHash, AuthorId, encode};
use crate::sync::message::{Batch, MAX_FRAME, MAX_PARTITIONS};

mod take;

pub use take::{Taker, take};

/// The one-way handshake: an ephemeral key to a known one.
const NOISE: &str = "Noise_N_25519_ChaChaPoly_BLAKE2s";
/// First bytes of a bundle; the last of them is the version.
const MAGIC: &[u8; 8] = b"LOKETBD\x01";
/// Bytes of an encrypted record, at most; Noise's own limit.
const MAX_RECORD: usize = 65_535;
/// What encryption adds to a record.
const TAG: usize = 16;
/// Bytes of an item in one record, behind the byte that says whether it goes on.
const PART: usize = MAX_RECORD - TAG - 1;
/// Bytes of an item, at most: a batch and what surrounds it.
const MAX_ITEM: usize = MAX_FRAME + 1024;
/// Bytes of one piece of a scan.
pub const PIECE: usize = 64 << 10;
/// Bytes of the greeting: a key and a tag.
const GREETING: usize = 32 + TAG;

/// The half that opens. Overwritten in memory when it is let go, and never shown.
#[derive(Clone)]
pub struct OpenKey(Zeroizing<[u8; 32]>);

impl OpenKey {
    /// The key of these secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What others seal with.
    pub fn seal_key(&self) -> SealKey {
        let mut public = [0; 32];
        // The library has this curve, and a key of it has these many bytes.
        if let Some(mut curve) = DefaultResolver.resolve_dh(&DHChoice::Curve25519) {
            curve.set(&self.0[..]);
            public.iter_mut().zip(curve.pubkey()).for_each(|(to, from)| *to = *from);
        }
        SealKey(public)
    }
}

impl std::fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenKey")
    }
}

/// One thing in a bundle.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Item {
    /// Who packed it, and when by its clock, in seconds since 1970: claims.
    #[n(0)]
    From(#[n(0)] AuthorId, #[n(1)] i64),
    /// Runs of entries.
    #[n(1)]
    Batch(#[n(0)] Batch),
    /// Receipts of the office.
    #[n(2)]
    Receipts(#[n(0)] Vec<WireReceipt>),
    /// A scan of so many bytes begins.
    #[n(3)]
    Scan(#[n(0)] AttachmentHash, #[n(1)] u64),
    /// The next bytes of it.
    #[n(4)]
    Piece(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// Nothing follows: so many items came before.
    #[n(5)]
    End(#[n(0)] u64),
}

/// Why a bundle was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Another file, or one of a later version.
    #[error(
        "berkas itu bukan bundel Loket, atau dari versi yang lebih baru: periksa berkasnya, atau perbarui aplikasi"
    )]
    NotABundle,
    /// Sealed to somebody else, or changed on the way.
    #[error(
        "bundel itu tidak ditujukan ke sini, atau rusak di jalan: minta dibuat ulang untuk penerima yang benar"
    )]
    NotForHere,
    /// It ends before its end.
    #[error("bundel itu terpotong: yang terbaca sudah disimpan, salin lagi berkasnya lalu ulangi")]
    Cut,
    /// It holds what no bundle may.
    #[error("isi bundel tidak dikenali: perbarui aplikasi, atau minta dibuat ulang")]
    Strange,
    /// The medium failed.
    #[error("bundel tidak dapat dibaca atau ditulis ({0}): periksa media dan ruangnya")]
    Medium(io::ErrorKind),
}

impl From<io::Error> for BundleError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            // The kind alone: the system's own words name paths.
            kind => Self::Medium(kind),
        }
    }
}

/// Packs a bundle.
pub struct Packer<W> {
    to: W,
    state: TransportState,
    items: u64,
}

impl<W: Write> Packer<W> {
    /// Begins one for the receiver of this key.
    pub fn begin(mut to: W, receiver: &SealKey, from: AuthorId, time: i64) -> Result<Self, BundleError> {
        let strange = |_| BundleError::Strange;
        let builder = builder()?.remote_public_key(&receiver.0).map_err(strange)?;
        let mut state = builder.build_initiator().map_err(strange)?;
        let mut greeting = [0; GREETING];
        let size = state.write_message(&[], &mut greeting).map_err(strange)?;
        to.write_all(MAGIC)?;
        to.write_all(greeting.get(..size).unwrap_or_default())?;
        let state = state.into_transport_mode().map_err(strange)?;
        let mut packer = Self { to, state, items: 0 };
        packer.put(&Item::From(from, time))?;
        Ok(packer)
    }

    /// Adds an item.
    pub fn put(&mut self, item: &Item) -> Result<(), BundleError> {
        let bytes = encode(item);
        if bytes.len() > MAX_ITEM {
            return Err(BundleError::Strange);
        }
        self.items += 1;
        let mut parts = bytes.chunks(PART).peekable();
        while let Some(part) = parts.next() {
            let plain = [&[u8::from(parts.peek().is_some())], part].concat();
            let mut sealed = vec![0; plain.len() + TAG];
            let size = self.state.write_message(&plain, &mut sealed).map_err(|_| BundleError::Strange)?;
            let length = u16::try_from(size).map_err(|_| BundleError::Strange)?;
            self.to.write_all(&length.to_be_bytes())?;
            self.to.write_all(sealed.get(..size).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Marks the end; what it wrote to, for the caller to make durable.
    pub fn finish(mut self) -> Result<W, BundleError> {
        self.put(&Item::End(self.items))?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Unpacks a bundle.
pub struct Unpacker<R> {
    from: R,
    state: TransportState,
    items: u64,
    ended: bool,
}

impl<R: Read> Unpacker<R> {
    /// Opens one that was sealed to this key.
    pub fn open(mut from: R, key: &OpenKey) -> Result<Self, BundleError> {
        let mut magic = [0; MAGIC.len()];
        let mut greeting = [0; GREETING];
        from.read_exact(&mut magic).map_err(|_| BundleError::NotABundle)?;
        if &magic != MAGIC {
            return Err(BundleError::NotABundle);
        }
        from.read_exact(&mut greeting)?;
        let strange = |_| BundleError::NotForHere;
        let builder = builder()?.local_private_key(&key.0[..]).map_err(strange)?;
        let mut state = builder.build_responder().map_err(strange)?;
        state.read_message(&greeting, &mut []).map_err(strange)?;
        let state = state.into_transport_mode().map_err(strange)?;
        Ok(Self { from, state, items: 0, ended: false })
    }

    /// The next item; none behind the end. Counts and sizes within are checked.
    pub fn item(&mut self) -> Result<Option<Item>, BundleError> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        while self.part(&mut bytes)? {}
        let item: Item = minicbor::decode(&bytes).map_err(|_| BundleError::Strange)?;
        let within = match &item {
            Item::Receipts(receipts) => receipts.len() <= MAX_PARTITIONS,
            Item::Piece(piece) => piece.len() <= PIECE,
            Item::End(items) => *items == self.items,
            Item::From(..) | Item::Batch(_) | Item::Scan(..) => true,
        };
        if !within || (self.items == 0) != matches!(item, Item::From(..)) {
            return Err(BundleError::Strange);
        }
        self.items += 1;
        self.ended = matches!(item, Item::End(_));
        Ok(Some(item).filter(|_| !self.ended))
    }

    /// Reads a part of an item; whether it goes on.
    fn part(&mut self, bytes: &mut Vec<u8>) -> Result<bool, BundleError> {
        let mut length = [0; 2];
        self.from.read_exact(&mut length)?;
        let mut sealed = vec![0; usize::from(u16::from_be_bytes(length))];
        self.from.read_exact(&mut sealed)?;
        let mut plain = vec![0; sealed.len()];
        let size = self.state.read_message(&sealed, &mut plain).map_err(|_| BundleError::NotForHere)?;
        let (more, part) = plain.get(..size).and_then(<[u8]>::split_first).ok_or(BundleError::Strange)?;
        if *more > 1 || bytes.len() + part.len() > MAX_ITEM {
            return Err(BundleError::Strange);
        }
        bytes.extend_from_slice(part);
        Ok(*more == 1)
    }
}

fn builder<'a>() -> Result<Builder<'a>, BundleError> {
    let params = NOISE.parse().map_err(|_| BundleError::Strange)?;
    Builder::new(params).prologue(MAGIC).map_err(|_| BundleError::Strange)
}

#[cfg(test)]
mod tests;
