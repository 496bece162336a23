//! What an office says of itself on its print-outs: its name, and where its counters are.

use loket_core::journal::Partition;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};

use super::Office;

/// The office itself, among the counters.
pub const DINAS: &str = "dinas";
/// Longest text, in characters.
pub const MAX_TEXT: usize = 300;
/// What an office is called until it says otherwise.
const NAME: &str = "Dinas Kependudukan dan Pencatatan Sipil";
/// Row of the name.
const NAME_ROW: &[u8] = b"setting/name";
/// Prefix of the rows of addresses, by counter.
const ADDRESS: &[u8] = b"setting/address/";

/// The office's name.
pub fn office_name<S: Store>(replica: &Replica<S>) -> Result<String, ReplicaError> {
    let row = replica.store.get(&Partition::Office, Table::Meta, NAME_ROW)?;
    row.map_or_else(|| Ok(NAME.to_owned()), |bytes| rows::decode(&bytes))
}

/// Where a counter is, by its region's code or [`DINAS`]; empty where nobody has said.
pub fn address<S: Store>(replica: &Replica<S>, counter: &str) -> Result<String, ReplicaError> {
    let row = replica.store.get(&Partition::Office, Table::Meta, &key(counter))?;
    row.map_or_else(|| Ok(String::new()), |bytes| rows::decode(&bytes))
}

fn key(counter: &str) -> Vec<u8> {
    [ADDRESS, counter.as_bytes()].concat()
}

impl<S: Store> Office<S> {
    /// Names the office.
    pub fn set_office_name(&mut self, name: &str) -> Result<(), ReplicaError> {
        let name = checked(name)?;
        if name.is_empty() {
            return Err(ReplicaError::refused("nama kantor wajib diisi"));
        }
        self.put_local(Table::Meta, NAME_ROW, &name)
    }

    /// Says where a counter is.
    pub fn set_address(&mut self, counter: &str, address: &str) -> Result<(), ReplicaError> {
        let known = counter == DINAS || self.expand(&[counter.to_owned()]).is_ok();
        if !known {
            return Err(ReplicaError::refused(
                "loket tidak dikenal: pilih Dinas, sebuah kecamatan, atau sebuah desa",
            ));
        }
        self.put_local(Table::Meta, &key(counter), &checked(address)?)
    }
}

fn checked(text: &str) -> Result<String, ReplicaError> {
    let text = text.trim();
    let fits = text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| ReplicaError::refused(format!("paling panjang {MAX_TEXT} huruf, dalam satu baris")))
}
