//! Everything that reads foreign bytes, as functions of bytes: what a coverage-guided fuzzer runs for a night
//! (`fuzz/run`) and `tests/run` runs for seconds.
//!
//! A target takes any bytes and panics where a property breaks: not only "no panic", but round trips, digests that
//! stay, outputs within bounds, stores that still verify. Its inputs are kept in `fuzz/corpus`.

mod batch;
mod bundle;
mod catalogue;
mod entry;
mod frame;
mod meeting;
mod request;
mod seeds;
mod token;
mod vector;
mod world;

use std::fs;
use std::path::PathBuf;

pub use world::{Remembering, Rng};

/// One function of bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: of the program in `fuzz/targets`, of the folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics where a property breaks.
    pub run: fn(&[u8]),
    /// Altered inputs of each corpus file that the short pass runs: fewer where one takes longer.
    pub mutations: usize,
    /// The inputs that the corpus begins with, by name.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
}

/// All of them.
pub const TARGETS: [Target; 9] = [
    Target { name: "frame", run: frame::run, mutations: 150, seeds: frame::seeds },
    Target { name: "entry", run: entry::run, mutations: 200, seeds: entry::seeds },
    Target { name: "vector", run: vector::run, mutations: 400, seeds: vector::seeds },
    Target { name: "batch", run: batch::run, mutations: 150, seeds: batch::seeds },
    Target { name: "catalogue", run: catalogue::run, mutations: 60, seeds: catalogue::seeds },
    Target { name: "token", run: token::run, mutations: 200, seeds: token::seeds },
    Target { name: "bundle", run: bundle::run, mutations: 150, seeds: bundle::seeds },
    Target { name: "meeting", run: meeting::run, mutations: 200, seeds: meeting::seeds },
    Target { name: "request", run: request::run, mutations: 400, seeds: request::seeds },
];

/// The target of this name.
///
/// # Panics
/// Where there is none.
pub fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("a target of this name")
}

/// Frames such as an honest phone sends, and every recorded message: what a hostile one begins from.
pub fn frames() -> Vec<(String, Vec<u8>)> {
    let mut frames = seeds::recorded("messages_are_encoded");
    let own = world::world().frames.iter().flatten().cloned();
    frames.extend(own.enumerate().map(|(at, frame)| (format!("sesi-{at}"), frame)));
    frames
}

impl Target {
    /// Where its inputs are kept.
    pub fn corpus(&self) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus")).join(self.name)
    }

    /// Its inputs, by file name.
    ///
    /// # Panics
    /// Where they cannot be read.
    pub fn inputs(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(self.corpus()).expect("the corpus is in the repository");
        let mut inputs: Vec<_> = files
            .map(|file| file.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
            .collect();
        inputs.sort();
        inputs
    }
}

/// Alters an input as a careless wire or a patient enemy would; the others are there to take pieces from.
pub fn alter(rng: &mut Rng, inputs: &[(String, Vec<u8>)], at: usize) -> Vec<u8> {
    let mut bytes = inputs[at].1.clone();
    for _ in 0..1 + rng.below(3) {
        let place = rng.below(bytes.len() + 1);
        match rng.below(8) {
            0 => bytes.truncate(place),
            1 => {
                let from = &inputs[rng.below(inputs.len())].1;
                let start = rng.below(from.len() + 1);
                bytes.truncate(place);
                bytes.extend(&from[start..]);
            }
            2 => {
                // A length of an array, map, text or bytes that is not there.
                let huge = [[0x5b, 0x7b, 0x9b, 0xbb][rng.below(4)], 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
                bytes.splice(place..place, huge);
            }
            3 => {
                let length = rng.below(16);
                let end = (place + length).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
            4 => {
                let end = (place + rng.below(16)).min(bytes.len());
                bytes.drain(place..end);
            }
            _ => {
                for _ in 0..1 + rng.below(4) {
                    let place = rng.below(bytes.len().max(1));
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte = if rng.below(2) == 0 { *byte ^ 1 << rng.below(8) } else { rng.byte() };
                    }
                }
            }
        }
    }
    bytes
}
