//! What `show` says of an application's past and surroundings, in the words of a page.

use loket_core::catalogue::{Field, Role, Service};
use loket_core::replica::Replica;
use loket_core::store::Store;
use loket_core::workflow::act_label;
use serde_json::Value;

use super::{Conflict, Difference, Event, Message, Warning, mark_label};
use crate::console::words;

pub(super) fn text(of: &Value, name: &str) -> String {
    of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn record(shown: &Value, service: Option<&Service>) -> Vec<Event> {
    let event = |line: &Value| {
        let mut said: Vec<String> = [text(line, "sentence"), text(line, "reason")].into();
        let pairs = |name: &str| line.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        for (requirement, mark) in pairs("marks") {
            said.push(format!(
                "{}: {}",
                paper_title(service, &requirement),
                mark_label(mark.as_str().unwrap_or_default())
            ));
        }
        for (need, value) in pairs("params") {
            said.push(format!("{}: {}", words::heading(&need), value.as_str().unwrap_or_default()));
        }
        said.retain(|words| !words.is_empty());
        let role = Role::ALL.into_iter().find(|role| role.as_str() == text(line, "role"));
        let desk = role.map(words::desk).unwrap_or_default();
        Event {
            at: when(&text(line, "at")),
            claimed: line.get("claimed_at").and_then(Value::as_str).map(when),
            what: act_label(service, &text(line, "act")),
            by: match text(line, "by") {
                by if by == "sistem" => "Sistem".to_owned(),
                by => format!("{by}, {desk}"),
            },
            words: said,
            is_odd: text(line, "outcome") != "dicatat",
        }
    };
    list(shown, "record").iter().rev().map(event).collect()
}

fn paper_title(service: Option<&Service>, id: &str) -> String {
    let found = service.and_then(|service| service.requirements.iter().find(|one| one.id == id));
    found.map_or_else(|| words::heading(id), |one| one.title.clone())
}

/// A time as `show` says it, in the words of a page.
fn when(iso: &str) -> String {
    let at: Option<jiff::civil::DateTime> = iso.split('+').next().and_then(|at| at.parse().ok());
    at.map_or_else(|| iso.to_owned(), words::local)
}

fn field_label(service: Option<&Service>, id: &str) -> (String, Option<Field>) {
    let field = service.and_then(|service| service.field(id)).cloned();
    let papers = id.strip_prefix("lampiran/").and_then(|rest| rest.split('/').next());
    let label = match (&field, papers) {
        (Some(field), _) => field.label.clone(),
        (None, Some(paper)) => format!("Lampiran: {}", paper_title(service, paper)),
        (None, None) => words::heading(id.split('/').next().unwrap_or(id)),
    };
    (label, field)
}

pub(super) fn differences<S: Store>(
    replica: &Replica<S>,
    shown: &Value,
    service: Option<&Service>,
) -> Vec<Difference> {
    let all = shown.pointer("/submitted/differences").and_then(Value::as_array).cloned().unwrap_or_default();
    let difference = |one: &Value| {
        let id = text(one, "field");
        let (label, field) = field_label(service, &id);
        let told = |name: &str| {
            let value = text(one, name);
            match &field {
                _ if value.is_empty() => "(kosong)".to_owned(),
                Some(field) => words::value(field, &value, replica.regions()),
                None if id.starts_with("lampiran/") => "(berkas)".to_owned(),
                None => value,
            }
        };
        Difference { label, submitted: told("submitted"), current: told("current") }
    };
    all.iter().map(difference).collect()
}

pub(super) fn conflicts<S: Store>(
    replica: &Replica<S>,
    shown: &Value,
    service: Option<&Service>,
) -> Vec<Conflict> {
    let conflict = |one: &Value| {
        let (label, field) = field_label(service, &text(one, "field"));
        let told = |value: &Value| {
            let stored = text(value, "value");
            let said = field.as_ref().map_or(stored.clone(), |f| words::value(f, &stored, replica.regions()));
            (said, text(value, "author"), when(&text(value, "time")))
        };
        Conflict { label, values: list(one, "values").iter().map(told).collect() }
    };
    list(shown, "conflicts").iter().map(conflict).collect()
}

pub(super) fn warning(one: &Value) -> Warning {
    Warning {
        sentence: text(one, "sentence"),
        ticked: one.get("ticked").and_then(Value::as_bool).unwrap_or_default(),
    }
}

pub(super) fn message(one: &Value) -> Message {
    let state = match text(one, "state").as_str() {
        "antri" => "menunggu dikirim",
        "mengirim" | "ditanyakan" => "sedang dikirim",
        "di_gateway" => "di gateway",
        "terkirim" => "terkirim",
        "sampai" => "sampai",
        "gagal" => "gagal dikirim: hubungi pemohon",
        "tidak_pasti" => "tidak pasti sampai: hubungi pemohon",
        "tanpa_nomor" => "tidak ada nomor telepon",
        "tanpa_persetujuan" => "pemohon tidak menyetujui SMS",
        other => return Message { id: text(one, "id"), state: other.to_owned(), at: when(&text(one, "at")) },
    };
    Message { id: text(one, "id"), state: state.to_owned(), at: when(&text(one, "at")) }
}

pub(super) fn papers(state: &str) -> String {
    match state {
        "belum" => "belum dikirim pemohon",
        "dikirim" => "dalam pengiriman",
        "diterima" => "diterima di Dinas",
        "kurang" => "diterima, kurang lengkap",
        "dibebaskan" => "dibebaskan",
        _ => "tidak diminta",
    }
    .to_owned()
}
