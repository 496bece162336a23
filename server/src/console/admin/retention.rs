//! Applications that have ended: when they leave the phones and when they are destroyed.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use loket_core::time::today;

use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::super::words;
use super::only_admin;
use crate::app::App;
use crate::config::now;
use crate::office::retention::counted;

/// Applications that are shown: those whose turn is next.
const MAX_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "retensi.html")]
struct RetentionPage {
    page: Page,
    periods: Vec<Period>,
    lines: Vec<Line>,
}

/// How long a service's applications are kept after their end, in days.
struct Period {
    service: String,
    phone: u32,
    office: u32,
}

struct Line {
    number: String,
    service: String,
    due: String,
    is_retired: bool,
}

/// `GET /kantor/retensi`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let read = |replica: &loket_core::replica::Replica<_>| {
        let catalogue = replica.catalogue();
        let current = catalogue.services().filter_map(|id| catalogue.current(id, today(now())));
        let period = |file: Arc<loket_core::catalogue::ServiceFile>| Period {
            service: file.service.title.clone(),
            phone: file.service.retention_days.phone,
            office: file.service.retention_days.office,
        };
        let line = |one: crate::office::retention::Counted| Line {
            service: catalogue
                .by_hash(&one.row.catalogue)
                .map_or(one.row.service, |file| file.service.title.clone()),
            number: one.row.number,
            due: words::moment(one.due),
            is_retired: one.retired,
        };
        let lines = counted(replica, MAX_SHOWN)?.into_iter().map(line).collect();
        Ok::<_, loket_core::replica::ReplicaError>((current.map(period).collect(), lines))
    };
    let (periods, lines) = app.readers.run(read).await??;
    Ok(send(StatusCode::OK, &RetentionPage { page: Page::of(&entered), periods, lines }))
}
