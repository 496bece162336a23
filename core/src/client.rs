//! The phone: a folder that holds an officer's applications, and everything an officer does with them.
//!
//! The folder has `phone.db` (the store, encrypted: durable before anything is said to be saved), `attachments/`, and,
//! where the platform keeps no keys, `device.key` and `store.key`. Processes may share it: each command reads what it needs inside
//! its own transaction and remembers nothing between two.
//!
//! This is the only part of the core with a clock, dice, files and sockets; it hands them to the rest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::attachment::{AttachmentError, AttachmentStore};
use crate::bundle::{BundleError, OpenKey};
use crate::catalogue::{Role, ServiceFile};
use crate::identity::{CannotSign, Signer};
use crate::journal::body::Certificate;
use crate::journal::{AuthorId, Partition};
use crate::replica::{Replica, ReplicaError};
use crate::store::StoreError;
use crate::store::sqlite::{Durability, SqliteStore};
use crate::time::today;

mod acts;
mod address;
mod attachments;
mod bundles;
mod clock;
mod draft;
mod edits;
mod ended;
mod engine;
mod enrol;
pub mod fields;
mod form;
mod key;
mod mark;
pub mod meet;
mod originals;
mod pen;
mod pin;
mod profile;
mod retention;
mod socket;
mod sync;
mod tls;
mod view;
mod whole;
mod wipe;

pub use acts::Submitted;
pub use address::{Address, NotAnAddress};
pub use bundles::{Packed, Receiver, SEAL_NAME, Unpacked};
pub use draft::{Created, Draft, Ready};
pub use edits::Attached;
pub use enrol::{Enrolled, enrol, enrol_with};
pub use form::{FormField, FormRequirement, FormView};
pub use key::{Destroy, Keys};
pub use pin::{LINE_KIND, MAX_PINS, PINS_NAME, Pin, published_pins};
pub use profile::Profile;
pub use sync::{Hints, Step, SyncReport, Watch, follow, sync};
pub use tls::{http_once, tls_config};
pub use view::Found;
pub use whole::write_whole;
pub use wipe::SEALED;

/// Name of the store in a phone's folder.
pub const STORE: &str = "phone.db";
/// Name of the folder of attachments.
pub const ATTACHMENTS: &str = "attachments";

/// Why the phone could not do as asked. Each says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The folder belongs to no enrolled device.
    #[error("folder ini belum terdaftar di Dinas: jalankan `enroll --url … --code …` dengan kode dari Dinas")]
    NotEnrolled,
    /// Something is lacking, or does not fit.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// A scan could not be taken or read.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// A bundle was not packed or opened.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A file or folder of the phone.
    #[error("folder perangkat tidak dapat dibaca atau ditulis ({0}): periksa folder dan hak aksesnya")]
    Folder(std::io::ErrorKind),
    /// The office cannot be reached, or the connection broke: nothing is lost, try again.
    #[error("{0}")]
    Network(String),
    /// The office speaks another version of the protocol.
    #[error("aplikasi dan Dinas berbeda versi: perbarui aplikasi")]
    Outdated,
    /// The office said no, in its words.
    #[error("{0}")]
    Office(String),
    /// The device's certificates have ended, or the office does not know it. What it had is there, held.
    #[error(
        "izin perangkat ini sudah berakhir: pekerjaannya sudah ada di Dinas, dan yang datang sesudah izin berakhir \
         ditahan di sana sampai diperiksa. Hubungi Dinas; untuk bekerja lagi minta kode baru, lalu jalankan `enroll` \
         dengan kode itu di folder ini"
    )]
    Ended,
    /// So many phones bring scans at once that this one's turn has not come.
    #[error("Dinas sedang sibuk menerima lampiran: dikirim lagi nanti")]
    Busy,
    /// The office lets the device in once somebody has read these digits to it: ask again then.
    #[error("bacakan angka {0} kepada petugas Dinas; setelah dicocokkan di sana, ulangi")]
    Unconfirmed(String),
    /// The office has declared the device lost. It was wiped: keys destroyed, and what the office did not have yet is
    /// sealed to it in a file.
    #[error(
        "Dinas menyatakan perangkat ini hilang: data dan kuncinya sudah dihapus. Pekerjaan yang belum terkirim disegel \
         untuk Dinas di berkas {SEALED} dalam folder perangkat: serahkan berkas itu ke Dinas"
    )]
    Wiped,
    /// The device has brought to the office as much today as one may. All of it stays here, and goes another day.
    #[error("batas harian perangkat ini di Dinas tercapai: pekerjaan tersimpan di HP dan dikirim lagi besok")]
    Allowance,
    /// It took longer than the named limit. Says what is outstanding.
    #[error("{0}")]
    TimedOut(String),
}

impl ClientError {
    /// A refusal with its sentence.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self::Replica(ReplicaError::refused(sentence))
    }

    /// Whether trying again later may help without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Network(_)
                | Self::TimedOut(_)
                | Self::Allowance
                | Self::Busy
                | Self::Unconfirmed(_)
                | Self::Replica(ReplicaError::Store(StoreError::Busy))
        )
    }
}

impl ClientError {
    /// Whether the medium failed or has no room: what was asked for last is not saved, what was saved before is.
    pub fn is_of_the_medium(&self) -> bool {
        matches!(
            self,
            Self::Replica(ReplicaError::Store(StoreError::Broken(_) | StoreError::Full))
                | Self::Attachment(AttachmentError::Broken(_) | AttachmentError::Full)
        )
    }
}

impl From<StoreError> for ClientError {
    fn from(error: StoreError) -> Self {
        Self::Replica(error.into())
    }
}

impl From<CannotSign> for ClientError {
    fn from(error: CannotSign) -> Self {
        Self::Replica(error.into())
    }
}

impl From<std::io::Error> for ClientError {
    fn from(error: std::io::Error) -> Self {
        // The kind alone: the system's own words name paths.
        Self::Folder(error.kind())
    }
}

/// An enrolled phone.
pub struct Phone {
    /// Its replica.
    pub replica: Replica<SqliteStore>,
    signer: Arc<dyn Signer>,
    files: AttachmentStore,
    opens: OpenKey,
    destroy: Destroy,
    profile: Profile,
    dir: PathBuf,
    /// The newest time that the office had told when it was opened.
    told: i64,
}

impl Phone {
    /// Opens the phone in this folder with the keys that lie in it.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`] where there is none.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, ClientError> {
        let dir = dir.as_ref();
        if !dir.join(STORE).exists() {
            return Err(ClientError::NotEnrolled);
        }
        Self::open_with(dir, &Keys::read(dir)?)
    }

    /// Opens the phone in this folder with keys that are kept elsewhere: by the platform's keystore.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`] where there is none.
    pub fn open_with(dir: impl AsRef<Path>, keys: &Keys) -> Result<Self, ClientError> {
        let dir = dir.as_ref();
        if !dir.join(STORE).exists() {
            return Err(ClientError::NotEnrolled);
        }
        let store = SqliteStore::open_encrypted(dir.join(STORE), Durability::Power, &keys.store)?;
        let signer = Arc::clone(&keys.signer);
        let profile = Profile::read(&store)?.ok_or(ClientError::NotEnrolled)?;
        if profile.device != signer.author() {
            return Err(ClientError::refused(
                "kunci perangkat bukan kunci yang didaftarkan: pulihkan kuncinya, atau daftarkan folder baru",
            ));
        }
        let mut replica = Replica::open(store, profile.office)?;
        mark::check(&mut replica, &dir.join(STORE))?;
        let files = AttachmentStore::open_encrypted(dir.join(ATTACHMENTS), &keys.store)?;
        let mut phone = Self {
            replica,
            signer,
            files,
            opens: keys.open_key(),
            destroy: Arc::clone(&keys.destroy),
            profile,
            dir: dir.to_owned(),
            told: 0,
        };
        phone.told = clock::told(&phone)?;
        Ok(phone)
    }

    /// After the medium failed: opens the store anew, checks it, and only then lets it be used.
    ///
    /// # Errors
    /// Where it fails again, or does not hold together.
    pub fn mend(&mut self) -> Result<(), ClientError> {
        self.replica.store.reopen()?;
        Ok(self.replica.check_heads()?)
    }

    /// Who and where it is enrolled.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// By what it knows its office's certificate: what the office has published since it enrolled, or told then.
    fn trust(&self) -> Result<tls::Trust, ClientError> {
        let published = published_pins(&self.replica)?;
        Ok(tls::Trust::Pins(published.unwrap_or_else(|| self.profile.pins.clone())))
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its scans.
    pub fn files(&self) -> &AttachmentStore {
        &self.files
    }

    /// It, as an author.
    pub fn author(&self) -> AuthorId {
        self.signer.author()
    }

    /// What its officer may do: as its newest certificate says, or the enrolment before there is one here.
    pub fn role(&self) -> Result<Role, ClientError> {
        if let Some(certificate) = self.newest_certificate()? {
            return Ok(certificate.role);
        }
        Ok(self.profile.role)
    }

    /// The partitions in which it is certified; the first is where new applications are filed.
    pub fn partitions(&self) -> Result<Vec<Partition>, ClientError> {
        if let Some(certificate) = self.newest_certificate()? {
            return Ok(certificate.partitions);
        }
        Ok(self.profile.partitions.clone())
    }

    /// The newest of its certificates: after a transfer the one of where it is now.
    fn newest_certificate(&self) -> Result<Option<Certificate>, ClientError> {
        let mut newest: Option<Certificate> = None;
        for partition in self.replica.scope_of(&self.author())? {
            let Some(row) = self.replica.certificate(&partition, &self.author())? else { continue };
            if newest.as_ref().is_none_or(|newest| row.certificate.not_after > newest.not_after) {
                newest = Some(row.certificate);
            }
        }
        Ok(newest)
    }

    /// The services that may be filed today, in the catalogue's order.
    pub fn services(&self) -> Vec<Arc<ServiceFile>> {
        let (catalogue, day) = (self.replica.catalogue(), today(self.now()));
        catalogue.services().filter_map(|service| catalogue.current(service, day)).collect()
    }
}

/// The device's clock, seconds since 1970. A claim: order never depends on it.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
