//! The part of Loket that phones and office share: catalogue, applications, workflow, journals, sync and the
//! replica that keeps them.

pub mod application;
pub mod attachment;
#[cfg(feature = "client")]
pub mod bundle;
pub mod catalogue;
pub mod checks;
#[cfg(feature = "client")]
pub mod client;
pub mod enrol;
pub mod identity;
pub mod journal;
pub mod mask;
pub mod nik;
pub mod number;
pub mod refusal;
pub mod region;
pub mod replica;
pub mod resi;
pub mod store;
pub mod sync;
pub mod telepon;
pub mod time;
pub mod value;
pub mod workflow;
