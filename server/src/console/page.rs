//! What every page has: its frame, its headers, and what is shown where something went wrong.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use loket_core::catalogue::Role;
use loket_core::replica::ReplicaError;
use tracing::error;

use super::assets::{SCRIPT_ADDRESS, STYLE_ADDRESS};
use super::dashboard::leads;
use super::session::Entered;
use super::shipments::HANDLERS;
use super::words;
use crate::config::Failure;
use crate::ingest::Unavailable;
use crate::office::counter::CLERKS;

/// Where one signs in.
pub const SIGN_IN: &str = "/kantor/masuk";
/// Where one's desk is.
pub const HOME: &str = "/kantor";

/// Nothing from elsewhere, no script but ours, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The frame of a page.
pub struct Page {
    /// Address of the style sheet.
    pub style: &'static str,
    /// Address of the script.
    pub script: &'static str,
    /// Who is signed in; none before.
    pub who: Option<Who>,
    /// What has just been done, said once.
    pub notice: Option<String>,
}

/// Somebody who is signed in, as the frame names them.
pub struct Who {
    /// Name.
    pub name: String,
    /// Desk.
    pub desk: &'static str,
    /// The key that forms carry.
    pub key: String,
    /// Whether the administrator's pages are theirs.
    pub is_admin: bool,
    /// Whether the office's figures are.
    pub leads: bool,
    /// Whether they file applications here.
    pub files: bool,
    /// Whether cards pass through their hands.
    pub handles_cards: bool,
}

impl Page {
    /// The frame for nobody in particular.
    pub fn open() -> Self {
        Self { style: &STYLE_ADDRESS, script: &SCRIPT_ADDRESS, who: None, notice: None }
    }

    /// The frame for somebody.
    pub fn of(entered: &Entered) -> Self {
        let who = Who {
            name: entered.staff.name.clone(),
            desk: words::desk(entered.staff.role),
            key: entered.form_key(),
            leads: leads(entered.staff.role),
            files: CLERKS.contains(&entered.staff.role),
            handles_cards: HANDLERS.contains(&entered.staff.role),
            is_admin: entered.staff.role == Role::Admin,
        };
        Self { who: Some(who), ..Self::open() }
    }

    /// With a notice.
    pub fn with(self, notice: Option<String>) -> Self {
        Self { notice, ..self }
    }
}

/// A page that is sent.
pub fn send(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let mut response = (status, Html(text)).into_response();
            guard(&mut response);
            response
        }
        Err(error) => {
            error!(%error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "halaman tidak dapat dibuat: hubungi pengelola")
                .into_response()
        }
    }
}

/// Headers that every page carries: it is nobody else's to frame, run in, or keep.
pub fn guard(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[derive(Template)]
#[template(path = "galat.html")]
struct TroublePage {
    page: Page,
    title: &'static str,
    sentence: String,
}

/// Why a page is not shown.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody is signed in, or no longer.
    SignIn,
    /// Not for this member of staff.
    Forbidden,
    /// There is no such thing, or none that this member of staff may know of.
    NotFound,
    /// A form of another session, or an old one.
    Stale,
    /// Something that was sent is not understood.
    Bad(String),
    /// The office cannot do it now.
    Busy(String),
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, title, sentence) = match self {
            Trouble::SignIn => return Redirect::to(SIGN_IN).into_response(),
            Trouble::Forbidden => (
                StatusCode::FORBIDDEN,
                "Bukan untuk meja Anda",
                "Halaman ini untuk meja atau wilayah lain. Kembali ke meja Anda.".to_owned(),
            ),
            Trouble::NotFound => (
                StatusCode::NOT_FOUND,
                "Tidak ditemukan",
                "Tidak ada permohonan atau halaman seperti itu untuk meja Anda. Periksa nomornya, atau cari lagi."
                    .to_owned(),
            ),
            Trouble::Stale => (
                StatusCode::FORBIDDEN,
                "Formulir kedaluwarsa",
                "Formulir ini dari sesi yang lain, sehingga belum dikerjakan. Buka halamannya lagi, lalu ulangi."
                    .to_owned(),
            ),
            Trouble::Bad(sentence) => (StatusCode::BAD_REQUEST, "Belum dapat dikerjakan", sentence),
            Trouble::Busy(sentence) => (StatusCode::SERVICE_UNAVAILABLE, "Sedang ada gangguan", sentence),
        };
        send(status, &TroublePage { page: Page::open(), title, sentence })
    }
}

impl From<ReplicaError> for Trouble {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::NotFound => Trouble::NotFound,
            ReplicaError::Refused(sentence) => Trouble::Bad(sentence),
            error => {
                error!(%error, "a page could not be read");
                Trouble::Busy(Unavailable::Trouble.to_string())
            }
        }
    }
}

impl From<Unavailable> for Trouble {
    fn from(error: Unavailable) -> Self {
        Trouble::Busy(error.to_string())
    }
}

impl From<Failure> for Trouble {
    fn from(error: Failure) -> Self {
        error!(%error, "a page could not be read");
        Trouble::Busy(Unavailable::Trouble.to_string())
    }
}
