//! The catalogue: which version of each service holds, and new ones, checked and compared before they are published.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::check::{Fault, read};
use loket_core::catalogue::{MAX_FILE, Service, ServiceFile};
use loket_core::replica::Replica;
use loket_core::store::Store;
use loket_core::time::today;
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};

use super::super::forms::upload;
use super::super::page::{Page, Trouble, guard, send};
use super::super::session::Entered;
use super::only_admin;
use crate::app::App;
use crate::config::{dice, now};

/// Lines around a difference that are shown with it.
const AROUND: usize = 2;

#[derive(Template)]
#[template(path = "katalog.html")]
struct CataloguePage {
    page: Page,
    services: Vec<ServiceLine>,
}

struct ServiceLine {
    id: String,
    title: String,
    versions: Vec<VersionLine>,
}

struct VersionLine {
    version: String,
    from: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "katalog_baru.html")]
struct NewPage {
    page: Page,
    checked: Checked,
}

/// A file of a service that somebody wants to publish.
pub struct Checked {
    /// Title and version; none where it cannot be read.
    pub about: Option<(String, String)>,
    /// What is wrong.
    pub errors: Vec<String>,
    /// What to look at.
    pub warnings: Vec<String>,
    /// Lines that differ from the version that holds now: sign and line.
    pub differences: Vec<(&'static str, String)>,
    /// The file.
    pub text: String,
}

impl Checked {
    /// Whether it may be published.
    pub fn is_good(&self) -> bool {
        self.errors.is_empty() && self.about.is_some()
    }
}

/// A file that is to be published.
#[derive(Deserialize)]
pub struct Publish {
    kunci: String,
    berkas: String,
}

/// `GET /kantor/katalog`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let services = app.readers.run(services).await?;
    Ok(send(StatusCode::OK, &CataloguePage { page: Page::of(&entered), services }))
}

fn services<S: Store>(replica: &Replica<S>) -> Vec<ServiceLine> {
    let (catalogue, day) = (replica.catalogue(), today(now()));
    let line = |id: &str| {
        let current = catalogue.current(id, day);
        let own = catalogue.files().filter(|file| file.service.service == id);
        let version = |file: &Arc<ServiceFile>| VersionLine {
            version: file.service.version.clone(),
            from: super::super::words::date(&file.service.valid_from),
            is_current: current.as_ref().is_some_and(|current| current.hash == file.hash),
        };
        let mut versions: Vec<VersionLine> = own.map(version).collect();
        versions.reverse();
        let title = current.as_ref().map_or_else(|| id.to_owned(), |file| file.service.title.clone());
        ServiceLine { id: id.to_owned(), title, versions }
    };
    catalogue.services().map(line).collect()
}

/// `GET /kantor/katalog/{service}`: the file that holds now, to be changed and sent in again.
pub async fn download(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(service): Path<String>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let found = app.readers.run(move |replica| replica.catalogue().current(&service, today(now()))).await?;
    let file = found.ok_or(Trouble::NotFound)?;
    let mut response = file.bytes.to_vec().into_response();
    guard(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let name = format!("attachment; filename=\"{}-{}.toml\"", file.service.service, file.service.version);
    if let Ok(value) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// `POST /kantor/katalog/periksa`: a file is looked at.
pub async fn check(
    State(app): State<Arc<App>>,
    entered: Entered,
    form: Multipart,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let (_, bytes) = upload(&entered, form).await?;
    if bytes.len() > MAX_FILE {
        return Err(Trouble::Bad(format!("Berkas layanan paling besar {} KiB.", MAX_FILE >> 10)));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Trouble::Bad("Berkas layanan ditulis dalam UTF-8 (TOML).".into()))?;
    let checked = app.readers.run(move |replica| look(replica, text)).await?;
    Ok(answer(&entered, checked))
}

/// The page of a file that was looked at.
pub fn answer(entered: &Entered, checked: Checked) -> Response {
    let status = if checked.is_good() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    send(status, &NewPage { page: Page::of(entered), checked })
}

/// Looks at a file: what is wrong with it, and what it changes.
pub fn look<S: Store>(replica: &Replica<S>, text: String) -> Checked {
    let (service, faults) = read("berkas", text.as_bytes());
    let (errors, warnings): (Vec<&Fault>, Vec<&Fault>) = faults.iter().partition(|fault| fault.is_error());
    let said = |faults: Vec<&Fault>| faults.into_iter().map(Fault::to_string).collect::<Vec<_>>();
    let (mut errors, warnings) = (said(errors), said(warnings));
    if let (true, Ok(file)) = (errors.is_empty(), ServiceFile::parse("berkas", text.as_bytes())) {
        let clash = replica.catalogue().clone().add(file).err();
        errors.extend(clash.map(|fault| fault.to_string()));
    }
    Checked {
        about: service.as_ref().map(|service| (service.title.clone(), service.version.clone())),
        differences: service.map(|service| differences(replica, &service, &text)).unwrap_or_default(),
        errors,
        warnings,
        text,
    }
}

/// Lines that differ from the version that holds now, with some around them.
fn differences<S: Store>(replica: &Replica<S>, service: &Service, text: &str) -> Vec<(&'static str, String)> {
    let Some(current) = replica.catalogue().current(&service.service, today(now())) else {
        return Vec::new();
    };
    let before = String::from_utf8_lossy(&current.bytes).into_owned();
    let diff = TextDiff::from_lines(before.as_str(), text);
    let mut lines = Vec::new();
    for (n, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if n > 0 {
            lines.push(("…", String::new()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => "−",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            };
            lines.push((sign, change.value().trim_end().to_owned()));
        }
    }
    lines
}

/// `POST /kantor/katalog/umumkan`.
pub async fn publish(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Publish>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    // A browser ends lines as the network does.
    let text = asked.berkas.replace("\r\n", "\n");
    let Ok(file) = ServiceFile::parse("berkas", text.as_bytes()) else {
        let checked = app.readers.run(move |replica| look(replica, text)).await?;
        return Ok(answer(&entered, checked));
    };
    let me = entered.staff.id;
    let publish = move |office: &mut crate::office::Office<_>| {
        office.publish_service(&file, &mut dice)?;
        let about = format!("{} versi {}", file.service.service, file.service.version);
        office.note_deed(me, "umumkan layanan", &about, now(), &mut dice)
    };
    app.writer.write(true, publish).await??;
    Ok(Redirect::to("/kantor/katalog").into_response())
}
