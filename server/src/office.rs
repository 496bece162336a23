//! The office: the one writer of decisions. Takes in what phones send, answers requests, keeps the desks' queues
//! and the jobs that follow, all in one transaction of its store, and signs.
//!
//! No clock, no dice, no socket: the time and random bytes are passed in, so the simulator runs this very code.

use std::collections::BTreeSet;
use std::sync::Arc;

use loket_core::identity::{PublicKey, Signer};
use loket_core::journal::body::{Body, Revocation};
use loket_core::journal::run::Run;
use loket_core::journal::{AuthorId, ChangeHash, EntryHash, JournalId, Partition, office_beginning};
use loket_core::replica::case::{Case, Standing};
use loket_core::replica::learn::{LearnError, Learned};
use loket_core::replica::write::{Author, Dice, EPOCH, random};
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};

use admission::{Admission, Allowances};

pub mod access;
pub mod admission;
pub mod attachments;
pub mod blanks;
pub mod checked;
pub mod counter;
pub mod desk;
pub mod drafts;
pub mod files;
pub mod held;
pub mod invites;
pub mod library;
pub mod look;
pub mod messages;
pub mod people;
pub mod reads;
pub mod restore;
pub mod retention;
pub mod seen;
pub mod settings;
pub mod settle;
pub mod shipments;
pub mod tokens;
pub mod verify;
pub mod words;

#[cfg(test)]
mod tests;

/// The office's epoch when it is founded; a new one begins with a restored backup.
const FIRST_EPOCH: u64 = 1;
/// The row that keeps it.
const OFFICE_EPOCH: &str = "office_epoch";

/// The office over a store.
pub struct Office<S> {
    /// Its replica.
    pub replica: Replica<S>,
    /// What one device may bring.
    pub allowances: Allowances,
    signer: Arc<dyn Signer>,
    epoch: [u8; 8],
    office_epoch: u64,
    touched: BTreeSet<Partition>,
}

/// What one device sent at once.
pub struct Delivery {
    /// The device.
    pub author: AuthorId,
    /// Its runs.
    pub runs: Vec<Run>,
}

/// What became of a delivery.
#[derive(Debug)]
pub enum Delivered {
    /// It is durable, but for these journals.
    Taken(Vec<(JournalId, LearnError)>),
    /// It alone could not be taken; nothing of it was kept.
    Failed(String),
}

impl<S: Store> Office<S> {
    /// Opens the office over a store; the first time, founds it.
    pub fn open(store: S, signer: Arc<dyn Signer>, dice: &mut Dice<'_>) -> Result<Self, ReplicaError> {
        let mut replica = Replica::open(store, signer.public_key())?;
        replica.keep_retired();
        let (epoch, office_epoch) = replica.transaction(|replica| {
            if replica.meta(OFFICE_EPOCH)?.is_none() {
                replica.set_meta(OFFICE_EPOCH, Some(&FIRST_EPOCH.to_be_bytes()))?;
            }
            messages::draw_secret(replica, dice)?;
            let office_epoch = Self::epoch_of(replica)?;
            let epoch = match replica.meta(EPOCH)?.and_then(|bytes| bytes.try_into().ok()) {
                Some(epoch) => epoch,
                None => replica.begin_epoch(&office_beginning(office_epoch), dice)?,
            };
            Ok((epoch, office_epoch))
        })?;
        let allowances = Allowances::default();
        Ok(Self { replica, allowances, signer, epoch, office_epoch, touched: BTreeSet::new() })
    }

    /// The office epoch as a replica of its store says it.
    pub fn epoch_of(replica: &Replica<S>) -> Result<u64, ReplicaError> {
        let row = replica.meta(OFFICE_EPOCH)?;
        Ok(row.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?))).unwrap_or(FIRST_EPOCH))
    }

    /// The office's key.
    pub fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    /// Its signer.
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer)
    }

    /// Takes deliveries in as one group, durable when this returns. A group that fails is taken apart until the
    /// delivery that fails stands alone; the others are kept. Returns what became of each, and the partitions
    /// that have news.
    pub fn ingest(
        &mut self,
        group: &[Delivery],
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(Vec<Delivered>, BTreeSet<Partition>), ReplicaError> {
        match self.write(|office| office.take_in(group, now, dice)) {
            Ok((taken, partitions)) => Ok((taken.into_iter().map(Delivered::Taken).collect(), partitions)),
            Err(ReplicaError::Store(error)) => Err(error.into()),
            Err(error) if group.len() <= 1 => {
                Ok((vec![Delivered::Failed(error.to_string())], BTreeSet::new()))
            }
            Err(_) => {
                let (first, second) = group.split_at(group.len() / 2);
                let (mut delivered, mut partitions) = self.ingest(first, now, dice)?;
                let (others, more) = self.ingest(second, now, dice)?;
                delivered.extend(others);
                partitions.extend(more);
                Ok((delivered, partitions))
            }
        }
    }

    /// Runs `work` in one transaction; what it appended is signed before it is kept. Returns the partitions that
    /// have news besides.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, ReplicaError>,
    ) -> Result<(T, BTreeSet<Partition>), ReplicaError> {
        self.touched.clear();
        self.replica.store.begin()?;
        let done = work(self).and_then(|value| {
            self.seal()?;
            Ok(value)
        });
        let ended = self.replica.store.finish(done.is_ok());
        match ended.map_err(ReplicaError::from).and(done) {
            Ok(value) => Ok((value, std::mem::take(&mut self.touched))),
            Err(error) => {
                // An epoch that was begun in it was not.
                self.office_epoch = Self::epoch_of(&self.replica)?;
                let epoch = self.replica.meta(EPOCH)?.and_then(|bytes| bytes.try_into().ok());
                self.epoch = epoch.unwrap_or(self.epoch);
                Err(error)
            }
        }
    }

    fn seal(&mut self) -> Result<(), ReplicaError> {
        let signer = self.signer();
        let author = Author { signer: &*signer, epoch: self.epoch };
        for partition in self.touched.clone() {
            self.replica.seal(&author, partition)?;
        }
        Ok(())
    }

    /// Appends an entry of the office's own.
    pub(crate) fn append(
        &mut self,
        partition: Partition,
        application: Option<EntryHash>,
        body: &Body,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let signer = self.signer();
        let author = Author { signer: &*signer, epoch: self.epoch };
        self.replica.append(&author, partition, application, body, random(dice))?;
        self.touched.insert(partition);
        Ok(())
    }

    fn take_in(
        &mut self,
        group: &[Delivery],
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Vec<Vec<(JournalId, LearnError)>>, ReplicaError> {
        let mut answers = Vec::with_capacity(group.len());
        let mut touched = BTreeSet::new();
        let healing = restore::is_healing(&self.replica)?;
        let mut came_back = false;
        for delivery in group {
            let admission = self.admission(&delivery.runs, now)?;
            self.admit(delivery, &admission, dice)?;
            let learned = if admission.refused.is_empty() {
                self.replica.learn_entries(&delivery.runs)?
            } else {
                let runs: Vec<Run> =
                    delivery.runs.iter().filter(|run| admission.admits(run)).cloned().collect();
                self.replica.learn_entries(&runs)?
            };
            self.charge(&admission, &learned, now)?;
            came_back |= learned.brought.contains_key(&self.replica.office_author());
            let Learned { applications, partitions, mut refused, destroyed, .. } = learned;
            for (partition, id) in destroyed {
                self.forget(&partition, &id)?;
            }
            touched.extend(applications);
            if healing {
                partitions.iter().try_for_each(|partition| self.meet(partition, now))?;
            }
            self.touched.extend(partitions);
            refused.extend(admission.refused);
            answers.push(refused);
        }
        if came_back {
            // Among what it had lost may be certificates whose time is over by now.
            self.expire_all(now, dice)?;
        }
        self.notice_lost_epoch(group, now, dice)?;
        let mut renamed = BTreeSet::new();
        for (partition, id) in touched {
            let case = self.replica.materialise(&partition, &id)?;
            renamed.extend(case.renamed.iter().map(|edit| (partition, *edit)));
            self.settle(case, now, dice)?;
        }
        self.tell_held(&renamed, dice)?;
        Ok(answers)
    }

    /// Lets the creator of a need-to-know application into its new partition.
    fn admit(
        &mut self,
        delivery: &Delivery,
        admission: &Admission,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        for run in delivery.runs.iter().filter(|run| admission.admits(run)) {
            let (partition, author) = (run.journal.partition, run.journal.author);
            if author != delivery.author
                || !self.replica.opens(&author, &partition)?
                || self.replica.certificate(&partition, &author)?.is_some()
            {
                continue;
            }
            let Some(row) = self.replica.editor(&author)? else { continue };
            self.append(partition, None, &Body::Certificate(row.certificate), dice)?;
            if row.revoked.is_some() {
                // It did not know yet that its own had ended: it is let in, and nothing of it counts.
                let ended = Revocation { author, last: Vec::new(), cause: row.cause };
                self.append(partition, None, &Body::Revocation(ended), dice)?;
            }
        }
        Ok(())
    }

    /// Edits on behalf of a member of staff at the given heads, and returns the case.
    pub(crate) fn edit_for(
        &mut self,
        case: Case,
        ops: Vec<loket_core::journal::body::Op>,
        staff: u32,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Case, ReplicaError> {
        let signer = self.signer();
        let author = Author { signer: &*signer, epoch: self.epoch };
        let partition = case.partition;
        let frozen = case.state().and_then(|state| state.frozen).map(|frozen| frozen.heads);
        let mut heads = frozen.unwrap_or_else(|| case.document.heads());
        // An author's edits are a line: an earlier correction that was not frozen stays among the ancestors.
        if let Some(before) = self.own_edit(&case)
            && !case.document.at(&heads).is_ok_and(|document| document.contains(&before))
        {
            heads.push(before);
        }
        let case = self.replica.edit_at(&author, case, &heads, ops, Some(staff), now, dice)?;
        self.touched.insert(partition);
        Ok(case)
    }

    /// The change of the office's newest edit of a case.
    pub(crate) fn own_edit(&self, case: &Case) -> Option<ChangeHash> {
        let author = Author { signer: &*self.signer, epoch: self.epoch };
        let journal = author.journal(case.partition).id();
        let mine = case.edits.iter().filter(|e| e.line == journal && e.standing == Standing::Applied);
        mine.max_by_key(|edit| edit.seq)?.edit.as_ref().map(|edit| edit.change)
    }

    /// Writes a row of the office's own.
    pub(crate) fn put_local<T: minicbor::Encode<()>>(
        &mut self,
        table: Table,
        key: &[u8],
        row: &T,
    ) -> Result<(), ReplicaError> {
        Ok(self.replica.store.put(&Partition::Office, table, key, Some(&rows::encode(row)))?)
    }
}
