//! When the office works: its hours and its holidays, by which service times are counted on every device.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use loket_core::workflow::{Calendar, WEEKDAYS};
use serde::Deserialize;

use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::super::words;
use super::only_admin;
use crate::app::App;
use crate::config::{dice, now};
use crate::office::files::{HOLIDAYS, HOURS, WEEK};

#[derive(Template)]
#[template(path = "kalender.html")]
struct CalendarPage {
    page: Page,
    hours: String,
    /// Year, its holidays as they were written.
    years: Vec<(i16, String)>,
    /// Holidays to come, for people.
    coming: Vec<String>,
}

/// Working hours.
#[derive(Deserialize)]
pub struct Hours {
    kunci: String,
    jam: String,
}

/// Holidays of a year.
#[derive(Deserialize)]
pub struct Holidays {
    kunci: String,
    tahun: i16,
    hari: String,
}

/// `GET /kantor/kalender`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let year = loket_core::time::today(now()).year();
    let read = move |replica: &loket_core::replica::Replica<_>| {
        let written = |year: i16| {
            let text = replica.office_file(HOLIDAYS, &year.to_string())?;
            Ok::<_, loket_core::replica::ReplicaError>((year, text.unwrap_or_default()))
        };
        let years = [year, year + 1].into_iter().map(written).collect::<Result<Vec<_>, _>>()?;
        let hours = replica.office_file(HOURS, WEEK)?;
        Ok::<_, loket_core::replica::ReplicaError>((replica.calendar().clone(), years, hours))
    };
    let (calendar, years, hours) = app.readers.run(read).await??;
    let today = loket_core::time::today(now());
    let coming = calendar.holidays.iter().filter(|day| **day >= today);
    let coming = coming.map(|day| words::date(&day.to_string())).collect();
    let hours = hours.unwrap_or_else(|| written_week(&calendar));
    Ok(send(StatusCode::OK, &CalendarPage { page: Page::of(&entered), hours, years, coming }))
}

/// Working hours as [`Calendar::read_week`] reads them.
fn written_week(calendar: &Calendar) -> String {
    let clock = |minutes: u16| format!("{:02}.{:02}", minutes / 60, minutes % 60);
    let days = WEEKDAYS.iter().zip(&calendar.week).filter(|(_, ranges)| !ranges.is_empty());
    let day = |(name, ranges): (&&str, &Vec<(u16, u16)>)| {
        let ranges: Vec<String> =
            ranges.iter().map(|(from, until)| format!("{}-{}", clock(*from), clock(*until))).collect();
        format!("{name} {}\n", ranges.join(" "))
    };
    days.map(day).collect()
}

/// `POST /kantor/kalender/jam`.
pub async fn set_hours(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Hours>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    Calendar::read_week(&asked.jam).map_err(|error| Trouble::Bad(error.to_string()))?;
    publish(&app, &entered, HOURS, WEEK.to_owned(), asked.jam).await
}

/// `POST /kantor/kalender/libur`.
pub async fn set_holidays(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Holidays>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let days = Calendar::read_holidays(&asked.hari).map_err(|error| Trouble::Bad(error.to_string()))?;
    if let Some(day) = days.iter().find(|day: &&Date| day.year() != asked.tahun) {
        return Err(Trouble::Bad(format!("{day} bukan dalam tahun {}: tulis di tahunnya.", asked.tahun)));
    }
    publish(&app, &entered, HOLIDAYS, asked.tahun.to_string(), asked.hari).await
}

async fn publish(
    app: &App,
    entered: &Entered,
    kind: &'static str,
    name: String,
    text: String,
) -> Result<Response, Trouble> {
    let (me, text) = (entered.staff.id, text.replace("\r\n", "\n"));
    let publish = move |office: &mut crate::office::Office<_>| {
        office.publish(kind, &name, text.as_bytes(), &mut dice)?;
        office.note_deed(me, "ubah kalender", &format!("{kind} {name}"), now(), &mut dice)
    };
    app.writer.write(true, publish).await??;
    Ok(Redirect::to("/kantor/kalender").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_they_are_written() {
        let calendar = Calendar::default();
        assert_eq!(Calendar::read_week(&written_week(&calendar)).unwrap(), calendar.week);
    }
}
