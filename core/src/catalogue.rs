//! The catalogue: one file of data per service, and what can be asked of it.

#[cfg(test)]
mod matrix;
pub mod model;

pub use model::*;
