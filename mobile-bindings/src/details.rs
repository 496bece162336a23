//! One application with its history.

use std::collections::HashMap;

use loket_core::workflow::mark_label;
use serde_json::Value;

use crate::form::{Choice, FieldKind, FormField};
use crate::list::ApplicationSummary;

/// One application.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ApplicationDetails {
    /// As in a list.
    pub summary: ApplicationSummary,
    /// Fields with their values.
    pub fields: HashMap<String, String>,
    /// Acts that this officer may do now.
    pub acts: Vec<AvailableAct>,
    /// The official record, oldest first.
    pub record: Vec<RecordLine>,
    /// What the office found wrong when it returned the file, until it is submitted again.
    pub marks: Vec<MarkedRequirement>,
    /// What the officer has been told.
    pub notices: Vec<String>,
    /// Why edits are held.
    pub held: Vec<String>,
}

/// Something that may be done.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AvailableAct {
    /// Id, as `act` takes it.
    pub act: String,
    /// Label for people.
    pub label: String,
    /// What it has to be told, each as a field.
    pub needs: Vec<FormField>,
}

/// A line of the official record.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RecordLine {
    /// What was done.
    pub act: String,
    /// Its label for people.
    pub label: String,
    /// By whom.
    pub by: String,
    /// When, by the office's clock.
    pub at: String,
    /// `dicatat`, `ditolak` or `bertentangan`.
    pub outcome: String,
    /// Why, in somebody's words or those of the refusal.
    pub reason: Option<String>,
}

/// A mark on a paper or field.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MarkedRequirement {
    /// The paper or field.
    pub id: String,
    /// What is wrong with it.
    pub mark: String,
    /// That in words for people.
    pub label: String,
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn some_text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn all<T>(value: &Value, each: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(each).collect()
}

/// From what `show` says; acts are those of a role.
pub(crate) fn details(summary: ApplicationSummary, shown: &Value, role: &str) -> ApplicationDetails {
    let fields = shown["fields"].as_object().into_iter().flatten();
    let mine = |act: &&Value| act["role"].as_str() == Some(role);
    let acts = shown["available"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter(mine);
    let acts = acts.map(|act| AvailableAct {
        act: text(act, "act"),
        label: text(act, "label"),
        needs: all(&act["needs"], need),
    });
    ApplicationDetails {
        fields: fields
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        acts: acts.collect(),
        record: all(&shown["record"], |line| RecordLine {
            act: text(line, "act"),
            label: text(line, "label"),
            by: text(line, "by"),
            at: text(line, "at"),
            outcome: text(line, "outcome"),
            reason: some_text(line, "reason").or_else(|| some_text(line, "sentence")),
        }),
        marks: marks(&shown["record"], summary.revision),
        // What says no more than the state does has no words of its own.
        notices: all(&shown["notices"], |notice| text(notice, "text"))
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect(),
        held: all(&shown["held"], |held| text(held, "reason")),
        summary,
    }
}

/// The marks of the last return of the revision that was submitted last.
fn marks(record: &Value, revision: u32) -> Vec<MarkedRequirement> {
    let lines = record.as_array().map(Vec::as_slice).unwrap_or_default();
    let of_this = |line: &&Value| line["revision"].as_u64() == Some(u64::from(revision));
    let marked = |line: &Value| line["marks"].as_object().filter(|marks| !marks.is_empty()).cloned();
    let last = lines.iter().filter(of_this).filter_map(marked).next_back();
    let marks = last.into_iter().flatten();
    marks
        .map(|(id, mark)| {
            let mark = mark.as_str().unwrap_or_default();
            MarkedRequirement { id, mark: mark.to_owned(), label: mark_label(mark).to_owned() }
        })
        .collect()
}

/// What an act has to be told, in the shape of a field, so that one widget draws both.
fn need(need: &Value) -> FormField {
    let kind = serde_json::from_value(need["kind"].clone()).unwrap_or(loket_core::catalogue::Kind::Teks);
    FormField {
        id: text(need, "id"),
        label: text(need, "label"),
        section: String::new(),
        kind: FieldKind::from(kind),
        options: all(&need["options"], |one| Choice { id: text(one, "id"), label: text(one, "label") }),
        many: need["many"].as_bool().unwrap_or_default(),
        required: need["required"].as_bool().unwrap_or_default(),
        old: None,
        requirement: None,
        value: None,
        conflict: false,
    }
}
