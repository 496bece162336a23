//! `show`: one application as a page.

use std::fmt::Write;

use loket_core::client::{ClientError, Phone};
use loket_core::replica::list::Mark;
use serde_json::Value;

use super::list::words;
use crate::output::{Answer, table};

/// The marks in their order.
const MARKS: [Mark; 4] = [Mark::Phone, Mark::Carried, Mark::Office, Mark::Decided];

pub fn run(phone: &Phone, id: &str) -> Result<Answer, ClientError> {
    let json = phone.show(id)?;
    let text = page(&json);
    Ok(Answer::new(json, text))
}

fn page(json: &Value) -> String {
    let mut page = String::new();
    let part = |name: &str| text(json, name);
    let variant = if part("variant").is_empty() { String::new() } else { format!(" ({})", part("variant")) };
    let _ = writeln!(page, "Permohonan {}", part("number"));
    let _ = writeln!(page, "Layanan    {} {}{variant}", part("service"), part("version"));
    let _ = writeln!(page, "Status     {} ({})", part("label"), part("state"));
    let _ = writeln!(page, "Versi      {}", json.get("revision").and_then(Value::as_u64).unwrap_or(0));
    let _ = writeln!(page, "Sampai     {}", marks(&part("mark")));
    section(&mut page, "ISIAN", fields(json));
    section(
        &mut page,
        "LAMPIRAN",
        rows(json, "attachments", &["requirement", "bytes", "complete", "at_office"]),
    );
    section(&mut page, "BERTENTANGAN (pilih dengan `choose`)", rows(json, "conflicts", &["field"]));
    section(&mut page, "PERINGATAN", rows(json, "warnings", &["id", "ticked", "sentence"]));
    section(&mut page, "MASIH KURANG", rows(json, "missing", &["what", "id", "sentence"]));
    section(&mut page, "DAPAT DILAKUKAN", rows(json, "available", &["act", "role", "label"]));
    section(
        &mut page,
        "CATATAN RESMI",
        rows(json, "record", &["at", "act", "role", "outcome", "by", "reason"]),
    );
    section(&mut page, "PEMBERITAHUAN", rows(json, "notices", &["at", "id", "text"]));
    let _ = writeln!(page, "\nid {}", part("id"));
    page
}

/// The four marks with the one that is reached.
fn marks(reached: &str) -> String {
    let at = MARKS.iter().position(|mark| mark.as_str() == reached).unwrap_or(0);
    let one = |(n, mark): (usize, &Mark)| {
        let sign = if n <= at { "●" } else { "○" };
        format!("{sign} {}", words(*mark))
    };
    MARKS.iter().enumerate().map(one).collect::<Vec<_>>().join("  ")
}

fn fields(json: &Value) -> Vec<Vec<String>> {
    let fields = json.get("fields").and_then(Value::as_object).into_iter().flatten();
    fields
        .filter(|(name, _)| !name.starts_with('_') && !name.starts_with("lampiran/"))
        .map(|(name, value)| vec![name.clone(), word(value)])
        .collect()
}

fn rows(json: &Value, list: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let list = json.get(list).and_then(Value::as_array).into_iter().flatten();
    list.map(|one| columns.iter().map(|column| text(one, column)).collect()).collect()
}

fn section(page: &mut String, title: &str, rows: Vec<Vec<String>>) {
    if !rows.is_empty() {
        let _ = write!(page, "\n{}", table(&[title], &rows_wide(rows)));
    }
}

/// Rows as one cell each under a heading of one, their columns aligned among themselves.
fn rows_wide(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let lines = table(&[], &[]).len();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(lines);
    let blank = vec![""; columns];
    table(&blank, &rows).lines().skip(1).map(|line| vec![format!("  {line}")]).collect()
}

fn text(json: &Value, name: &str) -> String {
    json.get(name).map(word).unwrap_or_default()
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "ya".into(),
        Value::Bool(false) => "belum".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_shows_how_far_the_work_has_come() {
        let page = page(&json!({
            "id": "ab", "number": "3312082002-26-79E7-0042J", "service": "ktp-el-hilang", "version": "2026.1",
            "state": "DRAF", "label": "Draf", "mark": "carried", "revision": 0,
            "fields": { "_nomor": "x", "nama": "Sri Wahyuni" },
            "missing": [{ "what": "field", "id": "nik", "sentence": "Isi NIK." }],
        }));
        assert!(page.contains("● di ponsel ini  ● dibawa ponsel lain  ○ di Dinas  ○ diputuskan"), "{page}");
        assert!(page.contains("\nISIAN\n  nama  Sri Wahyuni\n"), "{page}");
        assert!(page.contains("\nMASIH KURANG\n  field  nik  Isi NIK.\n"), "{page}");
        assert!(!page.contains("_nomor") && !page.contains("CATATAN RESMI"), "{page}");
    }
}
