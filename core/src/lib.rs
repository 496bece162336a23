//! The part of Loket that phones and office share: catalogue, applications, workflow, journals, sync and the
//! replica that keeps them.

pub mod catalogue;
pub mod journal;
pub mod refusal;
pub mod store;
pub mod workflow;
