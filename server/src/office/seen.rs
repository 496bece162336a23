//! When each device was last heard of, to the minute: what an administrator looks at who wonders whose phone is off.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use loket_core::journal::{AuthorId, Partition};
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};

use super::Office;

/// Prefix of the rows, by device.
const SEEN: &[u8] = b"seen/";

/// Devices that were heard of since this was last written down.
#[derive(Default)]
pub struct Heard(Mutex<BTreeMap<AuthorId, i64>>);

impl Heard {
    /// A device has proven who it is.
    pub fn hear(&self, device: AuthorId, now: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(device, now);
    }

    /// What is to be written down now.
    pub fn take(&self) -> BTreeMap<AuthorId, i64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Store> Office<S> {
    /// Writes down when devices were heard of.
    pub fn write_seen(&mut self, heard: &BTreeMap<AuthorId, i64>) -> Result<(), ReplicaError> {
        for (device, at) in heard {
            self.put_local(Table::Meta, &[SEEN, &device.0].concat(), at)?;
        }
        Ok(())
    }
}

/// When a device was last heard of, in seconds since 1970; none where it never was, or before this was written down.
pub fn last_seen<S: Store>(replica: &Replica<S>, device: &AuthorId) -> Result<Option<i64>, ReplicaError> {
    let row = replica.store.get(&Partition::Office, Table::Meta, &[SEEN, &device.0].concat())?;
    row.map(|bytes| rows::decode(&bytes)).transpose()
}
