//! stub
use std::collections::{BTreeMap, BTreeSet};
use crate::catalogue::Service; use crate::journal::AttachmentHash; use crate::region::Regions; use jiff::civil::Date;
/// x
pub struct Form<'a> { pub service: &'a Service, pub variant: Option<&'a str>, pub registers: &'a BTreeMap<String, String>, pub conflicts: &'a BTreeSet<String>, pub attachments_here: &'a dyn Fn(&AttachmentHash) -> bool, pub today: Date, pub regions: &'a Regions }
/// x
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)] #[serde(rename_all="snake_case")]
pub enum What { Field, Requirement, Conflict, Warning, Attachment }
/// x
pub struct Missing { pub what: What, pub id: String, pub sentence: String }
/// x
pub struct WarningState { pub id: String, pub sentence: String, pub ticked: bool, pub fingerprint: String }
/// x
pub fn missing(_: &Form<'_>) -> Vec<Missing> { vec![] }
/// x
pub fn warnings(_: &Form<'_>) -> Vec<WarningState> { vec![] }
/// x
pub fn surrender_applies(_: &Form<'_>) -> bool { false }
