//! The phone's keys, where the platform keeps them: Android's Keystore, Apple's Secure Enclave and Keychain.

use std::sync::Arc;

use loket_core::client::Keys;
use loket_core::identity::{CannotSign, PublicKey, Signature, Signer};
use loket_core::store::sqlite::StoreKey;
use p256::ecdsa;

use crate::error::{CallbackFailed, LoketError};

/// The platform's keystore: a P-256 key that never leaves it, and the key of the phone's store.
#[uniffi::export(with_foreign)]
pub trait Keystore: Send + Sync {
    /// The public key: the uncompressed point, 65 bytes, the first of which is 4.
    fn public_key(&self) -> Result<Vec<u8>, CallbackFailed>;
    /// Signs a message by ECDSA over its SHA-256; the signature in DER, as keystores give it, or as r and s of 32
    /// bytes each.
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, CallbackFailed>;
    /// What the store is encrypted with: 32 random bytes, made once and kept where no other app and no backup gets at
    /// them. Once they are destroyed nothing on the phone can be read any more.
    fn store_key(&self) -> Result<Vec<u8>, CallbackFailed>;
    /// Destroys both keys for good: the office has declared the phone lost, and what it lacked is sealed to it.
    fn destroy_keys(&self) -> Result<(), CallbackFailed>;
}

fn refused() -> LoketError {
    LoketError::SignIn { sentence: CannotSign.to_string() }
}

/// The keys of a phone, as the client takes them.
pub(crate) fn keys(keystore: Arc<dyn Keystore>) -> Result<Keys, LoketError> {
    let store = keystore.store_key().map_err(|_| refused())?.try_into().map_err(|_| refused())?;
    let keeper = Arc::clone(&keystore);
    let destroy = Arc::new(move || keeper.destroy_keys().map_err(|_| CannotSign.into()));
    Ok(Keys { signer: Arc::new(PlatformKey::new(keystore)?), store: StoreKey::new(store), destroy })
}

/// The platform's key as the client uses it. The public half is asked for once.
struct PlatformKey {
    key: Arc<dyn Keystore>,
    public: PublicKey,
}

impl PlatformKey {
    fn new(key: Arc<dyn Keystore>) -> Result<Self, LoketError> {
        let point = key.public_key().map_err(|_| refused())?;
        // A point that is none would only be found out by the office.
        ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| refused())?;
        let public = PublicKey(point.try_into().map_err(|_| refused())?);
        Ok(Self { key, public })
    }
}

impl Signer for PlatformKey {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, CannotSign> {
        let bytes = self.key.sign(message.to_vec()).map_err(|_| CannotSign)?;
        let read = ecdsa::Signature::from_der(&bytes).or_else(|_| ecdsa::Signature::from_slice(&bytes));
        let signature = Signature(read.map_err(|_| CannotSign)?.to_bytes().into());
        // One that does not hold would be refused by everybody who gets it.
        if self.public.verifies(message, &signature) { Ok(signature) } else { Err(CannotSign) }
    }
}
