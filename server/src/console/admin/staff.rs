//! Who works at the office: added, given a password and a second factor, ended.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE32_NOPAD;
use loket_core::catalogue::Role;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use serde::Deserialize;

use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::super::words;
use super::{only_admin, regions};
use crate::app::App;
use crate::config::{Failure, dice, now};
use crate::office::access::{self, Entrance};
use crate::office::look::Look;
use crate::office::people::StaffRow;
use crate::press::qr;

/// Roles that somebody at the office or at a counter may have.
const ROLES: [Role; 9] = [
    Role::FrontOffice,
    Role::KasiPendaftaran,
    Role::KasiPencatatanSipil,
    Role::LoketPengambilan,
    Role::BagianProduksi,
    Role::KepalaDinas,
    Role::OperatorKecamatan,
    Role::OperatorDesa,
    Role::Admin,
];

#[derive(Template)]
#[template(path = "petugas.html")]
struct StaffPage {
    page: Page,
    staff: Vec<StaffLine>,
    roles: Vec<(&'static str, &'static str)>,
    regions: Vec<(String, String)>,
    given: Option<Given>,
}

struct StaffLine {
    id: u32,
    name: String,
    role: &'static str,
    places: String,
    access: &'static str,
    has_ended: bool,
    is_self: bool,
}

/// What somebody signs in with: shown once.
struct Given {
    id: u32,
    password: String,
    secret: String,
    picture: String,
}

/// Somebody new.
#[derive(Deserialize)]
pub struct Added {
    kunci: String,
    peran: String,
    nama: String,
    #[serde(default)]
    wilayah: String,
}

/// Somebody who is meant.
#[derive(Deserialize)]
pub struct Meant {
    kunci: String,
    petugas: u32,
}

/// `GET /kantor/petugas`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    page(&app, &entered, None).await
}

async fn page(app: &App, entered: &Entered, given: Option<Given>) -> Result<Response, Trouble> {
    let me = entered.staff.id;
    let (staff, regions) = app.readers.run(move |replica| lines(replica, me)).await??;
    let roles = ROLES.map(|role| (role.as_str(), words::desk(role))).into();
    let page = Page::of(entered);
    Ok(send(StatusCode::OK, &StaffPage { page, staff, roles, regions, given }))
}

type Lines = (Vec<StaffLine>, Vec<(String, String)>);

fn lines<S: Store>(replica: &Replica<S>, me: u32) -> Result<Lines, ReplicaError> {
    let line = |row: StaffRow| {
        let access = replica.access(row.id)?;
        Ok(StaffLine {
            id: row.id,
            role: words::desk(row.role),
            places: match row.partitions.as_slice() {
                [] => "seluruh kantor".to_owned(),
                [one] => words::place(one, replica.regions()),
                [first, more @ ..] => {
                    format!("{} dan {} wilayah lain", words::place(first, replica.regions()), more.len())
                }
            },
            access: match access {
                _ if row.ended.is_some() => "sudah berakhir",
                None => "belum dapat masuk",
                Some(access) if access.locked > now() => "terkunci sementara",
                Some(_) => "dapat masuk",
            },
            has_ended: row.ended.is_some(),
            is_self: row.id == me,
            name: row.name,
        })
    };
    let all = replica.staff_list()?.into_iter().map(line).collect::<Result<_, ReplicaError>>()?;
    Ok((all, regions(replica)))
}

/// `POST /kantor/petugas/tambah`.
pub async fn add(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(added): Form<Added>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&added.kunci)?;
    let role = ROLES.into_iter().find(|role| role.as_str() == added.peran);
    let role = role.ok_or_else(|| Trouble::Bad("Pilih peran petugas.".into()))?;
    let codes: Vec<String> = Some(added.wilayah).filter(|code| !code.is_empty()).into_iter().collect();
    let me = entered.staff.id;
    let add = move |office: &mut crate::office::Office<_>| {
        let id = office.add_staff(role, &added.nama, &codes)?;
        office.note_deed(me, "tambah petugas", &format!("petugas {id}, {role}"), now(), &mut dice)
    };
    app.writer.write(true, add).await??;
    Ok(Redirect::to("/kantor/petugas").into_response())
}

/// `POST /kantor/petugas/akses`: a new password and second factor; the old ones and their sessions end.
pub async fn give(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(meant): Form<Meant>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&meant.kunci)?;
    let (id, me) = (meant.petugas, entered.staff.id);
    let make = || {
        let password = access::make_password(&mut dice);
        access::make(&password, &mut dice).map(|(hash, secret)| (password, hash, secret))
    };
    let made = tokio::task::spawn_blocking(make).await;
    let (password, hash, secret) = made.map_err(|_| Failure::new("kata sandi tidak jadi dibuat"))??;
    let set = move |office: &mut crate::office::Office<_>| {
        office.set_access(id, hash, secret)?;
        office.note_deed(me, "beri kata sandi", &format!("petugas {id}"), now(), &mut dice)
    };
    app.writer.write(true, set).await??;
    let url = access::factor(&secret, id)?.to_url().unwrap_or_default();
    let picture = qr("", &url).map(|picture| picture.svg).unwrap_or_default();
    let given = Given { id, password, secret: BASE32_NOPAD.encode(&secret), picture };
    page(&app, &entered, Some(given)).await
}

/// `POST /kantor/petugas/akhiri`.
pub async fn end(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(meant): Form<Meant>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&meant.kunci)?;
    let (id, me) = (meant.petugas, entered.staff.id);
    if id == me {
        return Err(Trouble::Bad(
            "Anda tidak dapat mengakhiri diri sendiri: minta administrator lain.".into(),
        ));
    }
    let end = move |office: &mut crate::office::Office<_>| {
        office.end_staff(id, now())?;
        office.note_deed(me, "akhiri petugas", &format!("petugas {id}"), now(), &mut dice)
    };
    app.writer.write(true, end).await??;
    Ok(Redirect::to("/kantor/petugas").into_response())
}
