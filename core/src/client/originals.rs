//! Originals: the photos that scans were made smaller from. What travels is what is legible; the photo stays on the phone,
//! encrypted like the scans, until the office has the scan: until then the paper may be gone and the scan in doubt.

use std::path::Path;

use super::{ClientError, Phone};
use crate::attachment::AttachmentError;
use crate::journal::{AttachmentHash, Partition};
use crate::replica::ReplicaError;
use crate::store::{Store, Table};

/// Prefix of the rows that say which original a scan was made from.
const ORIGINAL: &[u8] = b"asli/";
/// Originals that are looked at in one go.
const MAX_LOOKED: usize = 1000;

fn row_of(scan: &AttachmentHash) -> Vec<u8> {
    [ORIGINAL, scan.as_bytes()].concat()
}

fn hash_of(bytes: &[u8]) -> Result<AttachmentHash, ReplicaError> {
    AttachmentHash::try_from(bytes).map_err(|_| ReplicaError::Damaged("foto asli"))
}

impl Phone {
    /// Keeps the photo that a scan was made from until the office has the scan.
    ///
    /// # Errors
    /// Where the file cannot be taken in.
    pub fn keep_original(&mut self, scan: &AttachmentHash, path: &Path) -> Result<(), ClientError> {
        let (original, _) = self.files.import(path)?;
        if original == *scan {
            return Ok(());
        }
        self.replica.transaction(|replica| {
            let row = Some(original.as_bytes());
            Ok::<_, ReplicaError>(replica.store.put(&Partition::Office, Table::Meta, &row_of(scan), row)?)
        })?;
        Ok(())
    }

    /// The photo that a scan was made from, as long as it is kept.
    pub fn original(&self, scan: &AttachmentHash) -> Result<Option<Vec<u8>>, ClientError> {
        let row = self.replica.store.get(&Partition::Office, Table::Meta, &row_of(scan))?;
        let Some(original) = row else { return Ok(None) };
        match self.files.read(&hash_of(&original)?, 0..u64::MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(AttachmentError::Missing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets go of the originals of scans that the office has, or that nobody names any more.
    pub(super) fn let_originals_go(&mut self) -> Result<(), ClientError> {
        let store = &self.replica.store;
        for (key, original) in store.scan(&Partition::Office, Table::Meta, ORIGINAL, None, MAX_LOOKED)? {
            let (scan, original) =
                (hash_of(key.get(ORIGINAL.len()..).unwrap_or_default())?, hash_of(&original)?);
            if self.waits_for_office(&scan)? {
                continue;
            }
            let files = self.files.clone();
            let removed = self.replica.transaction(|replica| {
                // Somebody may have attached the very same photo.
                let mut named = false;
                for partition in replica.store.partitions()? {
                    named |= replica.attachment(&partition, &original)?.is_some();
                }
                if !named && let Err(error) = files.remove(&original) {
                    return Ok(Err(error));
                }
                replica.store.put(&Partition::Office, Table::Meta, &key, None)?;
                Ok::<_, ReplicaError>(Ok(()))
            })?;
            removed?;
        }
        Ok(())
    }

    fn waits_for_office(&self, scan: &AttachmentHash) -> Result<bool, ReplicaError> {
        for partition in self.replica.store.partitions()? {
            if self.replica.attachment(&partition, scan)?.is_some_and(|row| row.named && !row.at_office) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
