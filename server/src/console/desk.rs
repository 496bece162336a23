//! A desk: what waits there, the oldest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use loket_core::catalogue::Role;
use loket_core::journal::Partition;
use loket_core::replica::rows::ApplicationRow;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::workflow::clock;
use serde::Deserialize;

use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::words;
use crate::app::App;
use crate::config::{limits, now};
use crate::office::look::{Look, Waiting};
use crate::office::people::StaffRow;

#[derive(Template)]
#[template(path = "antrean.html")]
struct DeskPage {
    page: Page,
    desk: Desk,
    desks: Vec<DeskLink>,
    filters: [Filter; 3],
    /// What is filtered by, for the next page's address.
    chosen: String,
    count: String,
    lines: Vec<Line>,
    next: Option<String>,
    is_first: bool,
}

/// A desk as addresses and people name it.
pub struct Desk {
    /// As in addresses.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
}

struct DeskLink {
    desk: Desk,
    count: String,
    is_here: bool,
}

/// Something by which a queue is narrowed.
struct Filter {
    name: &'static str,
    label: &'static str,
    all: &'static str,
    choices: Vec<Choice>,
}

struct Choice {
    id: String,
    title: String,
    is_chosen: bool,
}

/// An application in a queue. No name of a person: whoever takes it opens it.
struct Line {
    number: String,
    service: String,
    place: String,
    state: String,
    since: String,
    age: String,
    worked: String,
    is_late: bool,
}

/// Which part of a queue.
#[derive(Deserialize, Default)]
pub struct Wanted {
    /// Service.
    #[serde(default)]
    layanan: String,
    /// State.
    #[serde(default)]
    keadaan: String,
    /// Kecamatan or village.
    #[serde(default)]
    wilayah: String,
    /// Key of the last application of the page before.
    #[serde(default)]
    setelah: String,
    /// What has just been done.
    #[serde(default)]
    selesai: String,
}

/// `GET /kantor`: to one's own desk.
pub async fn home(entered: Entered) -> Response {
    let role = match entered.staff.role {
        Role::Admin => Role::FrontOffice,
        role => role,
    };
    Redirect::to(&format!("/kantor/antrean/{}", role.as_str())).into_response()
}

/// `GET /kantor/antrean/{desk}`.
pub async fn show(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(desk): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let role = Role::ALL.into_iter().find(|role| role.as_str() == desk).ok_or(Trouble::NotFound)?;
    if !entered.sees(role) {
        return Err(Trouble::Forbidden);
    }
    let notice = done_notice(&wanted.selesai);
    let page = Page::of(&entered).with(notice);
    let staff = entered.staff;
    let made = app.readers.run(move |replica| make(replica, &staff, role, &wanted, page)).await??;
    Ok(send(StatusCode::OK, &made))
}

/// What an address says of an act that was just done: only what the page may say without looking.
fn done_notice(done: &str) -> Option<String> {
    let plain =
        !done.is_empty() && done.len() <= 40 && done.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| format!("Tindakan pada {done} sudah dicatat."))
}

fn make<S: Store>(
    replica: &Replica<S>,
    staff: &StaffRow,
    role: Role,
    wanted: &Wanted,
    page: Page,
) -> Result<DeskPage, ReplicaError> {
    let after = HEXLOWER_PERMISSIVE.decode(wanted.setelah.as_bytes()).ok().filter(|key| !key.is_empty());
    let fits = |row: &ApplicationRow| {
        (wanted.layanan.is_empty() || row.service == wanted.layanan)
            && (wanted.keadaan.is_empty() || row.state == wanted.keadaan)
            && row.place.is_none_or(|place| staff.covers(&place) && is_in(&place, &wanted.wilayah))
    };
    let filters = filters(replica, staff, role, wanted);
    let chosen = filters.iter().filter_map(|filter| {
        let choice = filter.choices.iter().find(|choice| choice.is_chosen)?;
        Some(format!("&{}={}", filter.name, choice.id))
    });
    let chosen = chosen.collect();
    let part = replica.queue_part(role, after.as_deref(), limits::PAGE, &fits)?;
    let lines = part.waiting.iter().map(|one| line(replica, one)).collect::<Result<_, _>>()?;
    let roles: Vec<Role> = match staff.role {
        Role::Admin => Role::ALL.into_iter().filter(|role| has_queue(*role)).collect(),
        role => vec![role],
    };
    let mut desks = Vec::with_capacity(roles.len());
    for one in roles {
        let count = count(replica.queue_length(one, limits::COUNT)?);
        desks.push(DeskLink { desk: named(one), count, is_here: one == role });
    }
    let here = desks.iter().find(|link| link.is_here).map(|link| link.count.clone()).unwrap_or_default();
    Ok(DeskPage {
        page,
        desk: named(role),
        desks,
        filters,
        chosen,
        count: here,
        lines,
        next: part.next.map(|key| data_encoding::HEXLOWER.encode(&key)),
        is_first: after.is_none(),
    })
}

/// Field teams have no desk, and nothing waits for an administrator.
fn has_queue(role: Role) -> bool {
    !matches!(role, Role::PetugasLapangan | Role::Admin)
}

fn named(role: Role) -> Desk {
    Desk { id: role.as_str(), name: words::desk(role) }
}

fn count(length: usize) -> String {
    if length >= limits::COUNT { format!("{}+", limits::COUNT) } else { length.to_string() }
}

/// Whether a place is this one or lies in it; everything is in none.
fn is_in(place: &Partition, wanted: &str) -> bool {
    wanted.is_empty() || place.to_string().starts_with(wanted)
}

/// By what a queue may be narrowed: what is chosen and nowhere offered counts for nothing.
fn filters<S: Store>(replica: &Replica<S>, staff: &StaffRow, role: Role, wanted: &Wanted) -> [Filter; 3] {
    [
        Filter {
            name: "layanan",
            label: "Layanan",
            all: "Semua layanan",
            choices: services(replica, &wanted.layanan),
        },
        Filter {
            name: "keadaan",
            label: "Keadaan",
            all: "Semua keadaan",
            choices: states(replica, role, &wanted.keadaan),
        },
        Filter {
            name: "wilayah",
            label: "Wilayah",
            all: "Semua wilayah",
            choices: places(replica, staff, &wanted.wilayah),
        },
    ]
}

/// States in which anything waits at a desk, in the words of the services' files.
fn states<S: Store>(replica: &Replica<S>, role: Role, chosen: &str) -> Vec<Choice> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for file in replica.catalogue().files() {
        let own = file.service.states.iter().filter(|state| state.desk == Some(role));
        all.extend(own.map(|state| (state.id.clone(), state.label.clone())));
    }
    all.into_iter().map(|(id, title)| Choice { is_chosen: id == chosen, id, title }).collect()
}

/// Kecamatan of a member of staff's; their villages where they have one alone.
fn places<S: Store>(replica: &Replica<S>, staff: &StaffRow, chosen: &str) -> Vec<Choice> {
    let kecamatan = replica.regions().kecamatan();
    let own: Vec<_> = kecamatan
        .into_iter()
        .filter(|(place, _)| {
            let inside = |covered: &Partition| covered.to_string().starts_with(&place.to_string());
            staff.partitions.is_empty() || staff.partitions.iter().any(inside)
        })
        .collect();
    let places = match own.as_slice() {
        [(only, _)] => replica.regions().villages_of(*only),
        _ => own,
    };
    let covered = places
        .into_iter()
        .filter(|(place, _)| !place.is_village() || staff.covers(&Partition::Place(*place)));
    let choice = |(place, name): (loket_core::journal::Place, &str)| Choice {
        id: place.to_string(),
        title: name.to_owned(),
        is_chosen: place.to_string() == chosen,
    };
    covered.map(choice).collect()
}

/// Services that may be chosen, by title.
fn services<S: Store>(replica: &Replica<S>, chosen: &str) -> Vec<Choice> {
    let mut all: Vec<Choice> = Vec::new();
    let today = loket_core::time::today(now());
    for id in replica.catalogue().services() {
        let file = replica.catalogue().current(id, today);
        let title = file.map_or_else(|| id.to_owned(), |file| file.service.title.clone());
        all.push(Choice { id: id.to_owned(), title, is_chosen: id == chosen });
    }
    all.sort_by(|a, b| a.title.cmp(&b.title));
    all
}

fn line<S: Store>(replica: &Replica<S>, waiting: &Waiting) -> Result<Line, ReplicaError> {
    let (row, now) = (&waiting.row, now());
    let case = replica.case(&waiting.partition, &waiting.id)?;
    let service = case.service.as_ref().map(|file| &file.service);
    let state = case.state();
    let reading =
        service.zip(state.as_ref()).map(|(service, state)| clock(service, state, replica.calendar(), now));
    // Which service it is, is told to who opens it with a reason.
    let kept =
        matches!(waiting.partition, Partition::NeedToKnow(_)).then(|| "Permohonan yang dijaga".to_owned());
    let told = told(replica, row);
    Ok(Line {
        number: row.number.clone(),
        service: kept.unwrap_or(told.service),
        place: told.place,
        state: told.state,
        since: words::moment(waiting.since),
        age: words::ago(waiting.since, now),
        worked: reading.as_ref().map(words::target).unwrap_or_default(),
        is_late: reading.is_some_and(|reading| reading.overdue),
    })
}

/// What a list says of an application.
pub struct Told {
    /// Title of its service.
    pub service: String,
    /// Where it was filed.
    pub place: String,
    /// Label of its state.
    pub state: String,
}

/// What a list says of an application, by the service's file under which it was filed.
pub fn told<S: Store>(replica: &Replica<S>, row: &ApplicationRow) -> Told {
    let file = replica.catalogue().by_hash(&row.catalogue);
    let service = file.as_ref().map(|file| &file.service);
    let label = service.and_then(|service| service.state(&row.state)).map(|state| state.label.clone());
    Told {
        service: service.map_or_else(|| row.service.clone(), |service| service.title.clone()),
        place: row.place.map(|place| words::place(&place, replica.regions())).unwrap_or_default(),
        state: label.unwrap_or_else(|| row.state.clone()),
    }
}
