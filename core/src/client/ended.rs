//! Certificates that have ended. The office exchanges such a partition with the phone no more: it takes what the phone
//! still brings, holds it for a supervisor, and says that it came. The phone notices by what the office names.

use std::collections::BTreeSet;

use super::{ClientError, Phone};
use crate::journal::Partition;
use crate::replica::{Replica, ReplicaError};
use crate::store::{Store, Table};

/// The row of a partition that says that the phone's certificate there has ended.
const ENDED: &[u8] = b"berakhir";
/// The row that says that the office did not know the device when it last called.
const UNKNOWN: &str = "tidak_dikenal";

/// Whether the phone's certificate in a partition has ended, as far as it has heard.
pub(super) fn has_ended<S: Store>(replica: &Replica<S>, partition: &Partition) -> Result<bool, ReplicaError> {
    Ok(replica.store.get(partition, Table::Meta, ENDED)?.is_some())
}

impl Phone {
    /// Whether nothing that is written on this phone counts any more until it is enrolled anew: its certificates have
    /// all ended, or the office does not know it.
    pub fn has_ended(&self) -> Result<bool, ClientError> {
        if self.replica.meta(UNKNOWN)?.is_some() {
            return Ok(true);
        }
        let scope = self.replica.scope_of(&self.author())?;
        let mut any = false;
        for partition in scope.iter().filter(is_place) {
            if !has_ended(&self.replica, partition)? {
                return Ok(false);
            }
            any = true;
        }
        Ok(any)
    }

    /// Takes note of which partitions the office exchanges with this phone.
    pub(super) fn note_ended(&mut self, unnamed: &BTreeSet<Partition>) -> Result<(), ClientError> {
        let mut exchanged = self.replica.scope_of(&self.author())?;
        let mut places = exchanged.iter().filter(is_place).peekable();
        let over = places.peek().is_some() && places.all(|place| unnamed.contains(place));
        if over {
            // What was opened here before this phone knew is held like the rest, and no certificate comes for it.
            exchanged.extend(self.replica.store.partitions()?.iter().filter(|p| **p != Partition::Office));
        }
        let mut changed = Vec::new();
        for partition in exchanged {
            let ended = unnamed.contains(&partition);
            if ended != has_ended(&self.replica, &partition)? {
                changed.push((partition, ended));
            }
        }
        let unknown = self.replica.meta(UNKNOWN)?.is_some();
        if changed.is_empty() && !unknown {
            return Ok(());
        }
        self.replica.transaction(|replica| {
            for (partition, ended) in changed {
                let row = ended.then_some(&[][..]);
                replica.store.put(&partition, Table::Meta, ENDED, row)?;
            }
            replica.set_meta(UNKNOWN, None)
        })?;
        Ok(())
    }

    /// Takes note that the office does not know this device.
    pub(super) fn note_unknown(&mut self) -> Result<(), ClientError> {
        self.replica.transaction(|replica| replica.set_meta(UNKNOWN, Some(&[])))?;
        Ok(())
    }
}

fn is_place(partition: &&Partition) -> bool {
    matches!(partition, Partition::Place(_))
}
