//! Jobs: notifications to applicants, written in the transaction that made them due, one per application, event
//! and revision; delivered afterwards.

use loket_core::catalogue::{ActKind, Audience, Site};
use loket_core::journal::{EntryHash, Partition, Place};
use loket_core::replica::case::Case;
use loket_core::replica::view::sms_state;
use loket_core::replica::{ReplicaError, rows};
use loket_core::store::{Store, Table};
use loket_core::workflow::{Due, Position, Vars, notifications, state, text};
use minicbor::{Decode, Encode};

use super::Office;

/// Jobs delivered in one go.
const MAX_DELIVERY: usize = 200;

/// A notification to an applicant.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct JobRow {
    /// `antri`, `terkirim`, `tanpa_nomor`, `tanpa_persetujuan`.
    #[n(0)]
    pub state: String,
    /// The notification, e.g. `N1`.
    #[n(1)]
    pub notification: String,
    /// The registration number.
    #[n(2)]
    pub number: String,
    /// E.164; empty where there is none.
    #[n(3)]
    pub to: String,
    /// The words.
    #[n(4)]
    pub text: String,
    /// Office time when it became due.
    #[n(5)]
    pub due: i64,
    /// Office time when it was delivered.
    #[n(6)]
    pub delivered: Option<i64>,
}

impl<S: Store> Office<S> {
    /// Writes the jobs that a record has made due and that are not there yet.
    pub(super) fn write_jobs(&mut self, case: &Case) -> Result<(), ReplicaError> {
        let Some(file) = case.service.clone() else { return Ok(()) };
        for due in notifications(&file.service, &case.record) {
            if !due.audience.contains(&Audience::Pemohon) {
                continue;
            }
            let key = job_key(case, &due);
            if self.replica.store.get(&case.partition, Table::Job, &key)?.is_some() {
                continue;
            }
            let job = self.make_job(case, &due)?;
            if job.state == "antri" {
                let waiting = [&b"due/"[..], &due.at.to_be_bytes(), &key].concat();
                self.put_local(
                    Table::Job,
                    &waiting,
                    &(case.partition, minicbor::bytes::ByteVec::from(key.clone())),
                )?;
            }
            self.replica.store.put(&case.partition, Table::Job, &key, Some(&rows::encode(&job)))?;
        }
        Ok(())
    }

    fn make_job(&self, case: &Case, due: &Due) -> Result<JobRow, ReplicaError> {
        let frozen = case.state().and_then(|state| state.frozen);
        let fields = frozen.and_then(|f| case.document.registers_at(&f.heads).ok()).unwrap_or_default();
        let number = case.number();
        let words = case.service.as_ref().and_then(|file| {
            let notification = file.service.notification(&due.id)?;
            let vars = Vars {
                nomor: &number,
                tempat: &self.place_of(case, due),
                sebab: due.sebab.as_deref(),
                nama: fields.get("nama").map_or("", String::as_str),
            };
            Some(text(&file.service, notification, &vars))
        });
        Ok(JobRow {
            state: sms_state(case, due),
            notification: due.id.clone(),
            number: number.clone(),
            to: fields.get("telepon").cloned().unwrap_or_default(),
            text: words.unwrap_or_default(),
            due: due.at,
            delivered: None,
        })
    }

    /// Where the applicant goes or sends papers to: the pickup site once the document can be collected, the
    /// papers' before.
    fn place_of(&self, case: &Case, due: &Due) -> String {
        let Some(file) = &case.service else { return String::new() };
        let service = &file.service;
        let record = case.record.get(..=due.decision_index).unwrap_or(&case.record);
        let ready = match state(service, record).position {
            Position::Step(index) => {
                service.line().get(index).is_some_and(|step| step.kind == ActKind::Serah)
            }
            _ => false,
        };
        let site = if ready { Some(service.pickup_site) } else { service.paper_site };
        let place: Option<Partition> = case.reserved("_wilayah").and_then(|place| place.parse().ok());
        let Some(Partition::Place(place)) = place else { return "Dinas Dukcapil".into() };
        match site {
            Some(Site::Desa) => self.region_name(&place),
            Some(Site::Kecamatan) => format!("Kec. {}", self.region_name(&place.kecamatan())),
            Some(Site::Dinas) | None => "Dinas Dukcapil".into(),
        }
    }

    fn region_name(&self, place: &Place) -> String {
        let code = place.to_string();
        self.replica.regions().name(&code).map_or(code, str::to_owned)
    }

    /// Delivers what is due: `send` is given each job and says whether it was taken over. The caller holds a
    /// transaction ([`Office::write`]). Returns how many were delivered.
    pub fn deliver(
        &mut self,
        now: i64,
        send: &mut dyn FnMut(&JobRow) -> bool,
    ) -> Result<usize, ReplicaError> {
        let waiting = self.replica.store.scan(&Partition::Office, Table::Job, b"due/", None, MAX_DELIVERY)?;
        let mut delivered = 0;
        for (waiting_key, at) in waiting {
            let (partition, key): (Partition, minicbor::bytes::ByteVec) = rows::decode(&at)?;
            if let Some(bytes) = self.replica.store.get(&partition, Table::Job, &key)? {
                let mut job: JobRow = rows::decode(&bytes)?;
                if !send(&job) {
                    continue;
                }
                job.state = "terkirim".into();
                job.delivered = Some(now);
                self.replica.store.put(&partition, Table::Job, &key, Some(&rows::encode(&job)))?;
                delivered += 1;
            }
            self.replica.store.put(&Partition::Office, Table::Job, &waiting_key, None)?;
        }
        Ok(delivered)
    }

    /// Forgets the notifications of an application, sent or not: they hold a number and a name.
    pub(super) fn drop_jobs(&mut self, partition: &Partition, id: &EntryHash) -> Result<(), ReplicaError> {
        let prefix = [&b"sms/"[..], id.as_bytes()].concat();
        for (key, _) in self.replica.store.scan(partition, Table::Job, &prefix, None, usize::MAX)? {
            self.replica.store.put(partition, Table::Job, &key, None)?;
        }
        Ok(())
    }

    /// Whether any job waits to be delivered.
    pub fn has_jobs(&self) -> Result<bool, ReplicaError> {
        Ok(!self.replica.store.scan(&Partition::Office, Table::Job, b"due/", None, 1)?.is_empty())
    }
}

pub(super) fn job_key(case: &Case, due: &Due) -> Vec<u8> {
    let name = format!("/{}/{}/{}", due.id, due.event, due.revision);
    [&b"sms/"[..], case.id.as_bytes(), name.as_bytes()].concat()
}
