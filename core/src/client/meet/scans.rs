//! Scans between phones, once the entries are exchanged: each side names those that it lacks, and is given what the
//! other holds in pieces that are verified as they come.

use minicbor::{Decode, Encode};

use super::ClientError;
use crate::attachment::verified::{MAX_ENCODED, PIECE, Verifiable, open};
use crate::attachment::{AttachmentError, AttachmentStore, MAX_ATTACHMENT, Progress};
use crate::journal::{AttachmentHash, encode};

/// Scans that are asked for in one meeting; the rest in the next.
pub(super) const MAX_SCANS: usize = 2048;

/// A scan, and how much of it is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Scan {
    /// Its hash.
    #[n(0)]
    pub hash: AttachmentHash,
    /// All its bytes.
    #[n(1)]
    pub bytes: u64,
    /// Those that are there, from the beginning.
    #[n(2)]
    pub offset: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Talk {
    /// "I lack these."
    #[n(0)]
    Lacking(#[n(0)] Vec<Scan>),
    /// A piece of one of them: its offset, its bytes with the hashes that tie them to the whole.
    #[n(1)]
    Piece(
        #[n(0)] AttachmentHash,
        #[n(1)] u64,
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// "Of those that you lack you have all that I hold."
    #[n(2)]
    Given,
}

impl Talk {
    /// The frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a message; counts and sizes are checked here.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let talk: Self = minicbor::decode(bytes).ok()?;
        let within = match &talk {
            Talk::Lacking(scans) => {
                scans.len() <= MAX_SCANS && scans.iter().all(|scan| scan.bytes <= MAX_ATTACHMENT)
            }
            Talk::Piece(_, _, encoded) => encoded.len() <= MAX_ENCODED,
            Talk::Given => true,
        };
        within.then_some(talk)
    }
}

/// Pieces of one scan, from where the other phone has it.
pub(super) struct Giving {
    scan: Scan,
    whole: Verifiable,
}

impl Giving {
    /// Reads the scan; nothing where it has just been let go, or is damaged here.
    pub(super) fn begin(files: &AttachmentStore, scan: Scan) -> Result<Option<Self>, ClientError> {
        match files.read(&scan.hash, 0..scan.bytes) {
            Ok(bytes) => Ok(Verifiable::new(bytes, &scan.hash).ok().map(|whole| Self { scan, whole })),
            Err(AttachmentError::Missing | AttachmentError::Mismatch) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Option<Talk> {
        let offset = self.scan.offset - self.scan.offset % PIECE;
        let piece = self.whole.piece(offset)?;
        self.scan.offset = offset + PIECE;
        Some(Talk::Piece(self.scan.hash, offset, piece))
    }
}

/// Scans that are on their way here.
#[derive(Default)]
pub(super) struct Taking(Vec<Scan>);

impl Taking {
    /// What was asked for.
    pub(super) fn new(asked: Vec<Scan>) -> Self {
        Self(asked)
    }

    /// Takes a piece in, durably; the scan's hash where that was the last of it.
    ///
    /// # Errors
    /// Where it is none of what was asked for, or not what its hash says.
    pub(super) fn take(
        &mut self,
        files: &AttachmentStore,
        (hash, offset, encoded): (AttachmentHash, u64, &[u8]),
    ) -> Result<Option<AttachmentHash>, ClientError> {
        let wrong = || ClientError::refused("HP lain mengirim lampiran yang rusak: ulangi, lalu laporkan");
        let at = self.0.iter().position(|scan| scan.hash == hash).ok_or_else(wrong)?;
        let scan = self.0.get(at).copied().ok_or_else(wrong)?;
        let bytes = open(&hash, scan.bytes, offset, encoded).ok_or_else(wrong)?;
        match files.append(&hash, scan.bytes, offset, &bytes) {
            Ok(Progress::Complete(_)) => {
                self.0.swap_remove(at);
                files.assure(&hash)?;
                Ok(Some(hash))
            }
            // Another process takes it in as well: what it has need not come again.
            Ok(Progress::Partial(_)) | Err(AttachmentError::Offset(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<Progress> for u64 {
    fn from(progress: Progress) -> u64 {
        match progress {
            Progress::Partial(bytes) | Progress::Complete(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::sqlite::StoreKey;

    #[test]
    fn a_scan_goes_from_phone_to_phone_and_resumes_where_it_was_cut() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = |dir: &std::path::Path, key| {
            AttachmentStore::open_encrypted(dir.join("attachments"), &StoreKey::new([key; 32])).unwrap()
        };
        let (from, to) = (store(one.path(), 1), store(other.path(), 2));
        let photo = one.path().join("foto.jpg");
        let bytes: Vec<u8> = (0..300_000).map(|n| (n * 7 + n / 300) as u8).collect();
        std::fs::write(&photo, &bytes).unwrap();
        let (hash, size) = from.import(&photo).unwrap();
        let mut came = 0;
        let done = loop {
            let offset = to.offset(&hash).unwrap().into();
            let scan = Scan { hash, bytes: size, offset };
            let mut giving = Giving::begin(&from, scan).unwrap().unwrap();
            let mut taking = Taking::new(vec![scan]);
            // Cut after each piece.
            let Talk::Piece(_, offset, piece) = giving.next().unwrap() else { unreachable!() };
            came += piece.len();
            if let Some(done) = taking.take(&to, (hash, offset, &piece)).unwrap() {
                break done;
            }
        };
        assert_eq!((done, to.read(&hash, 0..size).unwrap()), (hash, bytes));
        assert!(came < 303_000, "nothing came twice: {came}");
        // What nobody asked for, or is not what it claims, is not taken.
        let mut giving = Giving::begin(&from, Scan { hash, bytes: size, offset: 0 }).unwrap().unwrap();
        let Some(Talk::Piece(_, _, piece)) = giving.next() else { unreachable!() };
        assert!(Taking::default().take(&to, (hash, 0, &piece)).is_err());
        let other = AttachmentHash([7; 32]);
        let mut taking = Taking::new(vec![Scan { hash: other, bytes: size, offset: 0 }]);
        assert!(taking.take(&to, (other, 0, &piece)).is_err());
        assert_eq!(to.offset(&other).unwrap(), Progress::Partial(0));
    }

    #[test]
    fn talk_is_encoded_as_recorded() {
        let hash = AttachmentHash([9; 32]);
        let scan = Scan { hash, bytes: 70_000, offset: 65_536 };
        let talk = [Talk::Lacking(vec![scan]), Talk::Piece(hash, 65_536, vec![1, 2, 3]), Talk::Given];
        let lines: Vec<String> =
            talk.iter().map(|one| data_encoding::HEXLOWER.encode(&one.to_bytes())).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_is_too_much_is_not_read() {
        let scan = Scan { hash: AttachmentHash([1; 32]), bytes: MAX_ATTACHMENT, offset: 0 };
        let read = |talk: Talk| Talk::from_bytes(&talk.to_bytes());
        assert!(read(Talk::Lacking(vec![scan; MAX_SCANS])).is_some());
        assert!(read(Talk::Lacking(vec![scan; MAX_SCANS + 1])).is_none());
        assert!(read(Talk::Lacking(vec![Scan { bytes: MAX_ATTACHMENT + 1, ..scan }])).is_none());
        assert!(read(Talk::Piece(scan.hash, 0, vec![0; MAX_ENCODED + 1])).is_none());
        assert!(Talk::from_bytes(b"halo").is_none());
    }
}
