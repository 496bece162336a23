//! The store in one SQLite file: what an office and a phone keep.
//!
//! The write-ahead log is synced before [`Store::finish`] returns. Moving it into the file (a checkpoint) is left
//! to the caller's idle moments, see [`SqliteStore::checkpoint`]; only a log that has grown beyond
//! [`MAX_LOG_PAGES`] is moved by the commit that finds it so. Freed space is overwritten with zeros.
//!
//! What a reader sees is durable. SQLite tells readers of a commit after the log was synced, so one whose sync failed
//! stays out of sight as long as anybody has the file open; but who opens it first after a crash finds it in the log
//! again, in the system's memory and perhaps nowhere else. Therefore the first to open writes the log anew and syncs
//! it before anything is read, and [`SqliteStore::reopen`] does so after a failure (`mend`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, TransactionBehavior, params};

use super::bounds::{MAX_NUMBER, TAKEN, check_entry, check_row, key_range};
use super::{Query, Row, Store, StoreError, Table};
use crate::journal::{Content, EntryHash, Header, JournalId, Partition, StoredEntry};
use scattered::is_scattered;

mod key;
mod mend;
mod scattered;

pub use key::{STORE_KEY, StoreKey};

/// How long to wait for another process that holds the store.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of 4 KiB in the write-ahead log above which a commit moves them into the file itself (64 MiB).
pub const MAX_LOG_PAGES: i64 = 16_384;
/// What the log's file is cut back to once it was moved, in bytes.
const LOG_KEPT: i64 = 16 << 20;
/// Marks a SQLite file as a store of Loket ("LOKT").
const APPLICATION_ID: i64 = 0x4c4f_4b54;
/// KiB of pages that a connection to an encrypted store keeps, at most: each that is read anew is deciphered and checked anew,
/// and with SQLite's own 2 MiB a phone with ten thousand applications did little else.
const ENCRYPTED_CACHE: i64 = 16 << 10;
/// Statements that are kept prepared; all of this file fit.
const STATEMENTS: usize = 48;

/// What makes the tables, in order: the file's `user_version` counts those that were run.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001.sql")];

const WHAT: &str = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
    FROM pragma_application_id, pragma_user_version";
const PART: &str = "SELECT id FROM partitions WHERE partition = ?1";
const NEW_PART: &str = "INSERT INTO partitions (partition, last) VALUES (?1, 0) RETURNING id";
const TAKES: &str = "SELECT 1 FROM entries WHERE part = ?1 AND line = ?2 AND seq = ?3";
const MOVE: &str = "UPDATE entries SET line = ?2 WHERE id = ?1";
const DESTROY: &str = "UPDATE entries SET body = NULL WHERE id = ?1";
const NEXT: &str = "UPDATE partitions SET last = last + 1 WHERE id = ?1 RETURNING last";
const APPEND: &str = "INSERT INTO entries
    (part, position, line, seq, application, hash, header, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const BY_JOURNAL: &str = "SELECT position, line, hash, header, body FROM entries
    WHERE part = ?1 AND line = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";
const BY_POSITION: &str = "SELECT position, line, hash, header, body FROM entries
    WHERE part = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
const BY_ID: &str = "SELECT position, line, hash, header, body, application FROM entries WHERE id = ?1";
const HAS_HASH: &str = "SELECT 1 FROM entries WHERE id = ?1 AND hash = ?2";
const PUT: &str = "INSERT INTO rows (part, tbl, key, value) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (part, tbl, key) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM rows WHERE part = ?1 AND tbl = ?2 AND key = ?3";
const GET: &str = "SELECT value FROM rows WHERE part = ?1 AND tbl = ?2 AND key = ?3";
const SCAN: &str = "SELECT key, value FROM rows
    WHERE part = ?1 AND tbl = ?2 AND key >= ?3 AND key < ?4 ORDER BY key LIMIT ?5";
const PARTITIONS: &str = "SELECT partition FROM partitions p WHERE last > 0
    OR EXISTS (SELECT 1 FROM rows WHERE part = p.id)
    OR EXISTS (SELECT 1 FROM fresh WHERE part = p.id) OR EXISTS (SELECT 1 FROM settled WHERE part = p.id)
    ORDER BY partition";

/// What a kept transaction outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The loss of power: each commit is synced to the medium.
    Power,
    /// The end of the process; a loss of power may take the newest commits, whole ones and in order.
    Process,
}

/// A store in a SQLite file, through one connection.
pub struct SqliteStore {
    db: Connection,
    open: bool,
    /// A write of the open transaction failed: it cannot be kept any more.
    failed: bool,
    path: PathBuf,
    durability: Durability,
    /// What the file is encrypted with, if it is.
    key: Option<StoreKey>,
    /// Tells others that the store is in use; none where it is only read.
    presence: Option<mend::Presence>,
    /// Whether the names of the files in the store's folder are durable.
    named: bool,
    /// What [`SqliteStore::make_room`] was asked for.
    room: Option<(u32, u32)>,
    /// Numbers of partitions.
    parts: RefCell<BTreeMap<Partition, i64>>,
    fresh: scattered::Fresh,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, which is made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Broken`] for a file that is not a store, or one of a later version of this program, or where
    /// what a crash left in the log cannot be made durable.
    pub fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        Self::prepare(path.as_ref(), durability, None)
    }

    /// As [`SqliteStore::open`], for a file that is encrypted with this key, its log too.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where it is encrypted with another key, or is no store at all.
    pub fn open_encrypted(
        path: impl AsRef<Path>,
        durability: Durability,
        key: &StoreKey,
    ) -> Result<Self, StoreError> {
        Self::prepare(path.as_ref(), durability, Some(key))
    }

    fn prepare(path: &Path, durability: Durability, key: Option<&StoreKey>) -> Result<Self, StoreError> {
        let opened = Self::prepared(path, durability, key);
        // Of the index of its log, SQLite only says that it failed.
        opened.map_err(|error| match error {
            StoreError::Broken(_) if mend::has_no_room(path) => StoreError::Full,
            error => error,
        })
    }

    fn prepared(path: &Path, durability: Durability, key: Option<&StoreKey>) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut store = Self::connect(path, flags, durability, key)?;
        // Looked at before anything is written: a file that is not ours is left as it was.
        store.version()?;
        let (presence, first) = mend::Presence::enter(path)?;
        store.presence = Some(presence);
        store.settle()?;
        if first {
            store.renew_log()?;
        }
        if let Some(presence) = &store.presence {
            presence.share()?;
        }
        store.migrate()?;
        Ok(store)
    }

    /// Opens an existing store for reading only, beside the connection that writes.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; and where there is no such file.
    pub fn read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::reader(path.as_ref(), None)
    }

    /// As [`SqliteStore::read_only`], for an encrypted file.
    pub fn read_only_encrypted(path: impl AsRef<Path>, key: &StoreKey) -> Result<Self, StoreError> {
        Self::reader(path.as_ref(), Some(key))
    }

    fn reader(path: &Path, key: Option<&StoreKey>) -> Result<Self, StoreError> {
        let store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, Durability::Power, key)?;
        if store.version()? != MIGRATIONS.len() {
            return Err(StoreError::Broken(
                "berkas belum disiapkan: buka dahulu dengan program utama".into(),
            ));
        }
        store.keep_pages()?;
        Ok(store)
    }

    /// A number that changes when another connection, of this process or another, has committed.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.pragma("data_version")
    }

    /// Moves what it can of the write-ahead log into the file without holding up anyone. For idle moments.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.move_log("PRAGMA wal_checkpoint(PASSIVE)").map(|_| ())
    }

    /// Pages of the log that no checkpoint has moved yet.
    pub fn unmoved_pages(&self) -> Result<i64, StoreError> {
        let pages = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
        self.db.query_row("PRAGMA wal_checkpoint(NOOP)", [], pages).map_err(store_error)
    }

    /// Sets how much memory this connection keeps pages in, in bytes, and at how many pages of the log a commit
    /// moves them itself, in place of [`MAX_LOG_PAGES`]: for who has another connection that does so.
    pub fn make_room(&mut self, cache: u32, log_pages: u32) -> Result<(), StoreError> {
        self.room = Some((cache, log_pages));
        let kib = -i64::from(cache >> 10);
        self.db.pragma_update(None, "cache_size", kib).map_err(store_error)?;
        let set = self.db.pragma_update_and_check(None, "wal_autocheckpoint", log_pages, |_| Ok(()));
        set.map_err(store_error)
    }

    /// Moves all of the log and empties it.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while somebody reads or writes: call again.
    pub fn empty_log(&self) -> Result<(), StoreError> {
        if self.move_log("PRAGMA wal_checkpoint(TRUNCATE)")? { Err(StoreError::Busy) } else { Ok(()) }
    }

    /// Writes the file anew and empties the log, so that no byte of what was destroyed stays in either: deleted bytes
    /// are overwritten where they stood, but copies of them stay in pages that were filled anew. Takes about as long
    /// as copying the file, and as much room again; others go on reading meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while somebody reads or writes: the bytes are still there, call again.
    pub fn purge(&self) -> Result<(), StoreError> {
        if self.open {
            return Err(StoreError::Misuse("a purge inside a transaction"));
        }
        self.db.execute_batch("VACUUM").map_err(store_error)?;
        self.empty_log()
    }

    /// Bytes of the file.
    pub fn size(&self) -> Result<u64, StoreError> {
        let pages = self.pragma("page_count")?.saturating_mul(self.pragma("page_size")?);
        Ok(u64::try_from(pages).unwrap_or_default())
    }

    /// Copies all that is kept at this moment into a new file, durably, while others go on reading and writing. The
    /// copy has no log beside it and none of what was destroyed.
    ///
    /// # Errors
    /// Where there is such a file already.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        if self.open {
            return Err(StoreError::Misuse("a copy inside a transaction"));
        }
        let name = path.to_str().ok_or(StoreError::Misuse("a file name that is not UTF-8"))?;
        self.db.execute("VACUUM INTO ?1", [name]).map_err(store_error)?;
        let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|_| StoreError::Broken("salinan tidak dapat dipastikan tersimpan".into()))
    }

    /// Runs a checkpoint and says whether somebody was in its way.
    fn move_log(&self, sql: &str) -> Result<bool, StoreError> {
        if self.open {
            return Err(StoreError::Misuse("a checkpoint inside a transaction"));
        }
        self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|busy| busy != 0).map_err(store_error)
    }

    fn connect(
        path: &Path,
        flags: OpenFlags,
        durability: Durability,
        key: Option<&StoreKey>,
    ) -> Result<Self, StoreError> {
        // The connection is used by one thread at a time (`&mut`), so its own lock is not needed.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(store_error)?;
        if let Some(key) = key {
            key.unlock(&db)?;
        }
        db.busy_timeout(BUSY_TIMEOUT).map_err(store_error)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.pragma_update(None, "trusted_schema", false).map_err(store_error)?;
        // Otherwise a statement is planned anew whenever a bound value might change the plan. Ours never change.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(store_error)?;
        let path = path.to_owned();
        Ok(Self {
            db,
            open: false,
            failed: false,
            path,
            durability,
            key: key.cloned(),
            presence: None,
            named: false,
            room: None,
            parts: RefCell::default(),
            fresh: scattered::Fresh::default(),
        })
    }

    fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        self.db.pragma_query_value(None, name, |row| row.get(0)).map_err(store_error)
    }

    /// How many migrations were run on the file; refuses one that is not ours.
    fn version(&self) -> Result<usize, StoreError> {
        // In one statement, and so of one moment: another process may be setting the file up.
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        };
        let (id, version, objects) = self.db.query_row(WHAT, [], read).map_err(|error| {
            // Without its key an encrypted file is noise.
            let noise = error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase);
            if noise && self.key.is_some() { StoreError::Locked } else { store_error(error) }
        })?;
        if (id, version, objects) == (0, 0, 0) {
            return Ok(0);
        }
        if id != APPLICATION_ID {
            return Err(StoreError::Broken("berkas ini bukan penyimpanan Loket: pilih berkas lain".into()));
        }
        match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Ok(version),
            _ => Err(StoreError::Broken("berkas dibuat Loket yang lebih baru: perbarui program".into())),
        }
    }

    /// Of an encrypted file. Asked for once its key is known to fit: already this reads the file.
    fn keep_pages(&self) -> Result<(), StoreError> {
        if self.key.is_none() {
            return Ok(());
        }
        self.db.pragma_update(None, "cache_size", -ENCRYPTED_CACHE).map_err(store_error)
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.keep_pages()?;
        let durability = self.durability;
        let set = |name: &str, value: &dyn rusqlite::ToSql| {
            // Some pragmas answer with a row and some do not.
            self.db.pragma_update_and_check(None, name, value, |_| Ok(())).optional().map_err(store_error)
        };
        let mode: String =
            self.db.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(store_error)?;
        if mode != "wal" {
            set("journal_mode", &"wal")?;
        }
        set("synchronous", &if durability == Durability::Power { "FULL" } else { "NORMAL" })?;
        // Apple's plain sync leaves data in the drive's own memory.
        set("fullfsync", &(durability == Durability::Power))?;
        set("secure_delete", &true)?;
        set("wal_autocheckpoint", &MAX_LOG_PAGES)?;
        set("journal_size_limit", &LOG_KEPT)?;
        Ok(())
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        if self.version()? == MIGRATIONS.len() {
            return Ok(());
        }
        let start = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
        // Asked again under the lock: another process may have been first.
        let done = start
            .pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
            .map_err(store_error)?;
        for sql in MIGRATIONS.iter().skip(done as usize) {
            start.execute_batch(sql).map_err(store_error)?;
        }
        start.pragma_update(None, "application_id", APPLICATION_ID).map_err(store_error)?;
        start.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(store_error)?;
        start.commit().map_err(store_error)
    }

    fn run(&self, sql: &str, values: impl Params) -> Result<usize, StoreError> {
        self.db.prepare_cached(sql).and_then(|mut s| s.execute(values)).map_err(store_error)
    }

    /// Runs one write of the open transaction; one that fails for the medium's sake spoils the transaction,
    /// which SQLite may have rolled back by itself.
    fn write<T>(&mut self, work: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.open {
            return Err(StoreError::Misuse("a write outside a transaction"));
        }
        if self.failed {
            return Err(StoreError::Misuse("a write after one that failed"));
        }
        let result = work(self);
        self.failed = matches!(&result, Err(e) if !matches!(e, StoreError::Misuse(_)));
        result
    }

    /// The number of a partition; none where nothing was ever kept in it.
    fn part(&self, partition: &Partition) -> Result<Option<i64>, StoreError> {
        if let Some(part) = self.parts.borrow().get(partition) {
            return Ok(Some(*part));
        }
        let mut statement = self.db.prepare_cached(PART).map_err(store_error)?;
        let found = statement.query_row([partition.to_bytes()], |row| row.get(0)).optional();
        let found = found.map_err(store_error)?;
        if let Some(part) = found {
            self.parts.borrow_mut().insert(*partition, part);
        }
        Ok(found)
    }

    /// The number of a partition, which gets one where it has none.
    fn part_made(&self, partition: &Partition) -> Result<i64, StoreError> {
        if let Some(part) = self.part(partition)? {
            return Ok(part);
        }
        let mut statement = self.db.prepare_cached(NEW_PART).map_err(store_error)?;
        let part = statement.query_row([partition.to_bytes()], |row| row.get(0)).map_err(store_error)?;
        self.parts.borrow_mut().insert(*partition, part);
        Ok(part)
    }

    /// Makes the open transaction durable.
    fn keep(&mut self) -> Result<(), StoreError> {
        self.move_on()?;
        self.make_names_durable()?;
        self.run("COMMIT", []).map(|_| ())
    }

    fn append_now(&self, partition: &Partition, entry: &StoredEntry) -> Result<u64, StoreError> {
        check_entry(entry)?;
        let part = self.part_made(partition)?;
        let header = &entry.header;
        let (line, seq) = (entry.line.0, number(header.seq));
        let (tbl, key) = place_of(entry);
        if let Some(id) = self.id_of(part, tbl, &entry.hash)? {
            let (position, old) = self.by_id(id)?.entry;
            let (kept, moves) = (entry.content == old.content, old.line != entry.line);
            match () {
                () if entry.content == Content::Destroyed && !moves => self.run(DESTROY, [id])?,
                () if kept && moves && !self.is_taken(part, &line, seq)? => {
                    self.run(MOVE, params![id, line])?
                }
                () => return Err(StoreError::Misuse(TAKEN)),
            };
            return Ok(position);
        }
        if self.is_taken(part, &line, seq)? {
            return Err(StoreError::Misuse(TAKEN));
        }
        let body = match &entry.content {
            Content::Present(bytes) => Some(bytes),
            Content::Destroyed => None,
        };
        let next = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let position =
            self.db.prepare_cached(NEXT).and_then(|mut s| s.query_row([part], next)).map_err(store_error)?;
        let (application, hash) = (entry.application().0, entry.hash.0);
        let bytes = header.to_bytes();
        self.run(APPEND, params![part, position, line, seq, application, hash, bytes, body])?;
        let id = self.db.last_insert_rowid();
        self.place(part, scattered::BY_APPLICATION, &application, id)?;
        if tbl == scattered::BY_HASH {
            self.place(part, tbl, key, id)?;
        }
        Ok(position.unsigned_abs())
    }

    /// Whether some entry has this place on a line.
    fn is_taken(&self, part: i64, line: &[u8; 32], seq: i64) -> Result<bool, StoreError> {
        let mut takes = self.db.prepare_cached(TAKES).map_err(store_error)?;
        takes.exists(params![part, line, seq]).map_err(store_error)
    }

    /// The id of the entry with this hash, among the first ones of applications or among the others.
    fn id_of(&self, part: i64, tbl: i64, hash: &EntryHash) -> Result<Option<i64>, StoreError> {
        for id in self.places(part, tbl, hash.as_bytes())? {
            let mut has = self.db.prepare_cached(HAS_HASH).map_err(store_error)?;
            if has.exists(params![id, hash.0]).map_err(store_error)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn by_id(&self, id: i64) -> Result<Found, StoreError> {
        let mut statement = self.db.prepare_cached(BY_ID).map_err(store_error)?;
        let mut rows = statement.query([id]).map_err(store_error)?;
        let row = rows.next().map_err(store_error)?.ok_or_else(damaged)?;
        Ok(Found { entry: stored(row)?, application: EntryHash(row.get(5).map_err(store_error)?) })
    }

    /// Entries of one application. Ids count up as positions do.
    fn by_application(
        &self,
        part: i64,
        application: &EntryHash,
        limit: usize,
    ) -> Result<Vec<(u64, StoredEntry)>, StoreError> {
        let mut entries = Vec::new();
        for id in self.places(part, scattered::BY_APPLICATION, application.as_bytes())? {
            if entries.len() >= limit {
                break;
            }
            let found = self.by_id(id)?;
            if found.application == *application {
                entries.push(found.entry);
            }
        }
        Ok(entries)
    }

    fn by_hash(
        &self,
        part: i64,
        hash: &EntryHash,
        limit: usize,
    ) -> Result<Vec<(u64, StoredEntry)>, StoreError> {
        for tbl in [scattered::BY_APPLICATION, scattered::BY_HASH].into_iter().take(limit.saturating_mul(2)) {
            if let Some(id) = self.id_of(part, tbl, hash)? {
                return Ok(vec![self.by_id(id)?.entry]);
            }
        }
        Ok(Vec::new())
    }

    fn select(&self, sql: &str, values: impl Params) -> Result<Vec<(u64, StoredEntry)>, StoreError> {
        let mut statement = self.db.prepare_cached(sql).map_err(store_error)?;
        let mut rows = statement.query(values).map_err(store_error)?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next().map_err(store_error)? {
            entries.push(stored(row)?);
        }
        Ok(entries)
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.open {
            return Err(StoreError::Misuse("a transaction is open already"));
        }
        if self.db.is_readonly("main").map_err(store_error)? {
            return Err(StoreError::Misuse("a transaction on a connection that only reads"));
        }
        self.run("BEGIN IMMEDIATE", [])?;
        self.open = true;
        self.failed = false;
        Ok(())
    }

    fn finish(&mut self, keep: bool) -> Result<(), StoreError> {
        if !self.open {
            return Err(StoreError::Misuse("no transaction is open"));
        }
        let kept = match keep {
            true if self.failed => Err(StoreError::Misuse("a transaction was kept after a write failed")),
            true => self.keep(),
            false => Ok(()),
        };
        // SQLite may have rolled back by itself; there is nothing to end then.
        let ended = if self.db.is_autocommit() { Ok(()) } else { self.run("ROLLBACK", []).map(|_| ()) };
        self.open = !self.db.is_autocommit();
        if !keep || kept.is_err() {
            // Numbers that were given to partitions are gone with the rest.
            self.parts.borrow_mut().clear();
            self.fresh.forget();
        }
        kept.and(ended)
    }

    fn append(&mut self, partition: &Partition, entry: &StoredEntry) -> Result<u64, StoreError> {
        self.write(|store| store.append_now(partition, entry))
    }

    fn entries(
        &self,
        partition: &Partition,
        query: Query<'_>,
        limit: usize,
    ) -> Result<Vec<(u64, StoredEntry)>, StoreError> {
        let Some(part) = self.part(partition)? else { return Ok(Vec::new()) };
        let most = count(limit);
        match query {
            Query::Journal(journal, after) => {
                self.select(BY_JOURNAL, params![part, journal.0, number(after), most])
            }
            Query::After(after) => self.select(BY_POSITION, params![part, number(after), most]),
            Query::Application(hash) => self.by_application(part, hash, limit),
            Query::Hash(hash) => self.by_hash(part, hash, limit),
        }
    }

    fn put(
        &mut self,
        partition: &Partition,
        table: Table,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.write(|store| {
            check_row(key, value)?;
            let part = match (store.part(partition)?, value) {
                (Some(part), _) => part,
                (None, Some(_)) => store.part_made(partition)?,
                (None, None) => return Ok(()),
            };
            match value {
                _ if is_scattered(table) => return store.put_scattered(part, table as i64, key, value),
                Some(value) => store.run(PUT, params![part, table as u8, key, value]),
                None => store.run(DELETE, params![part, table as u8, key]),
            }
            .map(|_| ())
        })
    }

    fn get(&self, partition: &Partition, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(part) = self.part(partition)? else { return Ok(None) };
        if is_scattered(table) {
            return Ok(self.scattered(part, table as i64, key)?.map(|(_, value)| value));
        }
        let values = params![part, table as u8, key];
        let mut statement = self.db.prepare_cached(GET).map_err(store_error)?;
        statement.query_row(values, |row| row.get(0)).optional().map_err(store_error)
    }

    fn scan(
        &self,
        partition: &Partition,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let Some((lower, upper)) = key_range(prefix, after) else { return Ok(Vec::new()) };
        let Some(part) = self.part(partition)? else { return Ok(Vec::new()) };
        if is_scattered(table) {
            return self.scan_scattered(part, table as i64, (&lower, &upper), limit);
        }
        let values = params![part, table as u8, lower, upper, count(limit)];
        let mut statement = self.db.prepare_cached(SCAN).map_err(store_error)?;
        let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?))).map_err(store_error)?;
        rows.collect::<Result<_, _>>().map_err(store_error)
    }

    fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let mut statement = self.db.prepare_cached(PARTITIONS).map_err(store_error)?;
        let mut rows = statement.query([]).map_err(store_error)?;
        let mut partitions = Vec::new();
        while let Some(row) = rows.next().map_err(store_error)? {
            let bytes: Vec<u8> = row.get(0).map_err(store_error)?;
            partitions.push(Partition::from_bytes(&bytes).ok_or_else(damaged)?);
        }
        Ok(partitions)
    }
}

/// An entry that is here, and its application.
struct Found {
    entry: (u64, StoredEntry),
    application: EntryHash,
}

/// By what an entry is found that is asked for by its hash.
fn place_of(entry: &StoredEntry) -> (i64, &[u8]) {
    let first = entry.application() == entry.hash;
    let tbl = if first { scattered::BY_APPLICATION } else { scattered::BY_HASH };
    (tbl, entry.hash.as_bytes())
}

/// Reads an entry from position, line, hash, header and body.
fn stored(row: &rusqlite::Row<'_>) -> Result<(u64, StoredEntry), StoreError> {
    let position: i64 = row.get(0).map_err(store_error)?;
    let line = JournalId(row.get(1).map_err(store_error)?);
    let hash = EntryHash(row.get(2).map_err(store_error)?);
    let header = row.get_ref(3).map_err(store_error)?.as_blob().map_err(|_| damaged())?;
    let header: Header = minicbor::decode(header).map_err(|_| damaged())?;
    let body: Option<Vec<u8>> = row.get(4).map_err(store_error)?;
    let content = body.map_or(Content::Destroyed, Content::Present);
    Ok((position.unsigned_abs(), StoredEntry { line, header, hash, content }))
}

/// A position or sequence number as SQLite counts; those beyond are above all that is stored.
fn number(value: u64) -> i64 {
    i64::try_from(value.min(MAX_NUMBER)).unwrap_or(i64::MAX)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn damaged() -> StoreError {
    StoreError::Broken("isi berkas tidak terbaca: periksa dengan perintah verify".into())
}

/// Sorts SQLite's errors by what the caller does next. SQLite's own words stay out where they could quote data.
#[allow(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn store_error(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    let rusqlite::Error::SqliteFailure(failure, _) = &error else { return damaged() };
    match failure.code {
        Code::DiskFull => StoreError::Full,
        Code::DatabaseBusy | Code::DatabaseLocked => StoreError::Busy,
        Code::ReadOnly => StoreError::Misuse(
            "a write through a connection that only reads, or to a file that may only be read",
        ),
        Code::ConstraintViolation => StoreError::Misuse("a write against the tables' rules"),
        Code::NotADatabase => {
            StoreError::Broken("berkas ini bukan penyimpanan Loket: pilih berkas lain".into())
        }
        Code::CannotOpen => {
            StoreError::Broken("berkas tidak dapat dibuka: periksa folder dan hak aksesnya".into())
        }
        Code::SystemIoFailure => StoreError::Broken(format!(
            "cakram gagal (SQLite {}): periksa cakram, lalu ulangi",
            failure.extended_code
        )),
        _ => StoreError::Broken(format!("SQLite {}: {failure}", failure.extended_code)),
    }
}

#[cfg(test)]
mod tests;
