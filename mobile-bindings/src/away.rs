//! Away from the network: phones that meet, bundles, and the end of a phone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use loket_core::client::meet::{Met, Place, Waiting, call};
use loket_core::client::{Receiver, SEALED};
use loket_core::journal::AuthorId;

use crate::error::LoketError;
use crate::phone::{LoketPhone, Opener};
use crate::pool::{on_pool, on_runtime};

/// What a meeting moved.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct MeetingReport {
    /// The other device.
    pub device: String,
    /// Its officer.
    pub officer: String,
    /// Entries that were given.
    pub entries_sent: u64,
    /// Entries that came.
    pub entries_received: u64,
    /// Scans that were given.
    pub scans_sent: u64,
    /// Scans that came.
    pub scans_received: u64,
}

impl From<Met> for MeetingReport {
    fn from(met: Met) -> Self {
        Self {
            device: met.device,
            officer: met.officer,
            entries_sent: met.entries_sent,
            entries_received: met.entries_received,
            scans_sent: met.attachments_sent,
            scans_received: met.attachments_received,
        }
    }
}

/// What a bundle held, or was packed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct BundleReport {
    /// Entries; of one that was taken in, those that were new here.
    pub entries: u64,
    /// Scans; of one that was taken in, those that were lacking here.
    pub scans: u64,
    /// Whether part of it goes on from what is not here yet.
    pub incomplete: bool,
}

/// A phone that waits to be met. Its code is for one meeting within a quarter of an hour.
#[derive(uniffi::Object)]
pub struct WaitingPhone {
    code: String,
    opener: Opener,
    waiting: Mutex<Option<Waiting>>,
}

#[uniffi::export]
impl WaitingPhone {
    /// What the other phone has to read: shown as a QR code.
    pub fn code(&self) -> String {
        self.code.clone()
    }

    /// Waits for the other phone and meets it. Given up by cancelling.
    pub async fn meet(&self) -> Result<MeetingReport, LoketError> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let waiting =
            waiting.ok_or_else(|| LoketError::input("kode pertemuan itu sudah dipakai: mulai lagi"))?;
        let opener = self.opener.clone();
        on_runtime(async move {
            let phone = on_pool(move || opener.open()).await?;
            Ok(waiting.meet(phone).await?.into())
        })
        .await
    }
}

#[uniffi::export]
impl LoketPhone {
    /// Waits for another phone at this address of the network that both are in, such as `192.168.43.1`.
    pub async fn wait_to_meet(&self, address: String) -> Result<Arc<WaitingPhone>, LoketError> {
        let at = address.parse().map(|ip| SocketAddr::new(ip, 0)).or_else(|_| address.parse());
        let at =
            at.map_err(|_| LoketError::input("alamat jaringan tidak dikenali: pilih Wi-Fi atau hotspot"))?;
        let opener = self.opener();
        on_runtime(async move {
            let other = opener.clone();
            let device = on_pool(move || Ok(other.open()?.author())).await?;
            let waiting = Waiting::at(device, at).await?;
            let code = waiting.place().to_string();
            Ok(Arc::new(WaitingPhone { code, opener, waiting: Mutex::new(Some(waiting)) }))
        })
        .await
    }

    /// Calls the phone whose code was read, and meets it. Given up by cancelling.
    pub async fn meet(&self, code: String) -> Result<MeetingReport, LoketError> {
        let place: Place = code
            .parse()
            .map_err(|error: loket_core::client::meet::NotAPlace| LoketError::input(error.to_string()))?;
        let opener = self.opener();
        on_runtime(async move {
            let phone = on_pool(move || opener.open()).await?;
            Ok(call(phone, &place).await?.into())
        })
        .await
    }

    /// Packs a bundle into a file: for another device, or without one for the office.
    pub async fn pack_bundle(
        &self,
        path: String,
        device: Option<String>,
    ) -> Result<BundleReport, LoketError> {
        let receiver = match device.as_deref().map(AuthorId::from_hex) {
            None => Receiver::Office,
            Some(Some(device)) => Receiver::Device(device),
            Some(None) => return Err(LoketError::input("kode perangkat tidak dikenali")),
        };
        self.with(move |phone| {
            let packed = phone.pack(receiver, &PathBuf::from(path))?;
            Ok(BundleReport { entries: packed.entries, scans: packed.attachments, incomplete: false })
        })
        .await
    }

    /// Takes a bundle in that was packed for this phone.
    pub async fn unpack_bundle(&self, path: String) -> Result<BundleReport, LoketError> {
        self.with(move |phone| {
            let came = phone.unpack(&PathBuf::from(path))?;
            Ok(BundleReport { entries: came.entries, scans: came.attachments, incomplete: came.refused > 0 })
        })
        .await
    }

    /// The bytes of a scan, which lies encrypted on the phone; `hash` as the form names it.
    pub async fn scan_bytes(&self, hash: String) -> Result<Vec<u8>, LoketError> {
        let unknown = || LoketError::input("lampiran itu tidak ada di HP ini");
        let hash = loket_core::journal::AttachmentHash::from_hex(&hash).ok_or_else(unknown)?;
        self.with(move |phone| {
            let read = phone.files().read(&hash, 0..u64::MAX);
            Ok(read.map_err(loket_core::client::ClientError::from)?)
        })
        .await
    }

    /// Wipes the phone for good, its keys too. What was not sent is sealed to the office in the file that is returned.
    pub async fn wipe(&self) -> Result<String, LoketError> {
        self.with(|phone| {
            phone.wipe()?;
            Ok(phone.dir().join(SEALED).display().to_string())
        })
        .await
    }
}
