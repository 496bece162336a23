//! The folder of attachments: `<2 hex>/<64 hex>` is whole and right, the same name with `.part` is growing. On a phone
//! names and bytes are encrypted.
//!
//! A sync that failed is not asked for again: the system may have dropped what it could not write, and still show
//! it. What this process has not itself seen become durable, from its first byte on, is copied to a new file before
//! it counts.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::medium::Medium;
use super::{AttachmentError, MAX_ATTACHMENT, Progress, SYNC_EVERY};
use crate::journal::AttachmentHash;
use crate::store::sqlite::StoreKey;

/// Where files lie while they are imported, before their hash is known.
const INCOMING: &str = "incoming";

/// Tells imports of one process apart.
static IMPORTS: AtomicU64 = AtomicU64::new(0);

/// Held while something under a folder of two hexadecimal digits changes.
const LOCK: &str = "lock";

/// Attachments of which is remembered that they are durable; to forget one costs a copy of it.
const MAX_SURE: usize = 4096;

/// What this process has seen become durable, without a failure in between.
#[derive(Debug, Default)]
struct Sure {
    /// Of those that grow: so many bytes from the beginning.
    parts: HashMap<AttachmentHash, u64>,
    /// With bytes and name.
    whole: HashSet<AttachmentHash>,
}

/// A folder of attachments. Every call blocks on the medium. Handles and processes may share the folder: changes
/// to one attachment take turns, so that nobody writes into a file whose hash was just checked.
#[derive(Debug, Clone)]
pub struct AttachmentStore {
    dir: PathBuf,
    medium: Medium,
    sure: Arc<Mutex<Sure>>,
}

impl AttachmentStore {
    /// Opens the folder, which is made where there is none. What a crash left of imports is removed; uploads that
    /// were cut stay, to be resumed.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, AttachmentError> {
        Self::open_on(dir.into(), Medium::default())
    }

    /// As [`AttachmentStore::open`]; names and bytes are encrypted with this key.
    pub fn open_encrypted(dir: impl Into<PathBuf>, key: &StoreKey) -> Result<Self, AttachmentError> {
        Self::open_on(dir.into(), Medium::sealed(key)?)
    }

    fn open_on(dir: PathBuf, medium: Medium) -> Result<Self, AttachmentError> {
        let store = Self { dir, medium, sure: Arc::default() };
        if let Some(parent) = store.dir.parent().filter(|parent| *parent != Path::new("")) {
            fs::create_dir_all(parent)?;
        }
        make_dir(&store.dir)?;
        let incoming = store.dir.join(INCOMING);
        make_dir(&incoming)?;
        for left in fs::read_dir(&incoming)? {
            let left = left?;
            if owner_is_gone(&left.file_name()) {
                remove_if_there(&left.path())?;
            }
        }
        Ok(store)
    }

    /// How much of the attachment is here.
    pub fn offset(&self, hash: &AttachmentHash) -> Result<Progress, AttachmentError> {
        if let Some(size) = length(&self.whole(hash))? {
            return Ok(Progress::Complete(self.medium.plain(size)));
        }
        Ok(Progress::Partial(self.medium.grown(length(&self.part(hash))?.unwrap_or(0))))
    }

    /// Whether all of the attachment is here.
    pub fn contains(&self, hash: &AttachmentHash) -> Result<bool, AttachmentError> {
        Ok(matches!(self.offset(hash)?, Progress::Complete(_)))
    }

    /// As [`AttachmentStore::offset`], and where all of it is here, it is durable with its name when this returns:
    /// to be asked before anybody is told that it has arrived. One that was completed by another process, or whose
    /// naming failed, is copied for it; one whose bytes turn out damaged is thrown away.
    pub fn assure(&self, hash: &AttachmentHash) -> Result<Progress, AttachmentError> {
        let _turn = self.lock(hash)?;
        let progress = self.offset(hash)?;
        if matches!(progress, Progress::Partial(_)) || self.sure().whole.contains(hash) {
            return Ok(progress);
        }
        match self.copy_to_name(&self.whole(hash), hash) {
            Ok(size) => Ok(Progress::Complete(size)),
            Err(AttachmentError::Mismatch) => {
                remove_if_there(&self.whole(hash))?;
                self.offset(hash)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the bytes at `offset` of an attachment of `expected_size` bytes, and answers when they are durable; an
    /// encrypted store takes whole pieces of [`SYNC_EVERY`] and leaves what is beyond them, as the answer says.
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
        let end = self.medium.writable(end, expected_size).max(offset);
        let room = usize::try_from(end - offset).unwrap_or(usize::MAX);
        self.extend(hash, offset, bytes.get(..room).unwrap_or(bytes))?;
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
        let incoming = self.incoming();
        let copied = File::create(&incoming)
            .map_err(AttachmentError::from)
            .and_then(|to| self.copy(&Medium::default(), &mut from, to));
        let kept = copied.and_then(|(hash, size)| {
            let _turn = self.lock(&hash)?;
            // Also over one that is here: this copy is known to be durable.
            self.name(&incoming, &hash)?;
            remove_if_there(&self.part(&hash))?;
            Ok((hash, size))
        });
        leave(&incoming, kept)
    }

    /// Reads the bytes in `range` of a whole attachment, fewer where it ends before.
    ///
    /// # Errors
    /// [`AttachmentError::Missing`] where it is not here or not whole.
    pub fn read(&self, hash: &AttachmentHash, range: Range<u64>) -> Result<Vec<u8>, AttachmentError> {
        let mut file = open_existing(&self.whole(hash))?;
        let end = range.end.min(range.start.saturating_add(MAX_ATTACHMENT));
        Ok(self.medium.read_range(&mut file, range.start..end)?)
    }

    /// Removes the attachment and what was received of it; one that is not here is fine.
    pub fn remove(&self, hash: &AttachmentHash) -> Result<(), AttachmentError> {
        let _turn = self.lock(hash)?;
        self.sure().whole.remove(hash);
        remove_if_there(&self.whole(hash))?;
        self.discard(hash)
    }

    fn sure(&self) -> MutexGuard<'_, Sure> {
        let mut sure = self.sure.lock().unwrap_or_else(PoisonError::into_inner);
        if sure.parts.len() >= MAX_SURE {
            sure.parts.clear();
        }
        if sure.whole.len() >= MAX_SURE {
            sure.whole.clear();
        }
        sure
    }

    /// A name for a file that has none yet.
    fn incoming(&self) -> PathBuf {
        let number = IMPORTS.fetch_add(1, Ordering::Relaxed);
        self.dir.join(INCOMING).join(format!("{}-{number}", std::process::id()))
    }

    /// Where the attachment lies once it is whole.
    pub fn path(&self, hash: &AttachmentHash) -> PathBuf {
        self.whole(hash)
    }

    fn folder(&self, hash: &AttachmentHash) -> PathBuf {
        self.dir.join(self.medium.name(hash).get(..2).unwrap_or_default())
    }

    fn whole(&self, hash: &AttachmentHash) -> PathBuf {
        self.folder(hash).join(self.medium.name(hash))
    }

    fn part(&self, hash: &AttachmentHash) -> PathBuf {
        self.folder(hash).join(format!("{}.part", self.medium.name(hash)))
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
        Ok(make_dir(&self.folder(hash))?)
    }

    /// Writes at the end of the part, syncing as it goes.
    fn extend(&self, hash: &AttachmentHash, offset: u64, bytes: &[u8]) -> Result<(), AttachmentError> {
        let before = self.sure().parts.remove(hash).unwrap_or(0);
        let path = self.part(hash);
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        let place = self.medium.place(offset);
        // What a cut left behind the last whole piece goes.
        let mut written = file.set_len(place).and_then(|()| file.seek(SeekFrom::Start(place))).map(|_| ());
        for (piece, at) in bytes.chunks(SYNC_EVERY).zip((offset..).step_by(SYNC_EVERY)) {
            written = written.and_then(|()| self.medium.write(&mut file, at, piece));
            written = written.and_then(|()| file.sync_data());
        }
        if offset == 0 {
            written = written.and_then(|()| sync_dir(&self.folder(hash)));
        }
        if let Err(error) = written {
            // Nothing beyond what was durable should look received. Where that fails too, the copy at the end and
            // its hash decide: this part is not sure any more.
            let _ = if offset == 0 { fs::remove_file(&path) } else { file.set_len(place) };
            return Err(error.into());
        }
        if before == offset {
            self.sure().parts.insert(*hash, offset.saturating_add(bytes.len() as u64));
        }
        Ok(())
    }

    /// Checks the part's hash and gives it its name, or throws it away.
    fn complete(&self, hash: &AttachmentHash) -> Result<Progress, AttachmentError> {
        let part = self.part(hash);
        let sure = self.sure().parts.remove(hash);
        let named = if sure.is_some() && sure == length(&part)?.map(|length| self.medium.plain(length)) {
            let (found, size) = digest(&self.medium, &mut open_existing(&part)?, |_, _| Ok(()))?;
            if found == *hash {
                self.name(&part, hash).map(|()| size)
            } else {
                Err(AttachmentError::Mismatch)
            }
        } else {
            self.copy_to_name(&part, hash)
        };
        if matches!(named, Ok(_) | Err(AttachmentError::Mismatch)) {
            self.discard(hash)?;
        }
        named.map(Progress::Complete)
    }

    /// Copies a file of this folder to a new one, durably, and gives that the name if its hash is right. Returns the
    /// size.
    fn copy_to_name(&self, from: &Path, hash: &AttachmentHash) -> Result<u64, AttachmentError> {
        let incoming = self.incoming();
        let copied = File::create(&incoming).map_err(AttachmentError::from);
        let copied = copied.and_then(|to| self.copy(&self.medium, &mut open_existing(from)?, to));
        let named = copied.and_then(|(found, size)| {
            if found != *hash {
                return Err(AttachmentError::Mismatch);
            }
            self.name(&incoming, hash).map(|()| size)
        });
        leave(&incoming, named)
    }

    /// Copies a file that lies on `medium` to a new one of this folder and makes it durable.
    fn copy(
        &self,
        medium: &Medium,
        from: &mut File,
        mut to: File,
    ) -> Result<(AttachmentHash, u64), AttachmentError> {
        let copied = digest(medium, from, |at, piece| self.medium.write(&mut to, at, piece))?;
        to.sync_all()?;
        Ok(copied)
    }

    fn name(&self, file: &Path, hash: &AttachmentHash) -> Result<(), AttachmentError> {
        self.sure().whole.remove(hash);
        fs::rename(file, self.whole(hash))?;
        sync_dir(&self.folder(hash))?;
        self.sure().whole.insert(*hash);
        Ok(())
    }

    fn discard(&self, hash: &AttachmentHash) -> Result<(), AttachmentError> {
        remove_if_there(&self.part(hash))?;
        Ok(sync_dir(&self.folder(hash))?)
    }
}

/// Removes what is left under a first name, also where its bytes could not be kept; it is gone already where it
/// was given its name.
fn leave<T>(incoming: &Path, kept: Result<T, AttachmentError>) -> Result<T, AttachmentError> {
    let removed = remove_if_there(incoming);
    let kept = kept?;
    removed?;
    Ok(kept)
}

/// Makes a folder, durably, if there is none; one whose name may not be durable is removed again.
fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    let parent = dir.parent().filter(|parent| *parent != Path::new(""));
    sync_dir(parent.unwrap_or(Path::new("."))).inspect_err(|_| {
        // It is empty; where it cannot be removed, it stays.
        let _ = fs::remove_dir(dir);
    })
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

/// Reads a file that lies on `medium` to its end, hands on each piece with its offset, and returns hash and size.
fn digest(
    medium: &Medium,
    file: &mut File,
    mut each: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<(AttachmentHash, u64), AttachmentError> {
    let mut hasher = blake3::Hasher::new();
    let mut size = 0;
    loop {
        let piece = medium.read(file, size)?;
        if piece.is_empty() {
            return Ok((AttachmentHash(*hasher.finalize().as_bytes()), size));
        }
        if size + piece.len() as u64 > MAX_ATTACHMENT {
            return Err(AttachmentError::TooLarge);
        }
        hasher.update(&piece);
        each(size, &piece)?;
        size += piece.len() as u64;
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
