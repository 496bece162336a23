//! The commands: one for each promise, and one for all.

mod all;
mod burst;
mod fan_out;
mod idle;
mod ingest;
mod link;
mod pages;
mod store_open;

use serde_json::Value;

use crate::Trouble;
use crate::office::Place;

#[derive(clap::Subcommand)]
pub enum Command {
    /// New applications of many phones at once: received, verified, replayed, materialised, durable
    Ingest(ingest::Arguments),
    /// From one phone to another of the same village
    FanOut(fan_out::Arguments),
    /// A phone that calls again: with nothing new, and with ten changed
    Reconnect(link::Arguments),
    /// A new phone: enrolled, and given all applications of its village
    FirstSync(link::Arguments),
    /// A phone's store: opened, and its first applications listed
    StoreOpen(store_open::Arguments),
    /// A district that comes back after an outage: all phones at once, entries and scans
    Burst(burst::Arguments),
    /// Memory of the office for connections that are silent
    Idle(idle::Arguments),
    /// Reconnect and first sync over a link of 64 kbit/s and 300 ms round trip
    SlowLink(link::Arguments),
    /// Pages of the console, with many applications at the desks
    Pages(pages::Arguments),
    /// Everything, as a table for docs/performance.md
    All(all::Arguments),
}

/// Runs a command; returns what it measured.
pub async fn run(command: Command, place: Place) -> Result<Value, Trouble> {
    match command {
        Command::Ingest(arguments) => ingest::run(arguments, &place).await,
        Command::FanOut(arguments) => fan_out::run(arguments, &place).await,
        Command::Reconnect(arguments) => link::reconnect(arguments, &place).await,
        Command::FirstSync(arguments) => link::first_sync(arguments, &place).await,
        Command::StoreOpen(arguments) => store_open::run(arguments),
        Command::Burst(arguments) => burst::run(arguments, &place).await,
        Command::Idle(arguments) => idle::run(arguments, &place).await,
        Command::SlowLink(arguments) => link::slow(arguments, &place).await,
        Command::Pages(arguments) => pages::run(arguments, &place).await,
        Command::All(arguments) => all::run(arguments, &place).await,
    }
}
