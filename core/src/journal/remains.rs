//! Remains: what stays of an application after its bodies are gone.

use minicbor::{Decode, Encode};

use super::{EntryHash, Partition};
use crate::workflow::Decision;

/// What stays of an application: what the law wants kept of its official record, and nothing of the person. The
/// office signs it where it lets the application go; the entries' headers stay beside it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Remains {
    /// The application.
    #[n(0)]
    pub id: EntryHash,
    /// Its registration number.
    #[n(1)]
    pub number: String,
    /// Its service.
    #[n(2)]
    pub service: String,
    /// Version of the service's file.
    #[n(3)]
    pub version: String,
    /// Variant, or nothing.
    #[n(4)]
    pub variant: Option<String>,
    /// Hash of the service's file.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub catalogue: [u8; 32],
    /// Where it was filed.
    #[n(6)]
    pub place: Option<Partition>,
    /// The official record as far as it moved anything, without free words and names.
    #[n(7)]
    pub record: Vec<Decision>,
    /// The last entry of each line about it that the office had: what stands behind none of them came too late.
    #[n(8)]
    pub last: Vec<EntryHash>,
    /// Why: `selesai` (it has ended), `masa_simpan` (the period is over), `perintah` (somebody ordered it).
    #[n(9)]
    pub cause: String,
    /// Who ordered it.
    #[n(10)]
    pub staff: Option<u32>,
    /// In which words.
    #[n(11)]
    pub reason: Option<String>,
    /// Office time, in seconds since 1970.
    #[n(12)]
    pub at: i64,
}
