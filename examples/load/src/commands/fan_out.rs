//! `fan-out`: how long it takes from one phone's store to another's.

use std::time::{Duration, Instant};

use loket_core::journal::EntryHash;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::Trouble;
use crate::device::{Device, villages};
use crate::office::{Office, Place};
use crate::phone::Phone;
use crate::stats::Times;

/// Longest wait for one application.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rounds before the measured ones.
const WARM: usize = 20;
/// Between rounds: phones are not in step with one another.
const PAUSE: Duration = Duration::from_millis(3);

#[derive(clap::Args)]
pub struct Arguments {
    /// Applications that are measured, one after another
    #[arg(long, default_value_t = 500)]
    pub rounds: usize,
}

/// One phone writes, another of the same village hears of it.
pub async fn run(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let mut office = Office::open(place)?;
    let village = *villages().first().ok_or("no village")?;
    let devices = [Device::new(village)?, Device::new(village)?];
    office.certify(&devices)?;
    office.serve()?;
    let (key, address) = (office.public_key(), office.address());
    let [writer, reader] = devices;
    let mut writer = Phone::connect(writer, key, &address).await?;
    let reader = Phone::connect(reader, key, &address).await?;
    let (heard, mut hears) = mpsc::channel(64);
    let listening = tokio::spawn(listen(reader, heard));
    let (mut durable, mut receipted) = (Times::default(), Times::default());
    for round in 0..WARM + arguments.rounds {
        let id = writer.write(round as u64)?;
        let sent = Instant::now();
        writer.send().await?;
        let taken = timeout(PATIENCE, until_taken(&mut writer)).await??;
        let there = timeout(PATIENCE, until_heard(&mut hears, id)).await??;
        if round >= WARM {
            receipted.add(taken - sent);
            durable.add(there - sent);
        }
        tokio::time::sleep(PAUSE).await;
    }
    listening.abort();
    office.stop()?;
    Ok(json!({ "fan_out": { "to_the_other_s_store": durable.json(), "to_the_receipt": receipted.json() } }))
}

async fn until_taken(phone: &mut Phone) -> Result<Instant, Trouble> {
    loop {
        if let Some(at) = phone.next().await?.taken {
            return Ok(at);
        }
    }
}

async fn until_heard(
    hears: &mut mpsc::Receiver<(EntryHash, Instant)>,
    id: EntryHash,
) -> Result<Instant, Trouble> {
    loop {
        let (heard, at) = hears.recv().await.ok_or("the other phone lost its connection")?;
        if heard == id {
            return Ok(at);
        }
    }
}

async fn listen(mut phone: Phone, heard: mpsc::Sender<(EntryHash, Instant)>) -> Result<(), Trouble> {
    loop {
        for one in phone.next().await?.learned {
            heard.send(one).await?;
        }
    }
}
