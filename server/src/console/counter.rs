//! The counter: a new application and its form, for an officer who has no phone. The form is drawn from the service's file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::{Field, Kind};
use loket_core::checks;
use loket_core::journal::{AttachmentHash, Partition, Place};
use loket_core::replica::case::Case;
use loket_core::replica::view::conflict_names;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::time::today;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::application::{Found, address, find_for, is_shut, note};
use super::desk::told;
use super::forms::{Fields, upload};
use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::sheet::{NeedLine, Scan, control, options};
use super::words;
use crate::app::App;
use crate::config::{dice, limits, now};
use crate::office::counter::{CLERKS, Entry, drafts_of, files, fills};
use crate::office::people::StaffRow;
use crate::office::reads::{Read, Reader};

/// Before the name of a field, in the form.
const FIELD: &str = "isi.";
/// Why an application that is kept shut is open to who opened it.
const OPENED: &str = "membuat permohonan";

#[derive(Template)]
#[template(path = "baru.html")]
struct NewPage {
    page: Page,
    /// Service and variant, title.
    services: Vec<(String, String)>,
    places: Vec<(String, String)>,
    /// What was begun and not submitted: number, service, since when.
    drafts: Vec<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "isi.html")]
struct FormPage {
    page: Page,
    form: FormSheet,
    trouble: Option<String>,
}

/// An application as it is filled in.
struct FormSheet {
    number: String,
    service: String,
    sections: Vec<(String, Vec<Line>)>,
    papers: Vec<Paper>,
    warnings: Vec<(String, String, bool)>,
    missing: Vec<String>,
    is_returned: bool,
}

struct Line {
    need: NeedLine,
    /// Values that contradict each other.
    conflict: Vec<String>,
    /// Choices that are taken, where there may be several.
    taken: Vec<String>,
}

struct Paper {
    id: String,
    title: String,
    /// Its register and how it is shown.
    scans: Vec<(String, Scan)>,
    mark: Option<String>,
}

/// What is to be opened.
#[derive(Deserialize)]
pub struct Chosen {
    kunci: String,
    layanan: String,
    wilayah: String,
}

fn only_clerks(entered: &Entered) -> Result<(), Trouble> {
    CLERKS.contains(&entered.staff.role).then_some(()).ok_or(Trouble::Forbidden)
}

/// `GET /kantor/baru`.
pub async fn choose(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_clerks(&entered)?;
    let staff = entered.staff.clone();
    let read = move |replica: &Replica<_>| {
        let drafts = drafts_of(replica, staff.id)?.into_iter().map(|(partition, row)| {
            let kept = matches!(partition, Partition::NeedToKnow(_));
            let service =
                if kept { "Permohonan yang dijaga".to_owned() } else { told(replica, &row).service };
            (row.number, service, words::moment(row.since))
        });
        Ok::<_, ReplicaError>((choices(replica, &staff), drafts.collect()))
    };
    let ((services, places), drafts) = app.readers.run(read).await??;
    Ok(send(StatusCode::OK, &NewPage { page: Page::of(&entered), services, places, drafts }))
}

type Choices = (Vec<(String, String)>, Vec<(String, String)>);

/// What somebody may file, and where.
fn choices<S: Store>(replica: &Replica<S>, staff: &StaffRow) -> Choices {
    let (catalogue, day) = (replica.catalogue(), today(now()));
    let current = catalogue.services().filter_map(|id| catalogue.current(id, day));
    let mut services = Vec::new();
    for file in current.filter(|file| files(file, staff.role)) {
        let service = &file.service;
        if service.variants.is_empty() {
            services.push((format!("{}/", service.service), service.title.clone()));
        }
        for variant in &service.variants {
            let title = format!("{}: {}", service.title, variant.title);
            services.push((format!("{}/{}", service.service, variant.id), title));
        }
    }
    services.sort_by(|a, b| a.1.cmp(&b.1));
    let regions = replica.regions();
    let own: Vec<String> = match staff.partitions.as_slice() {
        [] => regions.kecamatan().into_iter().map(|(place, _)| place.to_string()).collect(),
        partitions => partitions.iter().map(Partition::to_string).collect(),
    };
    let places = own.into_iter().map(|code| (code.clone(), words::site(&code, regions))).collect();
    (services, places)
}

/// `POST /kantor/baru`.
pub async fn open(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Trouble> {
    only_clerks(&entered)?;
    entered.check(&chosen.kunci)?;
    let place = Place::parse(&chosen.wilayah).ok_or_else(|| Trouble::Bad("Pilih wilayah.".into()))?;
    let (staff, token) = (entered.staff.clone(), entered.token);
    let open = move |office: &mut crate::office::Office<_>| {
        let (service, variant) = chosen.layanan.split_once('/').unwrap_or((&chosen.layanan, ""));
        let case = office.open_at_counter(&staff, service, Some(variant), place, now(), &mut dice)?;
        if matches!(case.partition, Partition::NeedToKnow(_)) {
            let (by, application) = (Reader::Staff(staff.id), Some(case.id));
            office.note_read(
                &Read { by, what: "buka", application, reason: Some(OPENED) },
                now(),
                &mut dice,
            )?;
            office.open_in_session(&token, case.id, now())?;
        }
        Ok(case.number())
    };
    let number = app.writer.write(false, open).await??;
    Ok(Redirect::to(&format!("{}/isi", address(&number))).into_response())
}

/// The application of a number, where who is signed in fills it in.
async fn mine(app: &App, entered: &Entered, number: &str) -> Result<Found, Trouble> {
    only_clerks(entered)?;
    let found = find_for(app, entered, number).await?;
    if is_shut(&found, entered) { Err(Trouble::Forbidden) } else { Ok(found) }
}

/// `GET /kantor/berkas/{number}/isi`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
) -> Result<Response, Trouble> {
    page(&app, &entered, &number, StatusCode::OK, None).await
}

async fn page(
    app: &App,
    entered: &Entered,
    number: &str,
    status: StatusCode,
    trouble: Option<String>,
) -> Result<Response, Trouble> {
    let found = mine(app, entered, number).await?;
    note(app, entered, "isi", vec![found.id]).await?;
    let staff = entered.staff.clone();
    let read = move |replica: &Replica<_>| {
        let case = replica.case(&found.partition, &found.id)?;
        match fills(&case, &staff) {
            true => Ok(Some(sheet(replica, &case)?)),
            false => Ok::<_, ReplicaError>(None),
        }
    };
    match app.readers.run(read).await?? {
        Some(form) => Ok(send(status, &FormPage { page: Page::of(entered), form, trouble })),
        None => Ok(Redirect::to(&address(number)).into_response()),
    }
}

fn sheet<S: Store>(replica: &Replica<S>, case: &Case) -> Result<FormSheet, ReplicaError> {
    let file = case.service.clone().ok_or(ReplicaError::NotFound)?;
    let state = case.state();
    let marks: BTreeMap<String, String> =
        state.as_ref().map(|state| state.marks.iter().cloned().collect()).unwrap_or_default();
    let registers = case.document.registers();
    let names = conflict_names(case);
    let conflicts: BTreeMap<String, Vec<String>> = case
        .document
        .conflicts()
        .into_iter()
        .map(|one| (one.register, one.values.into_iter().map(|(value, _)| value).collect()))
        .collect();
    let (asked, papers, missing) = replica.with_form(case, &registers, &names, now(), |form| {
        let fields = form.service.fields.iter().enumerate();
        let fields = fields.filter(|(_, field)| form.asks_field(field)).map(|(place, _)| place);
        let scans = checks::attachments(form);
        let all = form.service.requirements.iter().enumerate();
        let papers =
            all.filter(|(_, one)| form.asks(one) || scans.iter().any(|scan| scan.requirement == one.id));
        let papers: Vec<(usize, Vec<checks::Attached>)> = papers
            .map(|(place, one)| {
                (place, scans.iter().filter(|scan| scan.requirement == one.id).cloned().collect())
            })
            .collect();
        let missing: Vec<String> = checks::missing(form).into_iter().map(|one| one.sentence).collect();
        (fields.collect::<Vec<_>>(), papers, missing)
    })?;
    let mut sections: Vec<(String, Vec<Line>)> = Vec::new();
    for field in asked.iter().filter_map(|place| file.service.fields.get(*place)) {
        let title = words::heading(&field.section);
        let line = line(field, registers.get(&field.id), conflicts.get(&field.id), replica);
        match sections.iter_mut().find(|(known, _)| *known == title) {
            Some((_, lines)) => lines.push(line),
            None => sections.push((title, vec![line])),
        }
    }
    let paper = |(place, scans): (usize, Vec<checks::Attached>)| {
        let one = file.service.requirements.get(place)?;
        let shown = scans.iter().map(|scan| {
            let row = replica.attachment(&case.partition, &scan.hash).ok().flatten();
            let shown = Scan {
                address: format!("{}/lampiran/{}", address(&case.number()), scan.hash.to_hex()),
                title: format!("{}, lembar {}", one.title, scan.n),
                is_here: row.is_some_and(|row| row.here),
            };
            (format!("lampiran/{}/{}", one.id, scan.n), shown)
        });
        let mark = marks.get(&one.id).map(|mark| super::sheet::mark_label(mark));
        Some(Paper { id: one.id.clone(), title: one.title.clone(), scans: shown.collect(), mark })
    };
    let warnings = replica.warnings(case, now())?;
    Ok(FormSheet {
        number: case.number(),
        service: file.service.title.clone(),
        sections,
        papers: papers.into_iter().filter_map(paper).collect(),
        warnings: warnings.into_iter().map(|one| (one.id, one.sentence, one.ticked)).collect(),
        missing,
        is_returned: state.is_some_and(|state| state.revision > 0),
    })
}

fn line<S: Store>(
    field: &Field,
    value: Option<&String>,
    conflict: Option<&Vec<String>>,
    replica: &Replica<S>,
) -> Line {
    let value = value.cloned().unwrap_or_default();
    let said = |value: &String| words::value(field, value, replica.regions());
    Line {
        taken: value.split(',').map(str::to_owned).collect(),
        conflict: conflict.into_iter().flatten().map(said).collect(),
        need: NeedLine {
            name: format!("{FIELD}{}", field.id),
            label: field.label.clone(),
            control: control(field.kind, field.many),
            options: options(field.kind, &field.options),
            // What is added and never rewritten begins empty each time.
            value: if field.kind == Kind::Catatan { String::new() } else { value },
            required: field.required,
        },
    }
}

/// `POST /kantor/berkas/{number}/isi`: fields as they were typed, a tick, or a scan that goes.
pub async fn save(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let fields = Fields::of(&entered, fields)?;
    let found = mine(&app, &entered, &number).await?;
    let entry = match (fields.get("centang"), fields.get("lepas")) {
        (Some(warning), _) => Entry::Tick(warning.to_owned()),
        (None, Some(register)) if register.starts_with("lampiran/") => {
            Entry::Fields(vec![(register.to_owned(), String::new())])
        }
        _ => Entry::Fields(typed(&fields.0)),
    };
    let staff = entered.staff.clone();
    let write = move |office: &mut crate::office::Office<_>| {
        let case = office.replica.case(&found.partition, &found.id)?;
        let registers = case.document.registers();
        let entry = match entry {
            Entry::Fields(fields) => Entry::Fields(changed(&case, fields, &registers)),
            entry => entry,
        };
        match office.write_at_counter(case, &staff, entry, now(), &mut dice) {
            Ok(_) => Ok(None),
            Err(ReplicaError::Refused(sentence)) => Ok(Some(sentence)),
            Err(error) => Err(error),
        }
    };
    match app.writer.write(false, write).await?? {
        None => Ok(Redirect::to(&format!("{}/isi", address(&number))).into_response()),
        Some(sentence) => page(&app, &entered, &number, StatusCode::BAD_REQUEST, Some(sentence)).await,
    }
}

/// Fields of a form; choices of one name together. A field of several choices of which none is taken comes as empty, by the
/// mark that stands beside it.
fn typed(fields: &[(String, String)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in fields {
        let Some(field) = name.strip_prefix(FIELD) else { continue };
        match all.iter_mut().find(|(known, _)| known == field) {
            Some((_, held)) if held.is_empty() => *held = value.clone(),
            Some((_, held)) => *held = format!("{held},{value}"),
            None => all.push((field.to_owned(), value.replace("\r\n", "\n"))),
        }
    }
    all
}

/// What differs from what stands there: a form sends everything, and only what somebody touched is written.
fn changed(
    case: &Case,
    fields: Vec<(String, String)>,
    registers: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let conflicts: BTreeSet<String> = conflict_names(case);
    let touched = |(name, value): &(String, String)| {
        let before = registers.get(name).map_or("", String::as_str);
        value.trim() != before || (conflicts.contains(name) && !value.trim().is_empty())
    };
    let is_empty_note = |(name, value): &(String, String)| {
        let field = case.service.as_ref().and_then(|file| file.service.field(name));
        value.trim().is_empty() && field.is_some_and(|field| field.kind == Kind::Catatan)
    };
    fields.into_iter().filter(|field| touched(field) && !is_empty_note(field)).collect()
}

/// `POST /kantor/berkas/{number}/lampirkan`: a scan for a requirement.
pub async fn attach(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(number): Path<String>,
    form: Multipart,
) -> Result<Response, Trouble> {
    let found = mine(&app, &entered, &number).await?;
    let (fields, bytes) = upload(&entered, form).await?;
    let requirement = fields.get("syarat").unwrap_or_default().to_owned();
    let size = bytes.len() as u64;
    if bytes.is_empty() || size > limits::SCAN {
        return Err(Trouble::Bad(format!("Pilih berkas pindaian, paling besar {} MB.", limits::SCAN >> 20)));
    }
    let hash = AttachmentHash(*blake3::hash(&bytes).as_bytes());
    let (staff, partition, id) = (entered.staff.clone(), found.partition, found.id);
    let write = move |office: &mut crate::office::Office<_>| {
        let case = office.replica.case(&partition, &id)?;
        office.write_at_counter(case, &staff, Entry::Scan(requirement, hash, size), now(), &mut dice)
    };
    app.writer.write(false, move |office| write(office).map(drop)).await??;
    // Named first and kept then: what is named and not kept can be sent again, what is kept and not named nobody finds.
    let shelves = app.shelves.clone();
    let keep = move || {
        let shelf = shelves.shelf(&partition)?;
        let begun = match shelf.offset(&hash)? {
            loket_core::attachment::Progress::Partial(begun) => begun,
            loket_core::attachment::Progress::Complete(_) => return Ok(()),
        };
        let rest = bytes.get(usize::try_from(begun).unwrap_or(usize::MAX)..).unwrap_or_default();
        shelf.append(&hash, size, begun, rest).map(drop)
    };
    let kept = spawn_blocking(keep)
        .await
        .ok()
        .and_then(|kept: Result<(), loket_core::attachment::AttachmentError>| kept.ok());
    kept.ok_or_else(|| Trouble::Busy("pindaian belum dapat disimpan: kirim lagi sebentar lagi".into()))?;
    app.writer.arrived(partition, hash).await?;
    Ok(Redirect::to(&format!("{}/isi#{}", address(&number), "lampiran")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_of_one_name_come_together() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let sent = [
            field("kunci", "k"),
            field("isi.nama", "Contoh"),
            field("isi.macam", ""),
            field("isi.macam", "a"),
            field("isi.macam", "b"),
            field("isi.tidak", ""),
        ];
        assert_eq!(typed(&sent), [field("nama", "Contoh"), field("macam", "a,b"), field("tidak", "")]);
    }
}
