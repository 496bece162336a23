//! Card blanks: what each site got, printed and spoiled. Printing is read from the record of decisions, so that it is
//! counted once however often that is looked at; the rest is told by who keeps the stock.

use loket_core::catalogue::{ActKind, Role, Service, Site};
use loket_core::journal::{EntryHash, Partition, Place};
use loket_core::replica::case::Case;
use loket_core::replica::write::Dice;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};
use loket_core::workflow::{Decision, Event, NEED_SERIAL, Who};
use minicbor::{Decode, Encode};

use super::Office;
use super::desk::place_of;
use super::people::StaffRow;

#[cfg(test)]
mod tests;

/// Prefix of the ledger's lines: site, kind, time.
const LINE: &[u8] = b"blangko/";
/// Prefix of the stocks: site, kind.
const STOCK: &[u8] = b"blangko_sisa/";
/// Blanks of one delivery.
pub const MAX_DELIVERY: i64 = 100_000;
/// Longest serial or reason, in characters.
pub const MAX_TEXT: usize = 200;
/// Sites and kinds that are looked at.
const MAX_STOCKS: usize = 2_000;
/// The end of keys' texts.
const END: &[u8] = &[0];

/// Who keeps blanks.
pub const KEEPERS: [Role; 4] =
    [Role::OperatorKecamatan, Role::OperatorDesa, Role::BagianProduksi, Role::Admin];

/// What happened to blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Movement {
    /// They came.
    #[n(0)]
    Masuk,
    /// One became a card.
    #[n(1)]
    Cetak,
    /// One was spoiled before it became a card.
    #[n(2)]
    Rusak,
    /// A card was spoiled, for which another is printed.
    #[n(3)]
    KartuRusak,
    /// They were counted, and were more or fewer.
    #[n(4)]
    Hitung,
}

impl Movement {
    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Movement::Masuk => "Masuk",
            Movement::Cetak => "Dicetak",
            Movement::Rusak => "Blangko rusak",
            Movement::KartuRusak => "Kartu rusak, dicetak ulang",
            Movement::Hitung => "Hasil hitung",
        }
    }
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Line {
    /// What happened.
    #[n(0)]
    pub movement: Movement,
    /// By how many the stock changed.
    #[n(1)]
    pub change: i64,
    /// Serial of the card; empty where there are many.
    #[n(2)]
    pub serial: String,
    /// Registration number, where it was for an application.
    #[n(3)]
    pub number: String,
    /// Why, or from where.
    #[n(4)]
    pub reason: String,
    /// Number of staff; none where a phone reported it.
    #[n(5)]
    pub staff: Option<u32>,
    /// Office time.
    #[n(6)]
    pub at: i64,
}

/// The blanks of a kind at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// Code of the kecamatan or village, or [`super::settings::DINAS`].
    pub site: String,
    /// The kind, e.g. `KIA`.
    pub kind: String,
    /// How many are left. Below none where more were printed than were told to have come.
    pub left: i64,
}

/// Something that whoever keeps the stock tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// So many came, from there.
    Came(i64, String),
    /// The blank of this serial is spoiled.
    Spoiled(String, String),
    /// There are so many.
    Counted(i64, String),
}

/// The site of a step, for an application of this place.
pub fn site_of(site: Site, place: &Partition) -> String {
    match (site, place) {
        (Site::Desa, Partition::Place(place)) => place.to_string(),
        (Site::Kecamatan, Partition::Place(place)) => place.kecamatan().to_string(),
        _ => super::settings::DINAS.to_owned(),
    }
}

/// Whether a member of staff keeps the blanks of a site.
pub fn keeps(staff: &StaffRow, site: &str) -> bool {
    KEEPERS.contains(&staff.role)
        && (staff.partitions.is_empty()
            || Place::parse(site).is_some_and(|place| staff.covers(&Partition::Place(place))))
}

/// The stocks, by site and kind.
pub fn stocks<S: Store>(replica: &Replica<S>) -> Result<Vec<Stock>, ReplicaError> {
    let rows = replica.store.scan(&Partition::Office, Table::Meta, STOCK, None, MAX_STOCKS)?;
    let stock = |(key, row): (Vec<u8>, Vec<u8>)| {
        let text = key.get(STOCK.len()..).map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let (site, kind) = text.trim_end_matches('\0').split_once('\0').unwrap_or_default();
        Ok(Stock { site: site.to_owned(), kind: kind.to_owned(), left: rows::decode(&row)? })
    };
    rows.into_iter().map(stock).collect()
}

/// The ledger of a kind at a site, the latest first; at most `limit` lines.
pub fn ledger<S: Store>(
    replica: &Replica<S>,
    site: &str,
    kind: &str,
    limit: usize,
) -> Result<Vec<Line>, ReplicaError> {
    let prefix = [LINE, &name(site, kind)].concat();
    let rows = replica.store.scan(&Partition::Office, Table::Meta, &prefix, None, limit)?;
    rows.iter().map(|(_, row)| rows::decode(row)).collect()
}

/// Site and kind, as keys hold them.
fn name(site: &str, kind: &str) -> Vec<u8> {
    [site.as_bytes(), END, kind.as_bytes(), END].concat()
}

/// The latest first: a scan goes upwards.
fn line_key(site: &str, kind: &str, at: i64, tail: &[u8]) -> Vec<u8> {
    [LINE, &name(site, kind), &(i64::MAX - at.max(0)).to_be_bytes(), tail].concat()
}

impl<S: Store> Office<S> {
    /// Writes down what whoever keeps the stock tells; the caller holds a transaction.
    pub fn tell_blanks(
        &mut self,
        staff: &StaffRow,
        site: &str,
        kind: &str,
        told: Told,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let known =
            self.replica.catalogue().files().any(|file| kinds(&file.service).any(|known| known == kind));
        let place = site == super::settings::DINAS || self.expand(&[site.to_owned()]).is_ok();
        if !known || !place || !keeps(staff, site) {
            return Err(ReplicaError::refused("pilih jenis blangko dan tempat yang Anda pegang"));
        }
        let left = self.left(site, kind)?;
        let (movement, change, serial, reason) = match told {
            Told::Came(count, from) => (Movement::Masuk, count, String::new(), from),
            Told::Spoiled(serial, reason) => (Movement::Rusak, -1, serial, reason),
            Told::Counted(count, reason) => {
                (Movement::Hitung, count.saturating_sub(left), String::new(), reason)
            }
        };
        let bounded = match movement {
            Movement::Masuk => (1..=MAX_DELIVERY).contains(&change),
            Movement::Hitung => (0..=MAX_DELIVERY).contains(&left.saturating_add(change)),
            _ => !serial.trim().is_empty(),
        };
        let short = [&serial, &reason].iter().all(|text| text.chars().count() <= MAX_TEXT);
        if !bounded || !short || reason.trim().is_empty() {
            return Err(ReplicaError::refused(format!(
                "tulis banyaknya (paling banyak {MAX_DELIVERY}) atau nomor serinya, dan asal atau alasannya (paling panjang {MAX_TEXT} huruf)"
            )));
        }
        let mut tail = [0; 8];
        dice(&mut tail);
        let line = Line {
            movement,
            change,
            serial: serial.trim().to_owned(),
            number: String::new(),
            reason: reason.trim().to_owned(),
            staff: Some(staff.id),
            at: now,
        };
        self.put_line(site, kind, &tail, &line)
    }

    /// Counts the cards that a record says were printed or spoiled and that are not counted yet.
    pub(super) fn count_blanks(&mut self, case: &Case) -> Result<(), ReplicaError> {
        let Some(file) = case.service.clone() else { return Ok(()) };
        let service = &file.service;
        let mut printed: Option<(&str, String)> = None;
        for (at, decision) in case.record.iter().enumerate().filter(|(_, one)| one.kind == Event::Done) {
            let step = service.steps.iter().find(|step| step.act == decision.act);
            if let Some((step, kind)) = step.and_then(|step| Some((step, service.blank_of(step)?))) {
                let serial = serial(decision);
                let site = site_of(step.site, &place_of(case));
                self.count_card(&site, kind, (case, at, decision), (Movement::Cetak, -1), &serial)?;
                printed = Some((kind, serial));
            } else if let Some((kind, serial)) = printed.take_if(|_| reprints(service, &decision.act)) {
                let site = service.steps.iter().find(|step| service.blank_of(step) == Some(kind));
                let site = site_of(site.map_or(service.print_site, |step| step.site), &place_of(case));
                self.count_card(&site, kind, (case, at, decision), (Movement::KartuRusak, 0), &serial)?;
            }
        }
        Ok(())
    }

    fn count_card(
        &mut self,
        site: &str,
        kind: &str,
        (case, at, decision): (&Case, usize, &Decision),
        (movement, change): (Movement, i64),
        serial: &str,
    ) -> Result<(), ReplicaError> {
        let tail = tail(&case.id, at);
        if self
            .replica
            .store
            .get(&Partition::Office, Table::Meta, &line_key(site, kind, decision.at, &tail))?
            .is_some()
        {
            return Ok(());
        }
        let line = Line {
            movement,
            change,
            serial: serial.chars().take(MAX_TEXT).collect(),
            number: case.number(),
            reason: reason(case, decision),
            staff: match decision.actor.who {
                Who::Staff(id) => Some(id),
                _ => None,
            },
            at: decision.at,
        };
        self.put_line(site, kind, &tail, &line)
    }

    fn put_line(&mut self, site: &str, kind: &str, tail: &[u8], line: &Line) -> Result<(), ReplicaError> {
        let left = self.left(site, kind)?.saturating_add(line.change);
        self.put_local(Table::Meta, &[STOCK, &name(site, kind)].concat(), &left)?;
        self.put_local(Table::Meta, &line_key(site, kind, line.at, tail), line)
    }

    fn left(&self, site: &str, kind: &str) -> Result<i64, ReplicaError> {
        let row =
            self.replica.store.get(&Partition::Office, Table::Meta, &[STOCK, &name(site, kind)].concat())?;
        row.map_or(Ok(0), |bytes| rows::decode(&bytes))
    }
}

/// Kinds of blanks that a service uses up.
pub fn kinds(service: &Service) -> impl Iterator<Item = &str> {
    service.steps.iter().filter_map(|step| service.blank_of(step))
}

/// Whether an act sends the application back to where its card is printed.
fn reprints(service: &Service, act: &str) -> bool {
    let prints = service.steps.iter().find(|step| step.kind == ActKind::Cetak);
    let mut outcomes = service.steps.iter().flat_map(|step| &step.outcomes);
    prints.is_some_and(|step| outcomes.any(|outcome| outcome.act == act && outcome.to == step.waits))
}

fn serial(decision: &Decision) -> String {
    let told = decision.params.iter().find(|(need, _)| need == NEED_SERIAL);
    told.map(|(_, serial)| serial.clone()).unwrap_or_default()
}

/// The reason that was chosen, in the words of the service. What somebody wrote may name people, and stays in the record.
fn reason(case: &Case, decision: &Decision) -> String {
    let Some(file) = &case.service else { return String::new() };
    let chosen = decision.params.iter().find_map(|(_, value)| {
        file.service.reasons.iter().find(|reason| reason.id == *value).map(|reason| reason.label.clone())
    });
    chosen.unwrap_or_default()
}

/// What tells a decision's line from every other: the application, and the decision's place in the record.
fn tail(id: &EntryHash, at: usize) -> Vec<u8> {
    [id.as_bytes(), &u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes()].concat()
}
