//! `ingest`: how many new applications a second the office takes in, by how many it has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loket_core::catalogue::{Catalogue, ServiceFile};
use loket_core::identity::PublicKey;
use loket_core::sync::message::{Message, Taken};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Trouble;
use crate::device::{spread, villages};
use crate::line::Line;
use crate::office::{Office, Place, own_usage};
use crate::pen::Pen;
use crate::people::SERVICE;
use crate::stats::{Times, rounded};

/// Applications that are prepared and sent at once where none of it is measured.
const FILL: usize = 60_000;
/// Batches that a phone sends before it waits for the first to be taken: half of what a session allows.
const WINDOW: usize = 4;

#[derive(clap::Args)]
pub struct Arguments {
    /// Applications that are measured each time
    #[arg(long, default_value_t = 20_000)]
    pub applications: usize,
    /// Phones that send at once, each of another village
    #[arg(long, default_value_t = 50)]
    pub phones: usize,
    /// Applications of one batch, which its phone has signed once
    #[arg(long, default_value_t = 20)]
    pub each: usize,
    /// How many applications the office is to hold before each measurement
    #[arg(long, value_delimiter = ',', default_value = "1000")]
    pub at: Vec<usize>,
}

/// A phone that only sends.
pub struct Sender {
    /// What it writes with.
    pub pen: Pen,
    line: Line,
}

/// The phones, and how many applications they have brought.
pub struct Load {
    phones: Vec<Sender>,
    file: Arc<ServiceFile>,
    each: usize,
    filed: bool,
    stored: usize,
}

/// Measures at each size.
pub async fn run(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    if arguments.phones == 0 || arguments.phones > villages().len() || arguments.each == 0 {
        return Err(format!("between 1 and {} phones, with batches", villages().len()).into());
    }
    let mut office = Office::open(place)?;
    let devices = spread(arguments.phones)?;
    office.certify(&devices)?;
    office.serve()?;
    let mut load = Load::connect(devices, &office, arguments.each, false).await?;
    let mut measured = Vec::new();
    for at in arguments.at {
        while load.stored < at {
            let count = FILL.min(at - load.stored);
            load.send(count, &office).await?;
        }
        measured.push(load.send(arguments.applications, &office).await?);
    }
    office.stop()?;
    let rate = |at: Option<&Value>| at.and_then(|one| one["a_second"].as_f64()).unwrap_or_default();
    let ratio = rounded(rate(measured.last()) / rate(measured.first()).max(f64::MIN_POSITIVE));
    Ok(json!({ "ingest": measured, "last_to_first": ratio }))
}

impl Load {
    /// Connects every device; what they bring is filed, or drafts.
    pub async fn connect(
        devices: Vec<crate::device::Device>,
        office: &Office,
        each: usize,
        filed: bool,
    ) -> Result<Self, Trouble> {
        let mut phones = Vec::with_capacity(devices.len());
        for device in devices {
            phones.push(Sender::connect(device, &office.address(), office.public_key()).await?);
        }
        let file = Catalogue::builtin().get(SERVICE, "2026.1").ok_or("the service is not there")?;
        Ok(Self { phones, file, each, filed, stored: 0 })
    }

    /// Prepares so many applications, then sends them; what was measured of the sending.
    pub async fn send(&mut self, count: usize, office: &Office) -> Result<Value, Trouble> {
        let share = count.div_ceil(self.phones.len());
        let ready = self.prepare(count, share)?;
        let (before, own) = (office.usage(), own_usage());
        let start = Instant::now();
        let mut sending = JoinSet::new();
        for (mut phone, frames) in self.phones.drain(..).zip(ready) {
            sending.spawn(async move {
                let took = phone.push(frames).await?;
                Ok::<_, Trouble>((phone, took))
            });
        }
        let mut times = Times::default();
        while let Some(done) = sending.join_next().await {
            let (phone, took) = done??;
            self.phones.push(phone);
            times.extend(took);
        }
        let took = start.elapsed();
        let (after, own_after) = (office.usage(), own_usage());
        let stored = self.stored;
        self.stored += count;
        let each_us = |seconds: f64| rounded(seconds * 1e6 / count as f64);
        Ok(json!({
            "stored_before": stored,
            "applications": count,
            "seconds": rounded(took.as_secs_f64()),
            "a_second": rounded(count as f64 / took.as_secs_f64()),
            "batches": times.json(),
            "office_cpu_us_each": each_us(after.seconds - before.seconds),
            "load_cpu_us_each": each_us(own_after.seconds - own.seconds),
            "office_resident_mib": after.resident >> 20,
            "stored_bytes_each": office.stored_bytes() / self.stored as u64,
        }))
    }

    /// What each phone will send, made by all processors.
    fn prepare(&mut self, count: usize, share: usize) -> Result<Vec<Vec<Vec<u8>>>, Trouble> {
        let (file, each, stored, filed) = (&self.file, self.each, self.stored, self.filed);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let some = self.phones.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let mut working = Vec::new();
            for (group, phones) in self.phones.chunks_mut(some).enumerate() {
                working.push(scope.spawn(move || -> Result<Vec<_>, Trouble> {
                    let mut ready = Vec::new();
                    for (at, phone) in phones.iter_mut().enumerate() {
                        let first = (group * some + at) * share;
                        let own = share.min(count.saturating_sub(first));
                        ready.push(phone.pen.batches(file, own, each, (stored + first) as u64, filed)?);
                    }
                    Ok(ready)
                }));
            }
            let mut all = Vec::new();
            for work in working {
                all.extend(work.join().map_err(|_| "the preparation failed")??);
            }
            Ok(all)
        })
    }
}

impl Sender {
    /// Connects, and lets go of what the office has for it.
    pub async fn connect(
        device: crate::device::Device,
        address: &str,
        office: PublicKey,
    ) -> Result<Self, Trouble> {
        let mut line = Line::open(address, &[]).await?;
        line.greet(&device, office).await?;
        Ok(Self { pen: Pen::new(device), line })
    }

    /// Sends frames, a few ahead of what was taken; how long each took until it was durable.
    pub async fn push(&mut self, frames: Vec<Vec<u8>>) -> Result<Times, Trouble> {
        let mut times = Times::default();
        let mut waiting: std::collections::VecDeque<Instant> = Default::default();
        let mut frames = frames.into_iter();
        loop {
            while waiting.len() < WINDOW
                && let Some(frame) = frames.next()
            {
                waiting.push_back(Instant::now());
                self.line.send(frame).await?;
            }
            if waiting.is_empty() {
                return Ok(times);
            }
            times.add(self.taken(&mut waiting).await?);
        }
    }

    /// Waits until the oldest batch is taken.
    async fn taken(
        &mut self,
        waiting: &mut std::collections::VecDeque<Instant>,
    ) -> Result<Duration, Trouble> {
        loop {
            match Message::from_bytes(&self.line.next().await?)? {
                Message::Taken(Taken { refused, .. }) if refused.is_empty() => {
                    let sent = waiting.pop_front().ok_or("a batch was taken that nobody sent")?;
                    return Ok(sent.elapsed());
                }
                Message::Taken(taken) => return Err(format!("not taken: {:?}", taken.refused).into()),
                Message::Batch(batch) => {
                    let taken = Taken { batch: batch.id, refused: Vec::new() };
                    self.line.send(Message::Taken(taken).to_bytes()).await?;
                }
                Message::Error(code, said) => return Err(format!("{said} ({code})").into()),
                _ => {}
            }
        }
    }
}
