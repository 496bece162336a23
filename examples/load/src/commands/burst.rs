//! `burst`: a district that comes back after an outage, all phones at once, with their applications and scans.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use loket_core::client::{Draft, Phone, Step, enrol, sync};
use loket_core::journal::Partition;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Trouble;
use crate::device::villages;
use crate::office::{Office, Place};
use crate::people::SERVICE;
use crate::stats::rounded;

/// Phones that enrol at once.
const AT_ONCE: usize = 16;
/// Between looks at the office's memory.
const LOOK: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub struct Arguments {
    /// Phones
    #[arg(long, default_value_t = 300)]
    pub phones: usize,
    /// Applications, spread over the phones
    #[arg(long, default_value_t = 1_000)]
    pub applications: usize,
    /// Scans, spread over the applications
    #[arg(long, default_value_t = 4_000)]
    pub scans: usize,
    /// Bytes of a scan
    #[arg(long, default_value_t = 400_000)]
    pub bytes: usize,
}

/// When a phone's entries and its last scan were at the office, in seconds after all began.
struct Ended {
    entries: f64,
    all: f64,
}

/// Prepares the phones while nobody listens, then lets all of them come at once.
pub async fn run(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let mut office = Office::open(place)?;
    office.serve_privately()?;
    let dir = tempfile::TempDir::new()?;
    let folders: Vec<PathBuf> = (0..arguments.phones).map(|n| dir.path().join(n.to_string())).collect();
    enrolled(&office, &folders).await?;
    for (number, folder) in folders.iter().enumerate() {
        let share = |all: usize| all * (number + 1) / arguments.phones - all * number / arguments.phones;
        prepare(folder, number, share(arguments.applications), share(arguments.scans), arguments.bytes)?;
    }
    let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let office = Arc::new(office);
    let watching = tokio::spawn(watch(Arc::clone(&office), Arc::clone(&most), Arc::clone(&stop)));
    let before = office.usage().resident;
    let began = Instant::now();
    let mut coming: JoinSet<Result<Ended, Trouble>> = JoinSet::new();
    for folder in folders {
        coming.spawn(async move { come(&folder, began).await });
    }
    let (mut entries, mut all) = (Vec::new(), Vec::new());
    while let Some(ended) = coming.join_next().await {
        let ended = ended??;
        entries.push(ended.entries);
        all.push(ended.all);
    }
    stop.store(true, Ordering::Relaxed);
    watching.await?;
    entries.sort_by(f64::total_cmp);
    all.sort_by(f64::total_cmp);
    let last = |times: &[f64]| rounded(times.last().copied().unwrap_or_default());
    let middle = |times: &[f64]| rounded(times.get(times.len() / 2).copied().unwrap_or_default());
    let first = |times: &[f64]| rounded(times.first().copied().unwrap_or_default());
    Ok(json!({ "burst": {
        "phones": arguments.phones,
        "applications": arguments.applications,
        "scans": arguments.scans,
        "bytes_of_scans": arguments.scans * arguments.bytes,
        "entries_receipted_seconds": { "median": middle(&entries), "last": last(&entries) },
        "phone_done_seconds": {
            "first": first(&all), "median": middle(&all), "last": last(&all),
        },
        "office_mib_before": before >> 20,
        "office_mib_most": most.load(Ordering::Relaxed) >> 20,
    } }))
}

async fn enrolled(office: &Office, folders: &[PathBuf]) -> Result<(), Trouble> {
    let mut enrolling: JoinSet<Result<(), Trouble>> = JoinSet::new();
    let all = villages();
    for (number, folder) in folders.iter().enumerate() {
        if enrolling.len() >= AT_ONCE
            && let Some(done) = enrolling.join_next().await
        {
            done??;
        }
        let village = all.get(number % all.len().max(1)).ok_or("no village")?;
        let code = office.invite(&[Partition::Place(*village)])?;
        let (folder, url) = (folder.clone(), office.url().to_owned());
        enrolling.spawn(async move {
            let enrolled = enrol(&folder, &url, &code).await?;
            enrolled.unsynced.map_or(Ok(()), |why| Err(why.into()))
        });
    }
    while let Some(done) = enrolling.join_next().await {
        done??;
    }
    Ok(())
}

/// An officer's work of three days.
fn prepare(
    folder: &Path,
    number: usize,
    applications: usize,
    scans: usize,
    bytes: usize,
) -> Result<(), Trouble> {
    let mut phone = Phone::open(folder)?;
    let photo = folder.join("foto.jpg");
    let mut ids = Vec::new();
    for _ in 0..applications {
        let fields = vec![("alamat".to_owned(), "Dusun Contoh 1".to_owned())];
        let draft = Draft { service: SERVICE.into(), fields, ..Draft::default() };
        let ready = phone.check(&draft)?;
        ids.extend(phone.create(&[ready], &mut |_| {})?.into_iter().map(|created| created.id.to_hex()));
    }
    let Some(first) = ids.first() else { return Ok(()) };
    let form = phone.form(first)?;
    let asked = form.requirements.first().and_then(|one| form.file.service.requirements.get(one.place));
    let requirement = asked.ok_or("the service asks for no paper")?.id.clone();
    for (scan, id) in (0..scans).zip(ids.iter().cycle()) {
        // Each of its own: what is the same is kept once.
        let seed = u64::try_from(number * 1_000_000 + scan)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_be_bytes());
        let mut content = vec![0; bytes];
        hasher.finalize_xof().fill(&mut content);
        std::fs::write(&photo, &content)?;
        phone.attach(id, &requirement, &photo)?;
    }
    Ok(())
}

async fn come(folder: &Path, began: Instant) -> Result<Ended, Trouble> {
    let mut entries = None;
    let mut watch = |step: Step| {
        if matches!(step, Step::Scans { .. } | Step::Settled(_)) {
            entries.get_or_insert_with(|| began.elapsed().as_secs_f64());
        }
    };
    sync(Phone::open(folder)?, &mut watch).await?;
    let all = began.elapsed().as_secs_f64();
    Ok(Ended { entries: entries.unwrap_or(all), all })
}

async fn watch(office: Arc<Office>, most: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        most.fetch_max(office.usage().resident, Ordering::Relaxed);
        tokio::time::sleep(LOOK).await;
    }
}
