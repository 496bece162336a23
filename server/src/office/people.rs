//! People and their devices: staff, certificates.

use std::collections::BTreeSet;

use loket_core::catalogue::Role;
use loket_core::identity::{PublicKey, SealKey};
use loket_core::journal::body::{Body, CAUSE_LOST, Certificate, Revocation};
use loket_core::journal::{AuthorId, Partition, Place};
use loket_core::replica::ReplicaError;
use loket_core::replica::rows::{self, CertificateRow};
use loket_core::replica::write::Dice;
use loket_core::store::{Store, Table};
use minicbor::{Decode, Encode};

use super::Office;
use super::look::Look;

/// How long a certificate is good for, in seconds.
pub const CERTIFICATE_SECONDS: i64 = 2 * 365 * 24 * 3600;
/// Members of staff.
pub const MAX_STAFF: usize = 10_000;
/// Length of a name, in characters.
pub const MAX_NAME: usize = 200;
/// Partitions of one certificate.
pub const MAX_PARTITIONS: usize = 500;

/// Certificates that one run of [`Office::expire`] looks at.
pub const MAX_LOOKED: usize = 2000;
/// A revocation's cause where the device was transferred.
const CAUSE_MOVED: &str = "pindah";
/// A revocation's cause where the certificate's time was over.
const CAUSE_EXPIRED: &str = "kedaluwarsa";
/// Prefix of the rows that say which device was ever certified where.
pub(super) const SCOPE: &[u8] = b"scope/";

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
    /// Office time since when they work here no more; their name stays in the record.
    #[n(4)]
    pub ended: Option<i64>,
}

impl StaffRow {
    /// Whether a place lies in the member's partitions.
    pub fn covers(&self, place: &Partition) -> bool {
        self.partitions.is_empty() || self.partitions.contains(place)
    }
}

/// The row that keeps what bundles are sealed to a device with.
fn seal_row(author: &AuthorId) -> Vec<u8> {
    [&b"segel/"[..], author.as_bytes()].concat()
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
        let id = self.replica.staff_list()?.iter().map(|staff| staff.id).max().unwrap_or(0) + 1;
        let row = StaffRow { id, name: name.to_owned(), role, partitions, ended: None };
        self.put_local(Table::Staff, &id.to_be_bytes(), &row)?;
        Ok(id)
    }

    /// Ends a member of staff: nothing is done in their name any more, at the console, by a token, or by command. The
    /// caller holds a transaction.
    pub fn end_staff(&mut self, id: u32, now: i64) -> Result<(), ReplicaError> {
        let row = self.replica.staff(id)?;
        self.end_access(id)?;
        self.put_local(Table::Staff, &id.to_be_bytes(), &StaffRow { ended: Some(now), ..row })
    }

    /// Takes note of what bundles are sealed to a device with, for its certificates; the caller holds a transaction.
    pub fn note_seal(&mut self, author: &AuthorId, seal: &SealKey) -> Result<(), ReplicaError> {
        self.put_local(Table::Meta, &seal_row(author), seal)
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
        let seal = self.replica.local(Table::Meta, &seal_row(&device.author()))?;
        let certificate = Certificate {
            key: device,
            seal,
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

    /// Revokes a device everywhere: what the office holds of it now counts, what comes after is held. Of one that is
    /// lost ([`CAUSE_LOST`]) nothing more is taken; that may be said of one that was revoked before. The caller holds
    /// a transaction.
    pub fn revoke(
        &mut self,
        author: &AuthorId,
        cause: &str,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let ends =
            |row: &CertificateRow| row.revoked.is_none() || (cause == CAUSE_LOST && row.cause != CAUSE_LOST);
        let certificates = self.replica.certificates_of(author)?.into_iter();
        let scope: Vec<_> =
            certificates.filter(|(_, row)| ends(row)).map(|(partition, _)| partition).collect();
        if scope.is_empty() {
            return Err(ReplicaError::refused(
                "perangkat itu tidak dikenal atau sudah dicabut: lihat `loket device list`",
            ));
        }
        for partition in scope {
            self.end(author, partition, cause, dice)?;
        }
        Ok(())
    }

    /// Ends a device's certificate in one partition, at what the office holds of it now, or held when it first ended.
    fn end(
        &mut self,
        author: &AuthorId,
        partition: Partition,
        cause: &str,
        dice: &mut Dice<'_>,
    ) -> Result<(), ReplicaError> {
        let ended = self.replica.certificate(&partition, author)?.and_then(|row| row.revoked);
        let last = match ended {
            Some(last) => last,
            None => {
                let journals = self.replica.journals(&partition)?;
                let own = journals.iter().filter(|(_, row)| row.journal.author == *author);
                own.map(|(_, row)| (row.journal.id(), row.head)).collect()
            }
        };
        let body = Body::Revocation(Revocation { author: *author, last, cause: cause.to_owned() });
        self.append(partition, None, &body, dice)
    }

    /// Moves a device to these region codes: certified there, and its certificates end (`pindah`) in the places that
    /// it leaves, at what the office holds of it now, and in the need-to-know applications that were filed there; in
    /// those that were filed where it stays or comes to, it is certified anew too, or they would end with the old
    /// certificate's time. The caller holds a transaction. Returns the places that it has and the partitions that it
    /// left.
    ///
    /// # Errors
    /// Where it has no certificate that holds, or a code is no region.
    pub fn transfer(
        &mut self,
        author: &AuthorId,
        codes: &[String],
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(Vec<Partition>, Vec<Partition>), ReplicaError> {
        let scope = self.replica.scope_of(author)?;
        let mut newest: Option<Certificate> = None;
        for partition in &scope {
            let row = self.replica.certificate(partition, author)?.map(|row| row.certificate);
            let later = |old: &Certificate| row.as_ref().is_some_and(|row| row.not_after > old.not_after);
            if newest.as_ref().is_none_or(later) {
                newest = row;
            }
        }
        let Some(before) = newest else {
            return Err(ReplicaError::refused(
                "perangkat ini tidak lagi terdaftar: daftarkan ulang dengan `loket invite`",
            ));
        };
        let partitions = self.expand(codes)?;
        let (mut left, mut opened) = (Vec::new(), Vec::new());
        for partition in scope {
            let place = match partition {
                Partition::NeedToKnow(_) => self.filed_at(&partition)?,
                other => Some(other),
            };
            if place.is_none_or(|place| !partitions.contains(&place)) {
                self.end(author, partition, CAUSE_MOVED, dice)?;
                left.push(partition);
            } else if place != Some(partition) {
                opened.push(partition);
            }
        }
        // Later than the one before, also within one second: the phone goes by its newest certificate.
        let now = now.max(before.not_after.saturating_sub(CERTIFICATE_SECONDS).saturating_add(1));
        let anew = self.certify(before.key, before.role, &partitions, &before.officer, now, dice)?;
        for partition in opened {
            self.append(partition, None, &Body::Certificate(anew.clone()), dice)?;
        }
        Ok((partitions, left))
    }

    /// Where the application of a need-to-know partition was filed.
    fn filed_at(&self, partition: &Partition) -> Result<Option<Partition>, ReplicaError> {
        let rows = self.replica.store.scan(partition, Table::Application, &[], None, 1)?;
        let Some((_, row)) = rows.first() else { return Ok(None) };
        Ok(rows::decode::<rows::ApplicationRow>(row)?.place)
    }

    /// Ends all certificates whose time is over; the caller holds a transaction.
    pub(super) fn expire_all(&mut self, now: i64, dice: &mut Dice<'_>) -> Result<(), ReplicaError> {
        let mut after = None;
        loop {
            (_, after) = self.expire(after.as_deref(), now, dice)?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Ends certificates whose time is over (`kedaluwarsa`), at what the office holds of each device now. Looks at
    /// [`MAX_LOOKED`] certificates behind `after` and returns how many it ended, and where to go on; nothing where
    /// it came to the end. The caller holds a transaction.
    pub fn expire(
        &mut self,
        after: Option<&[u8]>,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<(usize, Option<Vec<u8>>), ReplicaError> {
        let rows = self.replica.store.scan(&Partition::Office, Table::Meta, SCOPE, after, MAX_LOOKED)?;
        let mut ended = 0;
        for (key, _) in &rows {
            let Some((author, partition)) = scope_of_key(key) else { continue };
            let row = self.replica.certificate(&partition, &author)?;
            if row.is_some_and(|row| row.revoked.is_none() && row.certificate.not_after <= now) {
                self.end(&author, partition, CAUSE_EXPIRED, dice)?;
                ended += 1;
            }
        }
        let next = rows.last().filter(|_| rows.len() == MAX_LOOKED).map(|(key, _)| key.clone());
        Ok((ended, next))
    }
}

/// Which device and partition a row of [`SCOPE`] names.
pub(super) fn scope_of_key(key: &[u8]) -> Option<(AuthorId, Partition)> {
    let (author, partition) = key.get(SCOPE.len()..)?.split_at_checked(32)?;
    Some((AuthorId::try_from(author).ok()?, Partition::from_bytes(partition)?))
}
