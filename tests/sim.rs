//! A district in one thread from one seed: phones and the office run their real code over a simulated network
//! and clock, and whatever goes wrong, the invariants hold. `LOKET_SEED=7` runs one seed alone and tells how it
//! went, `LOKET_SEEDS=1000` that many.

mod desk;
pub mod dice;
mod invariants;
mod meeting;
mod network;
mod script;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{Counts, World};

/// Seeds that the test runs when nothing else is asked for.
const SEEDS: u64 = 200;
/// Seeds beyond them that have failed once.
const REMEMBERED: [u64; 2] = [670, 1645];

fn asked(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Runs one seed; what happened, or how it failed.
fn run(seed: u64) -> Result<Counts, String> {
    let mut world = World::new(seed);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let failed = match lived {
        Ok(Ok(())) => return Ok(world.counts),
        Ok(Err(what)) => what,
        Err(_) => "it panicked, see above".to_owned(),
    };
    Err(format!("seed {seed}: {failed}\n{}replay it with LOKET_SEED={seed}", world.tail()))
}

#[test]
fn a_district_keeps_its_promises() {
    let seeds: Vec<u64> = match asked("LOKET_SEED") {
        Some(seed) => vec![seed],
        None => (0..asked("LOKET_SEEDS").unwrap_or(SEEDS)).chain(REMEMBERED).collect(),
    };
    let (many, mut all, mut failures) = (seeds.len() as u64, Counts::new(), Vec::new());
    for seed in seeds {
        match run(seed) {
            Ok(counts) => counts.into_iter().for_each(|(what, times)| *all.entry(what).or_default() += times),
            Err(failure) => failures.push(failure),
        }
    }
    all.iter().for_each(|(what, times)| eprintln!("{times:>8} {what}"));
    assert!(failures.is_empty(), "{} of {many} seeds failed\n{}", failures.len(), failures.join("\n\n"));
    if many >= SEEDS {
        happened(&all);
    }
}

/// A world in which nothing happens keeps every promise: these must have.
fn happened(counts: &Counts) {
    let wanted = [
        "crashes",
        "restarts",
        "cuts",
        "revocations",
        "grants",
        "uploads cut",
        "phones restored",
        "offices restored",
        "lost epochs found",
        "meetings",
        "not met: Elsewhere",
        "not met: Revoked",
        "transfers",
        "expiries",
        "adopted",
        "discarded",
        "destroyed",
        "retired",
        "swept from phones",
        "disks failed at the office",
        "disks failed on a phone",
        "branches of forked journals",
        "chose",
        "decided: ajukan",
        "decided: tarik",
        "decided: kembalikan_fo",
        "decided: lampiran_lengkap",
        "conflicts open at the end",
        "ended as DIAMBIL",
        "ended as DIBATALKAN",
        "ended as DIBATALKAN_PEMOHON",
    ];
    for what in wanted {
        assert!(counts.contains_key(what), "it never happened in any world: {what}");
    }
    assert!(
        counts.keys().any(|what| what.starts_with("contradiction: ")),
        "no contradiction was ever reported"
    );
}
