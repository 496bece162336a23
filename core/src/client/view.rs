//! Looking: finding an application by any of its names, lists, and what `show` says.

use serde_json::Value;

use super::{ClientError, Phone};
use crate::checks::{Missing, WarningState};
use crate::journal::{EntryHash, Partition};
use crate::number::Number;
use crate::replica::ReplicaError;
use crate::replica::list::{Listed, Mark};
use crate::replica::rows::ApplicationRow;
use crate::replica::view::Surroundings;

/// Shortest beginning of an id that names an application, in characters.
const MIN_PREFIX: usize = 8;
/// Characters of an id.
const ID: usize = 64;
/// Two devices gave the same number, and the office has not told them apart yet.
const TWINS: &str =
    "dua permohonan bernomor sama: sebut id-nya, sampai Dinas memberi nomor baru kepada salah satunya";

/// An application that was found.
pub struct Found {
    /// Its partition.
    pub partition: Partition,
    /// Its id.
    pub id: EntryHash,
    /// What lists show of it.
    pub row: ApplicationRow,
}

impl Phone {
    /// The application of this registration number (however it is spaced), id, or beginning of an id.
    ///
    /// # Errors
    /// Where there is none, or more than one id begins so.
    pub fn find(&self, name: &str) -> Result<Found, ClientError> {
        let (partition, id) = match self.replica.all_named(name)?.as_slice() {
            [] => self.find_leniently(name.trim())?,
            [at] => *at,
            _ => return Err(ClientError::refused(TWINS)),
        };
        let row = self.replica.row(&partition, &id)?.ok_or(ReplicaError::NotFound)?;
        Ok(Found { partition, id, row })
    }

    fn find_leniently(&self, name: &str) -> Result<(Partition, EntryHash), ClientError> {
        let number = Number::parse(name);
        if let Ok(number) = &number {
            match self.replica.all_named(&number.to_string())?.as_slice() {
                [] => {}
                [at] => return Ok(*at),
                _ => return Err(ClientError::refused(TWINS)),
            }
        }
        let hex = name.len() >= MIN_PREFIX && name.len() <= ID && name.bytes().all(|b| b.is_ascii_hexdigit());
        if hex {
            match self.replica.ids_beginning(name)?.as_slice() {
                [] => {}
                [at] => return Ok(*at),
                _ => {
                    return Err(ClientError::refused(
                        "lebih dari satu permohonan berawalan itu: tulis lebih lengkap",
                    ));
                }
            }
        }
        match number {
            // A slip of the pen is worth another sentence than a number that is not here.
            Err(error @ crate::number::NumberError::Check) if !hex => {
                Err(ClientError::refused(error.to_string()))
            }
            _ => Err(ReplicaError::NotFound.into()),
        }
    }

    /// Every application on this phone, by number.
    pub fn list(&self) -> Result<Vec<Listed>, ClientError> {
        let mut all = self.replica.list(&self.author())?;
        all.sort_by(|a, b| (&a.row.number, a.id).cmp(&(&b.row.number, b.id)));
        Ok(all)
    }

    /// How far the work on an application has come.
    pub fn mark(&self, found: &Found) -> Result<Mark, ClientError> {
        Ok(self.replica.marker(&found.partition, &self.author())?.mark(&found.row))
    }

    /// The whole of `show`.
    pub fn show(&self, name: &str) -> Result<Value, ClientError> {
        let found = self.find(name)?;
        let mark = self.mark(&found)?;
        let case = self.replica.judged_case(&found.partition, &found.id)?;
        let (now, mark, me) = (self.now(), mark.as_str(), Some(self.author()));
        let around = Surroundings { now, mark, sms: &|_| None, staff: &|_| None, me };
        Ok(self.replica.show(&case, &around)?)
    }

    /// What keeps an application from being submitted.
    pub fn missing(&self, name: &str) -> Result<Vec<Missing>, ClientError> {
        let found = self.find(name)?;
        let case = self.replica.case(&found.partition, &found.id)?;
        Ok(self.replica.missing(&case, self.now())?)
    }

    /// What to look at before it is submitted.
    pub fn warnings(&self, name: &str) -> Result<Vec<WarningState>, ClientError> {
        let found = self.find(name)?;
        let case = self.replica.case(&found.partition, &found.id)?;
        Ok(self.replica.warnings(&case, self.now())?)
    }

    /// Its open conflicts, as JSON.
    pub fn conflicts(&self, name: &str) -> Result<Vec<Value>, ClientError> {
        let found = self.find(name)?;
        let case = self.replica.case(&found.partition, &found.id)?;
        Ok(self.replica.conflicts(&case)?)
    }
}
