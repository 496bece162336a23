//! Invitations: one-time codes, and devices that wait for somebody to compare six digits.

use loket_core::catalogue::Role;
use loket_core::enrol::{Code, INVITE_BYTES, Secret};
use loket_core::identity::PublicKey;
use loket_core::journal::{AuthorId, Partition};
use loket_core::replica::{ReplicaError, rows};
use loket_core::store::{Store, Table};
use minicbor::{Decode, Encode};

use super::Office;
use super::look::Look;
use super::people::MAX_NAME;

/// How long an invitation is good for, in seconds.
pub const INVITE_SECONDS: i64 = 24 * 3600;
/// Invitations that are looked through for the one that waits.
const MAX_INVITES: usize = 100_000;
/// Wrong digits after which no device that waits is let in any more.
const MAX_WRONG: u32 = 5;

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
    /// Where somebody has to compare digits first: how far that is.
    #[n(6)]
    pub check: Option<Check>,
}

/// A comparison of digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Check {
    /// The first device that knew the code.
    #[n(0)]
    pub device: Option<PublicKey>,
    /// Somebody has read its digits to the office.
    #[n(1)]
    pub done: bool,
    /// Wrong digits since it waits.
    #[n(2)]
    pub wrong: u32,
}

/// Whether a device may come in by its invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It may.
    Open,
    /// Its digits have to be compared first.
    Waits,
    /// Another device waits on the same code: one of the two is not whom it was given to.
    Taken,
}

impl InviteRow {
    /// Whether this device, which knows the code, may come in now; takes note that it waits.
    pub fn enter(&mut self, device: &PublicKey) -> Entry {
        let Some(check) = &mut self.check else { return Entry::Open };
        match check.device {
            Some(waits) if waits != *device => Entry::Taken,
            Some(_) if check.done => Entry::Open,
            _ => {
                check.device = Some(*device);
                Entry::Waits
            }
        }
    }

    /// The device that waits and what its screen says, as long as the invitation is good.
    fn waiting(&self, office: &PublicKey, now: i64) -> Option<String> {
        let check = self.check.filter(|check| !check.done && self.used.is_none() && self.expires > now)?;
        Some(Secret(self.secret).digits(office, &check.device?))
    }
}

impl<S: Store> Office<S> {
    /// Makes an invitation for a device of this role in these regions, good for a day; the caller holds a transaction.
    /// Where `check` says so, the device comes in only once its digits were read to the office ([`Office::confirm`]).
    /// Returns until when it is good, in seconds since 1970.
    ///
    /// # Errors
    /// Where a code is no region, or the officer's name is too long.
    pub fn invite_device(
        &mut self,
        (role, codes): (Role, &[String]),
        name: Option<&str>,
        (code, check): (&Code, bool),
        now: i64,
    ) -> Result<i64, ReplicaError> {
        let partitions = self.expand(codes)?;
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        if name.is_some_and(|name| name.chars().count() > MAX_NAME) {
            return Err(ReplicaError::refused(format!(
                "nama terlalu panjang: paling banyak {MAX_NAME} huruf"
            )));
        }
        let place = codes.first().map_or("", String::as_str);
        let place = self.replica.regions().name(place).unwrap_or(place);
        let officer = name.map_or_else(|| format!("{role} {place}"), str::to_owned);
        let expires = now.saturating_add(INVITE_SECONDS);
        let (secret, check) = (code.secret().0, check.then(Check::default));
        let row = InviteRow { role, partitions, expires, officer, used: None, secret, check };
        self.invite(&code.invite(), &row)?;
        Ok(expires)
    }

    /// Keeps an invitation; the caller holds a transaction.
    pub fn invite(&mut self, key: &[u8; INVITE_BYTES], row: &InviteRow) -> Result<(), ReplicaError> {
        self.put_local(Table::Invite, key, row)
    }

    /// The invitation under this key.
    pub fn invitation(&self, key: &[u8; INVITE_BYTES]) -> Result<Option<InviteRow>, ReplicaError> {
        self.replica.local(Table::Invite, key)
    }

    /// Lets the device in that shows these digits: whoever holds it has read them to the office. The caller holds a
    /// transaction. Returns the officer.
    ///
    /// # Errors
    /// Where none that waits shows them. After a few wrong ones none of those that wait is let in any more.
    pub fn confirm(&mut self, digits: &str, now: i64) -> Result<Result<String, ReplicaError>, ReplicaError> {
        let typed: String = digits.chars().filter(char::is_ascii_digit).collect();
        let office = self.public_key();
        let mut waiting = Vec::new();
        for (key, bytes) in
            self.replica.store.scan(&Partition::Office, Table::Invite, &[], None, MAX_INVITES)?
        {
            let row: InviteRow = rows::decode(&bytes)?;
            if let (Some(shown), Ok(key)) =
                (row.waiting(&office, now), <[u8; INVITE_BYTES]>::try_from(&key[..]))
            {
                waiting.push((key, row, shown));
            }
        }
        if let Some((key, row, _)) = waiting.iter().find(|(_, _, shown)| *shown == typed) {
            let check = row.check.map(|check| Check { done: true, ..check });
            self.invite(key, &InviteRow { check, ..row.clone() })?;
            return Ok(Ok(row.officer.clone()));
        }
        for (key, mut row, _) in waiting {
            if let Some(check) = &mut row.check {
                check.wrong += 1;
                if check.wrong >= MAX_WRONG {
                    row.expires = now;
                }
                self.invite(&key, &row)?;
            }
        }
        Ok(Err(ReplicaError::refused(
            "tidak ada HP yang menunggu dengan angka itu: minta petugas membacakannya lagi; bila tetap berbeda, kodenya \
             dipakai orang lain, jadi buat kode baru",
        )))
    }
}
