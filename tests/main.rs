//! The tests that go through real processes, and the rules of the house: one binary, so that it links once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// Figures of the measuring stories are read with `--nocapture`.
#![allow(clippy::print_stdout)]

mod frames;
mod fuzz;
mod neighbours;
mod orders;
mod recorded;
mod sim;
mod stories;
mod tidy;
mod trust;
mod vectors;
mod worst;
