//! The words of a service's SMS. Changing them makes a new version of the service, which is looked at and published like any
//! other.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use loket_core::catalogue::check::SMS_SEPTETS;
use loket_core::catalogue::{Audience, ServiceFile};
use loket_core::time::today;
use loket_core::workflow::septets;
use toml_edit::{DocumentMut, value};

use super::super::forms::Fields;
use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::only_admin;
use super::services::{answer, look};
use crate::app::App;
use crate::config::now;

/// Notifications of one form.
const MAX_TEXTS: usize = 100;

#[derive(Template)]
#[template(path = "kalimat.html")]
struct TextsPage {
    page: Page,
    title: String,
    version: String,
    most: usize,
    texts: Vec<TextLine>,
}

struct TextLine {
    id: String,
    text: String,
    /// Septets of the words alone; none where a letter is not in GSM-7.
    septets: Option<usize>,
    is_sent: bool,
}

/// `GET /kantor/katalog/{service}/sms`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(service): Path<String>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let file = current(&app, service).await?;
    let line = |one: &loket_core::catalogue::Notification| TextLine {
        id: one.id.clone(),
        text: one.text.clone(),
        septets: septets(&one.text),
        is_sent: one.audience.contains(&Audience::Pemohon),
    };
    let texts = file.service.notifications.iter().map(line).collect();
    let page = TextsPage {
        page: Page::of(&entered),
        title: file.service.title.clone(),
        version: file.service.version.clone(),
        most: SMS_SEPTETS,
        texts,
    };
    Ok(send(StatusCode::OK, &page))
}

async fn current(app: &App, service: String) -> Result<Arc<ServiceFile>, Trouble> {
    let found = app.readers.run(move |replica| replica.catalogue().current(&service, today(now()))).await?;
    found.ok_or(Trouble::NotFound)
}

/// `POST /kantor/katalog/{service}/sms`: the service's file with other words, to be looked at.
pub async fn change(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(service): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let Fields(fields) = Fields::of(&entered, fields)?;
    let file = current(&app, service).await?;
    let texts: Vec<(String, String)> = fields.into_iter().take(MAX_TEXTS).collect();
    let text = changed(&file, &texts, &today(now()).to_string()).ok_or_else(|| {
        Trouble::Bad("Berkas layanan ini tidak dapat diubah di sini: unduh dan ubah sendiri.".into())
    })?;
    let checked = app.readers.run(move |replica| look(replica, text)).await?;
    Ok(answer(&entered, checked))
}

/// The file of a service with other words, as its next version, which holds from `day` on. All else stays as it was
/// written.
fn changed(file: &ServiceFile, texts: &[(String, String)], day: &str) -> Option<String> {
    let mut document: DocumentMut = std::str::from_utf8(&file.bytes).ok()?.parse().ok()?;
    document.insert("version", value(next(&file.service.version)));
    document.insert("valid_from", value(day.max(file.service.valid_from.as_str())));
    for one in document.get_mut("notifications")?.as_array_of_tables_mut()?.iter_mut() {
        let id = one.get("id")?.as_str()?.to_owned();
        if let Some((_, text)) =
            texts.iter().find(|(name, _)| name.strip_prefix("teks.") == Some(id.as_str()))
        {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if one.get("text")?.as_str()? != text {
                one.insert("text", value(text));
            }
        }
    }
    Some(document.to_string())
}

/// The version behind this one, also in the order of letters: `2026.1` is followed by `2026.2`, `2026.9` by `2026.9.1`.
fn next(version: &str) -> String {
    let (stem, last) = version.rsplit_once('.').unwrap_or((version, ""));
    let counted = last.parse::<u32>().ok().map(|last| format!("{stem}.{}", last + 1));
    counted.filter(|counted| counted.as_str() > version).unwrap_or_else(|| format!("{version}.1"))
}

#[cfg(test)]
mod tests {
    use loket_core::catalogue::Catalogue;

    use super::*;

    #[test]
    fn other_words_make_the_next_version_and_change_nothing_else() {
        let catalogue = Catalogue::builtin();
        let file = catalogue.get("kia-hilang", "2026.1").unwrap();
        let words = "Dokumen {nomor} selesai. Ambil di {tempat}.";
        let texts = [("kunci".to_owned(), "x".to_owned()), ("teks.N4".to_owned(), words.to_owned())];
        let text = changed(&file, &texts, "2026-11-28").unwrap();
        let new = ServiceFile::parse("x", text.as_bytes()).unwrap();
        assert_eq!((new.service.version.as_str(), new.service.valid_from.as_str()), ("2026.2", "2026-11-28"));
        assert_eq!(new.service.notification("N4").unwrap().text, words);
        let (old_lines, lines) = (String::from_utf8_lossy(&file.bytes).into_owned(), text);
        let differing = old_lines.lines().zip(lines.lines()).filter(|(a, b)| a != b).count();
        assert_eq!((differing, old_lines.lines().count()), (3, lines.lines().count()));
    }

    #[test]
    fn versions_go_up() {
        for (version, wanted) in
            [("2026.1", "2026.2"), ("2026.9", "2026.9.1"), ("2026.9.1", "2026.9.2"), ("satu", "satu.1")]
        {
            assert_eq!(next(version), wanted);
            assert!(next(version).as_str() > version);
        }
    }
}
