//! Figures over all applications, for those who lead the office. Going over everything takes as long as there is much, so
//! they are worked out beside all else, kept for a while, and say when that was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use loket_core::catalogue::Role;
use loket_core::journal::Partition;
use loket_core::replica::rows::{self, ApplicationRow};
use loket_core::replica::view::time_text;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use loket_core::workflow::clock;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tracing::error;

use crate::app::App;
use crate::config::{limits, now};
use crate::office::look::Look;
use crate::office::seen::last_seen;

/// Applications of a queue whose service time is read: the oldest.
const CLOCKED: usize = 100;
/// Applications that are read at a time.
const PAGE: usize = 500;
/// Devices that have not been heard of for longer are named.
pub const SILENT: i64 = 3 * 24 * 3600;
/// Ages of what waits: up to so many seconds, and their words.
pub const AGES: [(i64, &str); 4] = [
    (24 * 3600, "sampai 1 hari"),
    (3 * 24 * 3600, "1–3 hari"),
    (7 * 24 * 3600, "3–7 hari"),
    (i64::MAX, "lebih lama"),
];
/// The state in which an application is back with its officer.
const RETURNED: &str = "DIKEMBALIKAN";

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Office time when the counting ended.
    pub at: i64,
    /// Filed applications by service, the most first.
    pub services: Vec<(String, u64)>,
    /// Applications that have not ended, by state.
    pub states: Vec<(String, u64)>,
    /// Villages and counters.
    pub places: Vec<PlaceFigures>,
    /// Desks at which anything waits.
    pub desks: Vec<DeskFigures>,
    /// Devices that have not been heard of for long: officer, and since when; never: none.
    pub silent: Vec<(String, Option<i64>)>,
}

/// A village or counter.
#[derive(Debug, Clone, Default)]
pub struct PlaceFigures {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Applications that were filed.
    pub filed: u64,
    /// Of them, those that were never sent back.
    pub right: u64,
}

/// A desk.
#[derive(Debug, Clone)]
pub struct DeskFigures {
    /// The role.
    pub desk: Role,
    /// How many wait, by [`AGES`]; counted up to a queue's limit.
    pub ages: [u64; 4],
    /// How many of the oldest had their service time read, and how many of them are beyond the target, pauses left out.
    pub clocked: (u64, u64),
}

/// The figures as last worked out.
#[derive(Default)]
pub struct Latest {
    figures: Mutex<Option<Arc<Figures>>>,
    busy: AtomicBool,
}

impl Latest {
    fn get(&self) -> Option<Arc<Figures>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The figures, none where they have not been worked out yet; new ones are begun where these are old.
pub async fn latest(app: &Arc<App>) -> Option<Arc<Figures>> {
    let old = app.figures.get();
    let is_new = old.as_ref().is_some_and(|figures| now() - figures.at < limits::FIGURES_EVERY);
    if !is_new && !app.figures.busy.swap(true, Ordering::Relaxed) {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            match app.readers.run(count).await {
                Ok(Ok(figures)) => {
                    *app.figures.figures.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some(figures.into());
                }
                Ok(Err(error)) => error!(%error, "the figures could not be worked out"),
                Err(failure) => error!(%failure, "the figures could not be worked out"),
            }
            app.figures.busy.store(false, Ordering::Relaxed);
        });
    }
    if old.is_some() {
        return old;
    }
    // In a small office they are there at once.
    let soon = async {
        while app.figures.get().is_none() {
            sleep(limits::FIGURES_SOON / 10).await;
        }
    };
    let _ = timeout(limits::FIGURES_SOON, soon).await;
    app.figures.get()
}

fn count<S: Store>(replica: &Replica<S>) -> Result<Figures, ReplicaError> {
    let mut tally = Tally::default();
    for partition in replica.store.partitions()? {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = replica.store.scan(&partition, Table::Application, b"", after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (_, row) in &page {
                tally.add(rows::decode(row)?);
            }
        }
    }
    let mut figures = tally.figures(replica);
    for desk in Role::ALL {
        figures.desks.extend(waiting(replica, desk)?);
    }
    figures.silent = silent(replica)?;
    figures.at = now();
    Ok(figures)
}

/// What is counted while going over the applications.
#[derive(Default)]
struct Tally {
    services: BTreeMap<String, u64>,
    states: BTreeMap<(String, [u8; 32]), u64>,
    places: BTreeMap<Partition, (u64, u64)>,
}

impl Tally {
    fn add(&mut self, row: ApplicationRow) {
        let filed = row.revision > 0;
        if filed {
            *self.services.entry(row.service).or_default() += 1;
            if let Some(place) = row.place {
                let (all, right) = self.places.entry(place).or_default();
                *all += 1;
                *right += u64::from(row.revision == 1 && row.state != RETURNED);
            }
        }
        if !row.fin {
            *self.states.entry((row.state, row.catalogue)).or_default() += 1;
        }
    }

    fn figures<S: Store>(self, replica: &Replica<S>) -> Figures {
        let catalogue = replica.catalogue();
        let title = |id: String| {
            let file = catalogue.current(&id, loket_core::time::today(now()));
            file.map_or(id, |file| file.service.title.clone())
        };
        let mut states: BTreeMap<String, u64> = BTreeMap::new();
        for ((state, file), count) in self.states {
            let file = catalogue.by_hash(&file);
            let info = file.as_ref().and_then(|file| file.service.state(&state));
            *states.entry(info.map_or(state.clone(), |info| info.label.clone())).or_default() += count;
        }
        let place = |(place, (filed, right)): (Partition, (u64, u64))| {
            let code = place.to_string();
            let name = replica.regions().name(&code).unwrap_or(&code).to_owned();
            PlaceFigures { code, name, filed, right }
        };
        Figures {
            services: sorted(self.services.into_iter().map(|(id, count)| (title(id), count))),
            states: sorted(states.into_iter()),
            places: self.places.into_iter().map(place).collect(),
            ..Figures::default()
        }
    }
}

fn sorted(counts: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut all: Vec<_> = counts.collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all
}

fn waiting<S: Store>(replica: &Replica<S>, desk: Role) -> Result<Option<DeskFigures>, ReplicaError> {
    let since = replica.queue_ages(desk)?;
    if since.is_empty() {
        return Ok(None);
    }
    let now = now();
    let mut ages = [0; 4];
    for since in since {
        let bucket = AGES.iter().position(|(most, _)| now - since <= *most);
        if let Some(count) = bucket.and_then(|bucket| ages.get_mut(bucket)) {
            *count += 1;
        }
    }
    let mut clocked = (0, 0);
    for one in replica.queue_part(desk, None, CLOCKED, &|_| true)?.waiting {
        let case = replica.case(&one.partition, &one.id)?;
        if let (Some(file), Some(state)) = (&case.service, case.state()) {
            clocked.0 += 1;
            clocked.1 += u64::from(clock(&file.service, &state, replica.calendar(), now).overdue);
        }
    }
    Ok(Some(DeskFigures { desk, ages, clocked }))
}

fn silent<S: Store>(replica: &Replica<S>) -> Result<Vec<(String, Option<i64>)>, ReplicaError> {
    let mut silent = Vec::new();
    for device in replica.devices()?.into_iter().filter(|device| !device.has_ended()) {
        let seen = last_seen(replica, &device.id)?;
        if seen.is_none_or(|at| now() - at > SILENT) {
            silent.push((device.certificate.officer, seen));
        }
    }
    silent.sort_by_key(|(_, seen)| *seen);
    Ok(silent)
}

impl Figures {
    /// As other systems read them. Nobody's data.
    pub fn json(&self) -> Value {
        let counts = |all: &[(String, u64)]| {
            all.iter().map(|(label, count)| json!({ "label": label, "count": count })).collect::<Vec<_>>()
        };
        let place = |one: &PlaceFigures| json!({ "place": one.code, "name": one.name, "filed": one.filed, "first_time_right": one.right });
        let desk = |one: &DeskFigures| {
            json!({ "desk": one.desk, "waiting": one.ages.iter().sum::<u64>(), "ages": one.ages,
                "service_time_read": one.clocked.0, "beyond_target": one.clocked.1 })
        };
        json!({
            "at": time_text(self.at), "services": counts(&self.services), "states": counts(&self.states),
            "places": self.places.iter().map(place).collect::<Vec<_>>(),
            "desks": self.desks.iter().map(desk).collect::<Vec<_>>(), "silent_devices": self.silent.len(),
        })
    }
}
