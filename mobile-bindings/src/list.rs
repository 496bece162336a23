//! Lists.

use loket_core::catalogue::Catalogue;
use loket_core::replica::list::{Listed, Mark};

/// How far the work on an application has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum WorkProgress {
    /// Something of it is on this phone alone.
    OnThisPhone,
    /// Another phone has it too.
    Carried,
    /// The office durably holds all of it.
    AtOffice,
    /// And has answered the last request.
    Decided,
}

impl From<Mark> for WorkProgress {
    fn from(mark: Mark) -> Self {
        match mark {
            Mark::Phone => Self::OnThisPhone,
            Mark::Carried => Self::Carried,
            Mark::Office => Self::AtOffice,
            Mark::Decided => Self::Decided,
        }
    }
}

/// An application in a list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ApplicationSummary {
    /// Id.
    pub id: String,
    /// Registration number.
    pub number: String,
    /// Whose it is; nothing before it is filled in and once its data are gone. While names contradict each other,
    /// one of them.
    pub name: Option<String>,
    /// Id of the service.
    pub service: String,
    /// Title of the service, for people; its id where its file has not come yet.
    pub title: String,
    /// Variant.
    pub variant: Option<String>,
    /// Official state: its code.
    pub state: String,
    /// The state's words for people.
    pub label: String,
    /// How far the work on it has come.
    pub progress: WorkProgress,
    /// Revision that was submitted last; 0 before the first.
    pub revision: u32,
    /// Whether everything about it has ended.
    pub finished: bool,
    /// Edits that are held: kept, and not counted.
    pub held: u32,
    /// Edits that wait for another's to come.
    pub waiting: u32,
    /// Requests that the office has not answered.
    pub open_requests: u32,
    /// Since when it is in its state, in seconds since 1970.
    pub since: i64,
}

/// The line of a list.
pub(crate) fn summary(catalogue: &Catalogue, listed: Listed) -> ApplicationSummary {
    let Listed { id, row, mark, held, .. } = listed;
    let file = catalogue.by_hash(&row.catalogue);
    let service = file.as_ref().map(|file| &file.service);
    let label = service.and_then(|service| service.state(&row.state)).map(|state| state.label.clone());
    ApplicationSummary {
        id: id.to_hex(),
        title: service.map_or_else(|| row.service.clone(), |service| service.title.clone()),
        label: label.unwrap_or_else(|| row.state.clone()),
        number: row.number,
        name: row.name,
        service: row.service,
        variant: row.variant,
        state: row.state,
        progress: mark.into(),
        revision: row.revision,
        finished: row.fin,
        held,
        waiting: row.waiting,
        open_requests: row.open_requests,
        since: row.since,
    }
}
