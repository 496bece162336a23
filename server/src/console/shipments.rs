//! Cards between counters: sent together under one name, and received by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::Role;
use loket_core::journal::{EntryHash, Partition, Place};
use loket_core::replica::rows::ApplicationRow;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use serde_json::json;

use super::desk;
use super::forms::Fields;
use super::page::{Page, Trouble, send};
use super::prints;
use super::session::Entered;
use super::words;
use crate::app::App;
use crate::config::{dice, now};
use crate::office::blanks::site_of;
use crate::office::desk::{ActError, DeskAct};
use crate::office::look::Look;
use crate::office::people::StaffRow;
use crate::office::settings;
use crate::office::shipments::{MAX_CARDS, Shipment, receives, sends, shipment, shipments_at, waits};
use crate::press::{Printed, qr};

/// Whoever has cards in hand.
pub const HANDLERS: [Role; 5] =
    [Role::OperatorKecamatan, Role::OperatorDesa, Role::LoketPengambilan, Role::BagianProduksi, Role::Admin];
/// Roles that send cards.
const SENDERS: [Role; 3] = [Role::OperatorKecamatan, Role::OperatorDesa, Role::BagianProduksi];
/// Shipments of one site that are shown.
const MAX_SHOWN: usize = 30;
/// Sites of one member of staff whose shipments are shown.
const MAX_SITES: usize = 30;

#[derive(Template)]
#[template(path = "kiriman.html")]
struct ShipmentsPage {
    page: Page,
    /// What waits to be sent, by destination.
    ready: Vec<Ready>,
    shipments: Vec<ShipmentLine>,
    refused: Vec<String>,
}

struct Ready {
    from: String,
    to: String,
    name: String,
    cards: Vec<Card>,
}

struct Card {
    number: String,
    service: String,
    state: String,
    serial: String,
    /// Whether it waits to be received.
    travels: bool,
}

struct ShipmentLine {
    name: String,
    from: String,
    to: String,
    at: String,
    count: usize,
}

#[derive(Template)]
#[template(path = "satu_kiriman.html")]
struct ShipmentPage {
    page: Page,
    name: String,
    from: String,
    to: String,
    at: String,
    cards: Vec<Card>,
    may_receive: bool,
    refused: Vec<String>,
}

fn only_handlers(entered: &Entered) -> Result<(), Trouble> {
    HANDLERS.contains(&entered.staff.role).then_some(()).ok_or(Trouble::Forbidden)
}

/// Whether a site is in somebody's hands.
fn is_at(staff: &StaffRow, site: &str) -> bool {
    staff.partitions.is_empty()
        || Place::parse(site).is_some_and(|place| staff.covers(&Partition::Place(place)))
}

/// `GET /kantor/kiriman`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_handlers(&entered)?;
    page(&app, &entered, StatusCode::OK, Vec::new()).await
}

async fn page(
    app: &App,
    entered: &Entered,
    status: StatusCode,
    refused: Vec<String>,
) -> Result<Response, Trouble> {
    let staff = entered.staff.clone();
    let read = move |replica: &Replica<_>| {
        Ok::<_, ReplicaError>((ready(replica, &staff)?, lately(replica, &staff)?))
    };
    let (ready, shipments) = app.readers.run(read).await??;
    Ok(send(status, &ShipmentsPage { page: Page::of(entered), ready, shipments, refused }))
}

/// Cards that wait to be sent by a member of staff, by where they go.
fn ready<S: Store>(replica: &Replica<S>, staff: &StaffRow) -> Result<Vec<Ready>, ReplicaError> {
    let mut by_way: BTreeMap<(String, String), Vec<Card>> = BTreeMap::new();
    let roles = SENDERS.into_iter().filter(|role| staff.role == *role || staff.role == Role::Admin);
    for role in roles {
        let fits =
            |row: &ApplicationRow| waits(replica, row) && row.place.is_some_and(|place| staff.covers(&place));
        for one in replica.queue_part(role, None, MAX_CARDS, &fits)?.waiting {
            if let Some(way) = way(replica, &one.row) {
                by_way.entry(way).or_default().push(card(replica, &one.partition, &one.id, &one.row)?);
            }
        }
    }
    let ready = by_way.into_iter().map(|((from, to), cards)| Ready {
        name: format!("{} ke {}", words::site(&from, replica.regions()), words::site(&to, replica.regions())),
        from,
        to,
        cards,
    });
    Ok(ready.collect())
}

/// From where and to where an application's card travels.
fn way<S: Store>(replica: &Replica<S>, row: &ApplicationRow) -> Option<(String, String)> {
    let (file, place) = (replica.catalogue().by_hash(&row.catalogue)?, row.place?);
    let (from, to) = (sends(&file.service)?.site, receives(&file.service)?.site);
    Some((site_of(from, &place), site_of(to, &place)))
}

fn card<S: Store>(
    replica: &Replica<S>,
    partition: &Partition,
    id: &EntryHash,
    row: &ApplicationRow,
) -> Result<Card, ReplicaError> {
    let case = replica.case(partition, id)?;
    let told = desk::told(replica, row);
    let file = replica.catalogue().by_hash(&row.catalogue);
    Ok(Card {
        number: row.number.clone(),
        service: told.service,
        state: told.state,
        serial: case.state().and_then(|state| state.card_serial).unwrap_or_default(),
        travels: file.is_some_and(|file| receives(&file.service).is_some_and(|step| step.waits == row.state)),
    })
}

/// Shipments from and to somebody's sites, the latest first.
fn lately<S: Store>(replica: &Replica<S>, staff: &StaffRow) -> Result<Vec<ShipmentLine>, ReplicaError> {
    let sites: Vec<String> = match staff.partitions.as_slice() {
        [] => {
            let kecamatan = replica.regions().kecamatan().into_iter().map(|(place, _)| place.to_string());
            std::iter::once(settings::DINAS.to_owned()).chain(kecamatan).collect()
        }
        partitions => partitions.iter().map(Partition::to_string).collect(),
    };
    let mut all: BTreeMap<(i64, String), Shipment> = BTreeMap::new();
    for site in sites.iter().take(MAX_SITES) {
        for one in shipments_at(replica, site, MAX_SHOWN)? {
            all.insert((-one.at, one.name.clone()), one);
        }
    }
    let line = |one: Shipment| ShipmentLine {
        from: words::site(&one.from, replica.regions()),
        to: words::site(&one.to, replica.regions()),
        at: words::moment(one.at),
        count: one.cards.len(),
        name: one.name,
    };
    Ok(all.into_values().take(MAX_SHOWN).map(line).collect())
}

/// `POST /kantor/kiriman/kirim`: the chosen cards, to one counter.
pub async fn send_cards(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    only_handlers(&entered)?;
    let fields = Fields::of(&entered, fields)?;
    let numbers = chosen(&fields)?;
    let told = |name| fields.get(name).unwrap_or_default().to_owned();
    let (from, to) = (told("dari"), told("ke"));
    let staff = entered.staff.clone();
    let ship = move |office: &mut crate::office::Office<_>| {
        let (mut cards, mut refused) = (Vec::new(), Vec::new());
        for number in numbers {
            let (partition, id) = office.replica.need(&number)?;
            let row = office.replica.row(&partition, &id)?.ok_or(ReplicaError::NotFound)?;
            let fits = way(&office.replica, &row).is_some_and(|way| way == (from.clone(), to.clone()));
            let act = office.replica.catalogue().by_hash(&row.catalogue);
            let act = act.and_then(|file| sends(&file.service).map(|step| step.act.clone()));
            let Some(act) = act.filter(|_| fits && staff.covers(&row.place.unwrap_or(partition))) else {
                refused.push(format!("{number}: kartunya tidak ke sana"));
                continue;
            };
            match do_act(office, &staff, (&partition, &id), act)? {
                None => cards.push((partition, id)),
                Some(sentence) => refused.push(format!("{number}: {sentence}")),
            }
        }
        let name = match cards.is_empty() {
            true => None,
            false => Some(office.ship((&from, &to), cards, staff.id, now(), &mut dice)?),
        };
        Ok((name, refused))
    };
    let (name, refused) = app.writer.write(false, ship).await??;
    match name.filter(|_| refused.is_empty()) {
        Some(name) => Ok(Redirect::to(&format!("/kantor/kiriman/{name}")).into_response()),
        None => page(&app, &entered, StatusCode::CONFLICT, refused).await,
    }
}

/// The numbers that a form chose.
fn chosen(fields: &Fields) -> Result<Vec<String>, Trouble> {
    let numbers = fields.0.iter().filter(|(name, _)| name == "kartu").map(|(_, number)| number.clone());
    let numbers: Vec<String> = numbers.take(MAX_CARDS + 1).collect();
    if numbers.is_empty() || numbers.len() > MAX_CARDS {
        return Err(Trouble::Bad(format!("Pilih satu sampai {MAX_CARDS} kartu.")));
    }
    Ok(numbers)
}

/// Does an act in somebody's name; why not, where it is refused.
fn do_act<S: Store>(
    office: &mut crate::office::Office<S>,
    staff: &StaffRow,
    (partition, id): (&Partition, &EntryHash),
    act: String,
) -> Result<Option<String>, ReplicaError> {
    let wish = DeskAct { act, staff: staff.id, reason: None, params: Vec::new() };
    match office.act(partition, id, wish, now(), &mut dice) {
        Ok(_) => Ok(None),
        Err(ActError::Refused(refusal)) => Ok(Some(refusal.sentence())),
        Err(ActError::Replica(ReplicaError::Refused(sentence))) => Ok(Some(sentence)),
        Err(ActError::Replica(error)) => Err(error),
    }
}

/// `GET /kantor/kiriman/{name}`.
pub async fn one(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    only_handlers(&entered)?;
    shown(&app, &entered, name, StatusCode::OK, Vec::new()).await
}

async fn shown(
    app: &App,
    entered: &Entered,
    name: String,
    status: StatusCode,
    refused: Vec<String>,
) -> Result<Response, Trouble> {
    let staff = entered.staff.clone();
    let (one, from, to, cards) = app.readers.run(move |replica| found(replica, &staff, &name)).await??;
    let may_receive = is_at(&entered.staff, &one.to) && cards.iter().any(|card| card.travels);
    let (page, at) = (Page::of(entered), words::moment(one.at));
    Ok(send(status, &ShipmentPage { page, name: one.name, from, to, at, cards, may_receive, refused }))
}

type Found = (Shipment, String, String, Vec<Card>);

/// A shipment for somebody at one of its ends.
fn found<S: Store>(replica: &Replica<S>, staff: &StaffRow, name: &str) -> Result<Found, ReplicaError> {
    let one = shipment(replica, name)?.ok_or(ReplicaError::NotFound)?;
    if !is_at(staff, &one.from) && !is_at(staff, &one.to) {
        return Err(ReplicaError::NotFound);
    }
    let mut cards = Vec::with_capacity(one.cards.len());
    for (partition, id) in &one.cards {
        // What was destroyed since has arrived long ago.
        if let Some(row) = replica.row(partition, id)?.filter(|row| !row.gone) {
            cards.push(card(replica, partition, id, &row)?);
        }
    }
    let name = |site: &str| words::site(site, replica.regions());
    let (from, to) = (name(&one.from), name(&one.to));
    Ok((one, from, to, cards))
}

/// `POST /kantor/kiriman/{name}/terima`: the cards that are there.
pub async fn receive(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(name): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    only_handlers(&entered)?;
    let numbers = chosen(&Fields::of(&entered, fields)?)?;
    let (staff, wanted) = (entered.staff.clone(), name.clone());
    let receive = move |office: &mut crate::office::Office<_>| {
        let one = shipment(&office.replica, &wanted)?.ok_or(ReplicaError::NotFound)?;
        let mut refused = Vec::new();
        for number in numbers {
            let (partition, id) = office.replica.need(&number)?;
            let row = office.replica.row(&partition, &id)?.ok_or(ReplicaError::NotFound)?;
            let file = office.replica.catalogue().by_hash(&row.catalogue);
            let act = file.and_then(|file| receives(&file.service).map(|step| step.act.clone()));
            let Some(act) = act.filter(|_| one.cards.contains(&(partition, id))) else {
                refused.push(format!("{number}: bukan dari kiriman ini"));
                continue;
            };
            let not = do_act(office, &staff, (&partition, &id), act)?;
            refused.extend(not.map(|sentence| format!("{number}: {sentence}")));
        }
        Ok(refused)
    };
    let refused = app.writer.write(false, receive).await??;
    if refused.is_empty() {
        return Ok(Redirect::to(&format!("/kantor/kiriman/{name}")).into_response());
    }
    shown(&app, &entered, name, StatusCode::CONFLICT, refused).await
}

/// `GET /kantor/kiriman/{name}/cetak`: what goes with the cards.
pub async fn print(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let printed = printed(&app, &entered, &name).await?;
    let back = format!("/kantor/kiriman/{name}");
    Ok(prints::page(
        &entered,
        format!("Surat pengantar {name}"),
        back.clone(),
        format!("{back}/cetak"),
        &printed,
    ))
}

/// `GET /kantor/kiriman/{name}/cetak/{part}`.
pub async fn part(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path((name, part)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    prints::give(&printed(&app, &entered, &name).await?, &part, "surat-pengantar")
}

async fn printed(app: &App, entered: &Entered, name: &str) -> Result<Printed, Trouble> {
    only_handlers(entered)?;
    let (staff, name, press) = (entered.staff.clone(), name.to_owned(), Arc::clone(&app.press));
    let work = move |replica: &Replica<_>| {
        let (one, from, to, cards) = found(replica, &staff, &name)?;
        let cards: Vec<_> = cards
            .iter()
            .map(|card| json!({ "nomor": card.number, "layanan": card.service, "seri": card.serial }))
            .collect();
        let data = json!({
            "nomor": one.name, "kantor": settings::office_name(replica)?,
            "kabupaten": prints::kabupaten_of(replica), "dicetak": words::moment(now()), "oleh": staff.name,
            "dari": from, "ke": to, "dikirim": words::moment(one.at), "isi": cards,
        });
        let pictures: Vec<_> = qr("kiriman.svg", &one.name).into_iter().collect();
        Ok::<_, ReplicaError>(press.set("kiriman", &data, &pictures))
    };
    app.readers.run(work).await??.map_err(|error| prints::broken(&error))
}
