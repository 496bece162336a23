//! What print-outs are filled with: an application as plain values, by the names that templates use.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::catalogue::{ActKind, Field, Kind, Role, Service, Site};
use loket_core::checks;
use loket_core::journal::Partition;
use loket_core::replica::case::Case;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::time::today;
use loket_core::workflow::Event;
use serde_json::{Value, json};

use super::super::words;
use crate::office::people::StaffRow;
use crate::office::settings::{self, DINAS};

/// Before the name of a field that tells on what a change rests.
const GROUNDS: &str = "dasar_";
/// Whoever signs what leaves the office.
const SIGNS: Role = Role::KepalaDinas;

type Registers = BTreeMap<String, String>;

/// What was submitted; before that, what stands there.
fn registers(case: &Case) -> Registers {
    match case.state().and_then(|state| state.frozen) {
        Some(frozen) => case.document.registers_at(&frozen.heads).unwrap_or_default(),
        None => case.document.registers(),
    }
}

/// Whether a desk has written something that is printed.
pub fn has_letter(case: &Case) -> bool {
    let Some(file) = &case.service else { return false };
    let registers = registers(case);
    file.service.fields.iter().any(|field| field.desk.is_some() && registers.contains_key(&field.id))
}

/// An application, for a template.
pub fn data<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    staff: &StaffRow,
    url: &str,
    now: i64,
) -> Result<Value, ReplicaError> {
    let file = case.service.clone().ok_or(ReplicaError::NotFound)?;
    let (service, registers) = (&file.service, registers(case));
    let said = |field: &Field| {
        registers
            .get(&field.id)
            .map(|value| words::value(field, value, replica.regions()))
            .unwrap_or_default()
    };
    let fields: BTreeMap<&str, String> =
        service.fields.iter().map(|field| (field.id.as_str(), said(field))).collect();
    let place = super::super::super::office::desk::place_of(case);
    let state = case.state();
    let variant = case
        .reserved("_varian")
        .and_then(|id| service.variants.iter().find(|variant| variant.id == id).map(|one| one.title.clone()));
    let (target, target_address) = site(replica, service.paper_site, &place)?;
    let papers = papers(replica, case, &registers, now)?;
    let carried: Vec<&str> =
        papers.iter().filter(|(_, here)| *here).map(|(title, _)| title.as_str()).collect();
    Ok(json!({
        "nomor": case.number(),
        "kantor": settings::office_name(replica)?,
        "kabupaten": kabupaten_of(replica),
        "layanan": service.title,
        "layanan_id": service.service,
        "kode": service.reference,
        "varian": variant.unwrap_or_default(),
        "dijaga": matches!(case.partition, Partition::NeedToKnow(_)),
        "asal": words::place(&place, replica.regions()),
        "ambil": site(replica, Some(service.pickup_site), &place)?.0,
        "tujuan": target,
        "alamat_tujuan": target_address,
        "diajukan": state.as_ref().and_then(|state| state.passed.first()).map(|(_, at)| words::moment(*at)).unwrap_or_default(),
        "dicetak": words::moment(now),
        "tanggal": words::date(&today(now).to_string()),
        "oleh": staff.name,
        "status": format!("{url}/status"),
        "isian": fields,
        "bagian": sections(service, &registers, &said),
        "perubahan": changes(service, &registers, &said),
        "syarat": carried,
        "syarat_semua": papers.iter().map(|(title, here)| json!({ "judul": title, "ada": here })).collect::<Vec<_>>(),
        "teks": texts(service, &registers),
        "tanda_tangan": signature(case, service),
    }))
}

/// The name of the office's kabupaten, or its code.
pub fn kabupaten_of<S: Store>(replica: &Replica<S>) -> String {
    let place = replica.regions().kecamatan().first().map(|(place, _)| place.to_string());
    let code = place.as_deref().and_then(|code| code.get(..5)).unwrap_or_default();
    replica.regions().name(code).unwrap_or(code).to_owned()
}

/// A counter as the post finds it: its name, and its address where the office has told one.
fn site<S: Store>(
    replica: &Replica<S>,
    site: Option<Site>,
    place: &Partition,
) -> Result<(String, String), ReplicaError> {
    let Some(site) = site else { return Ok(Default::default()) };
    let (name, key) = match (site, place) {
        (Site::Kecamatan, Partition::Place(place)) => {
            let code = place.kecamatan().to_string();
            let name = replica.regions().name(&code).unwrap_or(&code);
            (format!("Loket Adminduk Kecamatan {name}"), code)
        }
        (Site::Desa, place) => {
            (format!("Loket Adminduk {}", words::place(place, replica.regions())), place.to_string())
        }
        _ => (settings::office_name(replica)?, DINAS.to_owned()),
    };
    Ok((name, settings::address(replica, &key)?))
}

/// Papers that are asked or there, and whether they are.
fn papers<S: Store>(
    replica: &Replica<S>,
    case: &Case,
    registers: &Registers,
    now: i64,
) -> Result<Vec<(String, bool)>, ReplicaError> {
    replica.with_form(case, registers, &BTreeSet::new(), now, |form| {
        let scans = checks::attachments(form);
        let all = form.service.requirements.iter();
        let told = all.filter_map(|one| {
            let here = scans.iter().any(|scan| scan.requirement == one.id);
            (here || form.asks(one)).then(|| (one.title.clone(), here))
        });
        told.collect()
    })
}

/// Fields that say something, by heading.
fn sections(service: &Service, registers: &Registers, said: &dyn Fn(&Field) -> String) -> Vec<Value> {
    let mut all: Vec<(String, Vec<Value>)> = Vec::new();
    for field in service.fields.iter().filter(|field| field.desk.is_none()) {
        if !registers.contains_key(&field.id) {
            continue;
        }
        let line = json!({ "label": field.label, "nilai": said(field) });
        let title = words::heading(&field.section);
        match all.iter_mut().find(|(known, _)| *known == title) {
            Some((_, lines)) => lines.push(line),
            None => all.push((title, vec![line])),
        }
    }
    all.into_iter().map(|(title, lines)| json!({ "judul": title, "isian": lines })).collect()
}

/// What changes: each element with its value before and after, and on what it rests.
fn changes(service: &Service, registers: &Registers, said: &dyn Fn(&Field) -> String) -> Vec<Value> {
    let mut all = Vec::new();
    for field in service.fields.iter().filter(|field| registers.contains_key(&field.id)) {
        let Some(before) = field.old.as_ref().and_then(|old| service.field(old)) else { continue };
        let own = |other: &&Field| other.id.starts_with(GROUNDS) && other.when == field.when;
        let shared = |other: &&Field| other.id.starts_with(GROUNDS) && other.when.is_none();
        let mut fields = service.fields.iter();
        let grounds = fields.clone().find(own).or_else(|| fields.find(shared));
        all.push(json!({
            "elemen": before.label.trim_end_matches(" semula"),
            "semula": said(before), "menjadi": said(field), "dasar": grounds.map(said).unwrap_or_default(),
        }));
    }
    all
}

/// Title and words of what desks have written.
fn texts(service: &Service, registers: &Registers) -> Vec<Value> {
    let written = service.fields.iter().filter(|field| field.desk.is_some());
    let told =
        written.filter_map(|field| Some(json!({ "judul": field.label, "isi": registers.get(&field.id)? })));
    told.collect()
}

/// What was told when it was signed, unless it has gone back since.
fn signature(case: &Case, service: &Service) -> Vec<(String, String)> {
    let Some(state) = case.state() else { return Vec::new() };
    let signs = service.steps.iter().find(|step| step.kind == ActKind::Catat && step.roles.contains(&SIGNS));
    let Some(step) = signs.filter(|step| state.done.contains_key(&step.act)) else { return Vec::new() };
    let last = case.record.iter().rev().find(|one| one.act == step.act && one.kind == Event::Done);
    let params = last.map(|decision| decision.params.as_slice()).unwrap_or_default();
    let told = |(id, value): &(String, String)| {
        let need = step.needs.iter().find(|need| need.id == *id)?;
        let chosen = need.options.iter().find(|choice| choice.id == *value);
        let value = match (chosen, need.kind) {
            (Some(choice), _) => choice.label.clone(),
            (None, Kind::Tanggal) => words::date(value),
            (None, _) => value.clone(),
        };
        Some((need.label.clone(), value))
    };
    params.iter().filter_map(told).collect()
}
