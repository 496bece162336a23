//! Pins: keys of TLS that phones accept from their office, whoever certified them.
//!
//! A phone pins what its enrolment told, and from then on what the office publishes to every device; an office that
//! pins nothing is known by the authorities that browsers trust. A certificate may change, and be of one's own
//! making, as long as its key stays among the pins.

use std::fmt;

use minicbor::{Decode, Encode};
use rustls::pki_types::CertificateDer;

use super::ClientError;
use crate::replica::{Replica, ReplicaError};
use crate::store::Store;

/// Kind of the office's files on how it is reached.
pub const LINE_KIND: &str = "sambungan";
/// Name of the one that lists the pins.
pub const PINS_NAME: &str = "kunci_tls";
/// Most pins that a list may have: today's key, the next, and some to spare.
pub const MAX_PINS: usize = 8;

/// SHA-256 of a certificate's SubjectPublicKeyInfo, as RFC 7469 pins keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Pin(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    [u8; 32],
);

impl Pin {
    /// Of a certificate.
    ///
    /// # Errors
    /// Where the bytes are no certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, ClientError> {
        let read = webpki::EndEntityCert::try_from(certificate)
            .map_err(|_| ClientError::refused("sertifikat TLS tidak terbaca: periksa berkasnya"))?;
        let key = read.subject_public_key_info();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key);
        let bytes = digest.as_ref().try_into();
        bytes.map(Self).map_err(|_| ClientError::refused("sertifikat TLS tidak terbaca: periksa berkasnya"))
    }

    /// Reads 64 characters of hexadecimal.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// Reads a list, one pin a line; nothing where a line is none, or there are too many.
    pub fn read_list(text: &str) -> Option<Vec<Self>> {
        let pins: Vec<Self> = text.lines().map(Self::from_hex).collect::<Option<_>>()?;
        (pins.len() <= MAX_PINS).then_some(pins)
    }

    /// The text of a list.
    pub fn write_list(pins: &[Self]) -> String {
        pins.iter().map(|pin| format!("{pin}\n")).collect()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

/// What the office has published of its pins; none where it never did.
pub fn published_pins<S: Store>(replica: &Replica<S>) -> Result<Option<Vec<Pin>>, ReplicaError> {
    let text = replica.office_file(LINE_KIND, PINS_NAME)?;
    // A list of a later version that cannot be read here must not open the door: nothing would be pinned.
    text.map(|text| Pin::read_list(&text).ok_or(ReplicaError::Damaged("kunci TLS"))).transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_are_read_as_they_were_written() {
        let pins = [Pin([1; 32]), Pin([0xab; 32])];
        let text = Pin::write_list(&pins);
        assert_eq!(text.lines().next_back().unwrap(), "ab".repeat(32));
        assert_eq!(Pin::read_list(&text).unwrap(), pins);
        assert_eq!(Pin::read_list(""), Some(Vec::new()));
        for wrong in ["\n", "ab", &"zz".repeat(32), &format!("{text}x"), &text.repeat(MAX_PINS)] {
            assert_eq!(Pin::read_list(wrong), None, "{wrong}");
        }
        assert!(Pin::of(&CertificateDer::from(vec![1, 2, 3])).is_err());
    }
}
