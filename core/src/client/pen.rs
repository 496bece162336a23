//! The pen: one transaction in which the phone writes.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::{ClientError, Phone};
use crate::journal::{EntryHash, Partition};
use crate::replica::case::Case;
use crate::replica::write::{Asked, Author, Opening};
use crate::replica::{Replica, ReplicaError};
use crate::store::sqlite::SqliteStore;

/// What writes inside one transaction. Everything it appends is chained at once and signed before it is kept.
pub(super) struct Pen<'a> {
    /// The replica, inside the transaction.
    pub replica: &'a mut Replica<SqliteStore>,
    /// The device's clock.
    pub now: i64,
    author: Author<'a>,
    dice: &'a mut (dyn FnMut(&mut [u8]) + 'a),
    touched: BTreeSet<Partition>,
}

impl Phone {
    /// Runs `work` in one transaction, signs what it wrote, and makes all of it durable; or none of it.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Pen<'_>) -> Result<T, ReplicaError>,
    ) -> Result<T, ClientError> {
        let (signer, now) = (self.signer.clone(), self.now());
        let failed = Cell::new(false);
        let mut dice = |bytes: &mut [u8]| failed.set(failed.get() || getrandom::fill(bytes).is_err());
        let value = self.replica.transaction(|replica| {
            let epoch = replica.epoch(&mut dice)?;
            let author = Author { signer: &*signer, epoch };
            let mut pen = Pen { replica, now, author, dice: &mut dice, touched: BTreeSet::new() };
            let value = work(&mut pen)?;
            pen.seal()?;
            if failed.get() {
                return Err(ReplicaError::refused(
                    "perangkat tidak dapat membuat bilangan acak: mulai ulang",
                ));
            }
            Ok(value)
        })?;
        Ok(value)
    }
}

impl Pen<'_> {
    /// Random bytes.
    pub(super) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.dice)(&mut bytes);
        bytes
    }

    /// The case, as it stands inside the transaction.
    pub(super) fn case(&self, at: &(Partition, EntryHash)) -> Result<Case, ReplicaError> {
        self.replica.case(&at.0, &at.1)
    }

    /// Opens an application.
    pub(super) fn open(
        &mut self,
        opening: &Opening<'_>,
        ops: Vec<crate::journal::body::Op>,
    ) -> Result<Case, ReplicaError> {
        let case = self.replica.open_application(&self.author, opening, ops, self.now, self.dice)?;
        self.touched.insert(case.partition);
        Ok(case)
    }

    /// Edits an application at its heads.
    pub(super) fn edit(
        &mut self,
        case: Case,
        ops: Vec<crate::journal::body::Op>,
    ) -> Result<Case, ReplicaError> {
        self.touched.insert(case.partition);
        self.replica.edit(&self.author, case, ops, self.now, self.dice)
    }

    /// Asks for an act.
    pub(super) fn request(&mut self, case: &Case, asked: Asked) -> Result<Case, ReplicaError> {
        self.touched.insert(case.partition);
        self.replica.request(&self.author, case, asked, self.now, self.dice)
    }

    fn seal(&mut self) -> Result<(), ReplicaError> {
        for partition in &self.touched {
            self.replica.seal(&self.author, *partition)?;
        }
        Ok(())
    }
}
