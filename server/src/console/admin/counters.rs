//! What print-outs say of the office: its name, and where its counters are.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use serde::Deserialize;

use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::only_admin;
use crate::app::App;
use crate::config::{dice, now};
use crate::office::settings::{self, DINAS, MAX_TEXT};

#[derive(Template)]
#[template(path = "loket.html")]
struct CountersPage {
    page: Page,
    name: String,
    most: usize,
    /// Code, name, address.
    counters: Vec<(String, String, String)>,
}

/// The office's name.
#[derive(Deserialize)]
pub struct Named {
    kunci: String,
    nama: String,
}

/// Where a counter is.
#[derive(Deserialize)]
pub struct Placed {
    kunci: String,
    loket: String,
    alamat: String,
}

/// `GET /kantor/loket`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let (name, counters) = app.readers.run(counters).await??;
    let page = Page::of(&entered);
    Ok(send(StatusCode::OK, &CountersPage { page, name, most: MAX_TEXT, counters }))
}

type Counters = (String, Vec<(String, String, String)>);

fn counters<S: Store>(replica: &Replica<S>) -> Result<Counters, ReplicaError> {
    let mut all = vec![(DINAS.to_owned(), "Dinas".to_owned())];
    let kecamatan = replica.regions().kecamatan().into_iter();
    all.extend(kecamatan.map(|(place, name)| (place.to_string(), format!("Kecamatan {name}"))));
    let placed = |(code, name): (String, String)| {
        let address = settings::address(replica, &code)?;
        Ok((code, name, address))
    };
    let all = all.into_iter().map(placed).collect::<Result<_, ReplicaError>>()?;
    Ok((settings::office_name(replica)?, all))
}

/// `POST /kantor/loket/nama`.
pub async fn name(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Named>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let me = entered.staff.id;
    let set = move |office: &mut crate::office::Office<_>| {
        office.set_office_name(&asked.nama)?;
        office.note_deed(me, "ubah nama kantor", &asked.nama, now(), &mut dice)
    };
    app.writer.write(true, set).await??;
    Ok(Redirect::to("/kantor/loket").into_response())
}

/// `POST /kantor/loket/alamat`.
pub async fn place(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Placed>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let me = entered.staff.id;
    let set = move |office: &mut crate::office::Office<_>| {
        office.set_address(&asked.loket, &asked.alamat)?;
        office.note_deed(me, "ubah alamat loket", &asked.loket, now(), &mut dice)
    };
    app.writer.write(true, set).await??;
    Ok(Redirect::to("/kantor/loket").into_response())
}
