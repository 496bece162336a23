//! Keys, signatures and the names of authors.
//!
//! One algorithm for all: ECDSA on P-256 with SHA-256, the kind that phone hardware can hold everywhere.
//! Verification stands here; the private key stays behind [`Signer`], since on a phone it never leaves the
//! keystore.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, UnparsedPublicKey};
use minicbor::{Decode, Encode};

use crate::journal::AuthorId;

/// A public key: the uncompressed point, 65 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct PublicKey(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 65],
);

impl PublicKey {
    /// The author's name.
    pub fn author(&self) -> AuthorId {
        AuthorId(blake3::derive_key("loket 1 author", &self.0))
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, self.0)
            .verify(message, &signature.0)
            .is_ok()
    }
}

/// A signature: r and s, 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Signature(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 64],
);

/// What bundles are sealed to a receiver with (X25519): the half of its key that everybody may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct SealKey(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 32],
);

/// The keystore could not sign (locked, removed, worn out).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("kunci perangkat tidak dapat dipakai: buka kunci layar atau daftarkan ulang perangkat ini")]
pub struct CannotSign;

/// Something that holds a private key.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> PublicKey;
    /// Signs a message.
    fn sign(&self, message: &[u8]) -> Result<Signature, CannotSign>;
    /// The author's name.
    fn author(&self) -> AuthorId {
        self.public_key().author()
    }
}

/// A key kept in memory, from a PKCS #8 document: the office's, and a phone's without a keystore.
pub struct SoftwareKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl SoftwareKey {
    /// Makes a new key; returns it with the document to keep (secret!).
    pub fn generate() -> Result<(Self, Vec<u8>), CannotSign> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| CannotSign)?;
        Ok((Self::from_pkcs8(document.as_ref())?, document.as_ref().to_vec()))
    }

    /// Reads what [`SoftwareKey::generate`] gave.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, CannotSign> {
        let pair = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, document)
            .map_err(|_| CannotSign)?;
        let public = PublicKey(pair.public_key().as_ref().try_into().map_err(|_| CannotSign)?);
        Ok(Self { pair, public })
    }
}

impl Signer for SoftwareKey {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, CannotSign> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| CannotSign)?;
        Ok(Signature(signature.as_ref().try_into().map_err(|_| CannotSign)?))
    }
}

/// A key from a seed that signs deterministically (RFC 6979), for the simulator.
#[cfg(any(test, feature = "testing"))]
pub struct SeededKey(p256::ecdsa::SigningKey);

#[cfg(any(test, feature = "testing"))]
impl SeededKey {
    /// The key of this seed.
    #[allow(
        clippy::expect_used,
        reason = "a test's key; one seed in 2^32 is no scalar and would fail loudly"
    )]
    pub fn new(seed: u64) -> Self {
        let scalar = blake3::derive_key("loket 1 test key", &seed.to_be_bytes());
        Self(p256::ecdsa::SigningKey::from_slice(&scalar).expect("a scalar of the curve"))
    }
}

#[cfg(any(test, feature = "testing"))]
impl Signer for SeededKey {
    #[allow(clippy::expect_used, reason = "a P-256 point has 65 bytes")]
    fn public_key(&self) -> PublicKey {
        let point = self.0.verifying_key().to_sec1_point(false);
        PublicKey(point.as_bytes().try_into().expect("65 bytes"))
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, CannotSign> {
        use p256::ecdsa::signature::Signer as _;
        let signature: p256::ecdsa::Signature = self.0.try_sign(message).map_err(|_| CannotSign)?;
        Ok(Signature(signature.to_bytes().into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn software_and_seeded_keys_verify_each_other_s_algorithm() {
        let (software, document) = SoftwareKey::generate().unwrap();
        let again = SoftwareKey::from_pkcs8(&document).unwrap();
        assert_eq!(software.author(), again.author());
        for key in [&software as &dyn Signer, &SeededKey::new(7)] {
            let signature = key.sign(b"isi").unwrap();
            assert!(key.public_key().verifies(b"isi", &signature));
            assert!(!key.public_key().verifies(b"lain", &signature));
        }
        assert!(!SeededKey::new(8).public_key().verifies(b"isi", &software.sign(b"isi").unwrap()));
    }

    #[test]
    fn a_seeded_key_signs_the_same_every_time() {
        assert_eq!(SeededKey::new(1).sign(b"x").unwrap(), SeededKey::new(1).sign(b"x").unwrap());
    }

    #[test]
    fn a_point_off_the_curve_verifies_nothing() {
        let signature = SeededKey::new(1).sign(b"x").unwrap();
        assert!(!PublicKey([4; 65]).verifies(b"x", &signature));
    }
}
