//! How the bytes of attachments lie on the medium: as they are, or encrypted with the store's key.
//!
//! Encrypted, a file is slots: each [`CHUNK`] of plain bytes (the last may have fewer) under AES-256-GCM, behind a nonce
//! of its own, with its number authenticated. A slot is written once, so nothing that was durable is at risk while
//! more comes, and any range is read without the rest. Names are keyed hashes: who finds the folder cannot even tell
//! whether a scan that they know is in it. That the slots are those of one scan is for its BLAKE3 hash to say, which
//! is looked at before it counts, as it is for plain files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use super::SYNC_EVERY;
use crate::journal::AttachmentHash;
use crate::store::sqlite::StoreKey;

/// Plain bytes of a slot.
pub(super) const CHUNK: u64 = SYNC_EVERY as u64;
/// What surrounds them: nonce and tag.
const AROUND: u64 = NONCE_LEN as u64 + 16;
/// Bytes of a full slot.
const SLOT: u64 = CHUNK + AROUND;

/// How bytes lie on the medium.
#[derive(Debug, Clone, Default)]
pub(super) struct Medium(Option<Arc<Sealing>>);

struct Sealing {
    bytes: RandomizedNonceKey,
    names: [u8; 32],
}

impl std::fmt::Debug for Sealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealing")
    }
}

fn unsealed() -> io::Error {
    // Read as damage by who asked, as wrong bytes of a plain file are.
    io::ErrorKind::InvalidData.into()
}

impl Medium {
    /// Encrypted, with keys that are derived from the store's.
    pub(super) fn sealed(key: &StoreKey) -> io::Result<Self> {
        let secret = key.derive("loket 1 attachment bytes");
        let bytes = RandomizedNonceKey::new(&AES_256_GCM, &secret[..]).map_err(|_| unsealed())?;
        Ok(Self(Some(Arc::new(Sealing { bytes, names: *key.derive("loket 1 attachment names") }))))
    }

    /// Under what name an attachment lies there.
    pub(super) fn name(&self, hash: &AttachmentHash) -> String {
        match &self.0 {
            None => hash.to_hex(),
            Some(sealing) => blake3::keyed_hash(&sealing.names, &hash.0).to_hex().to_string(),
        }
    }

    /// How far what is received up to `end`, of `size` bytes, can be written: encrypted, in whole slots.
    pub(super) fn writable(&self, end: u64, size: u64) -> u64 {
        if self.0.is_none() || end >= size { end } else { end - end % CHUNK }
    }

    /// Plain bytes of a whole file of this length.
    pub(super) fn plain(&self, length: u64) -> u64 {
        match self.0 {
            None => length,
            Some(_) => length / SLOT * CHUNK + (length % SLOT).saturating_sub(AROUND),
        }
    }

    /// Plain bytes of a growing file of this length: a slot that was cut counts for nothing.
    pub(super) fn grown(&self, length: u64) -> u64 {
        if self.0.is_none() { length } else { length / SLOT * CHUNK }
    }

    /// Where the plain byte of this number, the first of a slot, lies.
    pub(super) fn place(&self, offset: u64) -> u64 {
        if self.0.is_none() { offset } else { offset / CHUNK * SLOT }
    }

    /// Writes the piece that begins at `offset`, where the file stands; a piece has [`CHUNK`] bytes or is the last.
    pub(super) fn write(&self, file: &mut File, offset: u64, piece: &[u8]) -> io::Result<()> {
        let Some(sealing) = &self.0 else { return file.write_all(piece) };
        let mut slot = piece.to_vec();
        let number = Aad::from((offset / CHUNK).to_be_bytes());
        let nonce = sealing.bytes.seal_in_place_append_tag(number, &mut slot).map_err(|_| unsealed())?;
        file.write_all(nonce.as_ref())?;
        file.write_all(&slot)
    }

    /// Reads the piece that begins at `offset`, where the file stands: [`CHUNK`] bytes, fewer at the end.
    pub(super) fn read(&self, file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
        let mut slot = Vec::with_capacity(SLOT as usize);
        let most = if self.0.is_some() { SLOT } else { CHUNK };
        file.take(most).read_to_end(&mut slot)?;
        let Some(sealing) = self.0.as_ref().filter(|_| !slot.is_empty()) else { return Ok(slot) };
        let nonce = slot.get(..NONCE_LEN).and_then(|nonce| nonce.try_into().ok()).ok_or_else(unsealed)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let number = Aad::from((offset / CHUNK).to_be_bytes());
        let sealed = slot.get_mut(NONCE_LEN..).unwrap_or_default();
        let opened = sealing.bytes.open_in_place(nonce, number, sealed).map_err(|_| unsealed())?;
        let size = opened.len();
        slot.drain(..NONCE_LEN);
        slot.truncate(size);
        Ok(slot)
    }

    /// Reads plain bytes of a range.
    pub(super) fn read_range(&self, file: &mut File, range: std::ops::Range<u64>) -> io::Result<Vec<u8>> {
        let mut at = range.start - range.start % CHUNK;
        file.seek(SeekFrom::Start(self.place(at)))?;
        let mut bytes = Vec::new();
        while at < range.end {
            let piece = self.read(file, at)?;
            let skip = usize::try_from(range.start.saturating_sub(at)).unwrap_or(usize::MAX);
            let end = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(piece.len());
            bytes.extend_from_slice(piece.get(skip.min(end)..end).unwrap_or_default());
            at += CHUNK;
            if (piece.len() as u64) < CHUNK {
                break;
            }
        }
        Ok(bytes)
    }
}
