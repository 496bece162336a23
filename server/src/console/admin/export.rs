//! What leaves the office as a file: a list of applications without anybody's data, and all that is kept of one person, who
//! has a right to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use loket_core::catalogue::Kind;
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::rows::{self, ApplicationRow, person_key};
use loket_core::replica::view::time_text;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use loket_core::time::{midnight, today};
use loket_core::value::{self, stored_date};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::page::{Page, Trouble, guard, send};
use super::super::session::Entered;
use super::only_admin;
use crate::app::App;
use crate::config::{dice, now};
use crate::office::look::Look;
use crate::office::reads::{Read, Reader};
use crate::office::words;

/// Applications of one list.
const MAX_LISTED: usize = 200_000;
/// Applications of one person and service.
const MAX_OF_PERSON: usize = 500;
/// The field that says whose it is.
const NIK: &str = "nik";
/// Longest reason, in characters.
const MAX_REASON: usize = 300;

#[derive(Template)]
#[template(path = "ekspor.html")]
struct ExportPage {
    page: Page,
    from: String,
    until: String,
    most: usize,
}

/// A list that is asked for.
#[derive(Deserialize)]
pub struct Listing {
    kunci: String,
    dari: String,
    sampai: String,
    bentuk: String,
}

/// One person's data that are asked for.
#[derive(Deserialize)]
pub struct Person {
    kunci: String,
    nik: String,
    alasan: String,
    bentuk: String,
}

/// An application in a list: nothing of whom it is about.
#[derive(Serialize)]
struct Line {
    nomor: String,
    layanan: String,
    varian: String,
    versi: String,
    wilayah: String,
    keadaan: String,
    revisi: u32,
    selesai: bool,
    terakhir: String,
}

/// A field of a person's data.
#[derive(Serialize)]
struct FieldLine {
    nomor: String,
    layanan: String,
    bagian: &'static str,
    nama: String,
    isi: String,
}

/// `GET /kantor/ekspor`.
pub async fn show(entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let day = today(now());
    let from = Date::new(day.year(), day.month(), 1).unwrap_or(day).to_string();
    let page = Page::of(&entered);
    Ok(send(StatusCode::OK, &ExportPage { page, from, until: day.to_string(), most: MAX_LISTED }))
}

/// `POST /kantor/ekspor/daftar`: applications whose last decision, or first edit before any, falls on these days.
pub async fn list(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Listing>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let days = stored_date(&asked.dari).zip(stored_date(&asked.sampai)).filter(|(from, until)| from <= until);
    let (from, until) =
        days.ok_or_else(|| Trouble::Bad("Tulis tanggal awal dan akhir, yang awal dahulu.".into()))?;
    let span = (midnight(from), midnight(until) + 24 * 3600);
    let me = entered.staff.id;
    let note = move |office: &mut crate::office::Office<_>| {
        office.note_deed(me, "ekspor daftar", &format!("{from} sampai {until}"), now(), &mut dice)
    };
    app.writer.write(false, note).await??;
    let lines = app.readers.run(move |replica| lines(replica, span)).await??;
    let lines = lines.ok_or_else(|| {
        Trouble::Bad(format!("Lebih dari {MAX_LISTED} permohonan: pilih masa yang lebih pendek."))
    })?;
    let json = || lines.iter().map(|line| json!(line)).collect();
    give(&asked.bentuk, &format!("permohonan-{from}-{until}"), &lines, json)
}

/// Applications of a span of time; nothing where there are too many.
fn lines<S: Store>(
    replica: &Replica<S>,
    (from, until): (i64, i64),
) -> Result<Option<Vec<Line>>, ReplicaError> {
    let (mut lines, mut too_many) = (Vec::new(), false);
    replica.for_each_application(|partition, _, row| {
        too_many |= lines.len() == MAX_LISTED;
        if (from..until).contains(&row.since) && !too_many {
            lines.push(line(&partition, row));
        }
        Ok(())
    })?;
    Ok((!too_many).then_some(lines))
}

fn line(partition: &Partition, row: ApplicationRow) -> Line {
    // Of what is kept shut a list tells that it is there.
    let kept = matches!(partition, Partition::NeedToKnow(_));
    let told = |text: String| if kept { "dijaga".to_owned() } else { text };
    Line {
        nomor: row.number,
        layanan: told(row.service),
        varian: told(row.variant.unwrap_or_default()),
        versi: row.version,
        wilayah: row.place.map(|place| place.to_string()).unwrap_or_default(),
        keadaan: told(row.state),
        revisi: row.revision,
        selesai: row.fin,
        terakhir: time_text(row.since),
    }
}

/// `POST /kantor/ekspor/orang`: everything that is kept of one person, with the reason on the record.
pub async fn person(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Person>,
) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    entered.check(&asked.kunci)?;
    let nik = value::parse(Kind::Nik, &[], false, asked.nik.trim());
    let nik = nik.map_err(|_| Trouble::Bad("NIK terdiri dari 16 angka.".into()))?;
    let reason = asked.alasan.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > MAX_REASON {
        return Err(Trouble::Bad(format!("Tulis alasan, paling panjang {MAX_REASON} huruf.")));
    }
    let found = app.readers.run(move |replica| of_person(replica, &nik)).await??;
    if found.is_empty() {
        return Err(Trouble::Bad("Tidak ada permohonan orang itu di kantor ini.".into()));
    }
    let (by, ids) = (Reader::Staff(entered.staff.id), found.iter().map(|(_, id)| *id).collect::<Vec<_>>());
    let note = move |office: &mut crate::office::Office<_>| {
        for id in ids {
            let read = Read { by, what: "ekspor data orang", application: Some(id), reason: Some(&reason) };
            office.note_read(&read, now(), &mut dice)?;
        }
        Ok(())
    };
    app.writer.write(false, note).await??;
    let read = move |replica: &Replica<_>| {
        let shown =
            |(partition, id): &(Partition, EntryHash)| replica.shown(&replica.case(partition, id)?, now());
        found.iter().map(shown).collect::<Result<Vec<Value>, ReplicaError>>()
    };
    let all = app.readers.run(read).await??;
    let lines: Vec<FieldLine> = all.iter().flat_map(fields).collect();
    // The file's name says nothing of whose it is: it may stand in a browser's history.
    give(&asked.bentuk, "data-orang", &lines, || all.clone())
}

/// Every application of a person: drafts, open and ended ones, and those that are kept shut.
fn of_person<S: Store>(replica: &Replica<S>, nik: &str) -> Result<Vec<(Partition, EntryHash)>, ReplicaError> {
    let mut all: BTreeSet<(Partition, EntryHash)> = BTreeSet::new();
    for (id, row) in words::of_person(replica, nik, &|_| true, MAX_OF_PERSON)?.found {
        all.extend(row.place.map(|place| (place, id)));
    }
    // Those that are kept shut are in no index: they are few, and each is looked at.
    for partition in replica.store.partitions()? {
        if !matches!(partition, Partition::NeedToKnow(_)) {
            continue;
        }
        for (key, row) in replica.store.scan(&partition, Table::Application, &[], None, MAX_OF_PERSON)? {
            let row: ApplicationRow = rows::decode(&row)?;
            let id = EntryHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("permohonan"))?;
            if !row.gone && replica.case(&partition, &id)?.document.register(NIK).as_deref() == Some(nik) {
                all.insert((partition, id));
            }
        }
    }
    for service in replica.catalogue().services() {
        let key = person_key(nik, service);
        for (_, at) in replica.store.scan(&Partition::Office, Table::Person, &key, None, MAX_OF_PERSON)? {
            all.insert(rows::decode(&at)?);
        }
    }
    Ok(all.into_iter().collect())
}

/// What an application says, a line a field, and its official record.
fn fields(shown: &Value) -> Vec<FieldLine> {
    let text = |value: &Value, name: &str| {
        let value = value.get(name).unwrap_or(&Value::Null);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let (number, service) = (text(shown, "number"), text(shown, "service"));
    let line = |part, name: String, said: String| FieldLine {
        nomor: number.clone(),
        layanan: service.clone(),
        bagian: part,
        nama: name,
        isi: said,
    };
    let fields = shown.get("fields").and_then(Value::as_object).into_iter().flatten();
    let mut lines: Vec<FieldLine> = fields
        .map(|(name, value)| line("isian", name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    for decision in shown.get("record").and_then(Value::as_array).into_iter().flatten() {
        lines.push(line("keputusan", text(decision, "act"), text(decision, "at")));
    }
    lines
}

/// A file of lines or of JSON.
fn give<T: Serialize>(
    form: &str,
    name: &str,
    lines: &[T],
    json: impl FnOnce() -> Vec<Value>,
) -> Result<Response, Trouble> {
    let (bytes, kind, ending) = match form {
        "json" => (Value::from(json()).to_string().into_bytes(), "application/json", "json"),
        _ => (csv(lines)?, "text/csv; charset=utf-8", "csv"),
    };
    let mut response = bytes.into_response();
    guard(&mut response);
    let mut set = |name: HeaderName, value: &str| {
        HeaderValue::from_str(value).map(|value| response.headers_mut().insert(name, value)).is_ok()
    };
    set(header::CONTENT_TYPE, kind);
    set(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}.{ending}\""));
    Ok(response)
}

fn csv<T: Serialize>(lines: &[T]) -> Result<Vec<u8>, Trouble> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = Ok(());
    for line in lines {
        written = written.and_then(|()| writer.serialize(line));
    }
    let broken = |_| Trouble::Busy("berkas tidak dapat dibuat: ulangi sebentar lagi".into());
    written.map_err(broken)?;
    writer.into_inner().map_err(|_| Trouble::Busy("berkas tidak dapat dibuat: ulangi sebentar lagi".into()))
}
