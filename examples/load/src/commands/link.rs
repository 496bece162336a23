//! `reconnect`, `first-sync`, `slow-link`: the client's own sync, from the call to the end.

use std::path::Path;
use std::time::{Duration, Instant};

use loket_core::catalogue::Catalogue;
use loket_core::client::{Phone, enrol, sync};
use loket_core::journal::Partition;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ingest::Sender;
use crate::Trouble;
use crate::device::{Device, villages};
use crate::office::{Office, Place};
use crate::people::SERVICE;
use crate::slow::Slow;
use crate::stats::{Times, rounded};

/// Applications that change between two syncs, three fields each.
const CHANGED: usize = 10;
/// Applications of one batch of whoever fills the village.
const EACH: usize = 50;

#[derive(clap::Args)]
pub struct Arguments {
    /// Applications of the village
    #[arg(long, default_value_t = 1_000)]
    pub applications: usize,
    /// How often each is measured
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
}

/// An office with a full village, a link to it, and a phone of that village that is up to date.
struct Village {
    office: Office,
    link: Slow,
    home: Partition,
    phone: TempDir,
}

/// A phone that calls again, on a fast line.
pub async fn reconnect(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let mut village = Village::open(&arguments, place).await?;
    let measured = village.calls_again(arguments.rounds).await?;
    village.office.stop()?;
    Ok(json!({ "reconnect": measured }))
}

/// A new phone, on a fast line.
pub async fn first_sync(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let mut village = Village::open(&arguments, place).await?;
    let measured = village.comes_first(arguments.rounds, arguments.applications).await?;
    village.office.stop()?;
    Ok(json!({ "first_sync": measured }))
}

/// Both, on a slow line.
pub async fn slow(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let mut village = Village::open(&arguments, place).await?;
    village.link.set(true);
    let again = village.calls_again(arguments.rounds).await?;
    // A first sync takes its time; it is the same each time.
    let first = village.comes_first(1, arguments.applications).await?;
    village.office.stop()?;
    Ok(json!({ "slow_link": { "reconnect": again, "first_sync": first } }))
}

impl Village {
    async fn open(arguments: &Arguments, place: &Place) -> Result<Self, Trouble> {
        let mut office = Office::open(place)?;
        let village = *villages().first().ok_or("no village")?;
        let device = Device::new(village)?;
        let home = device.partition();
        office.certify(std::slice::from_ref(&device))?;
        office.serve()?;
        let link = Slow::to(office.address()).await?;
        let mut sender = Sender::connect(device, &office.address(), office.public_key()).await?;
        let file = Catalogue::builtin().get(SERVICE, "2026.1").ok_or("the service is not there")?;
        let frames = sender.pen.batches(&file, arguments.applications, EACH, 0, false)?;
        sender.push(frames).await?;
        let phone = TempDir::new()?;
        let code = office.invite(&[home])?;
        enrolled(phone.path(), link.url(), &code).await?;
        again(phone.path()).await?;
        Ok(Self { office, link, home, phone })
    }

    /// With nothing new, and with ten changed.
    async fn calls_again(&self, rounds: usize) -> Result<Value, Trouble> {
        let (mut unchanged, mut changed) = (Times::default(), Times::default());
        let mut bytes = [0, 0];
        for round in 0..rounds {
            let (took, moved) = again(self.phone.path()).await?;
            unchanged.add(took);
            bytes[0] = moved;
            self.change(round)?;
            let (took, moved) = again(self.phone.path()).await?;
            changed.add(took);
            bytes[1] = moved;
        }
        let [still, moved] = bytes;
        Ok(json!({
            "unchanged": unchanged.json(), "unchanged_bytes": still,
            "ten_changed": changed.json(), "ten_changed_bytes": moved,
        }))
    }

    /// Writes three fields of ten applications, as nobody has before.
    fn change(&self, round: usize) -> Result<(), Trouble> {
        let mut phone = Phone::open(self.phone.path())?;
        let all = phone.list()?;
        let step = (all.len() / CHANGED).max(1);
        for (at, listed) in all.iter().step_by(step).take(CHANGED).enumerate() {
            let house = format!("Dusun Baru No. {}", round * CHANGED + at + 1);
            let fields =
                [("alamat", house.as_str()), ("rt", "011"), ("pekerjaan", &format!("nelayan {round}"))]
                    .map(|(field, value)| (field.to_owned(), value.to_owned()));
            phone.set(&listed.row.number, &fields)?;
        }
        Ok(())
    }

    /// A new phone each time: enrolled, and given everything.
    async fn comes_first(&self, rounds: usize, applications: usize) -> Result<Value, Trouble> {
        let mut times = Times::default();
        for _ in 0..rounds {
            let phone = TempDir::new()?;
            let code = self.office.invite(&[self.home])?;
            let start = Instant::now();
            enrolled(phone.path(), self.link.url(), &code).await?;
            times.add(start.elapsed());
            let here = Phone::open(phone.path())?.list()?.len();
            if here != applications {
                return Err(format!("{here} applications came of {applications}").into());
            }
        }
        let each = rounded(times.quantile(0.5) / applications.max(1) as f64);
        Ok(json!({ "enrolment_and_sync": times.json(), "ms_each": each }))
    }
}

async fn enrolled(dir: &Path, url: &str, code: &str) -> Result<(), Trouble> {
    match enrol(dir, url, code).await?.unsynced {
        Some(cause) => Err(cause.into()),
        None => Ok(()),
    }
}

/// Opens the phone, syncs, and tells how long that took and how many bytes went both ways.
async fn again(dir: &Path) -> Result<(Duration, u64), Trouble> {
    let start = Instant::now();
    let report = sync(Phone::open(dir)?, &mut |_| {}).await?;
    Ok((start.elapsed(), report.bytes_sent + report.bytes_received))
}
