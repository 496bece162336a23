//! Who and where a phone is enrolled.

use minicbor::{Decode, Encode};

use super::ClientError;
use super::address::Address;
use super::pin::Pin;
use crate::catalogue::Role;
use crate::identity::PublicKey;
use crate::journal::{AuthorId, Partition};
use crate::replica::rows;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, Table};

/// Where the store keeps it.
const NAME: &[u8] = b"perangkat";

/// Who and where a phone is enrolled. Written when the office's answer was found genuine.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Where the office is.
    pub address: Address,
    /// The office's key.
    pub office: PublicKey,
    /// The device, as an author.
    pub device: AuthorId,
    /// What its officer may do.
    pub role: Role,
    /// Its partitions; the first is where new applications are filed.
    pub partitions: Vec<Partition>,
    /// Keys of TLS that the office told at the enrolment; none: the authorities that browsers trust say who it is.
    pub pins: Vec<Pin>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Row {
    #[n(0)]
    address: String,
    #[n(1)]
    office: PublicKey,
    #[n(2)]
    device: AuthorId,
    #[n(3)]
    role: Role,
    #[n(4)]
    partitions: Vec<Partition>,
    #[n(5)]
    pins: Option<Vec<Pin>>,
}

impl Profile {
    /// Reads it, if the store has been enrolled.
    pub(super) fn read(store: &SqliteStore) -> Result<Option<Self>, ClientError> {
        let Some(bytes) = store.get(&Partition::Office, Table::Meta, NAME)? else { return Ok(None) };
        let row: Row = rows::decode(&bytes)?;
        let address =
            row.address.parse().map_err(|_| crate::replica::ReplicaError::Damaged("alamat Dinas"))?;
        let Row { office, device, role, partitions, .. } = row;
        let pins = row.pins.unwrap_or_default();
        Ok(Some(Self { address, office, device, role, partitions, pins }))
    }

    /// Writes it; the caller holds a transaction.
    pub(super) fn write(&self, store: &mut SqliteStore) -> Result<(), ClientError> {
        let row = Row {
            address: self.address.to_string(),
            office: self.office,
            device: self.device,
            role: self.role,
            partitions: self.partitions.clone(),
            pins: Some(self.pins.clone()),
        };
        Ok(store.put(&Partition::Office, Table::Meta, NAME, Some(&rows::encode(&row)))?)
    }
}

/// A role's word, as people and scripts write it.
pub(super) fn role_text(role: Role) -> String {
    match serde_json::to_value(role) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// Reads [`role_text`].
pub(super) fn role_from(text: &str) -> Option<Role> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}
