//! The counter: applications that are opened and filled in at the console, by an officer who has no phone. They are edits of
//! the office in the officer's name, and like any other from then on.

use loket_core::catalogue::{ActKind, Role, ServiceFile};
use loket_core::client::fields::{check_size, known_requirement, operation};
use loket_core::journal::body::{Op, Value};
use loket_core::journal::{AttachmentHash, EntryHash, Partition, Place};
use loket_core::replica::case::Case;
use loket_core::replica::rows::{self, ApplicationRow};
use loket_core::replica::rules::may_edit;
use loket_core::replica::write::{Author, Dice, Opening, text};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use loket_core::time::today;
use loket_core::workflow::available;

use super::Office;
use super::desk::place_of;
use super::people::StaffRow;

/// Roles that file at the console.
pub const CLERKS: [Role; 2] = [Role::OperatorDesa, Role::OperatorKecamatan];

/// What an officer does in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Fields with what was typed; `lampiran/…` with nothing takes a scan away.
    Fields(Vec<(String, String)>),
    /// A warning was looked at.
    Tick(String),
    /// A scan: requirement, hash, size.
    Scan(String, AttachmentHash, u64),
}

/// Prefix of what each member of staff has opened, the latest first.
const DRAFTS: &[u8] = b"draf_loket/";
/// Of one member of staff.
const MAX_DRAFTS: usize = 500;

type Opened = (Vec<u8>, Partition, EntryHash, ApplicationRow);

/// What a member of staff has opened, the latest first.
fn drafts<S: Store>(replica: &Replica<S>, staff: u32) -> Result<Vec<Opened>, ReplicaError> {
    let prefix = [DRAFTS, &staff.to_be_bytes()].concat();
    let mut all = Vec::new();
    for (key, at) in replica.store.scan(&Partition::Office, Table::Meta, &prefix, None, MAX_DRAFTS)? {
        let (partition, id): (Partition, EntryHash) = rows::decode(&at)?;
        all.extend(replica.row(&partition, &id)?.map(|row| (key, partition, id, row)));
    }
    Ok(all)
}

fn is_draft(row: &ApplicationRow) -> bool {
    row.revision == 0 && !row.fin && !row.gone
}

/// What a member of staff has opened and not submitted yet, the latest first.
pub fn drafts_of<S: Store>(
    replica: &Replica<S>,
    staff: u32,
) -> Result<Vec<(Partition, ApplicationRow)>, ReplicaError> {
    let all = drafts(replica, staff)?.into_iter().filter(|(_, _, _, row)| is_draft(row));
    Ok(all.map(|(_, partition, _, row)| (partition, row)).collect())
}

/// Whether a role files a service.
pub fn files(file: &ServiceFile, role: Role) -> bool {
    let submits = file.service.steps.iter().find(|step| step.kind == ActKind::Ajukan);
    CLERKS.contains(&role) && submits.is_some_and(|step| step.roles.contains(&role))
}

/// Whether an application is at its officer's to be filled in, and this is one.
pub fn fills(case: &Case, staff: &StaffRow) -> bool {
    let (Some(file), Some(state)) = (&case.service, case.state()) else { return false };
    let submits = |act: &str| file.service.act(act).is_some_and(|act| act.kind() == ActKind::Ajukan);
    CLERKS.contains(&staff.role)
        && may_edit(staff.role)
        && staff.covers(&place_of(case))
        && available(&file.service, &state, staff.role).iter().any(|offer| submits(&offer.act))
}

impl<S: Store> Office<S> {
    /// Opens an application for somebody at the counter; the caller holds a transaction.
    pub fn open_at_counter(
        &mut self,
        staff: &StaffRow,
        service: &str,
        variant: Option<&str>,
        place: Place,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        let file = self.replica.catalogue().current(service, today(now));
        let file = file.filter(|file| files(file, staff.role)).ok_or_else(|| {
            ReplicaError::refused("layanan ini tidak diajukan di loket Anda: pilih layanan yang lain")
        })?;
        let variants = &file.service.variants;
        let known = |id: &str| variants.iter().any(|one| one.id == id);
        let variant = match variant.filter(|id| !id.is_empty()) {
            Some(id) if known(id) => Some(id),
            Some(_) => {
                return Err(ReplicaError::refused("pilih salah satu jenis permohonan dari layanan ini"));
            }
            None => variants.first().map(|one| one.id.as_str()),
        };
        let partition = Partition::Place(place);
        if !staff.covers(&partition) || !self.replica.regions().contains(place) {
            return Err(ReplicaError::refused("pilih desa atau kecamatan di wilayah Anda"));
        }
        if self.heals(&partition)? {
            return Err(ReplicaError::refused("wilayah ini sedang dipulihkan: coba lagi nanti"));
        }
        let signer = self.signer();
        let author = Author { signer: &*signer, epoch: self.epoch };
        let number = self.replica.next_number(place, &signer.public_key().author(), now)?;
        let opening = Opening { file: &file, variant, place: partition, number: &number, from: None };
        let case = self.replica.open_for(&author, &opening, Vec::new(), Some(staff.id), now, dice)?;
        self.touched.insert(case.partition);
        for (key, _, _, row) in drafts(&self.replica, staff.id)? {
            if !is_draft(&row) {
                self.replica.store.put(&Partition::Office, Table::Meta, &key, None)?;
            }
        }
        let latest = (i64::MAX - now.max(0)).to_be_bytes();
        let key = [DRAFTS, &staff.id.to_be_bytes(), &latest, case.id.as_bytes()].concat();
        self.put_local(Table::Meta, &key, &(case.partition, case.id))?;
        self.settle(case, now, dice)
    }

    /// Writes what an officer at the counter does in a file; the caller holds a transaction.
    pub fn write_at_counter(
        &mut self,
        case: Case,
        staff: &StaffRow,
        entry: Entry,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        if !fills(&case, staff) || self.heals(&case.partition)? {
            return Err(ReplicaError::refused(
                "berkas ini sedang tidak diisi di loket Anda: muat ulang halamannya",
            ));
        }
        let ops = self.ops_of(&case, entry, now, dice)?;
        check_size(&ops)?;
        let (signer, partition) = (self.signer(), case.partition);
        let author = Author { signer: &*signer, epoch: self.epoch };
        let case = self.replica.edit_for(&author, case, ops, Some(staff.id), now, dice)?;
        self.touched.insert(partition);
        self.settle(case, now, dice)
    }

    fn ops_of(
        &self,
        case: &Case,
        entry: Entry,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Vec<Op>, ReplicaError> {
        let file = case.service.clone().ok_or(ReplicaError::NotFound)?;
        let registers = case.document.registers();
        match entry {
            Entry::Fields(fields) => {
                let mut ops: Vec<Op> = Vec::new();
                for (field, typed) in fields {
                    let mut random = [0; 8];
                    dice(&mut random);
                    let op = operation(&file.service, &field, &typed, random)?;
                    ops.retain(|other| other.register != op.register);
                    ops.push(op);
                }
                // Clearing what is not there is no change.
                ops.retain(|op| op.value != Value::Clear || registers.contains_key(&op.register));
                Ok(ops)
            }
            Entry::Tick(warning) => {
                let found = self.replica.warnings(case, now)?.into_iter().find(|found| found.id == warning);
                let found = found.ok_or_else(|| ReplicaError::refused("peringatan itu tidak ada lagi"))?;
                Ok(vec![text(&format!("periksa/{}", found.id), &found.fingerprint)])
            }
            Entry::Scan(requirement, hash, bytes) => {
                known_requirement(&file.service, &requirement)?;
                let prefix = format!("lampiran/{requirement}/");
                let same = Value::Attachment(hash, bytes);
                let own = || registers.iter().filter(|(name, _)| name.starts_with(&prefix));
                if own().any(|(_, value)| same.text().as_ref() == Some(value)) {
                    return Ok(Vec::new());
                }
                let used = own().filter_map(|(name, _)| name.strip_prefix(&prefix)?.parse::<u32>().ok());
                let n = used.max().unwrap_or(0).saturating_add(1);
                Ok(vec![Op { register: format!("{prefix}{n}"), value: same }])
            }
        }
    }
}
