//! The keys of a phone, and the files that they lie in where the platform keeps none.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::ClientError;
use crate::bundle::OpenKey;
use crate::identity::{Signer, SoftwareKey};
use crate::store::sqlite::{STORE_KEY, StoreKey};

/// Name of the device's key in a folder of keys.
const DEVICE: &str = "device.key";
/// Name of the store's key there.
const STORE: &str = "store.key";
/// Longest key file that is read, in bytes; a PKCS #8 document of this kind has 138.
const MAX_KEY: u64 = 4096;

/// What a phone is opened with.
#[derive(Clone)]
pub struct Keys {
    /// What it signs with.
    pub signer: Arc<dyn Signer>,
    /// What its store is encrypted with.
    pub store: StoreKey,
    /// Destroys both, wherever they are kept.
    pub destroy: Destroy,
}

/// Destroys a phone's keys for good.
pub type Destroy = Arc<dyn Fn() -> Result<(), ClientError> + Send + Sync>;

impl Keys {
    /// The keys that lie in this folder.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`] where one is lacking; a refusal where a file is no key.
    pub fn read(dir: &Path) -> Result<Self, ClientError> {
        let device = read(&dir.join(DEVICE))?.ok_or(ClientError::NotEnrolled)?;
        let store = read(&dir.join(STORE))?.ok_or(ClientError::NotEnrolled)?;
        Self::of(dir, &device, &store)
    }

    /// The keys that lie in this folder; new ones, durable and for their owner alone, for those that are lacking.
    pub fn read_or_make(dir: &Path) -> Result<Self, ClientError> {
        let device = read_or_make(dir, DEVICE, || {
            let (_, document) = SoftwareKey::generate()?;
            Ok(document.into())
        })?;
        let store = read_or_make(dir, STORE, || {
            let mut bytes = Zeroizing::new(vec![0; STORE_KEY]);
            getrandom::fill(&mut bytes)
                .map_err(|_| ClientError::refused("sistem tidak memberi bilangan acak: ulangi"))?;
            Ok(bytes)
        })?;
        Self::of(dir, &device, &store)
    }

    /// What opens bundles that are sealed to this phone: it goes where the store's key goes.
    pub fn open_key(&self) -> OpenKey {
        OpenKey::new(*self.store.derive("loket 1 bundles"))
    }

    fn of(dir: &Path, device: &[u8], store: &[u8]) -> Result<Self, ClientError> {
        let none = |name: &str| {
            ClientError::refused(format!(
                "{name} bukan kunci perangkat Loket: pulihkan, atau pakai folder lain"
            ))
        };
        let signer = SoftwareKey::from_pkcs8(device).map_err(|_| none(DEVICE))?;
        let store = store.try_into().map_err(|_| none(STORE))?;
        let dir = dir.to_owned();
        let destroy =
            Arc::new(move || [DEVICE, STORE].iter().try_for_each(|name| overwrite(&dir.join(name))));
        Ok(Self { signer: Arc::new(signer), store: StoreKey::new(store), destroy })
    }
}

/// Writes over a key's file before it is removed, as far as the medium writes where it is told to.
fn overwrite(path: &Path) -> Result<(), ClientError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let length = usize::try_from(file.metadata()?.len().min(MAX_KEY)).unwrap_or_default();
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    Ok(fs::remove_file(path)?)
}

/// What stands in a key's file, if there is one.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, ClientError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut document = Zeroizing::new(Vec::new());
    file.take(MAX_KEY).read_to_end(&mut document)?;
    Ok(Some(document))
}

fn read_or_make(
    dir: &Path,
    name: &str,
    make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, ClientError>,
) -> Result<Zeroizing<Vec<u8>>, ClientError> {
    let path = dir.join(name);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let key = make()?;
    // Written under another name first: a cut leaves no half key behind.
    let new = dir.join(format!("{name}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // A link and not a renaming: where another process was first, its key stays.
    let linked = fs::hard_link(&new, &path);
    fs::remove_file(&new)?;
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            read(&path)?.ok_or(ClientError::NotEnrolled)
        }
        Err(error) => Err(error.into()),
    }
}
