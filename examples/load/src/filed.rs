//! What is known of applications that were filed: their scans, and what stands in them.

use loket_core::journal::AttachmentHash;
use loket_core::journal::body::{Op, Value};

use crate::people::fields;

/// The scans of somebody's papers.
pub fn papers(seed: u64, village: &str) -> Vec<AttachmentHash> {
    let hash = |op: Op| match op.value {
        Value::Attachment(hash, _) => Some(hash),
        _ => None,
    };
    fields(seed, village).into_iter().filter_map(hash).collect()
}

/// What somebody wrote into a field.
pub fn field(seed: u64, village: &str, name: &str) -> String {
    let found = fields(seed, village).into_iter().find(|op| op.register == name);
    found.and_then(|op| op.value.text().map(|text| text.to_string())).unwrap_or_default()
}
