//! Who read whose data: a day's readings, of one application or one member of staff where that is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::time::{midnight, today};
use loket_core::value::stored_date;
use serde::Deserialize;

use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::super::words;
use super::only_admin;
use crate::app::App;
use crate::config::now;
use crate::office::look::Look;
use crate::office::reads::{Noted, readings};

/// Readings of one day that are looked at.
const MAX_READINGS: usize = 20_000;
/// Readings that are shown.
const MAX_SHOWN: usize = 1000;

#[derive(Template)]
#[template(path = "pembacaan.html")]
struct ReadingsPage {
    page: Page,
    day: String,
    number: String,
    staff: String,
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

/// What is looked for.
#[derive(Deserialize, Default)]
pub struct Wanted {
    #[serde(default)]
    tanggal: String,
    /// Registration number.
    #[serde(default)]
    nomor: String,
    /// Number of staff.
    #[serde(default)]
    petugas: String,
}

/// `GET /kantor/pembacaan`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let day = stored_date(&wanted.tanggal).unwrap_or_else(|| today(now()));
    let (number, staff) = (wanted.nomor.trim().to_owned(), wanted.petugas.trim().to_owned());
    let (of, by) = (number.clone(), staff.parse().ok());
    let (lines, is_full) = app.readers.run(move |replica| of_day(replica, day, &of, by)).await??;
    let page = Page::of(&entered);
    Ok(send(StatusCode::OK, &ReadingsPage { page, day: day.to_string(), number, staff, lines, is_full }))
}

/// Readings of a day, the latest first, and whether there are more than are shown.
fn of_day<S: Store>(
    replica: &Replica<S>,
    day: Date,
    number: &str,
    by: Option<u32>,
) -> Result<(Vec<ReadingLine>, bool), ReplicaError> {
    let begin = midnight(day);
    let wanted = match number {
        "" => None,
        number => Some(replica.find(number)?.map(|(_, id)| id)),
    };
    let fits = |noted: &Noted| {
        wanted.is_none_or(|wanted| wanted.is_some() && noted.application == wanted)
            && by.is_none_or(|by| noted.staff == Some(by))
    };
    let all = readings(replica, begin, begin + 24 * 3600, MAX_READINGS)?;
    let mut is_full = all.len() == MAX_READINGS;
    let mut found: Vec<Noted> = all.into_iter().rev().filter(fits).collect();
    is_full |= found.len() > MAX_SHOWN;
    found.truncate(MAX_SHOWN);
    let staff: BTreeMap<u32, String> =
        replica.staff_list()?.into_iter().map(|staff| (staff.id, staff.name)).collect();
    Ok((found.into_iter().map(|noted| line(replica, &staff, noted)).collect(), is_full))
}

fn line<S: Store>(replica: &Replica<S>, staff: &BTreeMap<u32, String>, noted: Noted) -> ReadingLine {
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
}
