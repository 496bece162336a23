//! The part of Loket that phones and office share: catalogue, applications, workflow, journals, sync and the
//! replica that keeps them.

pub mod attachment;
pub mod catalogue;
pub mod journal;
pub mod store;
