//! What the office keeps beside its entries, to whoever reads it: the writer itself, a reader beside it, a command.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::catalogue::Role;
use loket_core::journal::body::Certificate;
use loket_core::journal::{AuthorId, EntryHash, Partition};
use loket_core::replica::case::Case;
use loket_core::replica::rows::{self, ApplicationRow};
use loket_core::replica::view::Surroundings;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};
use loket_core::workflow::{Decision, Due};
use serde_json::Value;

use super::desk::desk_byte;
use super::messages::{self, Message, Standing, Token, message_key};
use super::people::{MAX_STAFF, SCOPE, StaffRow, scope_of_key};

/// Applications that a queue is looked through for, and counted, at most.
pub const MAX_QUEUE: usize = 10_000;

/// Something that waits at a desk.
pub struct Waiting {
    /// Its partition.
    pub partition: Partition,
    /// Its id.
    pub id: EntryHash,
    /// The application.
    pub row: ApplicationRow,
    /// Office time since when it waits.
    pub since: i64,
}

/// A device.
pub struct Device {
    /// Its id.
    pub id: AuthorId,
    /// Its newest certificate.
    pub certificate: Certificate,
    /// Partitions in which one holds.
    pub partitions: BTreeSet<Partition>,
}

impl Device {
    /// Whether none of its certificates holds any more.
    pub fn has_ended(&self) -> bool {
        self.partitions.is_empty()
    }
}

/// Part of a queue.
pub struct Part {
    /// What waits, the oldest first.
    pub waiting: Vec<Waiting>,
    /// The key of the last one, where more may follow.
    pub next: Option<Vec<u8>>,
}

/// Applications that are looked at in one go.
const SCAN: usize = 200;

/// Reads of the office's own rows.
pub trait Look {
    /// A row of the office's own.
    fn local<T: for<'b> minicbor::Decode<'b, ()>>(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, ReplicaError>;

    /// A member of staff.
    ///
    /// # Errors
    /// Where there is none of this number, or they work here no more.
    fn staff(&self, id: u32) -> Result<StaffRow, ReplicaError>;

    /// The staff, by id.
    fn staff_list(&self) -> Result<Vec<StaffRow>, ReplicaError>;

    /// What waits at a desk, oldest first.
    fn queue(&self, desk: Role) -> Result<Vec<Waiting>, ReplicaError>;

    /// Part of a desk's queue: what fits, behind a key, at most `limit`.
    fn queue_part(
        &self,
        desk: Role,
        after: Option<&[u8]>,
        limit: usize,
        fits: &dyn Fn(&ApplicationRow) -> bool,
    ) -> Result<Part, ReplicaError>;

    /// Since when each application waits at a desk, at most [`MAX_QUEUE`].
    fn queue_ages(&self, desk: Role) -> Result<Vec<i64>, ReplicaError>;

    /// How many applications wait at a desk, counted up to `most`.
    fn queue_length(&self, desk: Role, most: usize) -> Result<usize, ReplicaError>;

    /// Every device that was ever certified, with the partitions of its certificates, ended ones too.
    fn certified(&self) -> Result<BTreeMap<AuthorId, Vec<Partition>>, ReplicaError>;

    /// Every device that was ever certified, as people know it.
    fn devices(&self) -> Result<Vec<Device>, ReplicaError>;

    /// State of a notification to the applicant; none before it is due.
    fn message_state(&self, case: &Case, due: &Due) -> Option<String>;

    /// Whether a message waits for an attempt that is due, and whether one is out of which the gateway should have said more.
    fn messages_due(&self, now: i64) -> Result<(bool, bool), ReplicaError>;

    /// Messages that are out, at most so many, and where each stands.
    fn messages_out(&self, most: usize) -> Result<Vec<(Token, Standing)>, ReplicaError>;

    /// A decision as a line of the record that `show` gives, with where the application stands now.
    fn shown_decision(&self, case: &Case, decision: &Decision, now: i64) -> Result<Value, ReplicaError>;

    /// Whether there is a message of this token.
    fn knows_message(&self, token: &Token) -> Result<bool, ReplicaError>;

    /// What `show` says of a case at the office.
    fn shown(&self, case: &Case, now: i64) -> Result<Value, ReplicaError>;
}

impl<S: Store> Look for Replica<S> {
    fn local<T: for<'b> minicbor::Decode<'b, ()>>(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, ReplicaError> {
        let row = self.store.get(&Partition::Office, table, key)?;
        row.map(|bytes| rows::decode(&bytes)).transpose()
    }

    fn staff(&self, id: u32) -> Result<StaffRow, ReplicaError> {
        let row: Option<StaffRow> = self.local(Table::Staff, &id.to_be_bytes())?;
        row.filter(|row| row.ended.is_none()).ok_or_else(|| {
            ReplicaError::refused(
                "petugas tidak dikenal atau sudah berakhir: lihat `loket staff list`, atau tambahkan dengan `loket staff add`",
            )
        })
    }

    fn staff_list(&self) -> Result<Vec<StaffRow>, ReplicaError> {
        let rows = self.store.scan(&Partition::Office, Table::Staff, &[], None, MAX_STAFF)?;
        rows.iter().map(|(_, row)| rows::decode(row)).collect()
    }

    fn queue(&self, desk: Role) -> Result<Vec<Waiting>, ReplicaError> {
        Ok(self.queue_part(desk, None, MAX_QUEUE, &|_| true)?.waiting)
    }

    fn queue_part(
        &self,
        desk: Role,
        after: Option<&[u8]>,
        limit: usize,
        fits: &dyn Fn(&ApplicationRow) -> bool,
    ) -> Result<Part, ReplicaError> {
        let prefix = [desk_byte(desk)];
        let (mut waiting, mut last, mut looked) = (Vec::new(), after.map(<[u8]>::to_vec), 0);
        while looked < MAX_QUEUE {
            let rows = self.store.scan(&Partition::Office, Table::Queue, &prefix, last.as_deref(), SCAN)?;
            let is_end = rows.len() < SCAN;
            looked += rows.len();
            for (key, at) in rows {
                if waiting.len() == limit {
                    return Ok(Part { waiting, next: last });
                }
                let (partition, id): (Partition, EntryHash) = rows::decode(&at)?;
                let since = key.get(1..9).and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
                if let Some(row) = self.row(&partition, &id)?.filter(|row| fits(row)) {
                    waiting.push(Waiting { partition, id, row, since: since.unwrap_or_default() });
                }
                last = Some(key);
            }
            if is_end {
                return Ok(Part { waiting, next: None });
            }
        }
        Ok(Part { waiting, next: last })
    }

    fn queue_ages(&self, desk: Role) -> Result<Vec<i64>, ReplicaError> {
        let queue = self.store.scan(&Partition::Office, Table::Queue, &[desk_byte(desk)], None, MAX_QUEUE)?;
        let since = |key: &[u8]| Some(i64::from_be_bytes(key.get(1..9)?.try_into().ok()?));
        Ok(queue.iter().filter_map(|(key, _)| since(key)).collect())
    }

    fn queue_length(&self, desk: Role, most: usize) -> Result<usize, ReplicaError> {
        Ok(self.store.scan(&Partition::Office, Table::Queue, &[desk_byte(desk)], None, most)?.len())
    }

    fn certified(&self) -> Result<BTreeMap<AuthorId, Vec<Partition>>, ReplicaError> {
        let mut devices: BTreeMap<AuthorId, Vec<Partition>> = BTreeMap::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.scan(&Partition::Office, Table::Meta, SCOPE, after.as_deref(), SCAN)?;
            let Some((last, _)) = rows.last() else { return Ok(devices) };
            after = Some(last.clone());
            for (key, _) in &rows {
                if let Some((author, partition)) = scope_of_key(key) {
                    devices.entry(author).or_default().push(partition);
                }
            }
        }
    }

    fn devices(&self) -> Result<Vec<Device>, ReplicaError> {
        let mut devices = Vec::new();
        for (id, partitions) in self.certified()? {
            let mut newest = None;
            for partition in &partitions {
                newest = self.certificate(partition, &id)?.map(|row| row.certificate).or(newest);
            }
            if let Some(certificate) = newest {
                devices.push(Device { id, certificate, partitions: self.scope_of(&id)? });
            }
        }
        Ok(devices)
    }

    fn message_state(&self, case: &Case, due: &Due) -> Option<String> {
        let row = self.store.get(&case.partition, Table::Job, &message_key(case, due)).ok()??;
        Some(rows::decode::<Message>(&row).ok()?.standing.as_str().to_owned())
    }

    fn messages_due(&self, now: i64) -> Result<(bool, bool), ReplicaError> {
        messages::due(&self.store, now)
    }

    fn messages_out(&self, most: usize) -> Result<Vec<(Token, Standing)>, ReplicaError> {
        messages::out(&self.store, most)
    }

    fn knows_message(&self, token: &Token) -> Result<bool, ReplicaError> {
        messages::is_known(&self.store, token)
    }

    fn shown_decision(&self, case: &Case, decision: &Decision, now: i64) -> Result<Value, ReplicaError> {
        let shown = self.shown(case, now)?;
        let line = case.record.iter().rposition(|other| other == decision).unwrap_or_default();
        let line = shown.pointer(&format!("/record/{line}")).and_then(Value::as_object);
        let mut line = line.cloned().unwrap_or_default();
        for name in ["number", "state", "label", "final"] {
            line.extend(shown.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        Ok(Value::Object(line))
    }

    fn shown(&self, case: &Case, now: i64) -> Result<Value, ReplicaError> {
        let row = self.row(&case.partition, &case.id)?.ok_or(ReplicaError::NotFound)?;
        let decided = row.decisions > 0 && row.open_requests == 0;
        let staff = self.staff_list()?;
        self.show(
            case,
            &Surroundings {
                now,
                mark: if decided { "decided" } else { "office" },
                sms: &|due| self.message_state(case, due),
                staff: &|id| staff.iter().find(|one| one.id == id).map(|one| one.name.clone()),
                me: None,
            },
        )
    }
}
