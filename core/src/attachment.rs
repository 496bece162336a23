//! Attachments: scans of requirements, named by their BLAKE3 hash, received in pieces and resumed at any byte.
//!
//! Whoever holds the bytes may send them: what counts is that the whole has the hash it is named by, and that is
//! looked at before it counts.

#[cfg(feature = "sqlite")]
mod files;
#[cfg(feature = "sqlite")]
mod medium;
pub mod token;
#[cfg(feature = "client")]
pub mod verified;

#[cfg(feature = "sqlite")]
pub use files::AttachmentStore;

/// Largest attachment, in bytes.
pub const MAX_ATTACHMENT: u64 = 20 << 20;
/// Bytes that may be received before they are made durable.
pub const SYNC_EVERY: usize = 64 << 10;

/// How much of an attachment is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This many bytes from the beginning are durable; zero where nothing is here.
    Partial(u64),
    /// All of it, this many bytes, and its hash is right.
    Complete(u64),
}

/// Why an attachment was not taken or read; sorted by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// Bytes came for another place than the end of what is here: go on from this offset.
    #[error("lanjutkan lampiran dari bita ke-{0}")]
    Offset(u64),
    /// The bytes have another hash than the one they were sent under, and were thrown away: send from the
    /// beginning, from an undamaged copy.
    #[error("isi lampiran rusak di perjalanan: kirim ulang dari awal")]
    Mismatch,
    /// It is larger than [`MAX_ATTACHMENT`], or than the size it was announced with: do not send it again.
    #[error("lampiran terlalu besar (paling besar 20 MB): perkecil, lalu lampirkan lagi")]
    TooLarge,
    /// It is not here, or not whole.
    #[error("lampiran belum ada di sini")]
    Missing,
    /// No room: make some, then go on where it stopped.
    #[error("penyimpanan penuh: kosongkan ruang, lalu ulangi")]
    Full,
    /// The medium failed: stop, check the folder.
    #[error("lampiran tidak dapat dibaca atau ditulis: {0}")]
    Broken(std::io::ErrorKind),
}

impl From<std::io::Error> for AttachmentError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full,
            Kind::InvalidData => Self::Mismatch,
            // The kind alone: the system's own words name paths.
            kind => Self::Broken(kind),
        }
    }
}
