//! Card blanks: what is left at each site, and the ledger behind it.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use loket_core::catalogue::Role;
use loket_core::journal::Partition;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::time::today;
use serde::Deserialize;

use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::words;
use crate::app::App;
use crate::config::{dice, now};
use crate::office::blanks::{self, KEEPERS, MAX_TEXT, Told, keeps, kinds, stocks};
use crate::office::people::StaffRow;

/// Lines of a ledger that are shown.
const MAX_LINES: usize = 500;
/// So many and fewer are said to be few.
const FEW: i64 = 20;

#[derive(Template)]
#[template(path = "blangko.html")]
struct StocksPage {
    page: Page,
    stocks: Vec<StockLine>,
    sites: Vec<(String, String)>,
    kinds: Vec<String>,
    most: usize,
}

struct StockLine {
    site: String,
    name: String,
    kind: String,
    left: i64,
    is_few: bool,
    /// More were printed than were told to have come.
    is_short: bool,
}

#[derive(Template)]
#[template(path = "buku_blangko.html")]
struct LedgerPage {
    page: Page,
    name: String,
    kind: String,
    left: i64,
    lines: Vec<Line>,
    is_full: bool,
}

struct Line {
    at: String,
    what: &'static str,
    change: String,
    serial: String,
    number: String,
    reason: String,
    by: String,
}

/// What is told of blanks.
#[derive(Deserialize)]
pub struct Asked {
    kunci: String,
    tempat: String,
    jenis: String,
    apa: String,
    #[serde(default)]
    banyak: String,
    #[serde(default)]
    seri: String,
    alasan: String,
}

fn only_keepers(entered: &Entered) -> Result<(), Trouble> {
    KEEPERS.contains(&entered.staff.role).then_some(()).ok_or(Trouble::Forbidden)
}

/// `GET /kantor/blangko`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_keepers(&entered)?;
    let staff = entered.staff.clone();
    let page = Page::of(&entered);
    let made = app.readers.run(move |replica| make(replica, &staff, page)).await??;
    Ok(send(StatusCode::OK, &made))
}

fn make<S: Store>(replica: &Replica<S>, staff: &StaffRow, page: Page) -> Result<StocksPage, ReplicaError> {
    let regions = replica.regions();
    let own = stocks(replica)?.into_iter().filter(|stock| keeps(staff, &stock.site));
    let stocks = own.map(|stock| StockLine {
        name: words::site(&stock.site, regions),
        is_few: (0..=FEW).contains(&stock.left),
        is_short: stock.left < 0,
        site: stock.site,
        kind: stock.kind,
        left: stock.left,
    });
    let (catalogue, day) = (replica.catalogue(), today(now()));
    let current = catalogue.services().filter_map(|id| catalogue.current(id, day));
    let kinds: BTreeSet<String> =
        current.flat_map(|file| kinds(&file.service).map(str::to_owned).collect::<Vec<_>>()).collect();
    Ok(StocksPage {
        page,
        stocks: stocks.collect(),
        sites: sites(replica, staff),
        kinds: kinds.into_iter().collect(),
        most: MAX_TEXT,
    })
}

/// Sites that somebody keeps: code, name.
fn sites<S: Store>(replica: &Replica<S>, staff: &StaffRow) -> Vec<(String, String)> {
    let own: Vec<String> = match staff.partitions.as_slice() {
        [] => {
            let kecamatan = replica.regions().kecamatan().into_iter().map(|(place, _)| place.to_string());
            std::iter::once(crate::office::settings::DINAS.to_owned()).chain(kecamatan).collect()
        }
        partitions if staff.role == Role::OperatorKecamatan => {
            // The kecamatan itself first: that is where its cards are printed.
            let mut codes: Vec<String> = partitions.iter().map(Partition::to_string).collect();
            codes.sort_by_key(String::len);
            codes
        }
        partitions => partitions.iter().map(Partition::to_string).collect(),
    };
    own.into_iter()
        .map(|code| (words::site(&code, replica.regions()), code))
        .map(|(name, code)| (code, name))
        .collect()
}

/// `GET /kantor/blangko/{site}/{kind}`.
pub async fn ledger(
    State(app): State<Arc<App>>,
    entered: Entered,
    Path((site, kind)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    only_keepers(&entered)?;
    if !keeps(&entered.staff, &site) {
        return Err(Trouble::NotFound);
    }
    let read = move |replica: &Replica<_>| {
        let stock = stocks(replica)?.into_iter().find(|stock| stock.site == site && stock.kind == kind);
        let Some(stock) = stock else { return Err(ReplicaError::NotFound) };
        let lines = blanks::ledger(replica, &site, &kind, MAX_LINES)?;
        Ok((words::site(&site, replica.regions()), stock, lines))
    };
    let (name, stock, lines) = app.readers.run(read).await??;
    let is_full = lines.len() == MAX_LINES;
    let line = |line: blanks::Line| Line {
        at: words::moment(line.at),
        what: line.movement.label(),
        change: if line.change > 0 { format!("+{}", line.change) } else { line.change.to_string() },
        serial: line.serial,
        number: line.number,
        reason: line.reason,
        by: line.staff.map_or_else(|| "HP petugas".to_owned(), |id| format!("petugas {id}")),
    };
    let lines = lines.into_iter().map(line).collect();
    let page = Page::of(&entered);
    Ok(send(StatusCode::OK, &LedgerPage { page, name, kind: stock.kind, left: stock.left, lines, is_full }))
}

/// `POST /kantor/blangko/catat`.
pub async fn tell(
    State(app): State<Arc<App>>,
    entered: Entered,
    Form(asked): Form<Asked>,
) -> Result<Response, Trouble> {
    only_keepers(&entered)?;
    entered.check(&asked.kunci)?;
    let count = asked.banyak.trim().parse::<i64>();
    let count = count.map_err(|_| Trouble::Bad("Tulis banyaknya dengan angka.".into()));
    let told = match asked.apa.as_str() {
        "masuk" => Told::Came(count?, asked.alasan),
        "hitung" => Told::Counted(count?, asked.alasan),
        "rusak" => Told::Spoiled(asked.seri, asked.alasan),
        _ => return Err(Trouble::Bad("Pilih apa yang dicatat.".into())),
    };
    let staff = entered.staff.clone();
    let tell = move |office: &mut crate::office::Office<_>| {
        office.tell_blanks(&staff, &asked.tempat, &asked.jenis, told, now(), &mut dice)
    };
    app.writer.write(false, tell).await??;
    Ok(Redirect::to("/kantor/blangko").into_response())
}
