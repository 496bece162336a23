//! Print-outs of an application: each as pages in the browser, which print well, and as PDF.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::{ActKind, Service};
use loket_core::replica::Replica;
use loket_core::replica::case::Case;

use super::application::{address, find_for, is_shut, note};
use super::page::{Page, Trouble, guard, send};
use super::session::Entered;
use crate::app::App;
use crate::config::now;
use crate::press::{Press, PressError, Printed, code128, qr};

mod told;

pub use told::{has_letter, kabupaten_of};

/// Name of all pages of a print-out, in addresses.
const PDF: &str = "pdf";
/// A picture may carry its own looks and nothing else.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Print-outs of every application.
const RECEIPT: (&str, &str) = ("tanda-terima", "Tanda terima");
/// Of those that become a card or a document.
const LABEL: (&str, &str) = ("label", "Label");
/// Of those whose papers are posted.
const ENVELOPE: (&str, &str) = ("amplop", "Amplop POS");
/// Of those into which a desk has written.
const LETTER: (&str, &str) = ("surat", "Surat");

#[derive(Template)]
#[template(path = "cetak.html")]
struct PrintPage {
    page: Page,
    title: String,
    /// Where one came from.
    back: String,
    /// Address of the print-out.
    address: String,
    pages: Vec<usize>,
}

/// Print-outs that an application has now: name in addresses, title.
pub fn offered(press: &Press, case: &Case) -> Vec<(String, String)> {
    let owned = |(name, title): (&str, &str)| (name.to_owned(), title.to_owned());
    let mut all = vec![owned(RECEIPT)];
    let Some(file) = &case.service else { return all };
    let form = |form: &str| (form.to_lowercase(), title_of(form));
    all.extend(press.forms(&file.service).into_iter().map(form));
    // A paper that is filled in from the file: its template has the requirement's name.
    let filled = file.service.requirements.iter().filter(|one| press.knows(&one.id));
    all.extend(filled.map(|one| (one.id.clone(), one.title.clone())));
    all.extend(prints(&file.service).then(|| owned(LABEL)));
    all.extend(file.service.paper_site.map(|_| owned(ENVELOPE)));
    all.extend(has_letter(case).then(|| owned(LETTER)));
    all
}

fn prints(service: &Service) -> bool {
    service.steps.iter().any(|step| step.kind == ActKind::Cetak)
}

fn title_of(form: &str) -> String {
    format!("Formulir {form}")
}

/// `GET /kantor/berkas/{number}/cetak/{print}`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path((number, print)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let Some((title, printed)) = made(&app, &entered, &number, &print).await? else {
        return Ok(Redirect::to(&address(&number)).into_response());
    };
    let back = address(&number);
    Ok(page(&entered, title, back.clone(), format!("{back}/cetak/{print}"), &printed))
}

/// `GET /kantor/berkas/{number}/cetak/{print}/{part}`: a page as picture, or all as PDF.
pub async fn part(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path((number, print, part)): Path<(String, String, String)>,
) -> Result<Response, Trouble> {
    match made(&app, &entered, &number, &print).await? {
        Some((_, printed)) => give(&printed, &part, &format!("{print}-{number}")),
        None => Ok(Redirect::to(&address(&number)).into_response()),
    }
}

/// The page on which a print-out is looked at.
pub fn page(entered: &Entered, title: String, back: String, address: String, printed: &Printed) -> Response {
    let pages = (1..=printed.pages()).collect();
    send(StatusCode::OK, &PrintPage { page: Page::of(entered), title, back, address, pages })
}

/// Part of a print-out, as a file of this name.
pub fn give(printed: &Printed, part: &str, name: &str) -> Result<Response, Trouble> {
    if part == PDF {
        let mut response = printed.pdf().map_err(|error| broken(&error))?.into_response();
        guard(&mut response);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
        if let Ok(value) = HeaderValue::from_str(&format!("inline; filename=\"{name}.pdf\"")) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        return Ok(response);
    }
    let page = part.parse().ok().and_then(|page| printed.svg(page)).ok_or(Trouble::NotFound)?;
    let mut response = page.into_response();
    guard(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE_POLICY));
    Ok(response)
}

/// What is said where a print-out cannot be made.
pub fn broken(error: &PressError) -> Trouble {
    match error {
        PressError::Unknown(_) => Trouble::NotFound,
        error => {
            tracing::error!(%error, "a print-out could not be made");
            Trouble::Bad("Cetakan ini tidak dapat dibuat. Hubungi pengelola.".into())
        }
    }
}

/// A print-out of an application with its title; nothing where it is kept shut. The reading is noted.
async fn made(
    app: &App,
    entered: &Entered,
    number: &str,
    print: &str,
) -> Result<Option<(String, Printed)>, Trouble> {
    let found = find_for(app, entered, number).await?;
    if is_shut(&found, entered) {
        return Ok(None);
    }
    let (press, print) = (Arc::clone(&app.press), print.to_owned());
    let known = |replica: &Replica<_>| {
        let case = replica.case(&found.partition, &found.id)?;
        Ok::<_, loket_core::replica::ReplicaError>((offered(&press, &case), found, press))
    };
    let (all, found, press) = app.readers.run(known).await??;
    let (print, title) = all.into_iter().find(|(name, _)| *name == print).ok_or(Trouble::NotFound)?;
    note(app, entered, &format!("cetak {print}"), vec![found.id]).await?;
    let (staff, url) = (entered.staff.clone(), app.public_url.clone());
    let work = move |replica: &Replica<_>| {
        let case = replica.case(&found.partition, &found.id)?;
        let data = told::data(replica, &case, &staff, &url, now())?;
        let (number, status) = (case.number(), format!("{url}/status"));
        let pictures =
            [qr("status.svg", &status), qr("nomor-qr.svg", &number), code128("nomor.svg", &number)];
        let pictures: Vec<_> = pictures.into_iter().flatten().collect();
        Ok::<_, loket_core::replica::ReplicaError>(press.set(&print, &data, &pictures))
    };
    let printed = app.readers.run(work).await??.map_err(|error| broken(&error))?;
    Ok(Some((title, printed)))
}
