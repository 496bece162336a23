//! The phone: a folder that holds an officer's applications, and what an officer does with them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use loket_core::client::{self, ClientError, Draft, Keys, Phone, STORE};
use loket_core::enrol::Invitation;
use loket_core::journal::AttachmentHash;
use loket_core::replica::ReplicaError;
use loket_core::replica::list::Listed;
use loket_core::store::StoreError;
use loket_core::store::sqlite::SqliteStore;

use crate::details::{ApplicationDetails, details};
use crate::error::LoketError;
use crate::form::{self, ApplicationForm, Conflict, Lack, Scan, ServiceSummary, Warning};
use crate::keys::{Keystore, keys};
use crate::list::{ApplicationSummary, summary};
use crate::pool::{on_pool, on_runtime, runtime};
use crate::receipt::{ApplicationReceipt, Tally, receipt, tally};
use crate::search::Index;
use crate::todo::ToDo;

/// Longest text that is searched for, in characters.
const MAX_SEARCH: usize = 200;

/// Who and where the phone is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PhoneProfile {
    /// The device.
    pub device: String,
    /// What its officer may do, in its word.
    pub role: String,
    /// Region codes of where it works; the first is where new applications are filed.
    pub partitions: Vec<String>,
    /// The office's address.
    pub office: String,
    /// Whether its certificates have ended: it has to be enrolled anew.
    pub ended: bool,
    /// What to do about the phone's clock, where it is behind what the office has told.
    pub clock: Option<String>,
}

/// A field and what was typed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FieldValue {
    /// The field.
    pub field: String,
    /// What was typed; empty clears it.
    pub value: String,
}

/// A paper and the file of its scan.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RequirementScan {
    /// The paper.
    pub requirement: String,
    /// Path of the file; it is copied.
    pub path: String,
}

/// A new application.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewApplication {
    /// The service.
    pub service: String,
    /// The variant; the first where none is named.
    #[uniffi(default = None)]
    pub variant: Option<String>,
    /// The application it follows from, whose fields and scans are copied: number or id.
    #[uniffi(default = None)]
    pub link: Option<String>,
    /// What is known already.
    #[uniffi(default = [])]
    pub fields: Vec<FieldValue>,
    /// Scans that are there already.
    #[uniffi(default = [])]
    pub scans: Vec<RequirementScan>,
}

/// Something that is on its way to the office.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Sent {
    /// The application.
    pub id: String,
    /// What the officer should know: the office may see it otherwise.
    pub warning: Option<String>,
}

/// How the phone is opened, each time a connection of its own is needed.
#[derive(Clone)]
pub(crate) struct Opener {
    dir: PathBuf,
    keys: Keys,
}

impl Opener {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn open_client(&self) -> Result<Phone, ClientError> {
        Phone::open_with(&self.dir, &self.keys)
    }

    pub(crate) fn open(&self) -> Result<Phone, LoketError> {
        Ok(self.open_client()?)
    }

    /// Opens the store beside it, to be read only.
    pub(crate) fn reader(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::read_only_encrypted(self.dir.join(STORE), &self.keys.store)
    }
}

/// A phone's folder, opened. Calls may come from any thread.
#[derive(uniffi::Object)]
pub struct LoketPhone {
    opener: Opener,
    // The store is used by one at a time, on the library's threads.
    phone: Arc<Mutex<Open>>,
    // Whoever holds it never waits for the phone.
    index: Arc<Mutex<Index>>,
    to_do: Arc<Mutex<ToDo>>,
}

/// A phone that is open, and what it has read of what others wrote.
struct Open {
    phone: Phone,
    version: Option<i64>,
}

impl Open {
    /// The phone, with the services that a sync beside it has brought.
    fn current(&mut self) -> Result<&mut Phone, LoketError> {
        let version = self.phone.replica.store.data_version().map_err(ReplicaError::from)?;
        if self.version.replace(version).is_some_and(|before| before != version) {
            self.phone.replica.read_office_files()?;
        }
        Ok(&mut self.phone)
    }
}

/// Opens the phone in this folder, with the platform's keystore; without one, with the key files in the folder.
///
/// # Errors
/// [`LoketError::SignIn`] where the folder is not enrolled, or the key is another or refused.
#[uniffi::export]
pub async fn open_phone(
    dir: String,
    keystore: Option<Arc<dyn Keystore>>,
) -> Result<Arc<LoketPhone>, LoketError> {
    on_pool(move || {
        let dir = PathBuf::from(dir);
        let keys = match keystore {
            Some(keystore) => keys(keystore)?,
            None => Keys::read(&dir)?,
        };
        let opener = Opener { dir, keys };
        let phone = opener.open()?;
        Ok(LoketPhone::new(opener, phone))
    })
    .await
}

/// What the camera read from an invitation: where the office is, and the one-time code.
#[derive(uniffi::Record)]
pub struct InvitationText {
    /// The office's address, as [`enrol_phone`] takes it.
    pub office: String,
    /// The code.
    pub code: String,
}

/// Reads the text of an invitation's picture.
///
/// # Errors
/// [`LoketError::Input`] where it is none.
#[uniffi::export]
pub fn read_invitation(text: String) -> Result<InvitationText, LoketError> {
    let read: Result<Invitation, _> = text.parse();
    let invitation = read.map_err(|error| LoketError::input(error.to_string()))?;
    Ok(InvitationText { office: invitation.address, code: invitation.code })
}

/// Enrols the folder at the office with a one-time code, and fetches what the office has for it. A folder whose
/// certificates have ended is enrolled anew and keeps what it holds.
///
/// # Errors
/// Where the folder is enrolled already, the code is not taken, or the office cannot be reached.
#[uniffi::export]
pub async fn enrol_phone(
    dir: String,
    office: String,
    code: String,
    keystore: Option<Arc<dyn Keystore>>,
) -> Result<Arc<LoketPhone>, LoketError> {
    let folder = PathBuf::from(dir);
    let platform = on_pool(move || keystore.map(keys).transpose()).await?;
    let (dir, made, at) = (folder.clone(), platform.clone(), folder.clone());
    let keys = move || made.map_or_else(|| Keys::read_or_make(&at), Ok);
    on_runtime(async move { Ok(client::enrol_with(&dir, &office, &code, keys).await?) }).await?;
    on_pool(move || {
        let keys = platform.map_or_else(|| Keys::read(&folder), Ok)?;
        let opener = Opener { dir: folder, keys };
        let phone = opener.open()?;
        Ok(LoketPhone::new(opener, phone))
    })
    .await
}

impl LoketPhone {
    fn new(opener: Opener, phone: Phone) -> Arc<Self> {
        let version = phone.replica.store.data_version().ok();
        let open = Open { phone, version };
        let phone =
            Self { opener, phone: Arc::new(Mutex::new(open)), index: Arc::default(), to_do: Arc::default() };
        phone.read_ahead();
        Arc::new(phone)
    }

    /// Reads what is searched, beside what the screen asks for meanwhile. Where it fails, the first search does.
    fn read_ahead(&self) {
        let (opener, index) = (self.opener.clone(), Arc::clone(&self.index));
        let Ok(runtime) = runtime() else { return };
        runtime.spawn_blocking(move || {
            let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = opener.open().and_then(|phone| index.follow(&phone));
        });
    }

    pub(crate) fn opener(&self) -> Opener {
        self.opener.clone()
    }

    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Phone) -> Result<T, LoketError> + Send + 'static,
    ) -> Result<T, LoketError> {
        let phone = Arc::clone(&self.phone);
        on_pool(move || {
            let mut open = phone.lock().unwrap_or_else(PoisonError::into_inner);
            let done = open.current().and_then(work);
            if matches!(done, Err(LoketError::Defect { .. })) {
                // The medium may have failed: opened anew and checked before it is used again.
                let _ = open.phone.mend();
                if !open.phone.replica.store.has_room() {
                    return Err(ClientError::from(StoreError::Full).into());
                }
            }
            done
        })
        .await
    }
}

fn listed(phone: &Phone, all: Vec<Listed>) -> Vec<ApplicationSummary> {
    let catalogue = phone.replica.catalogue();
    all.into_iter().map(|one| summary(catalogue, one)).collect()
}

#[uniffi::export]
impl LoketPhone {
    /// Who and where it is enrolled.
    pub async fn profile(&self) -> Result<PhoneProfile, LoketError> {
        self.with(|phone| {
            let role = serde_json::to_value(phone.role()?).unwrap_or_default();
            Ok(PhoneProfile {
                device: phone.author().to_hex(),
                role: role.as_str().unwrap_or_default().to_owned(),
                partitions: phone.partitions()?.iter().map(ToString::to_string).collect(),
                office: phone.profile().address.to_string(),
                ended: phone.has_ended()?,
                clock: phone.clock_warning(),
            })
        })
        .await
    }

    /// The services that can be filed today.
    pub async fn services(&self) -> Result<Vec<ServiceSummary>, LoketError> {
        self.with(|phone| Ok(phone.services().iter().map(|file| form::service(file)).collect())).await
    }

    /// Begins an application. Its number holds at once, without a network.
    pub async fn create(&self, new: NewApplication) -> Result<ApplicationSummary, LoketError> {
        self.with(move |phone| {
            let draft = Draft {
                service: new.service,
                variant: new.variant,
                place: None,
                link: new.link,
                fields: new.fields.into_iter().map(|one| (one.field, one.value)).collect(),
                attachments: new.scans.into_iter().map(|one| (one.requirement, one.path.into())).collect(),
            };
            let ready = phone.check(&draft)?;
            let created = phone.create(&[ready], &mut |_| {})?;
            let id = created.first().map(|one| one.id.to_hex()).ok_or_else(LoketError::defect)?;
            one(phone, &id)
        })
        .await
    }

    /// Applications on this phone, in the order of their ids: at most `limit` behind the one named by `after`.
    pub async fn applications(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<ApplicationSummary>, LoketError> {
        self.with(move |phone| {
            let after = after.map(|id| phone.find(&id)).transpose()?;
            let after = after.map(|found| (found.partition, found.id));
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let all = phone.replica.list_after(&phone.author(), after, limit)?;
            Ok(listed(phone, all))
        })
        .await
    }

    /// Applications whose name, number, service or state holds this text, unsent work included; at most `limit`.
    pub async fn search(&self, text: String, limit: u32) -> Result<Vec<ApplicationSummary>, LoketError> {
        if text.chars().count() > MAX_SEARCH {
            return Err(LoketError::input(format!("kata pencarian paling panjang {MAX_SEARCH} huruf")));
        }
        let wanted = text.trim().to_lowercase();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let index = Arc::clone(&self.index);
        self.with(move |phone| {
            let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
            index.search(phone, &wanted, limit)
        })
        .await
    }

    /// What waits for this officer: files that the office has returned, with what is wrong, and files whose applicant an
    /// SMS did not reach (among the notices), until the act `dihubungi` is sent.
    pub async fn to_do(&self) -> Result<Vec<ApplicationDetails>, LoketError> {
        let to_do = Arc::clone(&self.to_do);
        self.with(move |phone| to_do.lock().unwrap_or_else(PoisonError::into_inner).all(phone)).await
    }

    /// Whether everything has arrived: by the office's receipts alone, so that what is shown is never hoped.
    pub async fn tally(&self) -> Result<Tally, LoketError> {
        self.with(|phone| tally(phone)).await
    }

    /// What the applicant takes home. It holds from the first moment, without a network.
    pub async fn receipt(&self, name: String) -> Result<ApplicationReceipt, LoketError> {
        self.with(move |phone| receipt(phone, &name)).await
    }

    /// One application, by number, id, or beginning of an id.
    pub async fn application(&self, name: String) -> Result<ApplicationDetails, LoketError> {
        self.with(move |phone| {
            let shown = phone.show(&name)?;
            Ok(details(one(phone, &name)?, &shown, &role(phone)?))
        })
        .await
    }

    /// Its form: what is asked now, and what stands there.
    pub async fn form(&self, name: String) -> Result<ApplicationForm, LoketError> {
        self.with(move |phone| Ok(form::form(phone.form(&name)?))).await
    }

    /// Puts fields: only what is named is written.
    pub async fn set(&self, name: String, fields: Vec<FieldValue>) -> Result<(), LoketError> {
        let fields: Vec<_> = fields.into_iter().map(|one| (one.field, one.value)).collect();
        self.with(move |phone| {
            phone.set(&name, &fields)?;
            Ok(())
        })
        .await
    }

    /// Attaches a scan to a paper; the file is copied.
    pub async fn attach(&self, name: String, requirement: String, path: String) -> Result<Scan, LoketError> {
        self.with(move |phone| {
            let attached = phone.attach(&name, &requirement, Path::new(&path))?;
            let scans = phone.form(&name)?.requirements.into_iter().flat_map(|one| one.scans);
            let n = scans.filter(|scan| scan.hash == attached.hash).map(|scan| scan.n).max();
            Ok(Scan { n: n.unwrap_or(1), hash: attached.hash.to_hex(), bytes: attached.bytes })
        })
        .await
    }

    /// Keeps the photo that a scan was made smaller from, until the office has the scan; `hash` as the scan's.
    pub async fn keep_original(&self, hash: String, path: String) -> Result<(), LoketError> {
        let scan =
            AttachmentHash::from_hex(&hash).ok_or_else(|| LoketError::input("lampiran tidak dikenal"))?;
        self.with(move |phone| Ok(phone.keep_original(&scan, Path::new(&path))?)).await
    }

    /// What keeps it from being submitted.
    pub async fn missing(&self, name: String) -> Result<Vec<Lack>, LoketError> {
        self.with(move |phone| Ok(phone.missing(&name)?.into_iter().map(form::lack).collect())).await
    }

    /// Values that contradict each other.
    pub async fn conflicts(&self, name: String) -> Result<Vec<Conflict>, LoketError> {
        self.with(move |phone| Ok(phone.conflicts(&name)?.iter().map(form::conflict).collect())).await
    }

    /// Settles a conflict: one of its values becomes the value.
    pub async fn choose(&self, name: String, field: String, value: String) -> Result<(), LoketError> {
        self.with(move |phone| {
            phone.choose(&name, &field, &value)?;
            Ok(())
        })
        .await
    }

    /// What to look at before submitting.
    pub async fn warnings(&self, name: String) -> Result<Vec<Warning>, LoketError> {
        self.with(move |phone| {
            let all = phone.warnings(&name)?.into_iter();
            Ok(all.map(|one| Warning { id: one.id, sentence: one.sentence, ticked: one.ticked }).collect())
        })
        .await
    }

    /// Ticks a warning off. Once what it is about changes, it asks again.
    pub async fn tick(&self, name: String, warning: String) -> Result<(), LoketError> {
        self.with(move |phone| {
            phone.tick(&name, &warning)?;
            Ok(())
        })
        .await
    }

    /// Submits it as it stands here.
    ///
    /// # Errors
    /// With what is missing, or where it is not at an officer's hand.
    pub async fn submit(&self, name: String) -> Result<Sent, LoketError> {
        self.with(move |phone| {
            let submitted = phone.submit(&name)?;
            Ok(Sent { id: submitted.id.to_hex(), warning: None })
        })
        .await
    }

    /// Asks for an act, or reports a fact: a card printed, handed over.
    pub async fn act(
        &self,
        name: String,
        act: String,
        reason: Option<String>,
        needs: Vec<FieldValue>,
    ) -> Result<Sent, LoketError> {
        let needs: Vec<_> = needs.into_iter().map(|one| (one.field, one.value)).collect();
        self.with(move |phone| {
            let (id, warning) = phone.act(&name, &act, reason.as_deref(), &needs)?;
            Ok(Sent { id: id.to_hex(), warning })
        })
        .await
    }
}

fn role(phone: &Phone) -> Result<String, LoketError> {
    Ok(phone.role()?.as_str().to_owned())
}

/// The line of one application.
fn one(phone: &Phone, name: &str) -> Result<ApplicationSummary, LoketError> {
    let found = phone.find(name)?;
    let marker = phone.replica.marker(&found.partition, &phone.author())?;
    Ok(summary(phone.replica.catalogue(), marker.listed(found.partition, found.id, found.row)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pool::runtime;

    #[test]
    fn a_folder_that_is_no_phone_is_told_apart() {
        let dir = std::env::temp_dir().join(format!("loket-mobile-{}", std::process::id()));
        let opened = runtime().unwrap().block_on(open_phone(dir.display().to_string(), None));
        assert!(matches!(opened.err().unwrap(), LoketError::SignIn { .. }));
        assert!(!dir.exists());
    }
}
