//! The folder of an office, and the limits within which it is served.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loket_core::attachment::AttachmentError;
use loket_core::bundle::{BundleError, OpenKey};
use loket_core::client::{LINE_KIND, SEAL_NAME};
use loket_core::identity::{CannotSign, Signer, SoftwareKey};
use loket_core::journal::AuthorId;
use loket_core::region::{MAX_BYTES, Regions, is_code};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::StoreError;
use loket_core::store::sqlite::{Durability, SqliteStore};
use zeroize::Zeroizing;

use crate::office::Office;
use crate::office::files::REGIONS;

/// The region whose list every program carries.
pub const BUILTIN_REGION: &str = "33.12";
/// The row that holds the office's region.
const REGION: &str = "region";
/// Largest key file that is read, in bytes.
const MAX_KEY_FILE: u64 = 4096;

/// Limits of one serving process. Each wait and each size has its name here.
pub mod limits {
    use super::Duration;

    /// TCP connections at once.
    pub const CONNECTIONS: usize = 12_000;
    /// Sync sessions at once.
    pub const SESSIONS: usize = 21_000;
    /// Sessions of one device at once; a further one ends the oldest, which is most likely a dead line.
    pub const SESSIONS_PER_DEVICE: usize = 2;
    /// Connections whose peer has not proven yet who it is; a further one takes the place of another.
    pub const GUESTS: usize = 2_000;
    /// Files that the process may have open: connections, sessions that grew out of them, and the office's own.
    pub const FILES: u64 = (CONNECTIONS + SESSIONS + 1_000) as u64;
    /// Attachments that are received or given at once.
    pub const TRANSFERS: usize = 64;
    /// For one's turn to come; then it is said when to come again.
    pub const TRANSFER_WAIT: Duration = Duration::from_secs(20);
    /// Of them, by one device.
    pub const TRANSFERS_PER_DEVICE: usize = 8;
    /// Read replicas.
    pub const READERS: usize = 8;
    /// Threads for what blocks on the store and on attachments: the readers, and some transfers. Each keeps memory of its
    /// own, so a crowd must not be able to call up hundreds.
    pub const BLOCKING_THREADS: usize = 2 * READERS;
    /// Commands that wait for the writer.
    pub const WAITING: usize = 1024;
    /// Deliveries of one commit.
    pub const GROUP: usize = 256;
    /// Bytes of bodies after which a commit takes no further delivery.
    pub const GROUP_BYTES: usize = 8 << 20;
    /// Hints that a session may be behind before it looks at everything.
    pub const HINTS: usize = 1024;
    /// Bytes that wait to be sent to one peer: the session's window of batches, with room.
    pub const OUTGOING: usize = 16 << 20;
    /// Bytes of messages that one device is given in a day: everything of a large kecamatan a dozen times over.
    pub const GIVEN_A_DAY: u64 = 512 << 20;
    /// Body of a request that is not an attachment, in bytes.
    pub const BODY: usize = 4 << 10;
    /// HTTP head of a request, in bytes.
    pub const HEAD: usize = 16 << 10;
    /// Enrolments that fail within a minute, of all callers; then everybody waits.
    pub const ENROL_FAILURES: u32 = 60;
    /// Passwords that are checked at once; each takes 19 MiB and tens of milliseconds.
    pub const PASSWORDS: usize = 2;
    /// For one's turn to come.
    pub const PASSWORD_WAIT: Duration = Duration::from_secs(5);
    /// Body of a form, in bytes.
    pub const FORM: usize = 256 << 10;
    /// Applications on one page of a queue.
    pub const PAGE: usize = 50;
    /// Bytes of a form with a scan.
    pub const UPLOAD: usize = SCAN as usize + FORM;
    /// Applications that a queue's count goes up to; beyond that it says "more than".
    pub const COUNT: usize = 1000;
    /// Pages that are kept up to date at once.
    pub const LIVE: usize = 300;
    /// Between signs of life to such a page.
    pub const LIVE_EVERY: Duration = Duration::from_secs(20);
    /// Bytes of a scan that a page shows.
    pub const SCAN: u64 = 32 << 20;
    /// Bytes of a file of certificates, or of their key.
    pub const CERTIFICATE: u64 = 64 << 10;
    /// For TLS to come about.
    pub const TLS_TIMEOUT: Duration = Duration::from_secs(30);
    /// Between looks whether the certificate's files changed.
    pub const TLS_LOOK_EVERY: Duration = Duration::from_secs(60);
    /// For the head of a request to arrive.
    pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
    /// For a small body to arrive.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
    /// Without a byte of an attachment, what has come is made durable.
    pub const PIECE_FLUSH: Duration = Duration::from_secs(1);
    /// Between two pieces of an attachment.
    pub const PIECE_TIMEOUT: Duration = Duration::from_secs(120);
    /// For both sides of a session to prove who they are.
    pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
    /// Without a byte from the peer a session ends.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
    /// Without a byte taken by the peer a session ends.
    pub const SEND_TIMEOUT: Duration = Duration::from_secs(60);
    /// Between pings.
    pub const PING_EVERY: Duration = Duration::from_secs(30);
    /// Between looks at a session's time-outs.
    pub const TICK: Duration = Duration::from_secs(5);
    /// For a farewell to leave.
    pub const FAREWELL_TIMEOUT: Duration = Duration::from_secs(3);
    /// Between looks for what other processes wrote.
    pub const LOOK_EVERY: Duration = Duration::from_millis(150);
    /// Between looks at messages to applicants.
    pub const SMS_EVERY: Duration = Duration::from_secs(1);
    /// After news, before such a look.
    pub const SMS_SOON: Duration = Duration::from_millis(50);
    /// For how long figures over everything are good, in seconds.
    pub const FIGURES_EVERY: i64 = 600;
    /// For figures to be worked out while somebody waits.
    pub const FIGURES_SOON: Duration = Duration::from_secs(2);
    /// Requests of one system in a minute.
    pub const API_A_MINUTE: u32 = 600;
    /// Messages that are begun, or looked at, in one transaction.
    pub const SMS_BATCH: usize = 50;
    /// Messages that a gateway is asked about at once.
    pub const SMS_ASKED: usize = 1000;
    /// Parts of one message.
    pub const SMS_PARTS: usize = 4;
    /// For a gateway to be reached.
    pub const SMS_CONNECT: Duration = Duration::from_secs(5);
    /// For a gateway to answer.
    pub const SMS_TIMEOUT: Duration = Duration::from_secs(15);
    /// For a gateway to say what became of a message, in seconds, unless its operator says otherwise.
    pub const SMS_WAIT: i64 = 3600;
    /// Between looks whether something destroyed has left bytes behind in the store's files.
    pub const PURGE_AGAIN: Duration = Duration::from_secs(2);
    /// A store up to here, in bytes, is written anew at once (a second or two); a larger one in these hours of Jakarta.
    pub const PURGE_AT_ONCE: u64 = 256 << 20;
    /// The hours.
    pub const PURGE_HOURS: std::ops::Range<i64> = 0..4;
    /// Between looks at applications whose time may be over.
    pub const RETAIN_EVERY: Duration = Duration::from_secs(60);
    /// Between looks at certificates whose time may be over.
    pub const EXPIRE_EVERY: Duration = Duration::from_secs(60);
    /// Memory in which the writer keeps pages of the store, in bytes: indexes are touched all over.
    pub const CACHE: u32 = 256 << 20;
    /// Pages of 4 KiB in the store's log (1 GiB) above which the writer moves them itself.
    pub const LOG_PAGES: u32 = 262_144;
    /// Pages of the log (16 MiB) from which the checkpoints' thread moves them.
    pub const CHECKPOINT_PAGES: i64 = 4_096;
    /// Between its looks at the log.
    pub const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
    /// Tries to open the store anew after the medium failed; then the office ends, unless it only lacks room.
    pub const REOPEN_ATTEMPTS: u32 = 3;
    /// After each that failed.
    pub const REOPEN_PAUSE: Duration = Duration::from_millis(500);
    /// For sessions and connections to end at a shutdown.
    pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);
    /// For the writer to finish its queue at a shutdown.
    pub const WRITER_TIMEOUT: Duration = Duration::from_secs(15);
}

/// What went wrong, as a sentence for people: what, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    /// A failure with this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A file or folder that the system does not let us use.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        let what = match error.kind() {
            ErrorKind::NotFound => "tidak ada".to_owned(),
            ErrorKind::PermissionDenied => "tidak boleh dibuka: periksa hak aksesnya".to_owned(),
            ErrorKind::StorageFull => "tidak dapat ditulis: penyimpanan penuh, kosongkan ruang".to_owned(),
            _ => format!("tidak dapat dipakai ({error})"),
        };
        Self(format!("{} {what}", path.display()))
    }
}

impl From<ReplicaError> for Failure {
    fn from(error: ReplicaError) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        Self(error.to_string())
    }
}

impl From<CannotSign> for Failure {
    fn from(error: CannotSign) -> Self {
        Self(error.to_string())
    }
}

impl From<AttachmentError> for Failure {
    fn from(error: AttachmentError) -> Self {
        Self(error.to_string())
    }
}

/// Seconds since 1970, by this machine's clock.
pub fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).map(|elapsed| elapsed.as_secs());
    i64::try_from(elapsed.unwrap_or_default()).unwrap_or(i64::MAX)
}

/// Random bytes of the operating system.
pub fn dice(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // Nothing that is signed or handed out may be guessable: better no office than that.
        std::process::abort();
    }
}

/// The folder of an office: `office.db`, `office.key`, `attachments/`. Other files in it are left alone.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// The folder at this path, whatever is in it.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Where the attachments are.
    pub fn attachments(&self) -> PathBuf {
        self.dir.join("attachments")
    }

    fn database(&self) -> PathBuf {
        self.dir.join("office.db")
    }

    fn key(&self) -> PathBuf {
        self.dir.join("office.key")
    }

    /// Founds an office for a kabupaten, with its list of regions where the program carries none; returns its
    /// author id.
    ///
    /// # Errors
    /// Where there is an office already, the code is none of a kabupaten, or the list does not name it.
    pub fn found(&self, region: &str, list: Option<&[u8]>) -> Result<AuthorId, Failure> {
        check_region(region, list)?;
        fs::create_dir_all(&self.dir).map_err(|error| Failure::file(&self.dir, &error))?;
        if !self.key().exists() {
            if self.database().exists() {
                return Err(Failure::new(format!(
                    "kunci kantor {} hilang: kembalikan dari cadangan, atau pilih folder lain dengan --dir",
                    self.key().display()
                )));
            }
            self.make_key()?;
        }
        let mut office = self.open()?;
        let ((), _) = office.write(|office| {
            if office.replica.meta(REGION)?.is_some() {
                return Err(ReplicaError::refused(
                    "folder ini sudah berisi kantor: pakai kantor itu, atau pilih folder lain dengan --dir",
                ));
            }
            if let Some(list) = list {
                office.publish(REGIONS, region, list, &mut dice)?;
            }
            office.replica.set_meta(REGION, Some(region.as_bytes()))
        })?;
        self.publish_seal(&mut office)?;
        let attachments = self.attachments();
        fs::create_dir_all(&attachments).map_err(|error| Failure::file(&attachments, &error))?;
        Ok(office.replica.office_author())
    }

    /// The office's key.
    pub fn signer(&self) -> Result<Arc<dyn Signer>, Failure> {
        let document = self.read_key()?;
        let key = SoftwareKey::from_pkcs8(&document).map_err(|_| damaged_key(&self.key()))?;
        Ok(Arc::new(key))
    }

    /// What opens bundles that are sealed to the office: it goes where the office's key goes.
    pub fn open_key(&self) -> Result<OpenKey, Failure> {
        Ok(OpenKey::new(blake3::derive_key("loket 1 office bundles", &self.read_key()?)))
    }

    /// Lets every device know what bundles are sealed to the office with.
    pub fn publish_seal(&self, office: &mut Office<SqliteStore>) -> Result<(), Failure> {
        let text = data_encoding::HEXLOWER.encode(&self.open_key()?.seal_key().0);
        office.write(|office| office.publish(LINE_KIND, SEAL_NAME, text.as_bytes(), &mut dice))?;
        Ok(())
    }

    fn read_key(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let path = self.key();
        let size = fs::metadata(&path).map(|found| found.len());
        match size {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.no_office()),
            Err(error) => Err(Failure::file(&path, &error)),
            Ok(size) if size > MAX_KEY_FILE => Err(damaged_key(&path)),
            Ok(_) => fs::read(&path).map(Zeroizing::new).map_err(|error| Failure::file(&path, &error)),
        }
    }

    /// Opens the office to read and write; other processes may have it open too.
    pub fn office(&self) -> Result<Office<SqliteStore>, Failure> {
        if !self.database().exists() {
            return Err(self.no_office());
        }
        let office = self.open()?;
        match office.replica.meta(REGION)? {
            Some(_) => Ok(office),
            None => Err(self.no_office()),
        }
    }

    /// Opens the office's replica for reading only.
    pub fn replica(&self, signer: &dyn Signer) -> Result<Replica<SqliteStore>, Failure> {
        if !self.database().exists() {
            return Err(self.no_office());
        }
        Ok(Replica::open(SqliteStore::read_only(self.database())?, signer.public_key())?)
    }

    /// Opens another connection to the office's store.
    pub fn store(&self) -> Result<SqliteStore, Failure> {
        Ok(SqliteStore::open(self.database(), Durability::Power)?)
    }

    fn open(&self) -> Result<Office<SqliteStore>, Failure> {
        let signer = self.signer()?;
        let store = self.store()?;
        Ok(Office::open(store, signer, &mut dice)?)
    }

    /// Copies the office's key; only its owner may read the copy.
    pub fn copy_key(&self, to: &Path) -> Result<(), Failure> {
        let document = fs::read(self.key()).map_err(|error| Failure::file(&self.key(), &error))?;
        keep_key(to, &document).map_err(|error| Failure::file(to, &error))
    }

    /// Puts a backup's key and store into a folder without an office; the store under a name under which nobody
    /// takes it for one yet.
    pub fn prepare_restore(&self, store: &Path, key: &Path) -> Result<PathBuf, Failure> {
        if self.database().exists() {
            return Err(Failure::new(format!(
                "folder {} sudah berisi kantor: pilih folder lain dengan --dir",
                self.dir.display()
            )));
        }
        fs::create_dir_all(self.attachments()).map_err(|error| Failure::file(&self.dir, &error))?;
        let document = fs::read(key).map_err(|error| Failure::file(key, &error))?;
        SoftwareKey::from_pkcs8(&document).map_err(|_| damaged_key(key))?;
        match fs::read(self.key()) {
            Ok(there) if there != document => {
                return Err(Failure::new(format!(
                    "folder {} berisi kunci kantor lain: pilih folder lain dengan --dir",
                    self.dir.display()
                )));
            }
            Ok(_) => {}
            Err(_) => keep_key(&self.key(), &document).map_err(|error| Failure::file(&self.key(), &error))?,
        }
        let part = self.dir.join("office.db.memulihkan");
        for left in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.dir.join(format!("office.db.memulihkan{left}")));
        }
        let copied = fs::copy(store, &part).and_then(|_| File::open(&part)?.sync_all());
        copied.map_err(|error| Failure::file(&part, &error))?;
        Ok(part)
    }

    /// Opens an office that is being restored.
    pub fn open_restored(&self, part: &Path) -> Result<Office<SqliteStore>, Failure> {
        Ok(Office::open(SqliteStore::open(part, Durability::Power)?, self.signer()?, &mut dice)?)
    }

    /// The office is restored: it gets its name.
    pub fn finish_restore(&self, part: &Path) -> Result<(), Failure> {
        let database = self.database();
        let named = fs::rename(part, &database);
        let synced = named.and_then(|()| if cfg!(unix) { File::open(&self.dir)?.sync_all() } else { Ok(()) });
        synced.map_err(|error| Failure::file(&database, &error))
    }

    fn make_key(&self) -> Result<(), Failure> {
        let (_, document) = SoftwareKey::generate()?;
        let path = self.key();
        let written = keep_key(&path, &document);
        // The name is durable when its folder is; Windows does so by itself and cannot open one.
        let synced =
            written.and_then(|()| if cfg!(unix) { File::open(&self.dir)?.sync_all() } else { Ok(()) });
        synced.map_err(|error| Failure::file(&path, &error))
    }

    fn no_office(&self) -> Failure {
        Failure::new(format!(
            "folder {} belum berisi kantor: jalankan `loket init --region KODE`, atau pilih folder lain dengan --dir",
            self.dir.display()
        ))
    }
}

/// Writes a key into a new file that only its owner may read; one that holds it already is left as it is.
fn keep_key(path: &Path, document: &[u8]) -> std::io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == document) {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(document)?;
    file.sync_all()
}

fn damaged_key(path: &Path) -> Failure {
    Failure::new(format!("kunci kantor {} rusak: kembalikan dari cadangan", path.display()))
}

fn check_region(region: &str, list: Option<&[u8]>) -> Result<(), Failure> {
    if !is_code(region) || region.len() != BUILTIN_REGION.len() {
        return Err(Failure::new(format!(
            "{region} bukan kode kabupaten/kota: tulis dua angka, titik, dua angka, misalnya {BUILTIN_REGION}"
        )));
    }
    let Some(list) = list else {
        if region == BUILTIN_REGION {
            return Ok(());
        }
        return Err(Failure::new(format!(
            "daftar wilayah {region} belum ada di program ini: sertakan dengan --regions BERKAS.csv (kode,nama)"
        )));
    };
    if list.len() > MAX_BYTES {
        return Err(Failure::new("daftar wilayah terlalu besar: sertakan satu kabupaten saja"));
    }
    let text = std::str::from_utf8(list);
    let text =
        text.map_err(|_| Failure::new("daftar wilayah bukan teks UTF-8: simpan ulang sebagai UTF-8"))?;
    let regions = Regions::parse(text).map_err(|error| Failure::new(error.to_string()))?;
    let own =
        regions.kecamatan().iter().any(|(place, _)| place.to_string().starts_with(&format!("{region}.")));
    if regions.name(region).is_none() || !own {
        return Err(Failure::new(format!(
            "daftar wilayah tidak memuat {region} beserta kecamatannya: periksa berkasnya"
        )));
    }
    Ok(())
}
