//! What a desk has written, as a page that prints: the *catatan pinggir* with who signed it, how and when.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::{ActKind, Kind, Role, Service};
use loket_core::replica::Replica;
use loket_core::replica::case::Case;
use loket_core::workflow::Event;

use super::application::{address, find_for, is_shut, note};
use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::words;
use crate::app::App;

/// Whoever signs what leaves the office.
const SIGNS: Role = Role::KepalaDinas;

#[derive(Template)]
#[template(path = "surat.html")]
struct LetterPage {
    page: Page,
    letter: Letter,
}

/// What was written.
struct Letter {
    number: String,
    /// Title and words of each text.
    texts: Vec<(String, String)>,
    /// Label and value of what was told at the signature; empty before.
    signature: Vec<(String, String)>,
}

/// `GET /kantor/berkas/{number}/surat`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
) -> Result<Response, Trouble> {
    let found = find_for(&app, &entered, &number).await?;
    if is_shut(&found, &entered) {
        return Ok(Redirect::to(&address(&number)).into_response());
    }
    note(&app, &entered, "surat", vec![found.id]).await?;
    let read =
        move |replica: &Replica<_>| replica.case(&found.partition, &found.id).map(|case| letter(&case));
    match app.readers.run(read).await?? {
        Some(letter) => Ok(send(StatusCode::OK, &LetterPage { page: Page::of(&entered), letter })),
        None => Err(Trouble::NotFound),
    }
}

/// What the desks have written of a case, in the version that is decided on; none where nothing was.
fn letter(case: &Case) -> Option<Letter> {
    let file = case.service.clone()?;
    let frozen = case.state().and_then(|state| state.frozen)?;
    let registers = case.document.registers_at(&frozen.heads).ok()?;
    let written = file.service.fields.iter().filter(|field| field.desk.is_some());
    let texts: Vec<_> =
        written.filter_map(|field| Some((field.label.clone(), registers.get(&field.id)?.clone()))).collect();
    (!texts.is_empty()).then(|| Letter {
        number: case.number(),
        texts,
        signature: signature(case, &file.service),
    })
}

/// What was told when it was signed, unless it has gone back since.
fn signature(case: &Case, service: &Service) -> Vec<(String, String)> {
    let Some(state) = case.state() else { return Vec::new() };
    let signs = service.steps.iter().find(|step| step.kind == ActKind::Catat && step.roles.contains(&SIGNS));
    let Some(step) = signs.filter(|step| state.done.contains_key(&step.act)) else { return Vec::new() };
    let last = case.record.iter().rev().find(|one| one.act == step.act && one.kind == Event::Done);
    let params = last.map(|decision| decision.params.as_slice()).unwrap_or_default();
    let told = |(id, value): &(String, String)| {
        let need = step.needs.iter().find(|need| need.id == *id)?;
        let chosen = need.options.iter().find(|choice| choice.id == *value);
        let value = match (chosen, need.kind) {
            (Some(choice), _) => choice.label.clone(),
            (None, Kind::Tanggal) => words::date(value),
            (None, _) => value.clone(),
        };
        Some((need.label.clone(), value))
    };
    params.iter().filter_map(told).collect()
}
