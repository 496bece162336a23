//! Wiping a phone: what the office does not have yet is sealed to it, then the keys are destroyed, and the files with
//! them. Without the keys the files are noise, so that they are removed as well is only tidy.

use std::fs;
use std::path::Path;

use super::bundles::Receiver;
use super::{ATTACHMENTS, ClientError, Phone, STORE};

/// Name of the file that keeps what the office did not have yet, sealed to it.
pub const SEALED: &str = "titipan.loket";

impl Phone {
    /// Wipes the phone for good. Nothing on it can be read any more, by anybody; what the office did not have yet lies
    /// in [`SEALED`] for it alone.
    ///
    /// # Errors
    /// Where it cannot be sealed or the keys cannot be destroyed: then nothing was, and it may be tried again.
    pub fn wipe(&mut self) -> Result<(), ClientError> {
        self.pack(Receiver::Office, &self.dir.join(SEALED))?;
        (self.destroy)()?;
        // From here on the phone is gone; what cannot be removed stays as noise.
        for name in [STORE, "phone.db-wal", "phone.db-shm"] {
            let _ = fs::remove_file(self.dir.join(name));
        }
        let _ = fs::remove_dir_all(self.dir.join(ATTACHMENTS));
        sync_dir(&self.dir)
    }
}

fn sync_dir(dir: &Path) -> Result<(), ClientError> {
    if cfg!(unix) {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}
