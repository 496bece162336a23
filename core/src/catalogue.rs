//! The catalogue: one file of data per service, and what can be asked of it.

pub mod model;

pub use model::*;
