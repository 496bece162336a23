//! Signing in and out.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use metrics::counter;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tracing::info;

use super::page::{HOME, Page, SIGN_IN, Trouble, send};
use super::session::{self, Entered};
use super::words;
use crate::app::App;
use crate::config::{limits, now};
use crate::office::access::{Claim, Entrance, SignedIn, is_password};
use crate::telemetry;

#[derive(Template)]
#[template(path = "masuk.html")]
struct SignInPage {
    page: Page,
    staff: String,
    trouble: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Asked {
    petugas: String,
    sandi: String,
    kode: String,
}

/// What a form sends that only presses a button.
#[derive(Deserialize)]
pub struct Pressed {
    kunci: String,
}

/// Passwords that are checked at once: each takes 19 MiB.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(limits::PASSWORDS));

/// `GET /kantor/masuk`.
pub async fn show() -> Response {
    send(StatusCode::OK, &SignInPage { page: Page::open(), staff: String::new(), trouble: None })
}

/// `POST /kantor/masuk`.
pub async fn sign_in(
    State(app): State<Arc<App>>,
    jar: CookieJar,
    Form(asked): Form<Asked>,
) -> Result<Response, Trouble> {
    let staff = asked.petugas.trim().parse::<u32>().unwrap_or_default();
    let Ok(Ok(turn)) = tokio::time::timeout(limits::PASSWORD_WAIT, TURNS.acquire()).await else {
        return Err(Trouble::Busy("terlalu banyak yang masuk bersamaan: ulangi sebentar lagi".into()));
    };
    let password = asked.sandi;
    let right = app
        .readers
        .run(move |replica| Ok(is_password(replica.access(staff)?.as_ref(), &password)))
        .await?
        .map_err(|error: loket_core::replica::ReplicaError| error)?;
    drop(turn);
    let (key, token) = session::make();
    let code = asked.kode.trim().to_owned();
    let done = app.writer.write(false, move |office| {
        office.sign_in(&Claim { staff, password: right, code: &code, token }, now())
    });
    let trouble = match done.await?? {
        SignedIn::Open => {
            counter!(telemetry::SIGN_INS, "outcome" => "open").increment(1);
            info!(staff, "signed in");
            return Ok((jar.add(session::cookie(&key)), Redirect::to(HOME)).into_response());
        }
        SignedIn::Wrong => {
            counter!(telemetry::SIGN_INS, "outcome" => "wrong").increment(1);
            "Nomor petugas, kata sandi, atau kode tidak cocok. Kode hanya berlaku sekali: tunggu kode berikutnya, \
             lalu coba lagi."
                .to_owned()
        }
        SignedIn::Locked(until) => {
            counter!(telemetry::SIGN_INS, "outcome" => "locked").increment(1);
            format!("Terlalu banyak percobaan gagal. Coba lagi setelah {}.", words::moment(until))
        }
    };
    let page = SignInPage { page: Page::open(), staff: asked.petugas, trouble: Some(trouble) };
    Ok(send(StatusCode::FORBIDDEN, &page))
}

/// `POST /kantor/keluar`.
pub async fn sign_out(
    State(app): State<Arc<App>>,
    entered: Entered,
    jar: CookieJar,
    Form(pressed): Form<Pressed>,
) -> Result<Response, Trouble> {
    entered.check(&pressed.kunci)?;
    let token = entered.token;
    app.writer.write(false, move |office| office.sign_out(&token)).await??;
    Ok((jar.add(session::no_cookie()), Redirect::to(SIGN_IN)).into_response())
}
