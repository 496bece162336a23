//! Files that pages need beside themselves. They are part of the program and named by what they hold, so that a browser
//! keeps them until they change.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("../../static/loket.css");
const SCRIPT: &str = include_str!("../../static/loket.js");

/// Address of the style sheet.
pub static STYLE_ADDRESS: LazyLock<String> = LazyLock::new(|| address("loket.css", STYLE));
/// Address of the script.
pub static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| address("loket.js", SCRIPT));

fn address(name: &str, text: &str) -> String {
    let hash = blake3::hash(text.as_bytes()).to_hex();
    format!("/aset/{}/{name}", hash.get(..12).unwrap_or_default())
}

/// `GET /aset/{hash}/{name}`.
pub async fn get(Path((_, name)): Path<(String, String)>) -> Response {
    let (kind, text) = match name.as_str() {
        "loket.css" => ("text/css; charset=utf-8", STYLE),
        "loket.js" => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let keep = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], text).into_response()
}
