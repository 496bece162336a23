//! The device's key in a file, where the platform keeps none.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use super::ClientError;
use crate::identity::SoftwareKey;

/// Name of the key in a phone's folder.
const KEY: &str = "device.key";
/// Longest key file that is read, in bytes; a PKCS #8 document of this kind has 138.
const MAX_KEY: u64 = 4096;

/// The key in this folder, if there is one.
pub(super) fn read(dir: &Path) -> Result<Option<SoftwareKey>, ClientError> {
    let file = match File::open(dir.join(KEY)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut document = Vec::new();
    file.take(MAX_KEY).read_to_end(&mut document)?;
    let key = SoftwareKey::from_pkcs8(&document)
        .map_err(|_| ClientError::refused("device.key bukan kunci perangkat Loket: pakai folder lain"))?;
    Ok(Some(key))
}

/// The key in this folder; a new one, durable and for its owner alone, where there is none.
pub(super) fn read_or_make(dir: &Path) -> Result<SoftwareKey, ClientError> {
    if let Some(key) = read(dir)? {
        return Ok(key);
    }
    let (key, document) = SoftwareKey::generate()?;
    // Written under another name first: a cut leaves no half key behind.
    let new = dir.join(format!("{KEY}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(&document)?;
    file.sync_all()?;
    // A link and not a renaming: where another process was first, its key stays.
    let linked = fs::hard_link(&new, dir.join(KEY));
    fs::remove_file(&new)?;
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            read(dir)?.ok_or(ClientError::NotEnrolled)
        }
        Err(error) => Err(error.into()),
    }
}
