//! One application: what it says, what happened, and what may be done now.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::rows::ApplicationRow;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use serde::Deserialize;

use super::forms::Fields;
use super::page::{Page, Trouble, send};
use super::prints;
use super::session::Entered;
use super::sheet::{self, PARAM, Sheet};
use crate::app::App;
use crate::config::{dice, now};
use crate::office::counter::fills;
use crate::office::desk::{ActError, DeskAct};
use crate::office::people::StaffRow;
use crate::office::reads::{Read, Reader};

/// Longest reason for opening, in characters.
const MAX_REASON: usize = 300;
/// Before the name of a requirement, where a choice is told of it.
const CHOICE: &str = "syarat.";
/// The same of somebody's own words.
const OWN_WORDS: &str = "bebas.";

#[derive(Template)]
#[template(path = "berkas.html")]
struct ApplicationPage {
    page: Page,
    sheet: Sheet,
    /// Print-outs: name in addresses, title.
    prints: Vec<(String, String)>,
    /// Whether who looks fills it in.
    fills: bool,
    desk: &'static str,
    trouble: Option<String>,
}

#[derive(Template)]
#[template(path = "buka.html")]
struct OpenPage {
    page: Page,
    number: String,
}

/// Why somebody opens a need-to-know application.
#[derive(Deserialize)]
pub struct Why {
    kunci: String,
    alasan: String,
}

/// An application that whoever asks may know of.
pub struct Found {
    /// Its partition.
    pub partition: Partition,
    /// Its id.
    pub id: EntryHash,
}

/// The application of a number, for a member of staff: in their regions, of a service in which their role takes part.
/// Whoever may not know of it hears the same as where there is none.
pub fn find<S: Store>(replica: &Replica<S>, staff: &StaffRow, number: &str) -> Result<Found, ReplicaError> {
    let (partition, id) = replica.need(number)?;
    let row = replica.row(&partition, &id)?.ok_or(ReplicaError::NotFound)?;
    may_know(replica, &row, staff).then_some(Found { partition, id }).ok_or(ReplicaError::NotFound)
}

/// Whether a member of staff may know of an application.
pub fn may_know<S: Store>(replica: &Replica<S>, row: &ApplicationRow, staff: &StaffRow) -> bool {
    let file = replica.catalogue().by_hash(&row.catalogue);
    let part = file.is_some_and(|file| sheet::takes_part(&file.service, staff.role));
    part && row.place.is_some_and(|place| staff.covers(&place))
}

/// As [`find`], for who is signed in.
pub async fn find_for(app: &App, entered: &Entered, number: &str) -> Result<Found, Trouble> {
    let (staff, number) = (entered.staff.clone(), number.to_owned());
    Ok(app.readers.run(move |replica| find(replica, &staff, &number)).await??)
}

/// Notes that who is signed in reads these applications; durable before anything of them is sent.
pub async fn note(
    app: &App,
    entered: &Entered,
    what: &str,
    applications: Vec<EntryHash>,
) -> Result<(), Trouble> {
    let (by, what) = (Reader::Staff(entered.staff.id), what.to_owned());
    let write = move |office: &mut crate::office::Office<_>| {
        for application in applications {
            office.note_read(
                &Read { by, what: &what, application: Some(application), reason: None },
                now(),
                &mut dice,
            )?;
        }
        Ok(())
    };
    Ok(app.writer.write(false, write).await??)
}

/// Whether it is shown only to those who say why.
pub fn is_shut(found: &Found, entered: &Entered) -> bool {
    matches!(found.partition, Partition::NeedToKnow(_)) && !entered.has_opened(&found.id)
}

/// `GET /kantor/berkas/{number}`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
) -> Result<Response, Trouble> {
    page(&app, &entered, number, StatusCode::OK, None).await
}

async fn page(
    app: &App,
    entered: &Entered,
    number: String,
    status: StatusCode,
    trouble: Option<String>,
) -> Result<Response, Trouble> {
    let found = find_for(app, entered, &number).await?;
    if is_shut(&found, entered) {
        return Ok(send(status, &OpenPage { page: Page::of(entered), number }));
    }
    note(app, entered, "konsol", vec![found.id]).await?;
    let (staff, press) = (entered.staff.clone(), Arc::clone(&app.press));
    let read = move |replica: &Replica<_>| {
        let case = replica.judged_case(&found.partition, &found.id)?;
        let around = (prints::offered(&press, &case), fills(&case, &staff));
        Ok::<_, ReplicaError>((sheet::make(replica, &case, &staff, now())?, around))
    };
    let (sheet, (prints, fills)) = app.readers.run(read).await??;
    let desk = entered.staff.role.as_str();
    Ok(send(status, &ApplicationPage { page: Page::of(entered), sheet, prints, fills, desk, trouble }))
}

/// `POST /kantor/berkas/{number}/buka`: opens a need-to-know application, with a reason that is kept.
pub async fn open(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
    Form(why): Form<Why>,
) -> Result<Response, Trouble> {
    entered.check(&why.kunci)?;
    let reason = why.alasan.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > MAX_REASON {
        return Err(Trouble::Bad(format!("Tulis alasan membuka, paling panjang {MAX_REASON} huruf.")));
    }
    let found = find_for(&app, &entered, &number).await?;
    let (reader, token) = (entered.staff.id, entered.token);
    let note = move |office: &mut crate::office::Office<_>| {
        let read = Read {
            by: Reader::Staff(reader),
            what: "buka",
            application: Some(found.id),
            reason: Some(&reason),
        };
        office.note_read(&read, now(), &mut dice)?;
        office.open_in_session(&token, found.id, now())
    };
    app.writer.write(false, note).await??;
    Ok(Redirect::to(&address(&number)).into_response())
}

/// Address of an application's page.
pub fn address(number: &str) -> String {
    format!("/kantor/berkas/{number}")
}

/// `POST /kantor/berkas/{number}/tindakan/{act}`.
pub async fn act(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path((number, act)): Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let fields = Fields::of(&entered, fields)?;
    let found = find_for(&app, &entered, &number).await?;
    if is_shut(&found, &entered) {
        return Err(Trouble::Forbidden);
    }
    let said = params(&fields.0);
    let weigh =
        move |replica: &Replica<_>| Ok(sheet::told(&replica.case(&found.partition, &found.id)?, said));
    let params = app.readers.run(weigh).await?.map_err(|error: ReplicaError| error)?;
    let reason = fields.get("alasan").map(str::to_owned);
    let wish = DeskAct {
        act,
        staff: entered.staff.id,
        reason: reason.filter(|reason| !reason.trim().is_empty()),
        params,
    };
    let done = app.writer.write(false, move |office| {
        Ok(match office.act(&found.partition, &found.id, wish, now(), &mut dice) {
            Ok(_) => None,
            Err(ActError::Refused(refusal)) => Some(refusal.sentence()),
            Err(ActError::Replica(ReplicaError::Refused(sentence))) => Some(sentence),
            Err(ActError::Replica(error)) => return Err(error),
        })
    });
    match done.await?? {
        None => {
            let desk = entered.staff.role.as_str();
            Ok(Redirect::to(&format!("/kantor/antrean/{desk}?selesai={number}")).into_response())
        }
        Some(sentence) => page(&app, &entered, number, StatusCode::CONFLICT, Some(sentence)).await,
    }
}

/// `POST /kantor/berkas/{number}/periksa`: what is found of the requirements.
pub async fn check(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let fields = Fields::of(&entered, fields)?;
    let found = find_for(&app, &entered, &number).await?;
    if is_shut(&found, &entered) {
        return Err(Trouble::Forbidden);
    }
    let (staff, marks) = (entered.staff.clone(), marks(&fields.0));
    let check = move |office: &mut crate::office::Office<_>| {
        let case = office.replica.case(&found.partition, &found.id)?;
        office.check(&case, &staff, &marks, now())
    };
    app.writer.write(false, check).await??;
    Ok(Redirect::to(&format!("{}#syarat", address(&number))).into_response())
}

/// What a form tells of requirements: a choice, or in its place somebody's own words.
fn marks(fields: &[(String, String)]) -> Vec<(String, String)> {
    let own = |requirement: &str| {
        let name = format!("{OWN_WORDS}{requirement}");
        fields.iter().find(|(known, words)| *known == name && !words.trim().is_empty())
    };
    let choices = fields.iter().filter_map(|(name, mark)| Some((name.strip_prefix(CHOICE)?, mark)));
    choices
        .map(|(requirement, mark)| {
            (requirement.to_owned(), own(requirement).map_or(mark, |(_, words)| words).clone())
        })
        .collect()
}

/// What a form tells of an act: choices of one name together, nothing that was left empty.
fn params(fields: &[(String, String)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in fields {
        let Some(need) = name.strip_prefix(PARAM).filter(|_| !value.trim().is_empty()) else { continue };
        match all.iter_mut().find(|(known, _)| known == need) {
            Some((_, held)) => {
                held.push(',');
                held.push_str(value);
            }
            // A browser ends lines as the network does.
            None => all.push((need.to_owned(), value.replace("\r\n", "\n"))),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_tells() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = [
            field("kunci", "k"),
            field("alasan", "a"),
            field("isi.nomor_seri", "AB1"),
            field("isi.tanda.kartu_keluarga", " "),
            field("isi.macam", "a"),
            field("isi.macam", "b"),
        ];
        assert_eq!(params(&fields), [field("nomor_seri", "AB1"), field("macam", "a,b")]);
        let fields = [
            field("syarat.kk", "sesuai"),
            field("bebas.kk", " "),
            field("syarat.ktp", ""),
            field("bebas.ktp", "cap tidak tampak"),
        ];
        assert_eq!(marks(&fields), [field("kk", "sesuai"), field("ktp", "cap tidak tampak")]);
    }
}
