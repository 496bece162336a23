//! Loket for phones: the client of `loket-core` for Kotlin, Swift and Python, through uniffi.
//!
//! A thin layer, so that what is tested below is what phones run. Everything that touches the store or the network is
//! asynchronous and runs on the library's own threads: no call keeps the caller's thread. A call that is cancelled is
//! not undone; what it wrote is there. Times are seconds since 1970, ids are lower-case hexadecimal, sentences are in
//! Indonesian and meant for the officer.

uniffi::setup_scaffolding!("loket");

mod away;
mod details;
mod error;
mod form;
mod keys;
mod list;
mod phone;
mod photo;
mod pool;
mod receipt;
mod search;
mod sync;
mod todo;
mod watch;

pub use away::{BundleReport, MeetingReport, WaitingPhone};
pub use details::{ApplicationDetails, AvailableAct, MarkedRequirement, RecordLine};
pub use error::{CallbackFailed, LoketError};
pub use form::{
    ApplicationForm, Choice, Conflict, ConflictValue, FieldKind, FormField, FormRequirement, Lack, LackKind,
    Scan, ServiceSummary, ServiceVariant, Warning,
};
pub use keys::Keystore;
pub use list::{ApplicationSummary, WorkProgress};
pub use phone::{
    FieldValue, InvitationText, LoketPhone, NewApplication, PhoneProfile, RequirementScan, Sent, enrol_phone,
    open_phone, read_invitation,
};
pub use photo::{PhotoCheck, PhotoVerdict, check_photo};
pub use receipt::{ApplicationReceipt, Tally};
pub use sync::{Network, SyncHandle, SyncObserver, SyncReport, SyncStep};
pub use watch::{ChangeObserver, Subscription};

/// The version of this library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
