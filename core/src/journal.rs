//! Journals: one author's chained entries in one partition and epoch.
//!
//! An entry is a [`Header`] and a body apart from it. The header names the journal, the sequence number, the
//! application, the hash of the header before and the hash of the body; so a body can be destroyed when the law
//! says so and the chain still verifies. Bodies begin with 16 random bytes, so that a destroyed one cannot be
//! guessed back from its hash. Nothing that was hashed is ever encoded again: bytes are kept as they came.
//!
//! A device that was restored from an old copy may go on under numbers that its lost days have used already: its
//! journal then has two branches. Both stand. A journal is a tree of **lines**: the one named like the journal
//! itself, from its beginning to the first fork, and from each fork a line for every branch, named by the first
//! entry on it ([`Journal::line`]). Which lines there are follows from the entries alone.

use std::fmt;

use minicbor::{Decode, Encode};

pub mod body;
pub mod partition;
pub mod receipt;
pub mod remains;
pub mod run;
pub mod vector;
#[cfg(test)]
mod vectors;

pub use body::Body;
pub use partition::{Partition, Place};
pub use remains::Remains;

/// Version of the header's encoding.
pub const HEADER_VERSION: u8 = 1;
/// Largest body, in bytes. Office data files (catalogue, regions) travel as bodies and set the bound.
pub const MAX_BODY: usize = 512 << 10;
/// Largest body of a device's entry, in bytes.
pub const MAX_DEVICE_BODY: usize = 64 << 10;
/// Largest header extension of a later version that is carried along, in bytes.
pub const MAX_EXTENSION: usize = 256;

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] #[cbor(with = "minicbor::bytes")] pub [u8; 32]);

        impl $name {
            /// Lower-case hexadecimal, 64 characters.
            pub fn to_hex(&self) -> String {
                data_encoding::HEXLOWER.encode(&self.0)
            }

            /// Reads 64 characters of lower- or upper-case hexadecimal.
            pub fn from_hex(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}…)"), self.to_hex().get(..8).unwrap_or_default())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;
            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                Ok(Self(bytes.try_into()?))
            }
        }
    };
}

hash_type!(
    /// Hash of an entry's header (BLAKE3): the entry's name. An application is named by its first entry's.
    EntryHash
);
hash_type!(
    /// Name of a journal (hash of its author, partition and epoch), and of a line of it behind a fork.
    JournalId
);
hash_type!(
    /// Name of an author: hash of the public key.
    AuthorId
);
hash_type!(
    /// Hash of an Automerge change (SHA-256, as Automerge computes it).
    ChangeHash
);
hash_type!(
    /// Hash of an attachment's bytes (BLAKE3).
    AttachmentHash
);

/// What a journal is: who writes it, where, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Journal {
    /// The author.
    #[n(0)]
    pub author: AuthorId,
    /// The partition.
    #[n(1)]
    pub partition: Partition,
    /// Random; a new one begins when a store was restored from a copy.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub epoch: [u8; 8],
}

impl Journal {
    /// The journal's name.
    pub fn id(&self) -> JournalId {
        let mut hasher = blake3::Hasher::new_derive_key("loket 1 journal");
        hasher.update(&self.author.0);
        hasher.update(&self.epoch);
        hasher.update(&self.partition.to_bytes());
        JournalId(*hasher.finalize().as_bytes())
    }

    /// The name of the line that begins with this entry behind a fork.
    pub fn line(&self, first: &EntryHash) -> JournalId {
        let mut hasher = blake3::Hasher::new_derive_key("loket 1 line");
        hasher.update(&self.id().0);
        hasher.update(&first.0);
        JournalId(*hasher.finalize().as_bytes())
    }
}

/// An entry's header: what the chain commits to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// [`HEADER_VERSION`].
    #[n(0)]
    pub version: u8,
    /// The journal.
    #[n(1)]
    pub journal: JournalId,
    /// Sequence number, from 1.
    #[n(2)]
    pub seq: u64,
    /// Hash of the header before; none for the first.
    #[n(3)]
    pub prev: Option<EntryHash>,
    /// Hash of the body (BLAKE3).
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub body_hash: [u8; 32],
    /// The application; none for its first entry (whose own hash it is) and for entries of no application.
    #[n(5)]
    pub application: Option<EntryHash>,
    /// What a later version adds: carried along, hashed, not understood.
    #[n(6)]
    pub extension: Option<Extension>,
}

/// Bytes of a later version's header fields.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Extension(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub Vec<u8>,
);

impl Header {
    /// The bytes that are hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The entry's name.
    pub fn hash(&self) -> EntryHash {
        EntryHash(*blake3::hash(&self.to_bytes()).as_bytes())
    }
}

/// Encodes to bytes. Encoding to memory cannot fail.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The sink is a Vec and every type here encodes infallibly.
    let _ = minicbor::encode(value, &mut bytes);
    bytes
}

/// Who makes the change of an edit, as the merge library counts: a name of its own for each edit, from its journal
/// and the random bytes of its body. Two edits under one number, on two branches of a forked journal, are then
/// changes of two actors and stand side by side.
pub fn actor(journal: &JournalId, nonce: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("loket 1 actor");
    hasher.update(&journal.0);
    hasher.update(nonce);
    let mut actor = [0; 16];
    hasher.finalize_xof().fill(&mut actor);
    actor
}

/// What the epochs of the office's journals begin with: the number of its office epoch. A later one's sort behind.
pub fn office_beginning(office_epoch: u64) -> [u8; 4] {
    u32::try_from(office_epoch).unwrap_or(u32::MAX).to_be_bytes()
}

/// Reads [`office_beginning`] of an epoch of the office's journals.
pub fn office_epoch(epoch: &[u8; 8]) -> u32 {
    let [a, b, c, d, ..] = *epoch;
    u32::from_be_bytes([a, b, c, d])
}

/// Hash of a body's bytes, as headers name it.
pub fn body_hash(body: &[u8]) -> [u8; 32] {
    *blake3::hash(body).as_bytes()
}

/// A body's bytes, or what is left of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes as their author encoded them.
    Present(Vec<u8>),
    /// Destroyed as the law asks, or let go by a phone; the header still names their hash.
    Destroyed,
}

impl Content {
    /// Length of the body in bytes; 0 where it was destroyed.
    pub fn len(&self) -> usize {
        match self {
            Content::Present(bytes) => bytes.len(),
            Content::Destroyed => 0,
        }
    }

    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An entry as a replica keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The line on which it stands: its journal, unless that was forked before it.
    pub line: JournalId,
    /// The header.
    pub header: Header,
    /// The header's hash.
    pub hash: EntryHash,
    /// The body.
    pub content: Content,
}

impl StoredEntry {
    /// An entry of a journal without forks.
    pub fn new(header: Header, content: Content) -> Self {
        Self { line: header.journal, hash: header.hash(), header, content }
    }

    /// The application it belongs to: the one its header names, or itself where it is the first.
    pub fn application(&self) -> EntryHash {
        self.header.application.unwrap_or(self.hash)
    }
}
