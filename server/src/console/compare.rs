//! Two applications side by side: of the same person, for the same service, so that somebody can decide which one goes on.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::replica::{Replica, ReplicaError};

use super::application::{address, find_for, is_shut, note};
use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::sheet::{self, Sheet};
use crate::app::App;
use crate::config::now;

#[derive(Template)]
#[template(path = "bandingkan.html")]
struct ComparePage {
    page: Page,
    left: Sheet,
    right: Sheet,
    lines: Vec<Line>,
}

/// A field of either.
struct Line {
    label: String,
    left: String,
    right: String,
    differs: bool,
}

/// `GET /kantor/berkas/{number}/bandingkan/{other}`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path((number, other)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let (left, right) = (find_for(&app, &entered, &number).await?, find_for(&app, &entered, &other).await?);
    for (found, number) in [(&left, &number), (&right, &other)] {
        if is_shut(found, &entered) {
            return Ok(Redirect::to(&address(number)).into_response());
        }
    }
    note(&app, &entered, "bandingkan", vec![left.id, right.id]).await?;
    let staff = entered.staff.clone();
    let read = move |replica: &Replica<_>| {
        let sheet = |found: &super::application::Found| {
            sheet::make(replica, &replica.judged_case(&found.partition, &found.id)?, &staff, now())
        };
        Ok::<_, ReplicaError>((sheet(&left)?, sheet(&right)?))
    };
    let (left, right) = app.readers.run(read).await??;
    let lines = lines(&left, &right);
    Ok(send(StatusCode::OK, &ComparePage { page: Page::of(&entered), left, right, lines }))
}

/// Every field of either, in the order of the first.
fn lines(left: &Sheet, right: &Sheet) -> Vec<Line> {
    let fields = |sheet: &Sheet| {
        let all = sheet.sections.iter().flat_map(|section| &section.fields);
        all.map(|field| (field.label.clone(), field.value.clone())).collect::<Vec<_>>()
    };
    let (mine, theirs) = (fields(left), fields(right));
    let value = |all: &[(String, String)], label: &str| {
        all.iter().find(|(known, _)| known == label).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let only_right = theirs.iter().filter(|(label, _)| !mine.iter().any(|(known, _)| known == label));
    let labels = mine.iter().chain(only_right).map(|(label, _)| label.clone());
    let line = |label: String| {
        let (left, right) = (value(&mine, &label), value(&theirs, &label));
        Line { differs: left != right, label, left, right }
    };
    labels.map(line).collect()
}
