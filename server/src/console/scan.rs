//! A scan, to whoever sees its application.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use loket_core::journal::AttachmentHash;
use tokio::task::spawn_blocking;

use super::application::{find, is_shut};
use super::page::Trouble;
use super::session::Entered;
use crate::app::App;
use crate::config::limits;

/// A scan is shown and nothing in it runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// `GET /kantor/berkas/{number}/lampiran/{hash}`. Reading it is part of reading its application, which was noted.
pub async fn get(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path((number, hash)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let hash = AttachmentHash::from_hex(&hash).ok_or(Trouble::NotFound)?;
    let staff = entered.staff.clone();
    let read = move |replica: &loket_core::replica::Replica<_>| {
        let found = find(replica, &staff, &number)?;
        let case = replica.case(&found.partition, &found.id)?;
        let named = case.edits.iter().flat_map(|edit| edit.edit.iter().flat_map(|edit| &edit.ops)).any(
            |op| matches!(op.value, loket_core::journal::body::Value::Attachment(named, _) if named == hash),
        );
        let row = replica.attachment(&found.partition, &hash)?.filter(|row| named && row.here);
        Ok::<_, loket_core::replica::ReplicaError>((found, row))
    };
    let (found, row) = app.readers.run(read).await??;
    if is_shut(&found, &entered) {
        return Err(Trouble::Forbidden);
    }
    let bytes = row.ok_or(Trouble::NotFound)?.bytes;
    if bytes > limits::SCAN {
        return Err(Trouble::Bad("Berkas ini terlalu besar untuk ditampilkan.".into()));
    }
    let shelves = app.shelves.clone();
    let load = spawn_blocking(move || shelves.shelf(&found.partition)?.read(&hash, 0..bytes));
    let content = load.await.ok().and_then(Result::ok).ok_or_else(|| {
        Trouble::Busy(
            "Berkas ini belum dapat dibaca: ulangi nanti, atau minta pengelola memeriksanya.".into(),
        )
    })?;
    let mut response = (
        [
            (header::CONTENT_TYPE, kind(&content)),
            (header::CACHE_CONTROL, "private, no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ],
        content,
    )
        .into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

/// What the bytes are, by how they begin; anything else is only given to be kept.
fn kind(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        _ => "application/octet-stream",
    }
}
