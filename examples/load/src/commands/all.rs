//! `all`: every measurement one after another, and the table that docs/performance.md shows.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use super::{fan_out, idle, ingest, link, store_open};
use crate::Trouble;
use crate::office::Place;

#[derive(clap::Args)]
pub struct Arguments {
    /// How many applications the office is to hold before each measurement of new ones
    #[arg(long, value_delimiter = ',', default_value = "1000,1000000")]
    at: Vec<usize>,
    /// Silent connections
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Print what was measured as JSON instead
    #[arg(long)]
    json: bool,
}

/// A row: what, where its figure is, its unit, what is promised, the command.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const ROWS: [Row; 13] = [
    ("new applications, few stored", "/ingest/ingest/0/a_second", "a second", "at least 2,000", "ingest"),
    ("new applications, many stored", "/ingest/ingest/1/a_second", "a second", "within a fifth", "ingest"),
    ("the second to the first", "/ingest/last_to_first", "", "at least 0.8", "ingest"),
    ("phone to phone, median", "/fan_out/fan_out/to_the_other_s_store/median_ms", "ms", "5", "fan-out"),
    ("phone to phone, p99", "/fan_out/fan_out/to_the_other_s_store/p99_ms", "ms", "20", "fan-out"),
    ("memory of a silent connection", "/idle/idle/kib_each", "KiB", "12", "idle"),
    (
        "phone's store opened, first 50 listed",
        "/store/store_open/together/median_ms",
        "ms",
        "10",
        "store-open",
    ),
    ("reconnect, nothing new", "/reconnect/reconnect/unchanged/median_ms", "ms", "", "reconnect"),
    ("reconnect, ten changed", "/reconnect/reconnect/ten_changed/median_ms", "ms", "", "reconnect"),
    ("first sync of 1,000", "/first/first_sync/enrolment_and_sync/median_ms", "ms", "", "first-sync"),
    ("slow link: nothing new", "/slow/slow_link/reconnect/unchanged/median_ms", "ms", "1,500", "slow-link"),
    ("slow link: ten changed", "/slow/slow_link/reconnect/ten_changed/median_ms", "ms", "2,000", "slow-link"),
    (
        "slow link: first sync of 1,000",
        "/slow/slow_link/first_sync/enrolment_and_sync/median_ms",
        "ms",
        "50,000",
        "slow-link",
    ),
];

/// Runs every command, each with an office of its own.
pub async fn run(arguments: Arguments, place: &Place) -> Result<Value, Trouble> {
    let place = Place { dir: None, program: place.program.clone() };
    let few = link::Arguments { applications: 1_000, rounds: 5 };
    let store = store_open::run(store_open::Arguments { applications: 10_000, rounds: 50 })?;
    let fan_out = fan_out::run(fan_out::Arguments { rounds: 500 }, &place).await?;
    let reconnect = link::reconnect(few, &place).await?;
    let few = link::Arguments { applications: 1_000, rounds: 3 };
    let first = link::first_sync(few, &place).await?;
    let few = link::Arguments { applications: 1_000, rounds: 3 };
    let slow = link::slow(few, &place).await?;
    let idle = idle::run(idle::Arguments { connections: arguments.connections, tls: false }, &place).await?;
    let many = ingest::Arguments { applications: 20_000, phones: 50, each: 20, at: arguments.at };
    let ingest = ingest::run(many, &place).await?;
    let all = serde_json::json!({
        "machine": machine(), "ingest": ingest, "fan_out": fan_out, "reconnect": reconnect,
        "first": first, "slow": slow, "store": store, "idle": idle,
    });
    if arguments.json { Ok(all) } else { Ok(Value::String(table(&all)?)) }
}

/// Processors, memory, and how busy the machine is with other things.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = after(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
    let memory = after(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let busy = read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ");
    format!("{model}, {cores} processors, {memory} of memory, load {busy} at the end")
}

fn table(all: &Value) -> Result<String, Trouble> {
    let mut text = String::new();
    writeln!(text, "Machine: {}\n", all["machine"].as_str().unwrap_or_default())?;
    writeln!(text, "| what | figure | promised | command |\n|---|---|---|---|")?;
    for (what, at, unit, promised, command) in ROWS {
        let figure = all.pointer(at).map_or_else(|| "not taken".to_owned(), Value::to_string);
        writeln!(
            text,
            "| {what} | {} | {promised} | `loket-load {command}` |",
            format!("{figure} {unit}").trim()
        )?;
    }
    Ok(text.trim_end().to_owned())
}
