//! The applicant's receipt: a page that prints on half a sheet. Number, papers, where to look how far it is.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::journal::Partition;
use loket_core::replica::Replica;
use qrcode::QrCode;
use qrcode::render::svg;

use super::application::{address, find_for, is_shut, note};
use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::sheet::{self, Sheet};
use crate::app::App;
use crate::config::now;

/// The field that says whose it is.
const NAME: &str = "nama";
/// Smallest edge of the picture, in dots.
const QR_EDGE: u32 = 160;

#[derive(Template)]
#[template(path = "tanda_terima.html")]
struct ReceiptPage {
    page: Page,
    sheet: Sheet,
    /// Left out where it is nobody's business who finds the paper.
    service: Option<String>,
    name: String,
    status: String,
    picture: String,
}

/// `GET /kantor/berkas/{number}/tanda-terima`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
) -> Result<Response, Trouble> {
    let found = find_for(&app, &entered, &number).await?;
    if is_shut(&found, &entered) {
        return Ok(Redirect::to(&address(&number)).into_response());
    }
    note(&app, &entered, "tanda terima", vec![found.id]).await?;
    let staff = entered.staff.clone();
    let kept = matches!(found.partition, Partition::NeedToKnow(_));
    let read = move |replica: &Replica<_>| {
        let case = replica.case(&found.partition, &found.id)?;
        let name = case.document.register(NAME).unwrap_or_default();
        Ok::<_, loket_core::replica::ReplicaError>((sheet::make(replica, &case, &staff, now())?, name))
    };
    let (sheet, name) = app.readers.run(read).await??;
    let status = format!("{}/status", app.public_url);
    let code = QrCode::new(&status).map_err(|_| Trouble::Bad("Alamat kantor terlalu panjang.".into()))?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(QR_EDGE, QR_EDGE).build();
    let service = (!kept).then(|| sheet.service.clone());
    Ok(send(StatusCode::OK, &ReceiptPage { page: Page::of(&entered), sheet, service, name, status, picture }))
}
