//! Devices: invitations, what each may, and what was on one that is gone.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::Role;
use loket_core::enrol::{CODE_BYTES, Code, Invitation};
use loket_core::journal::{AuthorId, Partition};
use loket_core::replica::rows::{self, ApplicationRow};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use serde::Deserialize;

use super::super::desk::told;
use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::super::words;
use super::{only_admin, regions};
use crate::app::App;
use crate::config::{dice, now};
use crate::office::look::{Device, Look};
use crate::office::people::CERTIFICATE_SECONDS;
use crate::office::seen::last_seen;
use crate::press::qr;

/// Applications that are read at a time.
const PAGE: usize = 500;
/// Devices on one page.
const MAX_DEVICES: usize = 2000;
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
    /// Address and code, for the phone's camera.
    picture: String,
    address: String,
    until: String,
}

/// An invitation that is asked for.
#[derive(Deserialize)]
pub struct Invite {
    kunci: String,
    peran: String,
    wilayah: String,
    nama: String,
    /// A ticked box.
    cocokkan: Option<String>,
}

/// Digits that an officer reads from a phone.
#[derive(Deserialize)]
pub struct Confirm {
    kunci: String,
    angka: String,
}

/// A device that is to be revoked.
#[derive(Deserialize)]
pub struct Revoke {
    kunci: String,
    perangkat: String,
    sebab: String,
}

/// `GET /kantor/perangkat`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    page(&app, &entered, None).await
}

async fn page(app: &App, entered: &Entered, invited: Option<Invited>) -> Result<Response, Trouble> {
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
    let devices =
        devices.into_iter().map(|device| line(replica, device)).collect::<Result<_, ReplicaError>>()?;
    Ok((devices, regions(replica)))
}

fn line<S: Store>(replica: &Replica<S>, device: Device) -> Result<DeviceLine, ReplicaError> {
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
    let (me, check) = (entered.staff.id, asked.cocokkan.is_some());
    let invite = move |office: &mut crate::office::Office<_>| {
        let until = office.invite_device((role, &codes), Some(&asked.nama), (&code, check), now())?;
        office.note_deed(
            me,
            "undang perangkat",
            &format!("{role}, {}", codes.join(" ")),
            now(),
            &mut dice,
        )?;
        Ok(until)
    };
    let invited = app.writer.write(true, invite).await??;
    let (address, until) = (app.public_url.clone(), words::moment(invited));
    let invitation = Invitation { address: address.clone(), code: shown.clone() };
    let picture = qr("", &invitation.to_string()).map(|picture| picture.svg).unwrap_or_default();
    page(&app, &entered, Some(Invited { code: shown, picture, address, until })).await
}

/// `POST /kantor/perangkat/cocokkan`.
pub async fn confirm(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Confirm>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let me = entered.staff.id;
    let confirm = move |office: &mut crate::office::Office<_>| {
        let confirmed = office.confirm(&asked.angka, now())?;
        if let Ok(officer) = &confirmed {
            office.note_deed(me, "cocokkan perangkat", officer, now(), &mut dice)?;
        }
        Ok(confirmed)
    };
    match app.writer.write(true, confirm).await?? {
        Ok(_) => Ok(Redirect::to("/kantor/perangkat").into_response()),
        Err(error) => Err(Trouble::Bad(words::sentence(&error.to_string()))),
    }
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
    let me = entered.staff.id;
    let revoke = move |office: &mut crate::office::Office<_>| {
        let about = format!("{} ({cause})", device.to_hex().get(..8).unwrap_or_default());
        office.revoke(&device, cause, &mut dice)?;
        office.note_deed(me, "cabut perangkat", &about, now(), &mut dice)
    };
    app.writer.write(true, revoke).await??;
    Ok(Redirect::to("/kantor/perangkat").into_response())
}

/// Applications of a device that are listed.
const MAX_HELD: usize = 5000;

#[derive(Template)]
#[template(path = "isi_perangkat.html")]
struct HeldPage {
    page: Page,
    device: DeviceLine,
    since: String,
    lines: Vec<HeldLine>,
    is_full: bool,
}

/// An application that a device may hold.
struct HeldLine {
    number: String,
    service: String,
    place: String,
    state: String,
}

/// `GET /kantor/perangkat/{device}`: which applications a device may hold, and since when.
pub async fn held(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(device): Path<String>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let device = AuthorId::from_hex(&device).ok_or(Trouble::NotFound)?;
    let found = app.readers.run(move |replica| held_by(replica, &device)).await??;
    let (device, since, lines) = found.ok_or(Trouble::NotFound)?;
    let is_full = lines.len() == MAX_HELD;
    let page = Page::of(&entered);
    Ok(send(StatusCode::OK, &HeldPage { page, device, since: words::moment(since), lines, is_full }))
}

/// The device, since when it is certified, and what its partitions held since. What phones have let go is not there any
/// more, unless the device was not heard of since.
fn held_by<S: Store>(
    replica: &Replica<S>,
    id: &AuthorId,
) -> Result<Option<(DeviceLine, i64, Vec<HeldLine>)>, ReplicaError> {
    let Some(device) = replica.devices()?.into_iter().find(|device| device.id == *id) else {
        return Ok(None);
    };
    let since = device.certificate.not_after.saturating_sub(CERTIFICATE_SECONDS);
    let seen = last_seen(replica, id)?.unwrap_or(i64::MAX);
    let mut lines = Vec::new();
    for partition in replica.certificates_of(id)?.into_keys() {
        let mut after = None;
        while lines.len() < MAX_HELD {
            let page = replica.store.scan(&partition, Table::Application, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (_, row) in &page {
                let row: ApplicationRow = rows::decode(row)?;
                let came_later = row.revision == 0 && row.since > seen;
                if !came_later && lines.len() < MAX_HELD {
                    lines.push(held_line(replica, &partition, &row));
                }
            }
        }
    }
    Ok(Some((line(replica, device)?, since, lines)))
}

fn held_line<S: Store>(replica: &Replica<S>, partition: &Partition, row: &ApplicationRow) -> HeldLine {
    let told = told(replica, row);
    let kept = matches!(partition, Partition::NeedToKnow(_));
    HeldLine {
        number: row.number.clone(),
        service: if kept { "Permohonan yang dijaga".to_owned() } else { told.service },
        place: told.place,
        state: told.state,
    }
}
