//! What a desk has found of each requirement while it examines: kept beside the file, so that the work can be put down and
//! taken up again, and so that the next desk sees it. What is decided stands in the record, as ever.

use loket_core::catalogue::{ActKind, Role};
use loket_core::journal::EntryHash;
use loket_core::replica::case::Case;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use loket_core::workflow::available;
use minicbor::{Decode, Encode};

use super::Office;
use super::look::Look;
use super::people::StaffRow;

/// Prefix of the rows, by application.
const CHECKED: &[u8] = b"periksa/";
/// What stands for "as it should be"; anything else is a mark.
pub const GOOD: &str = "sesuai";
/// Requirements of one file.
const MAX_CHECKED: usize = 200;
/// Longest mark, in characters.
pub const MAX_MARK: usize = 200;

/// What was found of a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Found {
    /// The requirement.
    #[n(0)]
    pub requirement: String,
    /// [`GOOD`], a code of the marks, or free words.
    #[n(1)]
    pub mark: String,
    /// Who found it.
    #[n(2)]
    pub staff: u32,
    /// Under which role.
    #[n(3)]
    pub role: Role,
    /// Office time.
    #[n(4)]
    pub at: i64,
}

/// What was found of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct CheckedRow {
    /// The revision that was looked at.
    #[n(0)]
    revision: u32,
    #[n(1)]
    found: Vec<Found>,
}

/// What was found of the requirements of an application's present revision.
pub fn found<S: Store>(
    replica: &Replica<S>,
    application: &EntryHash,
    revision: u32,
) -> Result<Vec<Found>, ReplicaError> {
    let row: Option<CheckedRow> = replica.local(Table::Meta, &key(application))?;
    Ok(row.filter(|row| row.revision == revision).map(|row| row.found).unwrap_or_default())
}

/// Whether a member of staff examines an application now.
pub fn examines(case: &Case, role: Role) -> bool {
    let (Some(file), Some(state)) = (&case.service, case.state()) else { return false };
    let examines = |act: &str| file.service.act(act).is_some_and(|act| act.kind() == ActKind::Periksa);
    state.revision > 0 && available(&file.service, &state, role).iter().any(|offer| examines(&offer.act))
}

impl<S: Store> Office<S> {
    /// Keeps what somebody has found of the requirements of an application; the caller holds a transaction. What is left
    /// empty has not been looked at.
    pub fn check(
        &mut self,
        case: &Case,
        staff: &StaffRow,
        marks: &[(String, String)],
        now: i64,
    ) -> Result<(), ReplicaError> {
        let (Some(file), Some(state)) = (&case.service, case.state()) else {
            return Err(ReplicaError::NotFound);
        };
        if !examines(case, staff.role) {
            return Err(ReplicaError::refused(
                "berkas ini tidak sedang diperiksa meja Anda: muat ulang halamannya",
            ));
        }
        let mut kept = found(&self.replica, &case.id, state.revision)?;
        for (requirement, mark) in marks.iter().take(MAX_CHECKED) {
            let known = file.service.requirements.iter().any(|one| one.id == *requirement);
            let mark = mark.trim();
            if !known || mark.chars().count() > MAX_MARK || mark.chars().any(char::is_control) {
                return Err(ReplicaError::refused(format!(
                    "tanda untuk sebuah persyaratan paling panjang {MAX_MARK} huruf"
                )));
            }
            if kept.iter().any(|one| one.requirement == *requirement && one.mark == mark) {
                continue;
            }
            kept.retain(|one| one.requirement != *requirement);
            if !mark.is_empty() {
                let (requirement, mark) = (requirement.clone(), mark.to_owned());
                kept.push(Found { requirement, mark, staff: staff.id, role: staff.role, at: now });
            }
        }
        self.put_local(Table::Meta, &key(&case.id), &CheckedRow { revision: state.revision, found: kept })
    }

    /// Forgets what was found of an application.
    pub(super) fn drop_checked(&mut self, application: &EntryHash) -> Result<(), ReplicaError> {
        Ok(self.replica.store.put(
            &loket_core::journal::Partition::Office,
            Table::Meta,
            &key(application),
            None,
        )?)
    }
}

fn key(application: &EntryHash) -> Vec<u8> {
    [CHECKED, application.as_bytes()].concat()
}
