//! Enrolment: a folder becomes a phone.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::Deserialize;

use super::address::Address;
use super::pin::{MAX_PINS, Pin};
use super::profile::{Profile, role_from};
use super::sync::sync;
use super::tls::{Seen, Trust};
use super::{ClientError, Keys, Phone, STORE, tls};
use crate::enrol::{Code, Granted, proves};
use crate::identity::{PublicKey, SealKey, Signer};
use crate::journal::{AuthorId, Partition};
use crate::store::sqlite::{Durability, SqliteStore};
use crate::store::transaction;

/// How long the office may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// Most partitions that an answer may name.
const MAX_PARTITIONS: usize = 4096;

/// A device that was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The device, as an author.
    pub device: AuthorId,
    /// What its officer may do, in its word.
    pub role: String,
    /// Its partitions.
    pub partitions: Vec<Partition>,
    /// Why the first sync failed, which brings the certificate: sync again before writing.
    pub unsynced: Option<String>,
}

#[derive(Deserialize)]
struct Waits {
    office: String,
    mac: String,
}

#[derive(Deserialize)]
struct Answer {
    office: String,
    role: String,
    partitions: Vec<String>,
    /// An office that pins nothing may leave them out.
    #[serde(default)]
    pins: Vec<String>,
    mac: String,
}

/// Enrols the folder at the office, with keys that are made in it, and fetches what the office has for it. The
/// folder may exist; what is in it and not ours is left alone.
///
/// # Errors
/// Where the folder is enrolled already (and its certificates have not all ended), the code is no code or not taken, or
/// the office's answer is not genuine.
pub async fn enrol(dir: &Path, url: &str, code: &str) -> Result<Enrolled, ClientError> {
    let at = dir.to_owned();
    enrol_with(dir, url, code, move || Keys::read_or_make(&at)).await
}

/// As [`enrol`], with keys that are kept elsewhere: by the platform. They are asked for once address and code are read.
pub async fn enrol_with(
    dir: &Path,
    url: &str,
    code: &str,
    keys: impl FnOnce() -> Result<Keys, ClientError> + Send + 'static,
) -> Result<Enrolled, ClientError> {
    let address: Address =
        url.parse().map_err(|error: super::NotAnAddress| ClientError::refused(error.to_string()))?;
    if !address.is_private() {
        return Err(ClientError::refused(
            "alamat http:// atau ws:// dapat disadap di jalan: minta alamat https:// dari Dinas",
        ));
    }
    let code: Code =
        code.parse().map_err(|error: crate::enrol::NotACode| ClientError::refused(error.to_string()))?;
    let at = dir.to_owned();
    let (keys, before) = blocking(move || prepare(&at, keys)).await?;
    let profile = ask(address, &code, &*keys.signer, &keys.open_key().seal_key()).await?;
    if before.is_some_and(|office| office != profile.office) {
        return Err(ClientError::refused(
            "folder ini berisi pekerjaan untuk Dinas lain: pilih folder kosong dengan --dir",
        ));
    }
    let (device, role) = (profile.device, super::profile::role_text(profile.role));
    let partitions = profile.partitions.clone();
    let at = dir.to_owned();
    let phone = blocking(move || keep(&at, &profile, &keys)).await?;
    let unsynced = sync(phone, &mut |_| {}).await.err().map(|error| error.to_string());
    Ok(Enrolled { device, role, partitions, unsynced })
}

/// Makes the folder and the key, unless somebody is enrolled there whose certificates hold. Where they have ended, the
/// device is enrolled anew with the key it has, and keeps what it holds: the office of before is returned too.
fn prepare(
    dir: &Path,
    keys: impl FnOnce() -> Result<Keys, ClientError>,
) -> Result<(Keys, Option<PublicKey>), ClientError> {
    fs::create_dir_all(dir)?;
    // The keys are durable before the office hears of the device: after a lost answer the same one asks again.
    let keys = keys()?;
    let profile = match dir.join(STORE).exists() {
        true => Profile::read(&open(dir, &keys)?)?,
        false => None,
    };
    let Some(profile) = profile else { return Ok((keys, None)) };
    if !Phone::open_with(dir, &keys)?.has_ended()? {
        return Err(ClientError::refused(format!(
            "folder ini sudah terdaftar di {}: langsung dipakai saja, atau pilih folder lain dengan --dir",
            profile.address.host()
        )));
    }
    Ok((keys, Some(profile.office)))
}

fn open(dir: &Path, keys: &Keys) -> Result<SqliteStore, ClientError> {
    Ok(SqliteStore::open_encrypted(dir.join(STORE), Durability::Power, &keys.store)?)
}

async fn ask(
    address: Address,
    code: &Code,
    signer: &dyn Signer,
    seal: &SealKey,
) -> Result<Profile, ClientError> {
    let (device, secret) = (signer.public_key(), code.secret());
    let question = serde_json::json!({
        "invite": HEXLOWER.encode(&code.invite()),
        "key": HEXLOWER.encode(&device.0),
        "seal": HEXLOWER.encode(&seal.0),
        "mac": secret.device_mac(&device, Some(seal)).to_hex().as_str(),
    });
    let seen = Arc::<Seen>::default();
    let request = tls::http(&Trust::Unknown(Arc::clone(&seen)))?
        .post(address.http("/v1/enrol"))
        .header("content-type", "application/json")
        .timeout(ANSWER_TIMEOUT)
        .body(question.to_string());
    let mut response = request.send().await.map_err(|error| tls::sentence(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| tls::sentence(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER {
            return Err(not_an_office());
        }
    }
    if status == reqwest::StatusCode::ACCEPTED {
        return Err(waits(&body, &device, &secret).unwrap_or_else(not_an_office));
    }
    if !status.is_success() {
        let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let said = said.as_ref().and_then(|said| said.get("error")?.as_str());
        return Err(said.map_or_else(not_an_office, |said| ClientError::Office(said.to_owned())));
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| not_an_office())?;
    let profile = read(address, &answer, &device, &secret).ok_or_else(not_an_office)?;
    seen.judge(&profile.pins)?;
    Ok(profile)
}

/// What an office says that waits for digits, if it is genuine.
fn waits(body: &[u8], device: &PublicKey, secret: &crate::enrol::Secret) -> Option<ClientError> {
    let waits: Waits = serde_json::from_slice(body).ok()?;
    let office = PublicKey(HEXLOWER_PERMISSIVE.decode(waits.office.as_bytes()).ok()?.try_into().ok()?);
    let digits = secret.digits(&office, device);
    proves(&secret.waits_mac(&office, device), &waits.mac).then_some(ClientError::Unconfirmed(digits))
}

/// The profile that an answer gives, if it is genuine.
fn read(
    address: Address,
    answer: &Answer,
    device: &PublicKey,
    secret: &crate::enrol::Secret,
) -> Option<Profile> {
    let office = HEXLOWER_PERMISSIVE.decode(answer.office.as_bytes()).ok()?;
    let office = PublicKey(office.try_into().ok()?);
    let (partitions, pins) = (&answer.partitions[..], &answer.pins[..]);
    let granted = Granted { office: &office, device, role: &answer.role, partitions, pins };
    let within = partitions.len() <= MAX_PARTITIONS && pins.len() <= MAX_PINS;
    if !within || !proves(&secret.office_mac(&granted), &answer.mac) {
        return None;
    }
    let partitions = partitions.iter().map(|text| text.parse().ok()).collect::<Option<_>>()?;
    let pins = pins.iter().map(|text| Pin::from_hex(text)).collect::<Option<_>>()?;
    let role = role_from(&answer.role)?;
    Some(Profile { address, office, device: device.author(), role, partitions, pins })
}

fn keep(dir: &Path, profile: &Profile, keys: &Keys) -> Result<Phone, ClientError> {
    let mut store = open(dir, keys)?;
    transaction(&mut store, |store| profile.write(store))?;
    drop(store);
    Phone::open_with(dir, keys)
}

fn not_an_office() -> ClientError {
    ClientError::Office(
        "jawaban di alamat itu bukan dari Dinas yang memberi kode: periksa alamat dan kodenya".into(),
    )
}

/// Runs what blocks off the threads that serve connections.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => {
            Err(ClientError::refused("pekerjaan terhenti karena kesalahan program: ulangi, lalu laporkan"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::identity::SeededKey;

    #[test]
    fn only_a_genuine_answer_is_taken() {
        let (office, device) = (SeededKey::new(1).public_key(), SeededKey::new(2).public_key());
        let secret = Code::new([3; 15]).secret();
        let partitions = vec!["33.12.08.2002".to_owned()];
        let granted = Granted {
            office: &office,
            device: &device,
            role: "operator-desa",
            partitions: &partitions,
            pins: &[],
        };
        let mac = secret.office_mac(&granted).to_hex().to_string();
        let answer = |role: &str, mac: &str| Answer {
            office: HEXLOWER.encode(&office.0),
            role: role.into(),
            partitions: partitions.clone(),
            pins: Vec::new(),
            mac: mac.into(),
        };
        let address: Address = "ws://127.0.0.1:1".parse().unwrap();
        let profile = read(address.clone(), &answer("operator-desa", &mac), &device, &secret).unwrap();
        assert_eq!((profile.office, profile.device), (office, device.author()));
        assert_eq!(super::super::profile::role_text(profile.role), "operator-desa");
        assert!(read(address.clone(), &answer("admin", &mac), &device, &secret).is_none());
        assert!(read(address, &answer("operator-desa", "00"), &device, &secret).is_none());
    }

    #[test]
    fn a_folder_with_other_files_is_taken_and_a_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("catatan.txt"), "milik orang").unwrap();
        let (first, _) = prepare(dir.path(), || Keys::read_or_make(dir.path())).unwrap();
        let (second, _) = prepare(dir.path(), || Keys::read_or_make(dir.path())).unwrap();
        assert_eq!(first.signer.author(), second.signer.author());
        assert_eq!(fs::read_to_string(dir.path().join("catatan.txt")).unwrap(), "milik orang");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join("device.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(matches!(Phone::open(dir.path()), Err(ClientError::NotEnrolled)));
        let profile = Profile {
            address: "ws://127.0.0.1:1".parse().unwrap(),
            office: SeededKey::new(1).public_key(),
            device: first.signer.author(),
            role: crate::catalogue::Role::OperatorDesa,
            partitions: vec!["33.12.08.2002".parse().unwrap()],
            pins: Vec::new(),
        };
        let phone = keep(dir.path(), &profile, &first).unwrap();
        assert_eq!(*phone.profile(), profile);
        let again = prepare(dir.path(), || Keys::read_or_make(dir.path())).err().unwrap().to_string();
        assert!(again.contains("sudah terdaftar"), "{again}");
        let mut phone = Phone::open(dir.path()).unwrap();
        let draft = super::super::Draft { service: "ktp-el-hilang".into(), ..Default::default() };
        let early = phone.check(&draft).err().unwrap().to_string();
        assert!(early.contains("sinkronkan"), "{early}");
        assert!(phone.set("12345678", &[]).unwrap_err().to_string().contains("tidak ditemukan"));
    }
}
