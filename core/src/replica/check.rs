//! Whether the rows that everything hangs on say what the entries say. Quick: it reads the newest entries only.

use super::{Replica, ReplicaError};
use crate::store::{Query, Store};

impl<S: Store> Replica<S> {
    /// Compares each journal's head, and each partition's last position, with the newest entries.
    ///
    /// # Errors
    /// [`ReplicaError::Damaged`] where they differ.
    pub fn check_heads(&self) -> Result<(), ReplicaError> {
        for partition in self.store.partitions()? {
            for (id, row) in self.journals(&partition)? {
                let before = row.head.seq.saturating_sub(1);
                let newest = self.store.entries(&partition, Query::Journal(&id, before), 2)?;
                let alone = newest.len() == usize::from(row.head.seq > 0);
                let same = newest
                    .iter()
                    .all(|(_, entry)| (entry.header.seq, entry.hash) == (row.head.seq, row.head.hash));
                if !alone || !same {
                    return Err(ReplicaError::Damaged("ujung jurnal"));
                }
            }
            let last = self.position(&partition)?;
            let newest = self.store.entries(&partition, Query::After(last.saturating_sub(1)), 2)?;
            if newest.len() != usize::from(last > 0) || newest.iter().any(|(position, _)| *position != last) {
                return Err(ReplicaError::Damaged("urutan entri"));
            }
        }
        Ok(())
    }
}
