//! `missing` and `conflicts`: what keeps an application back.

use loket_core::client::{ClientError, Phone};
use loket_core::replica::view::missing_json;
use serde_json::Value;

use crate::output::{Answer, table};

pub fn missing(phone: &Phone, id: &str) -> Result<Answer, ClientError> {
    let missing = phone.missing(id)?;
    let rows: Vec<Vec<String>> = missing
        .iter()
        .map(|one| vec![one.what.as_str().to_owned(), one.id.clone(), one.sentence.clone()])
        .collect();
    let text = if rows.is_empty() {
        "Lengkap: permohonan siap diajukan".to_owned()
    } else {
        table(&["JENIS", "ID", "YANG PERLU DILAKUKAN"], &rows)
    };
    Ok(Answer::new(Value::Array(missing.iter().map(missing_json).collect()), text))
}

pub fn conflicts(phone: &Phone, id: &str) -> Result<Answer, ClientError> {
    let conflicts = phone.conflicts(id)?;
    let mut rows = Vec::new();
    for conflict in &conflicts {
        let field = conflict.get("field").and_then(Value::as_str).unwrap_or_default();
        for value in conflict.get("values").and_then(Value::as_array).into_iter().flatten() {
            let part = |name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            rows.push(vec![field.to_owned(), part("value"), part("author"), part("time")]);
        }
    }
    let text = if rows.is_empty() {
        "Tidak ada isian yang bertentangan".to_owned()
    } else {
        table(&["ISIAN", "NILAI", "OLEH", "WAKTU"], &rows)
    };
    Ok(Answer::new(Value::Array(conflicts), text))
}
