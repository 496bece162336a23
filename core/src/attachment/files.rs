//! The folder of attachments: `<2 hex>/<64 hex>` is whole and right, the same name with `.part` is growing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{AttachmentError, MAX_ATTACHMENT, Progress, SYNC_EVERY};
use crate::journal::AttachmentHash;

/// Where files lie while they are imported, before their hash is known.
const INCOMING: &str = "incoming";

/// Tells imports of one process apart.
static IMPORTS: AtomicU64 = AtomicU64::new(0);

/// Held while something under a folder of two hexadecimal digits changes.
const LOCK: &str = "lock";

/// A folder of attachments. Every call blocks on the medium. Handles and processes may share the folder: changes
/// to one attachment take turns, so that nobody writes into a file whose hash was just checked.
#[derive(Debug, Clone)]
pub struct AttachmentStore {
    dir: PathBuf,
}

impl AttachmentStore {
    /// Opens the folder, which is made where there is none. What a crash left of imports is removed; uploads that
    /// were cut stay, to be resumed.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, AttachmentError> {
        let store = Self { dir: dir.into() };
        let incoming = store.dir.join(INCOMING);
        fs::create_dir_all(&incoming)?;
        for left in fs::read_dir(&incoming)? {
            let left = left?;
            if owner_is_gone(&left.file_name()) {
                remove_if_there(&left.path())?;
            }
        }
        sync_dir(&store.dir)?;
        Ok(store)
    }

    /// How much of the attachment is here and durable.
    pub fn offset(&self, hash: &AttachmentHash) -> Result<Progress, AttachmentError> {
        if let Some(size) = length(&self.whole(hash))? {
            return Ok(Progress::Complete(size));
        }
        Ok(Progress::Partial(length(&self.part(hash))?.unwrap_or(0)))
    }

    /// Whether all of the attachment is here.
    pub fn contains(&self, hash: &AttachmentHash) -> Result<bool, AttachmentError> {
        Ok(matches!(self.offset(hash)?, Progress::Complete(_)))
    }

    /// Takes the bytes at `offset` of an attachment of `expected_size` bytes, and answers when they are durable.
    /// With the last one the hash is checked over the whole, and only then the attachment is here. An attachment
    /// that is here already takes nothing and answers so.
    ///
    /// # Errors
    /// [`AttachmentError::Offset`] where `offset` is not the end of what is here;
    /// [`AttachmentError::TooLarge`] beyond [`MAX_ATTACHMENT`] or `expected_size`, with nothing taken;
    /// [`AttachmentError::Mismatch`] where the whole has another hash, with all of it thrown away.
    pub fn append(
        &self,
        hash: &AttachmentHash,
        expected_size: u64,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Progress, AttachmentError> {
        if expected_size > MAX_ATTACHMENT {
            return Err(AttachmentError::TooLarge);
        }
        let _turn = self.lock(hash)?;
        let end = match self.offset(hash)? {
            whole @ Progress::Complete(_) => return Ok(whole),
            Progress::Partial(end) if end > expected_size => {
                // Announced larger before: somebody was wrong, and only the hash can tell who.
                self.discard(hash)?;
                0
            }
            Progress::Partial(end) => end,
        };
        if offset != end {
            return Err(AttachmentError::Offset(end));
        }
        let end = offset.saturating_add(bytes.len() as u64);
        if end > expected_size {
            return Err(AttachmentError::TooLarge);
        }
        self.extend(hash, offset, bytes)?;
        if end < expected_size {
            return Ok(Progress::Partial(end));
        }
        self.complete(hash)
    }

    /// Copies a file into the folder, durably, and returns its hash and size.
    ///
    /// # Errors
    /// [`AttachmentError::Missing`] where there is no such file; [`AttachmentError::TooLarge`].
    pub fn import(&self, path: impl AsRef<Path>) -> Result<(AttachmentHash, u64), AttachmentError> {
        let mut from = open_existing(path.as_ref())?;
        let number = IMPORTS.fetch_add(1, Ordering::Relaxed);
        let incoming = self.dir.join(INCOMING).join(format!("{}-{number}", std::process::id()));
        let copied =
            File::create(&incoming).map_err(AttachmentError::from).and_then(|to| copy(&mut from, to));
        let kept = copied.and_then(|(hash, size)| {
            let _turn = self.lock(&hash)?;
            if !self.contains(&hash)? {
                self.name(&incoming, &hash)?;
            }
            remove_if_there(&self.part(&hash))?;
            Ok((hash, size))
        });
        // Gone already where it was given its name.
        remove_if_there(&incoming)?;
        kept
    }

    /// Reads the bytes in `range` of a whole attachment, fewer where it ends before.
    ///
    /// # Errors
    /// [`AttachmentError::Missing`] where it is not here or not whole.
    pub fn read(&self, hash: &AttachmentHash, range: Range<u64>) -> Result<Vec<u8>, AttachmentError> {
        let mut file = open_existing(&self.whole(hash))?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        let wanted = range.end.saturating_sub(range.start).min(MAX_ATTACHMENT);
        file.take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes the attachment and what was received of it; one that is not here is fine.
    pub fn remove(&self, hash: &AttachmentHash) -> Result<(), AttachmentError> {
        let _turn = self.lock(hash)?;
        remove_if_there(&self.whole(hash))?;
        self.discard(hash)
    }

    fn folder(&self, hash: &AttachmentHash) -> PathBuf {
        let hex = hash.to_hex();
        self.dir.join(hex.get(..2).unwrap_or_default())
    }

    fn whole(&self, hash: &AttachmentHash) -> PathBuf {
        self.folder(hash).join(hash.to_hex())
    }

    fn part(&self, hash: &AttachmentHash) -> PathBuf {
        self.folder(hash).join(format!("{}.part", hash.to_hex()))
    }

    /// Waits for its turn among those that change attachments of the same folder; over when dropped.
    fn lock(&self, hash: &AttachmentHash) -> Result<File, AttachmentError> {
        self.make_folder(hash)?;
        let path = self.folder(hash).join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.lock() {
            // Where the system has no such locks it has one process and one upload at a time: a phone.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error.into()),
            _ => Ok(file),
        }
    }

    fn make_folder(&self, hash: &AttachmentHash) -> Result<(), AttachmentError> {
        match fs::create_dir(self.folder(hash)) {
            Ok(()) => Ok(sync_dir(&self.dir)?),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes at the end of the part, syncing as it goes.
    fn extend(&self, hash: &AttachmentHash, offset: u64, bytes: &[u8]) -> Result<(), AttachmentError> {
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(self.part(hash))?;
        file.seek(SeekFrom::Start(offset))?;
        for piece in bytes.chunks(SYNC_EVERY) {
            let written = file.write_all(piece).and_then(|()| file.sync_data());
            if let Err(error) = written {
                // Nothing beyond what was durable may look received.
                file.set_len(offset)?;
                return Err(error.into());
            }
        }
        if offset == 0 {
            sync_dir(&self.folder(hash))?;
        }
        Ok(())
    }

    /// Checks the part's hash and gives it its name, or throws it away.
    fn complete(&self, hash: &AttachmentHash) -> Result<Progress, AttachmentError> {
        let part = self.part(hash);
        let (found, size) = digest(&mut open_existing(&part)?, |_| Ok(()))?;
        if found != *hash {
            self.discard(hash)?;
            return Err(AttachmentError::Mismatch);
        }
        self.name(&part, hash)?;
        Ok(Progress::Complete(size))
    }

    fn name(&self, file: &Path, hash: &AttachmentHash) -> Result<(), AttachmentError> {
        fs::rename(file, self.whole(hash))?;
        Ok(sync_dir(&self.folder(hash))?)
    }

    fn discard(&self, hash: &AttachmentHash) -> Result<(), AttachmentError> {
        remove_if_there(&self.part(hash))?;
        Ok(sync_dir(&self.folder(hash))?)
    }
}

/// Whether an import's leftover belongs to no running process of this machine; where that cannot be told, those
/// of other processes are left alone.
fn owner_is_gone(name: &std::ffi::OsStr) -> bool {
    let owner = name.to_str().and_then(|n| n.split_once('-')).and_then(|(pid, _)| pid.parse::<u32>().ok());
    match owner {
        Some(pid) if pid == std::process::id() => false,
        Some(pid) => !(Path::new("/proc/self").exists() && Path::new(&format!("/proc/{pid}")).exists()),
        None => true,
    }
}

/// Copies to a new file and makes it durable.
fn copy(from: &mut File, mut to: File) -> Result<(AttachmentHash, u64), AttachmentError> {
    let copied = digest(from, |piece| to.write_all(piece))?;
    to.sync_all()?;
    Ok(copied)
}

/// Reads a file to its end, hands on each piece, and returns hash and size.
fn digest(
    file: &mut File,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(AttachmentHash, u64), AttachmentError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; SYNC_EVERY];
    let mut size = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        let piece = buffer.get(..read).unwrap_or_default();
        if piece.is_empty() {
            return Ok((AttachmentHash(*hasher.finalize().as_bytes()), size));
        }
        size += read as u64;
        if size > MAX_ATTACHMENT {
            return Err(AttachmentError::TooLarge);
        }
        hasher.update(piece);
        each(piece)?;
    }
}

fn open_existing(path: &Path) -> Result<File, AttachmentError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => AttachmentError::Missing,
        _ => error.into(),
    })
}

fn length(path: &Path) -> Result<Option<u64>, AttachmentError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn remove_if_there(path: &Path) -> Result<(), AttachmentError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// A name is durable when its folder is; Windows does so by itself and cannot open one.
fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
