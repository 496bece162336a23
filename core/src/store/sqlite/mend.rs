//! After a failure of the medium, and after a crash: nothing is shown that may not be durable.
//!
//! A sync that failed is never asked for again: the system may have dropped what it could not write and call the
//! pages clean, so that the next sync succeeds and means nothing. What is to be durable is written anew instead.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;

use super::{BUSY_TIMEOUT, Durability, SqliteStore, store_error};
use crate::store::StoreError;

/// Bytes of the log that are written anew at a time.
const PIECE: usize = 1 << 20;
/// Bytes of the smallest index of a log.
const INDEX: usize = 32 << 10;
/// Between two tries for a turn.
const TURN: Duration = Duration::from_millis(2);

/// A lock on a file beside the store, shared by all that may write to it: who gets it alone is the first.
#[derive(Debug)]
pub(super) struct Presence(File);

impl Presence {
    /// Enters; tells whether nobody else was there. Who was the first keeps others waiting until
    /// [`Presence::share`].
    pub(super) fn enter(store: &Path) -> Result<(Self, bool), StoreError> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(beside(store, "-pakai"));
        let file = file.map_err(|error| file_error(&error))?;
        match file.try_lock() {
            Ok(()) => Ok((Self(file), true)),
            Err(TryLockError::WouldBlock) => {
                let presence = Self(file);
                presence.share()?;
                Ok((presence, false))
            }
            // Where the system has no such locks, everybody writes the log anew: it costs a moment.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok((Self(file), true))
            }
            Err(TryLockError::Error(error)) => Err(file_error(&error)),
        }
    }

    /// Lets others in.
    pub(super) fn share(&self) -> Result<(), StoreError> {
        let began = Instant::now();
        loop {
            match self.0.try_lock_shared() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if began.elapsed() < BUSY_TIMEOUT => std::thread::sleep(TURN),
                Err(TryLockError::WouldBlock) => return Err(StoreError::Busy),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(());
                }
                Err(TryLockError::Error(error)) => return Err(file_error(&error)),
            }
        }
    }
}

impl SqliteStore {
    /// After [`StoreError::Broken`]: lets the connection go, opens a new one, moves all of the log into the file with
    /// fresh writes and syncs, and checks the file. An open transaction is given up. It reads the whole file, so it
    /// takes as long as that.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where somebody reads all the while; [`StoreError::Full`] where the log finds no room;
    /// [`StoreError::Broken`] where the medium fails again, or the file is damaged. Nothing may be acknowledged until
    /// a later call succeeds.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        let key = self.key.as_ref();
        let mut fresh = Self::connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE, self.durability, key)?;
        // Read through the new connection before the old one goes: as long as somebody has the file open, the
        // index of the log stays, and with it the knowledge of what was kept.
        fresh.version()?;
        fresh.settle()?;
        if let Some((cache, log_pages)) = self.room {
            fresh.make_room(cache, log_pages)?;
        }
        fresh.presence = self.presence.take();
        drop(std::mem::replace(self, fresh));
        self.renew_log()?;
        self.empty_log()?;
        self.check()
    }

    /// Whether the store's folder takes at least as much as the index of a log: asked after [`StoreError::Broken`], since a
    /// full medium may also fail a sync, which is mended as any other failure but is somebody else's to end.
    pub fn has_room(&self) -> bool {
        !has_no_room(&self.path)
    }

    /// Asks SQLite whether the file holds together.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where it does not.
    pub fn check(&self) -> Result<(), StoreError> {
        let said: String =
            self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(store_error)?;
        // What it found quotes the file, so it stays out of the sentence.
        if said == "ok" { Ok(()) } else { Err(super::damaged()) }
    }

    /// Writes the log anew, byte by byte as it is read, and syncs it: then all that can be seen is durable,
    /// whatever became of earlier syncs.
    pub(super) fn renew_log(&self) -> Result<(), StoreError> {
        let log = beside(&self.path, "-wal");
        let holds_something = |log: &Path| log.metadata().is_ok_and(|found| found.len() > 0);
        if self.durability == Durability::Process || !holds_something(&log) {
            return Ok(());
        }
        // Who writes has to wait, so the log stands still; readers see the same bytes before and after.
        self.run("BEGIN IMMEDIATE", [])?;
        let renewed = rewrite(&log).map_err(|error| file_error(&error));
        let ended = self.run("ROLLBACK", []);
        renewed.and(ended.map(|_| ()))
    }

    /// Syncs the store's folder once: the log's name is as important as its bytes, and SQLite does not look whether
    /// its own sync of the folder succeeded.
    pub(super) fn make_names_durable(&mut self) -> Result<(), StoreError> {
        if self.named || self.durability == Durability::Process || !cfg!(unix) {
            return Ok(());
        }
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.map_err(|error| file_error(&error))?;
        self.named = true;
        Ok(())
    }
}

/// Whether the store's folder takes not even as much as the index of a log.
pub(super) fn has_no_room(store: &Path) -> bool {
    let path = beside(store, "-ruang");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&[0; INDEX])?;
        file.sync_all()
    });
    // Where it cannot be removed, the next look writes over it.
    let _ = std::fs::remove_file(&path);
    matches!(written.map_err(|error| file_error(&error)), Err(StoreError::Full))
}

/// The file of this ending beside the store.
fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Writes every byte of a file again where it stands, and syncs.
fn rewrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    loop {
        file.seek(SeekFrom::Start(at))?;
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(piece)?;
        at += read as u64;
    }
    file.sync_all()
}

/// An error of a file beside the store; the system's own words stay out, since they name paths.
fn file_error(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        kind => StoreError::Broken(format!("cakram gagal ({kind}): periksa cakram, lalu ulangi")),
    }
}
