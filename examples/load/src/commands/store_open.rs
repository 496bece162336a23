//! `store-open`: a phone's store, opened and its first applications listed.

use std::path::Path;
use std::time::Instant;

use loket_core::identity::Signer;
use loket_core::replica::Replica;
use loket_core::replica::write::{Author, Opening};
use loket_core::store::sqlite::{Durability, SqliteStore};
use loket_server::config::{dice, now};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Trouble;
use crate::device::{Device, villages};
use crate::people::{SERVICE, fields};
use crate::stats::Times;

/// Applications that a screen shows first.
const FIRST: usize = 50;
/// Applications that one transaction writes while the store is filled.
const GROUP: usize = 500;

#[derive(clap::Args)]
pub struct Arguments {
    /// Applications in the store
    #[arg(long, default_value_t = 10_000)]
    pub applications: usize,
    /// How often it is measured
    #[arg(long, default_value_t = 50)]
    pub rounds: usize,
}

/// Fills a store once, then opens it again and again.
pub fn run(arguments: Arguments) -> Result<Value, Trouble> {
    let dir = TempDir::new()?;
    let path = dir.path().join("phone.db");
    let device = Device::new(*villages().first().ok_or("no village")?)?;
    let office = Device::new(device.village)?.public_key();
    fill(&path, &device, office, arguments.applications)?;
    let (mut open, mut list, mut both) = (Times::default(), Times::default(), Times::default());
    for _ in 0..arguments.rounds {
        let start = Instant::now();
        let replica = Replica::open(SqliteStore::open(&path, Durability::Power)?, office)?;
        let opened = start.elapsed();
        let listed = replica.list_after(&device.author(), None, FIRST)?;
        both.add(start.elapsed());
        open.add(opened);
        list.add(start.elapsed() - opened);
        if listed.len() != FIRST.min(arguments.applications) {
            return Err(format!("{} applications were listed", listed.len()).into());
        }
    }
    Ok(json!({ "store_open": {
        "applications": arguments.applications,
        "open": open.json(), "first_50": list.json(), "together": both.json(),
    } }))
}

fn fill(
    path: &Path,
    device: &Device,
    office: loket_core::identity::PublicKey,
    count: usize,
) -> Result<(), Trouble> {
    let mut replica = Replica::open(SqliteStore::open(path, Durability::Process)?, office)?;
    let epoch = replica.transaction(|replica| replica.epoch(&mut dice))?;
    let author = Author { signer: &device.key as &dyn Signer, epoch };
    let file = replica.catalogue().get(SERVICE, "2026.1").ok_or("the service is not there")?;
    let (place, village) = (device.partition(), device.village.to_string());
    for start in (0..count).step_by(GROUP) {
        replica.transaction(|replica| {
            for seed in start..count.min(start + GROUP) {
                let number = format!("3312082002-26-7K3Q-{seed:05}-X");
                let opening = Opening { file: &file, variant: None, place, number: &number, from: None };
                let ops = fields(seed as u64, &village);
                replica.open_application(&author, &opening, ops, now(), &mut dice)?;
            }
            replica.seal(&author, place)
        })?;
    }
    Ok(replica.store.checkpoint()?)
}
