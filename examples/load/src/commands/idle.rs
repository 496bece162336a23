//! `idle`: what a silent connection costs the office.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Trouble;
use crate::device::spread;
use crate::line::Line;
use crate::office::{Office, Place};
use crate::stats::rounded;

/// Connections that greet at once.
const AT_ONCE: usize = 64;
/// Connections before the first look at the memory: what the process needs once is then there.
const WARM: usize = 1_000;
/// How long the office is left alone before each look.
const REST: Duration = Duration::from_secs(6);

#[derive(clap::Args)]
pub struct Arguments {
    /// Connections, each of a device of its own
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// By TLS
    #[arg(long)]
    pub tls: bool,
}

/// Opens connections, greets, and looks at the office's memory.
pub async fn run(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let mut office = Office::open(place)?;
    let mut devices = spread(arguments.connections)?;
    office.certify(&devices)?;
    if arguments.tls {
        office.serve_privately()?
    } else {
        office.serve()?
    }
    let mut open = Vec::new();
    let later = devices.split_off(WARM.min(devices.len()));
    greet(devices, &office, &mut open).await?;
    tokio::time::sleep(REST).await;
    let (first, before) = (open.len(), office.usage().resident);
    greet(later, &office, &mut open).await?;
    tokio::time::sleep(REST).await;
    let after = office.usage();
    let more = (open.len() - first).max(1);
    let each = after.resident.saturating_sub(before) as f64 / more as f64 / 1024.0;
    let alive = open.len();
    drop(open);
    office.stop()?;
    Ok(json!({ "idle": {
        "connections": alive,
        "tls": arguments.tls,
        "resident_before_mib": before >> 20,
        "resident_mib": after.resident >> 20,
        "kib_each": rounded(each),
    } }))
}

async fn greet(
    devices: Vec<crate::device::Device>,
    office: &Office,
    open: &mut Vec<Line>,
) -> Result<(), Trouble> {
    let (url, pins, key) = (office.url().to_owned(), office.pins().to_vec(), office.public_key());
    let mut greeting: JoinSet<Result<Line, Trouble>> = JoinSet::new();
    for device in devices {
        if greeting.len() >= AT_ONCE
            && let Some(line) = greeting.join_next().await
        {
            open.push(line??);
        }
        let (url, pins) = (url.clone(), pins.clone());
        greeting.spawn(async move {
            let mut line = Line::open(&url, &pins).await?;
            line.greet(&device, key).await?;
            Ok(line)
        });
    }
    while let Some(line) = greeting.join_next().await {
        open.push(line??);
    }
    Ok(())
}
