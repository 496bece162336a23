//! Attachments between phones: pieces that carry the hashes which tie them to the whole, so that each is known to be
//! right when it comes, and a bad one is noticed before anything is written.

use std::io::Cursor;

use bao_tree::io::outboard::PreOrderMemOutboard;
use bao_tree::io::sync::{DecodeResponseIter, encode_ranges_validated};
use bao_tree::io::{BaoContentItem, Leaf};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};

use super::{AttachmentError, MAX_ATTACHMENT, SYNC_EVERY};
use crate::journal::AttachmentHash;

/// Hashes are told down to groups of 16 KiB.
const GROUP: BlockSize = BlockSize::from_chunk_log(4);
/// Bytes of BLAKE3's chunks.
const CHUNK: u64 = 1024;
/// Bytes that one piece brings; the last of an attachment has fewer.
pub const PIECE: u64 = SYNC_EVERY as u64;
/// Bytes of a piece on its way, at most: with two hashes for every level of the tree, twice.
pub const MAX_ENCODED: usize = SYNC_EVERY + 64 * 48;

/// A whole attachment, ready to be given piece by piece.
pub struct Verifiable {
    bytes: Vec<u8>,
    outboard: PreOrderMemOutboard,
}

impl Verifiable {
    /// Of these bytes, which have this hash.
    ///
    /// # Errors
    /// [`AttachmentError::Mismatch`] where they have another.
    pub fn new(bytes: Vec<u8>, hash: &AttachmentHash) -> Result<Self, AttachmentError> {
        let outboard = PreOrderMemOutboard::create(&bytes, GROUP);
        if outboard.root.as_bytes() != &hash.0 {
            return Err(AttachmentError::Mismatch);
        }
        Ok(Self { bytes, outboard })
    }

    /// The piece at this offset, a multiple of [`PIECE`]; nothing beyond the end.
    pub fn piece(&self, offset: u64) -> Option<Vec<u8>> {
        // Of an empty attachment the first piece is empty too.
        if offset > 0 && offset >= self.bytes.len() as u64 {
            return None;
        }
        let mut encoded = Vec::with_capacity(MAX_ENCODED);
        encode_ranges_validated(&self.bytes[..], &self.outboard, &ranges(offset), &mut encoded).ok()?;
        Some(encoded)
    }
}

fn ranges(offset: u64) -> ChunkRanges {
    ChunkRanges::from(ChunkNum(offset / CHUNK)..ChunkNum(offset.saturating_add(PIECE) / CHUNK))
}

/// The bytes of a piece of the attachment of this hash and size; nothing where they are not its.
pub fn open(hash: &AttachmentHash, size: u64, offset: u64, encoded: &[u8]) -> Option<Vec<u8>> {
    let fits = size <= MAX_ATTACHMENT && offset.is_multiple_of(PIECE) && (offset < size || offset == 0);
    if !fits || encoded.len() > MAX_ENCODED {
        return None;
    }
    let tree = BaoTree::new(size, GROUP);
    let (root, ranges) = (blake3::Hash::from_bytes(hash.0), ranges(offset));
    let mut at = Cursor::new(encoded);
    let mut bytes = Vec::with_capacity(SYNC_EVERY);
    for item in DecodeResponseIter::new(root, tree, &mut at, &ranges) {
        if let BaoContentItem::Leaf(Leaf { data, .. }) = item.ok()? {
            bytes.extend_from_slice(&data);
        }
    }
    let whole = bytes.len() as u64 == PIECE.min(size - offset);
    (whole && at.position() == encoded.len() as u64).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    fn scan(size: usize) -> (Vec<u8>, AttachmentHash) {
        let bytes: Vec<u8> = (0..size).map(|n| (n * 31 + n / 251) as u8).collect();
        let hash = AttachmentHash(*blake3::hash(&bytes).as_bytes());
        (bytes, hash)
    }

    #[test]
    fn pieces_come_back_at_every_boundary() {
        let group = 16 << 10;
        for size in
            [0, 1, 1023, 1024, 1025, group, group + 1, SYNC_EVERY - 1, SYNC_EVERY, SYNC_EVERY + 1, 1_000_003]
        {
            let (bytes, hash) = scan(size);
            let given = Verifiable::new(bytes.clone(), &hash).unwrap();
            let mut back = Vec::new();
            while let Some(piece) = given.piece(back.len() as u64) {
                assert!(piece.len() <= MAX_ENCODED);
                back.extend(open(&hash, size as u64, back.len() as u64, &piece).unwrap());
                if back.len() == size {
                    break;
                }
            }
            assert_eq!(back, bytes, "{size}");
            assert!(size == 0 || given.piece(size as u64).is_none());
        }
        assert!(Verifiable::new(scan(10).0, &scan(11).1).is_err());
    }

    #[test]
    fn what_belongs_elsewhere_is_no_piece() {
        let (bytes, hash) = scan(3 * SYNC_EVERY + 5);
        let size = bytes.len() as u64;
        let given = Verifiable::new(bytes, &hash).unwrap();
        let piece = given.piece(PIECE).unwrap();
        assert!(open(&hash, size, PIECE, &piece).is_some());
        for (size, offset) in [
            (size, 0),
            (size, 2 * PIECE),
            (size, PIECE + 1),
            (size, 4 * PIECE),
            (2 * PIECE, PIECE),
            (u64::MAX, PIECE),
        ] {
            assert!(open(&hash, size, offset, &piece).is_none(), "{size} {offset}");
        }
        assert!(open(&scan(9).1, size, PIECE, &piece).is_none());
        assert!(open(&hash, size, PIECE, &[&piece[..], &[0]].concat()).is_none());
        assert!(open(&hash, size, PIECE, &piece[..piece.len() - 1]).is_none());
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(size in 1usize..200_000, at: prop::sample::Index, flip in 1u8..) {
            let (bytes, hash) = scan(size);
            let mut piece = Verifiable::new(bytes, &hash).unwrap().piece(0).unwrap();
            let at = at.index(piece.len());
            piece[at] ^= flip;
            prop_assert!(open(&hash, size as u64, 0, &piece).is_none());
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000), size: u64, offset: u64) {
            prop_assert!(open(&AttachmentHash([7; 32]), size, offset, &bytes).is_none());
        }
    }
}
