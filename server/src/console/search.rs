//! Finding an application by its number, or people's applications by the NIK or the name. What is looked for is sent in a form's
//! body and never in an address.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::Kind;
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::rows::{self, ApplicationRow, person_key};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use loket_core::value;
use serde::Deserialize;

use super::application::{address, find, may_know, note};
use super::desk::{Told, told};
use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::words::moment;
use crate::app::App;
use crate::office::people::StaffRow;
use crate::office::{shipments, words};

/// Applications that are shown.
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
    name: String,
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
    answer(&entered, Vec::new(), None)
}

/// `POST /kantor/cari`.
pub async fn search(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Asked>,
) -> Result<Response, Trouble> {
    entered.check(&asked.kunci)?;
    let wanted = asked.cari.trim().to_owned();
    if wanted.to_uppercase().starts_with(shipments::NAME) {
        return Ok(Redirect::to(&format!("/kantor/kiriman/{}", wanted.to_uppercase())).into_response());
    }
    let (staff, number) = (entered.staff.clone(), wanted.clone());
    let found = app.readers.run(move |replica| find(replica, &staff, &number)).await?;
    match found {
        Ok(_) => return Ok(Redirect::to(&address(&wanted)).into_response()),
        Err(ReplicaError::NotFound | ReplicaError::Refused(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let staff = entered.staff.clone();
    let Some(Found { all, more }) =
        app.readers.run(move |replica| of_people(replica, &staff, &wanted)).await??
    else {
        return Ok(answer(&entered, Vec::new(), Some(NOTHING)));
    };
    note(&app, &entered, "cari", all.iter().map(|(id, _)| *id).collect()).await?;
    let lines: Vec<Line> = all.into_iter().map(|(_, line)| line).collect();
    let trouble = match (lines.is_empty(), more) {
        (true, false) => Some("Tidak ada permohonan orang itu di wilayah Anda."),
        (_, true) => Some("Masih ada yang lain: tambahkan kata dari namanya, atau cari dengan NIK."),
        (false, false) => None,
    };
    Ok(answer(&entered, lines, trouble))
}

/// Said where what is looked for can be nothing of all.
const NOTHING: &str = "Tidak ada permohonan dengan nomor itu. Cari dengan nomor pendaftaran, NIK, atau sedikitnya tiga \
                       huruf pertama dari nama.";

fn answer(entered: &Entered, lines: Vec<Line>, trouble: Option<&'static str>) -> Response {
    send(StatusCode::OK, &SearchPage { page: Page::of(entered), lines, trouble })
}

/// What a search found, and whether there may be more.
struct Found {
    all: Vec<(EntryHash, Line)>,
    more: bool,
}

/// Applications of people of this NIK or name that whoever asks may know of; none that are need-to-know. Nothing where it
/// is neither.
fn of_people<S: Store>(
    replica: &Replica<S>,
    staff: &StaffRow,
    wanted: &str,
) -> Result<Option<Found>, ReplicaError> {
    let fits = |row: &ApplicationRow| may_know(replica, row, staff);
    let matches = match value::parse(Kind::Nik, &[], false, wanted) {
        Ok(nik) => {
            let mut matches = words::of_person(replica, &nik, &fits, MAX_FOUND)?;
            matches.found.extend(drafts(replica, &nik, &fits)?);
            matches
        }
        Err(_) => match words::of_name(replica, wanted, &fits, MAX_FOUND)? {
            Some(matches) => matches,
            None => return Ok(None),
        },
    };
    let line = |row: ApplicationRow| {
        let Told { service, place, state } = told(replica, &row);
        let since = moment(row.since);
        Line { name: row.name.unwrap_or_default(), number: row.number, service, place, state, since }
    };
    let all = matches.found.into_iter().map(|(id, row)| (id, line(row))).collect();
    Ok(Some(Found { all, more: matches.more }))
}

/// Drafts of a person, which are in no index of the office's.
fn drafts<S: Store>(
    replica: &Replica<S>,
    nik: &str,
    fits: &dyn Fn(&ApplicationRow) -> bool,
) -> Result<Vec<(EntryHash, ApplicationRow)>, ReplicaError> {
    let mut all = Vec::new();
    for service in replica.catalogue().services() {
        let key = person_key(nik, service);
        for (_, at) in replica.store.scan(&Partition::Office, Table::Person, &key, None, MAX_FOUND)? {
            let (partition, id): (Partition, EntryHash) = rows::decode(&at)?;
            let row = replica.row(&partition, &id)?.filter(|row| row.revision == 0 && fits(row));
            all.extend(row.map(|row| (id, row)));
        }
    }
    Ok(all)
}
