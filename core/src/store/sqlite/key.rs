//! The key of an encrypted store. SQLCipher encrypts each page of the file and of its log with AES-256, and
//! authenticates it; the key is random already, so nothing is derived from it and opening costs nothing.

use std::fmt::Write;

use data_encoding::HEXLOWER;
use rusqlite::Connection;
use zeroize::Zeroizing;

use super::store_error;
use crate::store::StoreError;

/// Bytes of a store's key.
pub const STORE_KEY: usize = 32;

/// The key that a phone's store is encrypted with: random bytes, from the platform's keystore. Overwritten in memory
/// when it is let go, and never shown.
#[derive(Clone)]
pub struct StoreKey(Zeroizing<[u8; STORE_KEY]>);

impl StoreKey {
    /// A key of these random bytes.
    pub fn new(bytes: [u8; STORE_KEY]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Another key for this use, from which nobody finds back to this one.
    pub(crate) fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, &self.0[..]))
    }

    /// Gives it to a connection that has read nothing yet.
    pub(super) fn unlock(&self, db: &Connection) -> Result<(), StoreError> {
        // SQLCipher would tell of a wrong key on standard error, with the file's path.
        let quiet = db.pragma_update_and_check(None, "cipher_log_level", "NONE", |_| Ok(()));
        ignore_row(quiet)?;
        let mut raw = Zeroizing::new(String::with_capacity(2 * STORE_KEY + 3));
        // Writing to a text cannot fail.
        let _ = write!(raw, "x'{}'", *Zeroizing::new(HEXLOWER.encode(&self.0[..])));
        ignore_row(db.pragma_update_and_check(None, "key", raw.as_str(), |_| Ok(())))
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey")
    }
}

/// Whether these pragmas answer with a row differs between versions; what they answer says nothing.
fn ignore_row(done: rusqlite::Result<()>) -> Result<(), StoreError> {
    match done {
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(()),
        done => done.map_err(store_error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Durability, SqliteStore};
    use super::*;
    use crate::journal::Partition;
    use crate::store::contract::check;
    use crate::store::{Store, Table};

    const WRITTEN: &[u8] = b"Contoh Fiktif, Dusun Rahasia 7";

    fn put(store: &mut SqliteStore) {
        store.begin().unwrap();
        store.put(&Partition::Office, Table::Meta, b"nama", Some(WRITTEN)).unwrap();
        store.finish(true).unwrap();
    }

    fn get(store: &SqliteStore) -> Option<Vec<u8>> {
        store.get(&Partition::Office, Table::Meta, b"nama").unwrap()
    }

    #[test]
    fn an_encrypted_store_keeps_the_contract() {
        let dir = tempfile::tempdir().unwrap();
        let mut made = 0;
        check(|| {
            made += 1;
            let path = dir.path().join(format!("{made}.db"));
            SqliteStore::open_encrypted(path, Durability::Power, &StoreKey::new([7; STORE_KEY])).unwrap()
        });
    }

    #[test]
    fn without_its_key_it_is_noise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phone.db");
        let key = StoreKey::new([7; STORE_KEY]);
        let mut store = SqliteStore::open_encrypted(&path, Durability::Power, &key).unwrap();
        put(&mut store);
        let reader = SqliteStore::read_only_encrypted(&path, &key).unwrap();
        assert_eq!(get(&reader).as_deref(), Some(WRITTEN));
        // While the log is beside it, and when it was moved.
        for moved in [false, true] {
            if moved {
                drop(SqliteStore::read_only_encrypted(&path, &key).unwrap());
                store.checkpoint().unwrap();
            }
            for file in std::fs::read_dir(dir.path()).unwrap() {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                assert!(!bytes.windows(8).any(|window| window == &WRITTEN[..8]), "moved: {moved}");
                assert!(!bytes.starts_with(b"SQLite format"));
            }
        }
        store.reopen().unwrap();
        assert_eq!(get(&store).as_deref(), Some(WRITTEN));
        drop((store, reader));
        let before = std::fs::read(&path).unwrap();
        let other = StoreKey::new([8; STORE_KEY]);
        let refused = SqliteStore::open_encrypted(&path, Durability::Power, &other).err().unwrap();
        assert!(matches!(refused, StoreError::Locked), "{refused}");
        assert!(matches!(SqliteStore::open(&path, Durability::Power), Err(StoreError::Broken(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let again = SqliteStore::open_encrypted(&path, Durability::Power, &key).unwrap();
        assert_eq!(get(&again).as_deref(), Some(WRITTEN));
    }

    #[test]
    fn a_key_never_shows_itself() {
        assert_eq!(format!("{:?}", StoreKey::new([7; STORE_KEY])), "StoreKey");
    }
}
