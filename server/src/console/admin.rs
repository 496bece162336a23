//! The administrator's pages: devices and invitations, and who read what.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use loket_core::catalogue::Role;
use loket_core::enrol::{CODE_BYTES, Code};
use loket_core::journal::{AuthorId, Partition};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::time::{midnight, today};
use loket_core::value::stored_date;
use serde::Deserialize;

use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::words;
use crate::app::App;
use crate::config::{dice, now};
use crate::office::look::{Device, Look};
use crate::office::reads::{Noted, readings};
use crate::office::seen::last_seen;

/// Devices on one page.
const MAX_DEVICES: usize = 2000;
/// Readings of one day that are shown.
const MAX_READINGS: usize = 2000;
/// Regions of one invitation.
const MAX_CODES: usize = 50;
/// Roles that hold a phone.
const OFFICERS: [Role; 3] = [Role::OperatorDesa, Role::OperatorKecamatan, Role::PetugasLapangan];
/// Why a device is revoked: what is kept, what people read.
const CAUSES: [(&str, &str); 3] = [
    ("dicabut", "Petugas berhenti atau berganti HP"),
    ("pindah", "Petugas pindah tugas"),
    ("hilang", "HP hilang atau dicuri: tidak ada lagi yang diterima darinya"),
];

#[derive(Template)]
#[template(path = "perangkat.html")]
struct DevicesPage {
    page: Page,
    devices: Vec<DeviceLine>,
    roles: Vec<(&'static str, &'static str)>,
    regions: Vec<(String, String)>,
    causes: [(&'static str, &'static str); 3],
    invited: Option<Invited>,
}

struct DeviceLine {
    id: String,
    short: String,
    officer: String,
    role: &'static str,
    places: String,
    seen: String,
    until: String,
    has_ended: bool,
}

/// An invitation that was just made: shown once.
struct Invited {
    code: String,
    address: String,
    until: String,
}

#[derive(Template)]
#[template(path = "pembacaan.html")]
struct ReadingsPage {
    page: Page,
    day: String,
    lines: Vec<ReadingLine>,
    is_full: bool,
}

struct ReadingLine {
    at: String,
    who: String,
    what: String,
    number: String,
    reason: String,
}

/// An invitation that is asked for.
#[derive(Deserialize)]
pub struct Invite {
    kunci: String,
    peran: String,
    wilayah: String,
    nama: String,
}

/// A device that is to be revoked.
#[derive(Deserialize)]
pub struct Revoke {
    kunci: String,
    perangkat: String,
    sebab: String,
}

/// A day.
#[derive(Deserialize, Default)]
pub struct Day {
    #[serde(default)]
    tanggal: String,
}

fn only_admin(entered: &Entered) -> Result<(), Trouble> {
    (entered.staff.role == Role::Admin).then_some(()).ok_or(Trouble::Forbidden)
}

/// `GET /kantor/perangkat`.
pub async fn devices(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    show(&app, &entered, None).await
}

async fn show(app: &App, entered: &Entered, invited: Option<Invited>) -> Result<Response, Trouble> {
    let (devices, regions) = app.readers.run(lines).await??;
    let roles = OFFICERS.map(|role| (role.as_str(), words::desk(role))).into();
    let page = Page::of(entered);
    Ok(send(StatusCode::OK, &DevicesPage { page, devices, roles, regions, causes: CAUSES, invited }))
}

fn lines<S: Store>(replica: &Replica<S>) -> Result<(Vec<DeviceLine>, Vec<(String, String)>), ReplicaError> {
    let mut devices: Vec<Device> = replica.devices()?;
    devices.sort_by(|a, b| {
        (a.has_ended(), &a.certificate.officer).cmp(&(b.has_ended(), &b.certificate.officer))
    });
    devices.truncate(MAX_DEVICES);
    let line = |device: Device| {
        let places: Vec<String> = device
            .partitions
            .iter()
            .filter(|partition| matches!(partition, Partition::Place(_)))
            .map(|partition| words::place(partition, replica.regions()))
            .collect();
        let id = device.id.to_hex();
        let seen = last_seen(replica, &device.id)?;
        Ok(DeviceLine {
            seen: seen.map_or_else(|| "belum pernah".to_owned(), words::moment),
            short: id.get(..8).unwrap_or_default().to_owned(),
            officer: device.certificate.officer.clone(),
            role: words::desk(device.certificate.role),
            places: match places.len() {
                0..=2 => places.join("; "),
                more => {
                    format!("{} dan {} wilayah lain", places.first().cloned().unwrap_or_default(), more - 1)
                }
            },
            until: words::moment(device.certificate.not_after),
            has_ended: device.has_ended(),
            id,
        })
    };
    let devices = devices.into_iter().map(line).collect::<Result<_, ReplicaError>>()?;
    let mut regions = Vec::new();
    for (kecamatan, name) in replica.regions().kecamatan() {
        regions.push((kecamatan.to_string(), format!("Kec. {name}")));
        for (village, name) in replica.regions().villages_of(kecamatan) {
            regions.push((village.to_string(), format!("— {name}")));
        }
    }
    Ok((devices, regions))
}

/// `POST /kantor/perangkat/undang`.
pub async fn invite(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Invite>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let role = OFFICERS.into_iter().find(|role| role.as_str() == asked.peran);
    let role = role.ok_or_else(|| Trouble::Bad("Pilih peran petugas yang memegang HP.".into()))?;
    let codes: Vec<String> =
        asked.wilayah.split([',', ' ']).filter(|code| !code.is_empty()).map(str::to_owned).collect();
    if codes.is_empty() || codes.len() > MAX_CODES {
        return Err(Trouble::Bad(format!("Pilih satu sampai {MAX_CODES} wilayah.")));
    }
    let mut bytes = [0; CODE_BYTES];
    dice(&mut bytes);
    let code = Code::new(bytes);
    let shown = code.to_string();
    let invited = app
        .writer
        .write(true, move |office| office.invite_device(role, &codes, Some(&asked.nama), &code, now()))
        .await??;
    let (address, until) = (app.public_url.clone(), words::moment(invited));
    show(&app, &entered, Some(Invited { code: shown, address, until })).await
}

/// `POST /kantor/perangkat/cabut`.
pub async fn revoke(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Revoke>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let device = AuthorId::from_hex(&asked.perangkat).ok_or(Trouble::NotFound)?;
    let cause = CAUSES.into_iter().find(|(cause, _)| *cause == asked.sebab).map(|(cause, _)| cause);
    let cause = cause.ok_or_else(|| Trouble::Bad("Pilih sebab pencabutan.".into()))?;
    app.writer.write(true, move |office| office.revoke(&device, cause, &mut dice)).await??;
    Ok(Redirect::to("/kantor/perangkat").into_response())
}

/// `GET /kantor/pembacaan`: who read which application on a day.
pub async fn reads(
    State(app): State<Arc<App>>,
    entered: Entered,
    Query(day): Query<Day>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let day = stored_date(&day.tanggal).unwrap_or_else(|| today(now()));
    let lines = app.readers.run(move |replica| of_day(replica, day)).await??;
    let is_full = lines.len() == MAX_READINGS;
    let page = Page::of(&entered);
    Ok(send(StatusCode::OK, &ReadingsPage { page, day: day.to_string(), lines, is_full }))
}

fn of_day<S: Store>(replica: &Replica<S>, day: Date) -> Result<Vec<ReadingLine>, ReplicaError> {
    let begin = midnight(day);
    let staff: BTreeMap<u32, String> =
        replica.staff_list()?.into_iter().map(|staff| (staff.id, staff.name)).collect();
    let line = |noted: Noted| {
        let number = noted.application.and_then(|id| {
            let (partition, id) = replica.find(&id.to_hex()).ok()??;
            Some(replica.row(&partition, &id).ok()??.number)
        });
        let who = |id: u32| format!("{} (petugas {id})", staff.get(&id).map_or("?", String::as_str));
        ReadingLine {
            at: words::moment(noted.at),
            who: noted.staff.map_or_else(|| "Baris perintah".to_owned(), who),
            what: words::heading(&noted.what),
            number: number.unwrap_or_default(),
            reason: noted.reason.unwrap_or_default(),
        }
    };
    let all = readings(replica, begin, begin + 24 * 3600, MAX_READINGS)?;
    Ok(all.into_iter().rev().map(line).collect())
}
