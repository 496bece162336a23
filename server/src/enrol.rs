//! Enrolment: a one-time code makes a device known to the office.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use loket_core::client::{Pin, published_pins};
use loket_core::enrol::{Granted, INVITE_BYTES, Secret, proves};
use loket_core::identity::{PublicKey, SealKey};
use loket_core::journal::Partition;
use loket_core::replica::ReplicaError;
use loket_core::store::{Store, StoreError};
use metrics::counter;
use serde::Deserialize;
use serde_json::json;
use tracing::info;

use crate::app::App;
use crate::config::{dice, limits, now};
use crate::ingest::Unavailable;
use crate::office::Office;
use crate::office::invites::{Entry, InviteRow};
use crate::telemetry;

/// What a device sends.
#[derive(Deserialize)]
struct Asked {
    invite: String,
    key: String,
    /// A device without one can be sealed nothing.
    seal: Option<String>,
    mac: String,
}

/// What a device asks, as it was read.
pub struct Asks {
    /// The invitation's name.
    pub invite: [u8; INVITE_BYTES],
    /// The device's key.
    pub key: PublicKey,
    /// What bundles are sealed to it with.
    pub seal: Option<SealKey>,
    /// Its proof, in hexadecimal.
    pub mac: String,
}

/// Enrolments that failed within the current minute.
#[derive(Default)]
pub struct Failures(Mutex<Option<(Instant, u32)>>);

impl Failures {
    /// Whether there were too many.
    fn too_many(&self) -> bool {
        let window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        window.is_some_and(|(since, count)| since.elapsed() < MINUTE && count >= limits::ENROL_FAILURES)
    }

    fn note(&self) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *window = match *window {
            Some((since, count)) if since.elapsed() < MINUTE => Some((since, count.saturating_add(1))),
            _ => Some((Instant::now(), 1)),
        };
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// One sentence for unknown, expired, used and wrong: who guesses learns nothing.
const REFUSED: &str =
    "kode pendaftaran tidak berlaku: periksa lagi hurufnya, atau minta kode baru dari Dinas";
const TOO_MANY: &str = "terlalu banyak pendaftaran gagal: coba lagi satu menit lagi";

/// `POST /v1/enrol`.
pub async fn enrol(State(app): State<Arc<App>>, body: Bytes) -> Response {
    if app.failures.too_many() {
        counter!(telemetry::ENROLMENTS, "outcome" => "limited").increment(1);
        return answer(StatusCode::TOO_MANY_REQUESTS, TOO_MANY);
    }
    let Some(asks) = read(&body) else { return refused(&app) };
    let (office, key) = (app.office, asks.key);
    let written = app.writer.write(true, move |desk| admit(desk, &office, &asks)).await;
    match written {
        Ok(Ok(Some(Answer::Waits(answer)))) => {
            counter!(telemetry::ENROLMENTS, "outcome" => "waits").increment(1);
            (StatusCode::ACCEPTED, Json(answer)).into_response()
        }
        Ok(Ok(Some(Answer::Granted(granted)))) => {
            counter!(telemetry::ENROLMENTS, "outcome" => "enrolled").increment(1);
            info!(device = %key.author(), "device enrolled");
            Json(granted).into_response()
        }
        Ok(Ok(None)) => refused(&app),
        Ok(Err(error)) => {
            tracing::error!(%error, "an enrolment could not be written");
            let full = matches!(error, ReplicaError::Store(StoreError::Full));
            let why = if full { Unavailable::Full } else { Unavailable::Trouble };
            answer(StatusCode::SERVICE_UNAVAILABLE, &why.to_string())
        }
        Err(why) => answer(StatusCode::SERVICE_UNAVAILABLE, &why.to_string()),
    }
}

fn refused(app: &App) -> Response {
    app.failures.note();
    counter!(telemetry::ENROLMENTS, "outcome" => "refused").increment(1);
    answer(StatusCode::FORBIDDEN, REFUSED)
}

fn answer(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "error": sentence }))).into_response()
}

/// Reads what a device sends.
pub fn read(body: &[u8]) -> Option<Asks> {
    let asked: Asked = serde_json::from_slice(body).ok()?;
    let hex = |text: &str| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let invite = hex(&asked.invite)?.try_into().ok()?;
    let key = PublicKey(hex(&asked.key)?.try_into().ok()?);
    let seal = match &asked.seal {
        Some(text) => Some(SealKey(hex(text)?.try_into().ok()?)),
        None => None,
    };
    Some(Asks { invite, key, seal, mac: asked.mac })
}

/// What a device that knows its code is told.
enum Answer {
    Granted(serde_json::Value),
    /// Its digits have to be read to the office first.
    Waits(serde_json::Value),
}

/// Checks the proof, remembers the device, certifies it. The same device may ask again with the same code: its
/// answer was lost.
fn admit<S: Store>(
    desk: &mut Office<S>,
    office: &PublicKey,
    asks: &Asks,
) -> Result<Option<Answer>, ReplicaError> {
    let (invite, device) = (asks.invite, asks.key);
    let Some(mut row) = desk.invitation(&invite)? else { return Ok(None) };
    let secret = Secret(row.secret);
    let again = row.used == Some(device.author());
    let open = row.used.is_none() && row.expires > now();
    if !(again || open) || !proves(&secret.device_mac(&device, asks.seal.as_ref()), &asks.mac) {
        return Ok(None);
    }
    if !again {
        match row.enter(&device) {
            Entry::Open => {}
            Entry::Taken => return Ok(None),
            Entry::Waits => {
                desk.invite(&invite, &row)?;
                let mac = secret.waits_mac(office, &device);
                let answer = json!({ "office": HEXLOWER.encode(&office.0), "mac": mac.to_hex().as_str() });
                return Ok(Some(Answer::Waits(answer)));
            }
        }
        let row = InviteRow { used: Some(device.author()), ..row.clone() };
        desk.invite(&invite, &row)?;
        if let Some(seal) = &asks.seal {
            desk.note_seal(&device.author(), seal)?;
        }
        desk.certify(device, row.role, &row.partitions, &row.officer, now(), &mut dice)?;
    }
    let partitions: Vec<String> = row.partitions.iter().map(Partition::to_string).collect();
    let role = row.role.as_str();
    let pins: Vec<String> =
        published_pins(&desk.replica)?.unwrap_or_default().iter().map(Pin::to_string).collect();
    let granted = Granted { office, device: &device, role, partitions: &partitions, pins: &pins };
    let mac = secret.office_mac(&granted);
    Ok(Some(Answer::Granted(json!({
        "office": HEXLOWER.encode(&office.0), "role": role, "partitions": partitions, "pins": pins,
        "mac": mac.to_hex().as_str(),
    }))))
}
