//! Finding an application by its number, or a person's applications by the NIK. What is looked for is sent in a form's
//! body and never in an address.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::Kind;
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::rows::{self, person_key};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use loket_core::value;
use serde::Deserialize;

use super::application::{address, find, note};
use super::desk::{Told, told};
use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::words;
use crate::app::App;
use crate::office::people::StaffRow;

/// Applications of one person that are shown.
const MAX_FOUND: usize = 50;

#[derive(Template)]
#[template(path = "cari.html")]
struct SearchPage {
    page: Page,
    lines: Vec<Line>,
    trouble: Option<&'static str>,
}

/// An application that was found.
struct Line {
    number: String,
    service: String,
    place: String,
    state: String,
    since: String,
}

/// What is looked for.
#[derive(Deserialize)]
pub struct Asked {
    kunci: String,
    cari: String,
}

/// `GET /kantor/cari`.
pub async fn show(entered: Entered) -> Response {
    send(StatusCode::OK, &SearchPage { page: Page::of(&entered), lines: Vec::new(), trouble: None })
}

/// `POST /kantor/cari`.
pub async fn search(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Asked>,
) -> Result<Response, Trouble> {
    entered.check(&asked.kunci)?;
    let wanted = asked.cari.trim().to_owned();
    let (staff, number) = (entered.staff.clone(), wanted.clone());
    let found = app.readers.run(move |replica| find(replica, &staff, &number)).await?;
    match found {
        Ok(_) => return Ok(Redirect::to(&address(&wanted)).into_response()),
        Err(ReplicaError::NotFound | ReplicaError::Refused(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let Ok(nik) = value::parse(Kind::Nik, &[], false, &wanted) else {
        let trouble = Some("Tidak ada permohonan dengan nomor itu, dan bukan NIK yang benar: periksa lagi.");
        return Ok(send(
            StatusCode::OK,
            &SearchPage { page: Page::of(&entered), lines: Vec::new(), trouble },
        ));
    };
    let staff = entered.staff.clone();
    let all = app.readers.run(move |replica| of_person(replica, &staff, &nik)).await??;
    note(&app, &entered, "cari", all.iter().map(|(id, _)| *id).collect()).await?;
    let lines: Vec<Line> = all.into_iter().map(|(_, line)| line).collect();
    let trouble = lines.is_empty().then_some("Tidak ada permohonan orang itu di wilayah Anda.");
    Ok(send(StatusCode::OK, &SearchPage { page: Page::of(&entered), lines, trouble }))
}

/// Applications of a person that whoever asks may know of; none that are need-to-know.
fn of_person<S: Store>(
    replica: &Replica<S>,
    staff: &StaffRow,
    nik: &str,
) -> Result<Vec<(EntryHash, Line)>, ReplicaError> {
    let mut all = Vec::new();
    let services: Vec<String> = replica.catalogue().services().map(str::to_owned).collect();
    for service in services {
        let key = person_key(nik, &service);
        let found = replica.store.scan(&Partition::Office, Table::Person, &key, None, MAX_FOUND)?;
        for (_, at) in found {
            let (partition, id): (Partition, EntryHash) = rows::decode(&at)?;
            let Some(row) = replica.row(&partition, &id)? else { continue };
            if find(replica, staff, &row.number).is_ok_and(|found| found.id == id) {
                let Told { service, place, state } = told(replica, &row);
                let since = words::moment(row.since);
                all.push((id, Line { number: row.number, service, place, state, since }));
            }
        }
    }
    all.truncate(MAX_FOUND);
    Ok(all)
}
