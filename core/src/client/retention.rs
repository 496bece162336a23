//! Letting go: what the office has said goodbye to leaves the phone, its scans and the store's log included.

use super::{ClientError, Phone};
use crate::replica::ReplicaError;
use crate::store::{Store, StoreError};

impl Phone {
    /// Lets go of what the office has destroyed, and of what has ended and is safe there. Returns how many
    /// applications left.
    ///
    /// # Errors
    /// Where the store or a file cannot be written: the rest follows the next time.
    pub fn let_go(&mut self) -> Result<usize, ClientError> {
        let mut count = 0;
        for partition in self.replica.store.partitions()? {
            // Most have nothing to let go, and need no transaction for it.
            if self.replica.has_retired(&partition)? {
                count += self.replica.transaction(|replica| replica.sweep(&partition))?;
            }
        }
        while !self.replica.unlinked()?.is_empty() {
            self.unlink()?;
        }
        self.let_originals_go()?;
        if self.replica.must_purge()? {
            match self.replica.store.purge() {
                Ok(()) => self.replica.transaction(|replica| replica.purged())?,
                // Another process reads: the next time.
                Err(StoreError::Busy) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    /// Removes files that nobody names any more, inside a transaction, so that nobody names one meanwhile.
    fn unlink(&mut self) -> Result<(), ClientError> {
        let files = self.files.clone();
        let done = self.replica.transaction(|replica| {
            for (partition, hash) in replica.unlinked()? {
                let mut named = false;
                // Scans of all partitions lie in one folder.
                for other in replica.store.partitions()? {
                    named |= replica.attachment(&other, &hash)?.is_some();
                }
                if !named && let Err(error) = files.remove(&hash) {
                    return Ok(Err(error));
                }
                replica.forget_unlinked(&partition, &hash)?;
            }
            Ok::<_, ReplicaError>(Ok(()))
        })?;
        Ok(done?)
    }
}
