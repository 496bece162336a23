//! The short pass over everything that reads foreign bytes: all kept inputs, and seeded alterations of each. The long
//! one is `fuzz/run`.

use std::panic::catch_unwind;

use loket_tests::fuzz::{Rng, TARGETS, alter, target};

/// Of all alterations; `LOKET_FUZZ_SEED` sets another.
const SEED: u64 = 20_261_124;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Runs a target over its corpus and alterations of it. `LOKET_MUTATIONS` sets how many of each input.
fn short_pass(name: &str) {
    let target = target(name);
    let inputs = target.inputs();
    assert!(inputs.len() >= 10, "{name}: the corpus is gone");
    for (file, bytes) in &inputs {
        let ended = catch_unwind(|| (target.run)(bytes));
        assert!(ended.is_ok(), "fuzz/corpus/{name}/{file} breaks a property");
    }
    let mutations = number("LOKET_MUTATIONS").map_or(target.mutations, |count| count as usize);
    let mut rng = Rng::new(number("LOKET_FUZZ_SEED").unwrap_or(SEED));
    for at in 0..inputs.len() {
        for _ in 0..mutations {
            let bytes = alter(&mut rng, &inputs, at);
            if catch_unwind(|| (target.run)(&bytes)).is_err() {
                let hex = data_encoding::HEXLOWER.encode(&bytes);
                panic!(
                    "{name}: an alteration of {} breaks a property; keep it in the corpus: {hex}",
                    inputs[at].0
                );
            }
        }
    }
}

#[test]
fn frames_at_a_session_in_every_phase() {
    short_pass("frame");
}

#[test]
fn headers_and_bodies_and_their_replay() {
    short_pass("entry");
}

#[test]
fn vectors_receipts_and_partitions() {
    short_pass("vector");
}

#[test]
fn batches_with_signatures_that_hold() {
    short_pass("batch");
}

#[test]
fn files_of_the_office() {
    short_pass("catalogue");
}

#[test]
fn everything_that_is_read_from_text() {
    short_pass("token");
}

#[test]
fn bundles_of_anybody() {
    short_pass("bundle");
}

#[test]
fn codes_certificates_and_scans_of_a_meeting() {
    short_pass("meeting");
}

#[test]
fn what_a_request_says() {
    short_pass("request");
}

/// The corpora begin with what the core recorded. `LOKET_CORPUS=write` writes what is not there yet.
#[test]
fn what_was_recorded_is_in_the_corpora() {
    let write = std::env::var_os("LOKET_CORPUS").is_some_and(|word| word == "write");
    for target in TARGETS {
        if write {
            std::fs::create_dir_all(target.corpus()).unwrap();
        }
        for (name, bytes) in (target.seeds)() {
            let path = target.corpus().join(&name);
            if write {
                std::fs::write(&path, &bytes).unwrap();
            }
            let kept = std::fs::read(&path).unwrap_or_default();
            assert!(
                kept == bytes,
                "fuzz/corpus/{}/{name} is not what was recorded: see CONTRIBUTING",
                target.name
            );
        }
    }
}
