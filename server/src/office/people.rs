//! People and their devices: staff, invitations, certificates.

use std::collections::BTreeSet;

use loket_core::catalogue::Role;
use loket_core::identity::PublicKey;
use loket_core::journal::body::{Body, Certificate, Revocation};
use loket_core::journal::{AuthorId, Partition, Place};
use loket_core::replica::ReplicaError;
use loket_core::replica::rows;
use loket_core::replica::write::Dice;
use loket_core::store::{Store, Table};
use minicbor::{Decode, Encode};

use super::Office;

/// How long an invitation is good for, in seconds.
pub const INVITE_SECONDS: i64 = 24 * 3600;
/// How long a certificate is good for, in seconds.
pub const CERTIFICATE_SECONDS: i64 = 2 * 365 * 24 * 3600;
/// Members of staff.
pub const MAX_STAFF: usize = 10_000;
/// Length of a name, in characters.
pub const MAX_NAME: usize = 200;
/// Partitions of one certificate.
pub const MAX_PARTITIONS: usize = 500;

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct StaffRow {
    /// Id.
    #[n(0)]
    pub id: u32,
    /// Name.
    #[n(1)]
    pub name: String,
    /// Role.
    #[n(2)]
    pub role: Role,
    /// Partitions; empty: the whole office.
    #[n(3)]
    pub partitions: Vec<Partition>,
}

impl StaffRow {
    /// Whether a place lies in the member's partitions.
    pub fn covers(&self, place: &Partition) -> bool {
        self.partitions.is_empty() || self.partitions.contains(place)
    }
}

/// An invitation, kept under a hash of its code.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct InviteRow {
    /// Role.
    #[n(0)]
    pub role: Role,
    /// Partitions, expanded.
    #[n(1)]
    pub partitions: Vec<Partition>,
    /// Seconds since 1970.
    #[n(2)]
    pub expires: i64,
    /// The officer.
    #[n(3)]
    pub officer: String,
    /// The device that used it, to let it ask again after a lost answer.
    #[n(4)]
    pub used: Option<AuthorId>,
    /// The key that both sides derive from the code.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub secret: [u8; 32],
}

impl<S: Store> Office<S> {
    /// The partitions that region codes stand for: a kecamatan is its counter and its villages.
    pub fn expand(&self, codes: &[String]) -> Result<Vec<Partition>, ReplicaError> {
        let mut partitions: Vec<Partition> = Vec::new();
        for code in codes {
            let place = Place::parse(code).filter(|place| self.replica.regions().contains(*place)).ok_or_else(|| {
                ReplicaError::refused(format!(
                    "kode wilayah {code} tidak ada di kabupaten ini: tulis misalnya 33.12.08 atau 33.12.08.2002"
                ))
            })?;
            partitions.push(Partition::Place(place));
            if !place.is_village() {
                let villages = self.replica.regions().villages_of(place);
                partitions.extend(villages.into_iter().map(|(village, _)| Partition::Place(village)));
            }
        }
        let mut seen = BTreeSet::new();
        partitions.retain(|partition| seen.insert(*partition));
        if partitions.len() > MAX_PARTITIONS {
            return Err(ReplicaError::refused(format!(
                "terlalu banyak wilayah: paling banyak {MAX_PARTITIONS}"
            )));
        }
        Ok(partitions)
    }

    /// Adds a member of staff; the caller holds a transaction.
    pub fn add_staff(&mut self, role: Role, name: &str, codes: &[String]) -> Result<u32, ReplicaError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(ReplicaError::refused(format!(
                "nama petugas wajib diisi, paling panjang {MAX_NAME} huruf"
            )));
        }
        let partitions = self.expand(codes)?;
        let id = self.staff_list()?.iter().map(|staff| staff.id).max().unwrap_or(0) + 1;
        let row = StaffRow { id, name: name.to_owned(), role, partitions };
        self.put_local(Table::Staff, &id.to_be_bytes(), &row)?;
        Ok(id)
    }

    /// The staff, by id.
    pub fn staff_list(&self) -> Result<Vec<StaffRow>, ReplicaError> {
        let rows = self.replica.store.scan(&Partition::Office, Table::Staff, &[], None, MAX_STAFF)?;
        rows.iter().map(|(_, row)| rows::decode(row)).collect()
    }

    /// Keeps an invitation; the caller holds a transaction.
    pub fn invite(&mut self, key: &[u8], row: &InviteRow) -> Result<(), ReplicaError> {
        self.put_local(Table::Invite, key, row)
    }

    /// The invitation under this key.
    pub fn invitation(&self, key: &[u8]) -> Result<Option<InviteRow>, ReplicaError> {
        self.local(Table::Invite, key)
    }

    /// Certifies a device in its partitions; the caller holds a transaction.
    pub fn certify(
        &mut self,
        device: PublicKey,
        role: Role,
        partitions: &[Partition],
        officer: &str,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Certificate, ReplicaError> {
        let certificate = Certificate {
            key: device,
            role,
            partitions: partitions.to_vec(),
            not_after: now.saturating_add(CERTIFICATE_SECONDS),
            officer: officer.to_owned(),
        };
        for partition in partitions {
            self.append(*partition, None, &Body::Certificate(certificate.clone()), dice)?;
        }
        Ok(certificate)
    }

    /// Lets a certified device into a further partition: a need-to-know application's.
    pub fn grant(
        &mut self,
        author: &AuthorId,
        partition: Partition,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        for home in self.replica.scope_of(author)? {
            if let (Partition::Place(_), Some(row)) = (home, self.replica.certificate(&home, author)?) {
                return self.append(partition, None, &Body::Certificate(row.certificate), dice);
            }
        }
        Err(ReplicaError::refused("perangkat tidak dikenal: lihat `loket device list`"))
    }

    /// Revokes a device everywhere: what the office holds of it now counts, nothing after. The caller holds a
    /// transaction.
    pub fn revoke(
        &mut self,
        author: &AuthorId,
        cause: &str,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let scope = self.replica.scope_of(author)?;
        if scope.is_empty() {
            return Err(ReplicaError::refused("perangkat tidak dikenal: lihat `loket device list`"));
        }
        for partition in scope {
            let journals = self.replica.journals(&partition)?;
            let own = journals.iter().filter(|(_, row)| row.journal.author == *author);
            let last = own.map(|(_, row)| (row.journal.id(), row.head)).collect();
            let body = Body::Revocation(Revocation { author: *author, last, cause: cause.to_owned() });
            self.append(partition, None, &body, dice)?;
        }
        Ok(())
    }
}
