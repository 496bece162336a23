//! Taking a bundle in: what it holds, one thing after the other, to whom it concerns.

use std::io::Read;

use super::{BundleError, Item, Unpacker};
use crate::journal::receipt::WireReceipt;
use crate::journal::run::Run;
use crate::journal::{AttachmentHash, AuthorId};

/// Who takes what a bundle holds. Everything is checked by its own proofs: that it came in a bundle says nothing.
pub trait Taker {
    /// Why it could not go on.
    type Error: From<BundleError>;

    /// Who claims to have packed it, and when.
    fn packed(&mut self, by: AuthorId, at: i64) -> Result<(), Self::Error>;
    /// Runs of entries.
    fn runs(&mut self, runs: Vec<Run>) -> Result<(), Self::Error>;
    /// Receipts.
    fn receipts(&mut self, receipts: Vec<WireReceipt>) -> Result<(), Self::Error>;
    /// Whether this scan is wanted, and from which byte on.
    fn wants(&mut self, hash: &AttachmentHash, size: u64) -> Result<Option<u64>, Self::Error>;
    /// Bytes of a scan that is wanted, where it is to go on; how far it has come.
    fn piece(
        &mut self,
        hash: &AttachmentHash,
        size: u64,
        offset: u64,
        bytes: &[u8],
    ) -> Result<u64, Self::Error>;
}

/// A scan that is being taken in.
struct Scan {
    hash: AttachmentHash,
    size: u64,
    /// Where the next piece of the bundle stands.
    at: u64,
    /// Where it is to go on, if it is wanted.
    wanted: Option<u64>,
}

/// Hands all of a bundle on. What came before an error stays taken.
pub fn take<R: Read, T: Taker>(mut bundle: Unpacker<R>, taker: &mut T) -> Result<(), T::Error> {
    let mut scan: Option<Scan> = None;
    while let Some(item) = bundle.item()? {
        match item {
            Item::From(by, at) => taker.packed(by, at)?,
            Item::Batch(batch) => taker.runs(batch.unpack().map_err(|_| BundleError::Strange)?)?,
            Item::Receipts(receipts) => taker.receipts(receipts)?,
            Item::Scan(hash, size) => {
                let wanted = taker.wants(&hash, size)?;
                scan = Some(Scan { hash, size, at: 0, wanted });
            }
            Item::Piece(bytes) => {
                let Some(scan) = &mut scan else { return Err(BundleError::Strange.into()) };
                scan.piece(&bytes, taker)?;
            }
            // Never handed out: it is the end.
            Item::End(_) => {}
        }
    }
    Ok(())
}

impl Scan {
    fn piece<T: Taker>(&mut self, bytes: &[u8], taker: &mut T) -> Result<(), T::Error> {
        let from = self.at;
        self.at += bytes.len() as u64;
        if self.at > self.size {
            return Err(BundleError::Strange.into());
        }
        let Some(next) = self.wanted.filter(|next| *next < self.at) else { return Ok(()) };
        // Pieces are as large as what is durable at once, so one begins where another ended.
        let skip = usize::try_from(next.saturating_sub(from)).unwrap_or(usize::MAX);
        let rest = bytes.get(skip..).unwrap_or_default();
        self.wanted = Some(taker.piece(&self.hash, self.size, next, rest)?);
        Ok(())
    }
}
