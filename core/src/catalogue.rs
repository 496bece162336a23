//! The catalogue: one file of data per service, and what can be asked of it.
//!
//! `model` says what a file can hold, `load` reads files and keeps every version, `check` refuses what cannot
//! work, `condition` decides what is asked of whom, `line` finds acts, and `show` puts a service into words.

pub mod check;
pub mod condition;
pub mod line;
pub mod load;
#[cfg(test)]
mod matrix;
pub mod model;
pub mod show;

pub use check::{Fault, Severity};
pub use condition::{parse_date, years_old};
pub use line::ActRef;
pub use load::{Catalogue, MAX_FILE, ServiceFile};
pub use model::*;
