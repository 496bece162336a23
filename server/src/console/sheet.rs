//! An application as its page shows it: worked out from the case, the catalogue and what the workflow offers, so that a
//! service which nobody here knows is drawn like any other.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::catalogue::{ActRef, Choice, Field, Kind, Need, Role, Service, Step};
use loket_core::checks::{self, Attached};
use loket_core::journal::Partition;
use loket_core::replica::case::Case;
use loket_core::replica::view::conflict_names;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::workflow::{Available, MARK_CODES, MARK_PREFIX, ReasonNeed, available, clock, with_old_card};
use serde_json::Value;

use past::{conflicts, differences, list, message, papers, record, text, warning};

use super::words;
use crate::office::checked::{self, Found};
use crate::office::desk::CORRECTION;
use crate::office::look::Look;
use crate::office::people::StaffRow;

mod past;

/// An application.
pub struct Sheet {
    /// Registration number.
    pub number: String,
    /// Title of its service.
    pub service: String,
    /// Title of its variant.
    pub variant: Option<String>,
    /// Where it was filed.
    pub place: String,
    /// Its state.
    pub state: String,
    /// Whether it has ended.
    pub is_final: bool,
    /// Revision that is frozen; 0: none yet.
    pub revision: u32,
    /// When it was submitted first.
    pub filed: Option<String>,
    /// Working time, and the target.
    pub worked: String,
    /// Whether the target is missed.
    pub is_late: bool,
    /// What is said of it where only its remains are here.
    pub gone: Option<String>,
    /// Fields that say something, by heading.
    pub sections: Vec<Section>,
    /// Labels of those that were left empty.
    pub empty: Vec<String>,
    /// What is typed into SIAK at this desk, in its order; empty where nothing is.
    pub siak: Vec<FieldLine>,
    /// Papers with their scans.
    pub requirements: Vec<Paper>,
    /// Whether who looks examines them now.
    pub examines: bool,
    /// What a requirement can be found to be.
    pub findings: Vec<(String, String)>,
    /// What may be done by who looks.
    pub acts: Vec<ActForm>,
    /// The official record, the latest first.
    pub record: Vec<Event>,
    /// Fields that officers changed after what was submitted.
    pub differences: Vec<Difference>,
    /// Values that contradict each other.
    pub conflicts: Vec<Conflict>,
    /// Numbers of other open applications of the same person.
    pub duplicates: Vec<String>,
    /// Warnings, and whether the officer ticked them.
    pub warnings: Vec<Warning>,
    /// Messages to the applicant.
    pub messages: Vec<Message>,
    /// State of the papers on their way.
    pub papers: String,
}

/// Fields under one heading.
pub struct Section {
    /// The heading.
    pub title: String,
    /// The fields, in the form's order.
    pub fields: Vec<FieldLine>,
}

/// A field.
pub struct FieldLine {
    /// Label.
    pub label: String,
    /// What stands there.
    pub value: String,
    /// What stood there before the change that is asked for.
    pub before: Option<String>,
}

/// A requirement.
pub struct Paper {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Its mark, where it was sent back with one.
    pub mark: Option<String>,
    /// What is found of it in this revision; empty where it was not looked at.
    pub found: String,
    /// The same for people, with who found it.
    pub finding: Option<String>,
    /// Its scans.
    pub scans: Vec<Scan>,
}

impl Paper {
    /// Whether it was found to be something in somebody's own words.
    pub fn is_own(&self) -> bool {
        !self.found.is_empty() && findings().iter().all(|(code, _)| *code != self.found)
    }
}

/// A scan.
pub struct Scan {
    /// Its address.
    pub address: String,
    /// `Kartu Keluarga, lembar 1`.
    pub title: String,
    /// Whether it is at the office.
    pub is_here: bool,
}

/// An act as a form.
pub struct ActForm {
    /// The act.
    pub act: String,
    /// Its label.
    pub label: String,
    /// Whether it is the straight way on.
    pub is_straight: bool,
    /// What it has to be told.
    pub needs: Vec<NeedLine>,
    /// Fields that the desk itself writes with it.
    pub words: Vec<NeedLine>,
    /// Fields of the file that the act may correct, with what stands there.
    pub corrections: Vec<NeedLine>,
    /// Whether a reason may be given.
    pub asks_reason: bool,
    /// Whether one has to be.
    pub needs_reason: bool,
}

/// Something that an act has to be told.
pub struct NeedLine {
    /// Name in the form.
    pub name: String,
    /// Label.
    pub label: String,
    /// The kind of control: `text`, `date`, `number`, `tel`, `area`, `select`, `many`.
    pub control: &'static str,
    /// Choices: id, label.
    pub options: Vec<(String, String)>,
    /// What stands there already; of a choice its id.
    pub value: String,
    /// Whether it has to be told.
    pub required: bool,
}

/// A line of the official record.
pub struct Event {
    /// When.
    pub at: String,
    /// When the phone says it was, where it says so.
    pub claimed: Option<String>,
    /// What.
    pub what: String,
    /// Who, and under which role.
    pub by: String,
    /// Why, or why not.
    pub words: Vec<String>,
    /// Whether it was refused or contradicts.
    pub is_odd: bool,
}

/// A field that differs from what was submitted.
pub struct Difference {
    /// Label.
    pub label: String,
    /// What was submitted.
    pub submitted: String,
    /// What stands there now.
    pub current: String,
}

/// Values that contradict each other.
pub struct Conflict {
    /// Label.
    pub label: String,
    /// Value, who wrote it, when by their clock.
    pub values: Vec<(String, String, String)>,
}

/// A warning.
pub struct Warning {
    /// Its sentence.
    pub sentence: String,
    /// Whether the officer has looked.
    pub ticked: bool,
}

/// A message to the applicant.
pub struct Message {
    /// Which.
    pub id: String,
    /// Its state, for people.
    pub state: String,
    /// When it became due.
    pub at: String,
}

/// Whether somebody of the staff has a part in a service at all.
pub fn takes_part(service: &Service, role: Role) -> bool {
    role == Role::Admin || service.acts().iter().any(|(_, act)| act.roles().contains(&role))
}

/// The sheet of a case for one member of staff.
pub fn make<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    staff: &StaffRow,
    now: i64,
) -> Result<Sheet, ReplicaError> {
    let shown = replica.shown(case, now)?;
    let file = case.service.clone();
    let service = file.as_ref().map(|file| &file.service);
    let state = case.state();
    let reading =
        service.zip(state.as_ref()).map(|(service, state)| clock(service, state, replica.calendar(), now));
    let frozen = state.as_ref().and_then(|state| state.frozen.as_ref());
    // What the desks decide on is what was submitted; before that, what stands there.
    let registers = match frozen {
        Some(frozen) => case.document.registers_at(&frozen.heads).unwrap_or_default(),
        None => case.document.registers(),
    };
    let variant = case.reserved("_varian");
    let titled = |id: &String| {
        let variants = service.map(|service| service.variants.as_slice()).unwrap_or_default();
        variants.iter().find(|variant| variant.id == *id).map_or_else(|| id.clone(), |one| one.title.clone())
    };
    let place: Option<Partition> = case.reserved("_wilayah").and_then(|place| place.parse().ok());
    let (sections, empty) = sections(replica, case, &registers, now)?;
    let marks = state.as_ref().map(|state| state.marks.iter().cloned().collect()).unwrap_or_default();
    let found = checked::found(replica, &case.id, state.as_ref().map_or(0, |state| state.revision))?;
    Ok(Sheet {
        number: case.number(),
        service: service.map_or_else(|| text(&shown, "service"), |service| service.title.clone()),
        variant: variant.as_ref().map(titled),
        place: place.map(|place| words::place(&place, replica.regions())).unwrap_or_default(),
        state: text(&shown, "label"),
        is_final: shown.get("final").and_then(Value::as_bool).unwrap_or_default(),
        revision: state.as_ref().map_or(0, |state| state.revision),
        filed: state.as_ref().and_then(|state| state.passed.first()).map(|(_, at)| words::moment(*at)),
        worked: reading.as_ref().map(words::target).unwrap_or_default(),
        is_late: reading.is_some_and(|reading| reading.overdue),
        gone: shown.pointer("/gone/text").and_then(Value::as_str).map(str::to_owned),
        sections,
        empty,
        siak: siak(replica, case, staff, &registers),
        requirements: requirements(replica, case, &registers, (&marks, &found), now)?,
        examines: checked::examines(case, staff.role),
        findings: findings(),
        acts: marked(acts(replica, case, staff, &registers, now)?, &found),
        record: record(&shown, service),
        differences: differences(replica, &shown, service),
        conflicts: conflicts(replica, &shown, service),
        duplicates: list(&shown, "duplicates")
            .iter()
            .filter_map(|one| Some(one.as_str()?.to_owned()))
            .collect(),
        warnings: list(&shown, "warnings").iter().map(warning).collect(),
        messages: list(&shown, "notifications").iter().map(message).collect(),
        papers: papers(&text(&shown, "papers")),
    })
}

fn sections<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    registers: &BTreeMap<String, String>,
    now: i64,
) -> Result<(Vec<Section>, Vec<String>), ReplicaError> {
    let Some(file) = case.service.clone() else { return Ok((Vec::new(), Vec::new())) };
    let asked = replica.with_form(case, registers, &BTreeSet::new(), now, |form| {
        let fields = form.service.fields.iter().enumerate();
        let shown = |field: &Field| form.asks_field(field) || field.desk.is_some();
        fields.filter(|(_, field)| shown(field)).map(|(place, _)| place).collect::<Vec<_>>()
    })?;
    let told = |field: &Field| {
        registers
            .get(&field.id)
            .map(|value| words::value(field, value, replica.regions()))
            .unwrap_or_default()
    };
    let (mut sections, mut empty): (Vec<Section>, Vec<String>) = (Vec::new(), Vec::new());
    for field in asked.iter().filter_map(|place| file.service.fields.get(*place)) {
        if told(field).is_empty() {
            // What a desk has not written yet nobody left empty.
            empty.extend(field.desk.is_none().then(|| field.label.clone()));
            continue;
        }
        let before = field.old.as_ref().and_then(|old| file.service.field(old)).map(told);
        let line = FieldLine { label: field.label.clone(), value: told(field), before };
        let title = words::heading(&field.section);
        match sections.iter_mut().find(|section| section.title == title) {
            Some(section) => section.fields.push(line),
            None => sections.push(Section { title, fields: vec![line] }),
        }
    }
    Ok((sections, empty))
}

/// What is typed into SIAK where the application waits for that at this desk; data that change as they become.
fn siak<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    staff: &StaffRow,
    registers: &BTreeMap<String, String>,
) -> Vec<FieldLine> {
    let (Some(file), Some(state)) = (case.service.clone(), case.state()) else { return Vec::new() };
    let here = |step: &&Step| step.waits == state.code && step.roles.contains(&staff.role);
    let step = file.service.steps.iter().find(here);
    if !step.is_some_and(|step| step.systems.iter().any(|system| system == SIAK)) {
        return Vec::new();
    }
    let mut fields: Vec<&Field> = file.service.fields.iter().filter(|field| field.siak.is_some()).collect();
    fields.sort_by_key(|field| field.siak);
    let line = |field: &Field| {
        let now = registers.get(&format!("menjadi_{}", field.id)).or_else(|| registers.get(&field.id))?;
        let said = |value: &String| words::typed(field, value, replica.regions());
        let before = registers.get(&field.id).filter(|old| *old != now).map(said);
        Some(FieldLine { label: field.label.clone(), value: said(now), before })
    };
    fields.into_iter().filter_map(line).collect()
}

fn requirements<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    registers: &BTreeMap<String, String>,
    (marks, found): (&BTreeMap<String, String>, &[Found]),
    now: i64,
) -> Result<Vec<Paper>, ReplicaError> {
    let Some(file) = case.service.clone() else { return Ok(Vec::new()) };
    let (asked, scans) = replica.with_form(case, registers, &BTreeSet::new(), now, |form| {
        let all = form.service.requirements.iter().enumerate();
        let asked: Vec<usize> = all.filter(|(_, one)| form.asks(one)).map(|(place, _)| place).collect();
        (asked, checks::attachments(form))
    })?;
    let mut papers = Vec::new();
    for (place, one) in file.service.requirements.iter().enumerate() {
        let own: Vec<&Attached> = scans.iter().filter(|scan| scan.requirement == one.id).collect();
        if own.is_empty() && !asked.contains(&place) {
            continue;
        }
        let mut shown = Vec::new();
        for (n, scan) in own.iter().enumerate() {
            let row = replica.attachment(&case.partition, &scan.hash)?;
            shown.push(Scan {
                address: format!("/kantor/berkas/{}/lampiran/{}", case.number(), scan.hash.to_hex()),
                title: format!("{}, lembar {}", one.title, n + 1),
                is_here: row.is_some_and(|row| row.here),
            });
        }
        let mark = marks.get(&one.id).map(|mark| mark_label(mark));
        let found = found.iter().find(|found| found.requirement == one.id);
        let finding = |found: &Found| {
            format!("{} ({}, petugas {})", mark_label(&found.mark), words::desk(found.role), found.staff)
        };
        papers.push(Paper {
            id: one.id.clone(),
            title: one.title.clone(),
            mark,
            found: found.map(|found| found.mark.clone()).unwrap_or_default(),
            finding: found.map(finding),
            scans: shown,
        });
    }
    Ok(papers)
}

/// What a requirement can be found to be: in order, and for people.
fn findings() -> Vec<(String, String)> {
    let good = (checked::GOOD.to_owned(), GOOD_LABEL.to_owned());
    let marks = MARK_CODES.iter().map(|(code, label)| ((*code).to_owned(), (*label).to_owned()));
    std::iter::once(good).chain(marks).collect()
}

/// The acts, with what was found of the requirements where an act marks them.
fn marked(mut acts: Vec<ActForm>, found: &[Found]) -> Vec<ActForm> {
    let prefix = format!("{PARAM}{MARK_PREFIX}");
    for need in acts.iter_mut().flat_map(|act| &mut act.needs) {
        let requirement = need.name.strip_prefix(&prefix);
        let found = found.iter().find(|found| Some(found.requirement.as_str()) == requirement);
        let Some(found) = found.filter(|found| found.mark != checked::GOOD) else { continue };
        if !need.options.iter().any(|(code, _)| *code == found.mark) {
            need.options.push((found.mark.clone(), found.mark.clone()));
        }
        need.value = found.mark.clone();
    }
    acts
}

/// How a requirement is called that is as it should be.
const GOOD_LABEL: &str = "Sesuai";

/// A mark's code as people read it, or the words in its place.
pub fn mark_label(mark: &str) -> String {
    if mark == checked::GOOD {
        return GOOD_LABEL.to_owned();
    }
    loket_core::workflow::mark_label(mark).to_owned()
}

fn acts<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    staff: &StaffRow,
    registers: &BTreeMap<String, String>,
    now: i64,
) -> Result<Vec<ActForm>, ReplicaError> {
    let (Some(file), Some(state)) = (case.service.clone(), case.state()) else { return Ok(Vec::new()) };
    let conflicts = conflict_names(case);
    let surrender = replica.with_form(case, registers, &conflicts, now, checks::surrender_applies)?;
    let offers = available(&file.service, &state, staff.role);
    let offers = with_old_card(&file.service, &state, surrender, offers);
    let own = |field: &&Field| field.desk == Some(staff.role);
    let mut forms = Vec::with_capacity(offers.len());
    for offer in &offers {
        let mut form = form(offer);
        let Some(act) = file.service.act(&offer.act).filter(|act| act.writes()) else {
            forms.push(form);
            continue;
        };
        let words = file.service.fields.iter().filter(own);
        form.words = words.map(|field| words_of(replica, &file.service, field, registers)).collect();
        // Where a desk has words of its own to write, the rest is corrected by the detour alone.
        if form.words.is_empty() || matches!(act, ActRef::Detour(_)) {
            form.corrections = corrections(replica, case, registers, now)?;
        }
        forms.push(form);
    }
    Ok(forms)
}

/// A field that a desk writes, with what it says or where it begins.
fn words_of<S: Store>(
    replica: &Replica<S>,
    service: &Service,
    field: &Field,
    registers: &BTreeMap<String, String>,
) -> NeedLine {
    let told = |id: &str| {
        let field = service.field(id)?;
        Some(words::value(field, registers.get(id)?, replica.regions()))
    };
    let begun = || field.template.as_deref().map(|template| words::filled(template, told));
    NeedLine {
        name: format!("{PARAM}{CORRECTION}{}", field.id),
        label: field.label.clone(),
        control: control(field.kind, field.many),
        options: options(field.kind, &field.options),
        value: registers.get(&field.id).cloned().or_else(begun).unwrap_or_default(),
        required: true,
    }
}

/// Fields that are asked, as controls that hold what was submitted.
fn corrections<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    registers: &BTreeMap<String, String>,
    now: i64,
) -> Result<Vec<NeedLine>, ReplicaError> {
    replica.with_form(case, registers, &BTreeSet::new(), now, |form| {
        let fields = form.service.fields.iter().filter(|field| form.asks_field(field));
        fields
            .map(|field| NeedLine {
                name: format!("{PARAM}{CORRECTION}{}", field.id),
                label: field.label.clone(),
                control: control(field.kind, field.many),
                options: options(field.kind, &field.options),
                value: registers.get(&field.id).cloned().unwrap_or_default(),
                required: false,
            })
            .collect()
    })
}

/// What an act is told, without corrections that change nothing.
pub fn told(case: &Case, params: Vec<(String, String)>) -> Vec<(String, String)> {
    let frozen = case.state().and_then(|state| state.frozen);
    let registers = match frozen {
        Some(frozen) => case.document.registers_at(&frozen.heads).unwrap_or_default(),
        None => case.document.registers(),
    };
    let changes = |(name, value): &(String, String)| {
        name.strip_prefix(CORRECTION).is_none_or(|field| registers.get(field) != Some(value))
    };
    params.into_iter().filter(changes).collect()
}

fn form(offer: &Available) -> ActForm {
    // The reason in free words has a control of its own.
    let needs = offer.needs.iter().filter(|need| need.id != loket_core::workflow::NEED_FREE_REASON);
    ActForm {
        act: offer.act.clone(),
        label: offer.label.clone(),
        is_straight: offer.outcome.is_none(),
        needs: needs.map(need).collect(),
        words: Vec::new(),
        corrections: Vec::new(),
        asks_reason: offer.reason != ReasonNeed::None,
        needs_reason: offer
            .needs
            .iter()
            .any(|need| need.id == loket_core::workflow::NEED_FREE_REASON && need.required),
    }
}

fn need(need: &Need) -> NeedLine {
    NeedLine {
        name: format!("{PARAM}{}", need.id),
        label: need.label.clone(),
        control: control(need.kind, need.many),
        options: options(need.kind, &need.options),
        value: String::new(),
        required: need.required && !need.id.starts_with(MARK_PREFIX),
    }
}

/// The kind of control for a value.
pub fn control(kind: Kind, many: bool) -> &'static str {
    match kind {
        Kind::Pilihan | Kind::YaTidak if many => "many",
        Kind::Pilihan | Kind::YaTidak => "select",
        Kind::Tanggal => "date",
        Kind::Bilangan => "number",
        Kind::Telepon => "tel",
        Kind::Catatan => "area",
        _ => "text",
    }
}

/// The choices of a value.
pub fn options(kind: Kind, choices: &[Choice]) -> Vec<(String, String)> {
    match kind {
        Kind::YaTidak => vec![("ya".into(), "Ya".into()), ("tidak".into(), "Tidak".into())],
        _ => choices.iter().map(|one| (one.id.clone(), one.label.clone())).collect(),
    }
}

/// The national system, as the services' files name it.
const SIAK: &str = "SIAK";

/// Before the name of a need, in a form.
pub const PARAM: &str = "isi.";
