//! Messages of a session, one a frame: CBOR arrays whose first member is the kind. See `docs/protocol.md`.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::identity::Signature;
use crate::journal::receipt::{MAX_HELD, WireReceipt};
use crate::journal::run::{Head, Run};
use crate::journal::vector::{MAX_JOURNALS, Vector};
use crate::journal::{AuthorId, JournalId, Partition, encode};
use crate::sync::known::MAX_TRAIL;

/// Version of the protocol. A peer of another one is told so and let go.
pub const VERSION: u16 = 1;
/// Largest frame, in bytes; checked before it is read into memory.
pub const MAX_FRAME: usize = 2 << 20;
/// Largest batch before compression, in bytes; checked before it is unpacked.
pub const MAX_BATCH: usize = 2 << 20;
/// Runs of one batch.
pub const MAX_RUNS: usize = 4096;
/// Entries of one batch: far above what [`super::session::BATCH_BYTES`] leaves room for, far below what a batch of
/// empty ones could claim, each of which takes two bytes on the wire and a hundred times that in memory.
pub const MAX_ENTRIES: usize = 16 << 10;
/// Partitions of one session.
pub const MAX_PARTITIONS: usize = 4096;

/// A message.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Message {
    /// First message: who calls.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Answer: who answers, proven.
    #[n(1)]
    Welcome(#[n(0)] Hello, #[n(1)] Signature),
    /// The caller's proof, and its digest over all partitions in scope.
    #[n(2)]
    Proof(
        #[n(0)] Signature,
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        [u8; 32],
    ),
    /// The digests are equal: there is nothing to exchange now.
    #[n(3)]
    Same,
    /// They are not: a digest per partition.
    #[n(4)]
    Differ(#[n(0)] Vec<PartitionDigest>),
    /// What the sender has of partitions.
    #[n(5)]
    Have(#[n(0)] Vec<Have>),
    /// Runs of entries.
    #[n(6)]
    Batch(#[n(0)] Batch),
    /// A batch has become durable.
    #[n(7)]
    Taken(#[n(0)] Taken),
    /// Receipts of the office.
    #[n(8)]
    Receipts(#[n(0)] Vec<WireReceipt>),
    /// Everything the peer lacked is on its way.
    #[n(9)]
    Done,
    /// The session ends: a stable code and a sentence.
    #[n(10)]
    Error(#[n(0)] u16, #[n(1)] String),
    /// The peer's head of a line is on another branch: some of the sender's entries before it.
    #[n(11)]
    Trail(#[n(0)] Trail),
    /// The last entry of a trail that the sender has too.
    #[n(12)]
    Common(#[n(0)] Common),
    /// The receiver's certificate was ended: the office's entry that says so, with the headers up to its next signature.
    #[n(13)]
    Revoked(#[n(0)] Box<Run>),
}

/// Entries of a forked journal, from the newest back, with growing gaps.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Trail {
    /// The partition.
    #[n(0)]
    pub partition: Partition,
    /// The line.
    #[n(1)]
    pub line: JournalId,
    /// The entries.
    #[n(2)]
    pub heads: Vec<Head>,
}

/// Where two branches of a journal are known to be one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Common {
    /// The partition.
    #[n(0)]
    pub partition: Partition,
    /// The line that the trail was about.
    #[n(1)]
    pub line: JournalId,
    /// The entry; number 0 where they have none in common.
    #[n(2)]
    pub head: Head,
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Hello {
    /// [`VERSION`].
    #[n(0)]
    pub version: u16,
    /// The author.
    #[n(1)]
    pub author: AuthorId,
    /// Random.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 16],
    /// Between phones: the speaker's certificate, as the office's entry with the headers up to its next signature.
    #[n(3)]
    pub certificate: Option<Run>,
}

/// Digest of what is known of a partition: vector and receipt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PartitionDigest {
    /// The partition.
    #[n(0)]
    pub partition: Partition,
    /// The digest.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 32],
}

/// What the sender has of a partition, as changes to a receipt's vector.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Have {
    /// The partition.
    #[n(0)]
    pub partition: Partition,
    /// Office epoch and number of the receipt; none: the empty vector.
    #[n(1)]
    pub base: Option<(u64, u64)>,
    /// Heads that differ from the base's.
    #[n(2)]
    pub heads: Vec<(JournalId, Head)>,
    /// When the backup was made that the receipt tells of; none: it tells of none.
    #[n(3)]
    pub backup_at: Option<i64>,
}

/// Runs under zstd.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Batch {
    /// Number within the session, from 1.
    #[n(0)]
    pub id: u64,
    /// A dictionary's id; none so far.
    #[n(1)]
    pub dictionary: Option<u32>,
    /// Size before compression, in bytes.
    #[n(2)]
    pub size: u32,
    /// The compressed runs.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub zstd: Vec<u8>,
}

/// A batch has become durable, but for these runs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Taken {
    /// The batch.
    #[n(0)]
    pub batch: u64,
    /// Journals whose run was not taken in, with the code of why.
    #[n(1)]
    pub refused: Vec<(JournalId, u8)>,
}

/// Why a frame ends the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Too large, not CBOR of this shape, or beyond a count's limit.
    #[error("pesan tidak terbaca atau melampaui batas")]
    Malformed,
    /// The peer speaks another version.
    #[error("versi protokol berbeda: perbarui aplikasi")]
    Version,
    /// The peer is nobody we know.
    #[error("perangkat tidak terdaftar atau sudah dicabut: daftarkan ulang ke Dinas")]
    Unknown,
    /// Its signature does not hold.
    #[error("tanda tangan lawan bicara tidak sah")]
    Signature,
    /// A message that does not fit now.
    #[error("pesan datang pada saat yang tidak semestinya")]
    Unexpected,
    /// Another than the one that was to be met.
    #[error("yang menjawab bukan perangkat yang kodenya dipindai: pindai lagi kode QR-nya")]
    Impostor,
    /// It shows no certificate of this office's.
    #[error("perangkat itu tidak punya sertifikat dari Dinas ini: sinkronkan perangkat itu dengan Dinas")]
    Certificate,
    /// Its certificate was ended.
    #[error("izin perangkat itu sudah dicabut: jangan bertukar data dengannya, hubungi Dinas")]
    Revoked,
    /// Its certificate's time is over.
    #[error("masa izin perangkat itu sudah habis: daftarkan ulang ke Dinas")]
    Expired,
    /// It is certified for other places.
    #[error("perangkat itu bertugas di wilayah lain: tidak ada yang dapat ditukar")]
    Elsewhere,
    /// The peer ended the session.
    #[error("lawan bicara mengakhiri sesi (kode {0})")]
    Ended(u16),
}

impl ProtocolError {
    /// A stable code for the wire.
    pub fn code(&self) -> u16 {
        match self {
            ProtocolError::Malformed => 1,
            ProtocolError::Version => 2,
            ProtocolError::Unknown => 3,
            ProtocolError::Signature => 4,
            ProtocolError::Unexpected => 5,
            ProtocolError::Impostor => 6,
            ProtocolError::Certificate => 7,
            ProtocolError::Revoked => 8,
            ProtocolError::Expired => 9,
            ProtocolError::Elsewhere => 10,
            ProtocolError::Ended(code) => *code,
        }
    }
}

impl Message {
    /// The frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a frame; counts are checked here, sizes before.
    pub fn from_bytes(bytes: &[u8]) -> Result<Message, ProtocolError> {
        if bytes.len() > MAX_FRAME {
            return Err(ProtocolError::Malformed);
        }
        let message: Message = minicbor::decode(bytes).map_err(|_| ProtocolError::Malformed)?;
        let within = match &message {
            Message::Differ(list) => {
                list.len() <= MAX_PARTITIONS && once_each(list.iter().map(|p| &p.partition))
            }
            Message::Have(have) => {
                have.len() <= MAX_PARTITIONS
                    && once_each(have.iter().map(|h| &h.partition))
                    && have.iter().all(|h| h.heads.len() <= MAX_JOURNALS)
            }
            Message::Receipts(receipts) => {
                receipts.len() <= MAX_PARTITIONS
                    && receipts.iter().all(|r| {
                        r.heads.len() <= MAX_JOURNALS
                            && r.backup.as_ref().is_none_or(|backup| backup.len() <= MAX_JOURNALS)
                            && r.held.len() <= MAX_HELD
                    })
            }
            Message::Trail(trail) => trail.heads.len() <= MAX_TRAIL,
            Message::Taken(taken) => taken.refused.len() <= MAX_RUNS,
            _ => true,
        };
        if within { Ok(message) } else { Err(ProtocolError::Malformed) }
    }
}

impl Have {
    /// A vector said whole.
    pub fn whole(partition: Partition, vector: &Vector) -> Have {
        Have { partition, base: None, heads: vector.since(&Vector::default()), backup_at: None }
    }
}

impl Batch {
    /// Packs runs.
    pub fn pack(id: u64, runs: &[Run]) -> Result<Batch, ProtocolError> {
        let plain = encode(&runs);
        let size = u32::try_from(plain.len()).map_err(|_| ProtocolError::Malformed)?;
        let zstd = zstd::bulk::compress(&plain, LEVEL).map_err(|_| ProtocolError::Malformed)?;
        Ok(Batch { id, dictionary: None, size, zstd })
    }

    /// Unpacks runs.
    pub fn unpack(&self) -> Result<Vec<Run>, ProtocolError> {
        let size = self.size as usize;
        if size > MAX_BATCH || self.dictionary.is_some() {
            return Err(ProtocolError::Malformed);
        }
        // Where the packed bytes say how much is in them, a bomb is not even begun.
        let declared = zstd::zstd_safe::get_frame_content_size(&self.zstd).ok().flatten();
        if declared.is_some_and(|declared| declared > size as u64) {
            return Err(ProtocolError::Malformed);
        }
        let plain = zstd::bulk::decompress(&self.zstd, size).map_err(|_| ProtocolError::Malformed)?;
        let mut decoder = minicbor::Decoder::new(&plain);
        let (mut runs, mut entries) = (Vec::new(), 0);
        for run in decoder.array_iter::<Run>().map_err(|_| ProtocolError::Malformed)? {
            let run = run.map_err(|_| ProtocolError::Malformed)?;
            entries += run.entries.len();
            if runs.len() >= MAX_RUNS || entries > MAX_ENTRIES {
                return Err(ProtocolError::Malformed);
            }
            runs.push(run);
        }
        Ok(runs)
    }
}

/// Whether no partition is named twice: each may cost a look at all that is known of it.
fn once_each<'a>(partitions: impl Iterator<Item = &'a Partition>) -> bool {
    let mut seen = BTreeSet::new();
    partitions.into_iter().all(|partition| seen.insert(partition))
}

/// Level of compression: villages pay for bytes with minutes, and a batch is packed once.
const LEVEL: i32 = 9;
