//! Who may open the console: passwords, second factors and sessions of the staff.
//!
//! Nothing here can be used by whoever reads the store: a password is kept as an argon2id hash, a session by the hash of
//! its token. The second factor's secret has to be kept as it is; it opens nothing without the password.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::write::Dice;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};
use minicbor::{Decode, Encode};
use totp_rs::{Builder, Totp};

use super::Office;
use super::look::Look;
use super::people::StaffRow;

#[cfg(test)]
mod tests;

/// Failures in a row after which a member of staff is locked out.
pub const MAX_FAILURES: u32 = 5;
/// For how long, in seconds.
pub const LOCK_SECONDS: i64 = 15 * 60;
/// How long a session is good for at most, in seconds: a working day.
pub const SESSION_SECONDS: i64 = 12 * 3600;
/// How long it lasts while nobody does anything, in seconds.
pub const IDLE_SECONDS: i64 = 3600;
/// Seconds after which a session's last use is written again.
const SEEN_SECONDS: i64 = 300;
/// Sessions of one member of staff: a further one ends the oldest.
pub const MAX_SESSIONS: usize = 5;
/// Sessions that are looked at in one go.
const MAX_SCAN: usize = 10_000;
/// Length of a password, in characters.
pub const PASSWORD: std::ops::RangeInclusive<usize> = 12..=200;
/// Need-to-know applications that a session has open at most.
pub const MAX_OPENED: usize = 200;
/// Bytes of a second factor's secret.
pub const SECRET: usize = 20;

/// Prefix of the rows of credentials, by number of staff.
const ACCESS: &[u8] = b"masuk/";
/// Prefix of the rows of sessions, by the hash of their token.
const SESSIONS: &[u8] = b"sesi/";

/// How a member of staff proves who they are.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub struct AccessRow {
    /// The password's hash, as a PHC string.
    #[n(0)]
    pub password: String,
    /// The second factor's secret.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub secret: [u8; SECRET],
    /// Step of the last code that was used: each is good once.
    #[n(2)]
    pub step: u64,
    /// Failures since the last success.
    #[n(3)]
    pub failures: u32,
    /// Office time until when nobody gets in.
    #[n(4)]
    pub locked: i64,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SessionRow {
    /// Number of staff.
    #[n(0)]
    pub staff: u32,
    /// Office time of the sign-in.
    #[n(1)]
    pub began: i64,
    /// Office time of the last use, within a few minutes.
    #[n(2)]
    pub seen: i64,
    /// Need-to-know applications opened in it, with a reason.
    #[n(3)]
    pub opened: Vec<EntryHash>,
}

impl SessionRow {
    fn is_over(&self, now: i64) -> bool {
        now >= self.began.saturating_add(SESSION_SECONDS) || now >= self.seen.saturating_add(IDLE_SECONDS)
    }

    /// Whether its last use is to be written again.
    pub fn is_stale(&self, now: i64) -> bool {
        now >= self.seen.saturating_add(SEEN_SECONDS)
    }
}

/// What came of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// A session was opened.
    Open,
    /// Something of it was wrong; who tries learns no more.
    Wrong,
    /// There were too many failures: locked until then.
    Locked(i64),
}

/// Four groups of five letters and digits that are not mistaken for each other: 100 bits.
pub fn make_password(dice: &mut Dice<'_>) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; 20];
    dice(&mut random);
    let letter = |byte: &u8| char::from(LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'a'));
    let letters: Vec<char> = random.iter().map(letter).collect();
    letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// What is kept of a password, and a new second factor's secret.
///
/// # Errors
/// Where the password's length is not allowed.
pub fn make(password: &str, dice: &mut Dice<'_>) -> Result<(String, [u8; SECRET]), ReplicaError> {
    let (mut salt, mut secret) = ([0; 16], [0; SECRET]);
    dice(&mut salt);
    dice(&mut secret);
    Ok((hash_password(password, &salt)?, secret))
}

/// A password's hash, which takes a while and 19 MiB.
fn hash_password(password: &str, salt: &[u8; 16]) -> Result<String, ReplicaError> {
    if !PASSWORD.contains(&password.chars().count()) {
        return Err(ReplicaError::refused(format!(
            "kata sandi harus {} sampai {} huruf",
            PASSWORD.start(),
            PASSWORD.end()
        )));
    }
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|_| ReplicaError::refused("kata sandi tidak dapat disimpan"))
}

/// Whether a password is the one of this hash; takes as long where there is none.
pub fn is_password(row: Option<&AccessRow>, password: &str) -> bool {
    let hash = row.map_or(NOBODY, |row| row.password.as_str());
    let fits = PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    fits && row.is_some()
}

/// A hash that nobody's password has, so that an unknown number takes as long as a known one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The second factor of a secret, named for the app that shows its codes.
///
/// # Errors
/// Where the library refuses (a defect).
pub fn factor(secret: &[u8; SECRET], staff: u32) -> Result<Totp, ReplicaError> {
    let builder = Builder::new().with_secret(secret.to_vec()).with_account_name(format!("petugas {staff}"));
    let built = builder.with_issuer(Some("Loket Dukcapil")).build();
    built.map_err(|_| ReplicaError::refused("kode masuk tidak dapat dibuat"))
}

/// Reads of who may enter.
pub trait Entrance {
    /// How a member of staff proves who they are; none where that was never set up.
    fn access(&self, staff: u32) -> Result<Option<AccessRow>, ReplicaError>;

    /// The session of a token's hash, and whose it is; none where it is over.
    fn session(&self, token: &[u8; 32], now: i64) -> Result<Option<(SessionRow, StaffRow)>, ReplicaError>;
}

impl<S: Store> Entrance for Replica<S> {
    fn access(&self, staff: u32) -> Result<Option<AccessRow>, ReplicaError> {
        self.local(Table::Meta, &access_key(staff))
    }

    fn session(&self, token: &[u8; 32], now: i64) -> Result<Option<(SessionRow, StaffRow)>, ReplicaError> {
        let row: Option<SessionRow> = self.local(Table::Meta, &session_key(token))?;
        let Some(row) = row.filter(|row| !row.is_over(now)) else { return Ok(None) };
        let staff: Option<StaffRow> = self.local(Table::Staff, &row.staff.to_be_bytes())?;
        Ok(staff.map(|staff| (row, staff)))
    }
}

/// What somebody signs in with, as far as it was checked outside of the transaction.
pub struct Claim<'a> {
    /// Number of staff.
    pub staff: u32,
    /// Whether the password is right.
    pub password: bool,
    /// The code that was given.
    pub code: &'a str,
    /// Hash of the token that the session will have.
    pub token: [u8; 32],
}

impl<S: Store> Office<S> {
    /// Sets how a member of staff signs in, and ends their sessions; the caller holds a transaction.
    pub fn set_access(
        &mut self,
        staff: u32,
        password: String,
        secret: [u8; SECRET],
    ) -> Result<(), ReplicaError> {
        self.replica.staff(staff)?;
        let row = AccessRow { password, secret, step: 0, failures: 0, locked: 0 };
        for (key, _) in self.sessions_of(staff)? {
            self.replica.store.put(&Partition::Office, Table::Meta, &key, None)?;
        }
        self.put_local(Table::Meta, &access_key(staff), &row)
    }

    /// Signs somebody in, or counts the failure; the caller holds a transaction.
    pub fn sign_in(&mut self, claim: &Claim<'_>, now: i64) -> Result<SignedIn, ReplicaError> {
        let Some(row) = self.replica.access(claim.staff)? else { return Ok(SignedIn::Wrong) };
        if row.locked > now {
            return Ok(SignedIn::Locked(row.locked));
        }
        let time = u64::try_from(now).unwrap_or_default();
        let step = factor(&row.secret, claim.staff)?.check(claim.code, time);
        let Some(step) = step.filter(|step| claim.password && *step > row.step) else {
            return self.note_failure(claim.staff, row, now);
        };
        let row = AccessRow { step, failures: 0, locked: 0, ..row };
        self.put_local(Table::Meta, &access_key(claim.staff), &row)?;
        let mut sessions = self.sessions_of(claim.staff)?;
        sessions.sort_by_key(|(_, session)| std::cmp::Reverse(session.began));
        for (key, _) in sessions.iter().skip(MAX_SESSIONS - 1) {
            self.replica.store.put(&Partition::Office, Table::Meta, key, None)?;
        }
        let session = SessionRow { staff: claim.staff, began: now, seen: now, opened: Vec::new() };
        self.put_local(Table::Meta, &session_key(&claim.token), &session)?;
        Ok(SignedIn::Open)
    }

    fn note_failure(&mut self, staff: u32, row: AccessRow, now: i64) -> Result<SignedIn, ReplicaError> {
        let failures = row.failures.saturating_add(1);
        let is_full = failures >= MAX_FAILURES;
        let locked = if is_full { now.saturating_add(LOCK_SECONDS) } else { 0 };
        let row = AccessRow { failures: if is_full { 0 } else { failures }, locked, ..row };
        self.put_local(Table::Meta, &access_key(staff), &row)?;
        Ok(if is_full { SignedIn::Locked(locked) } else { SignedIn::Wrong })
    }

    /// Takes back what a member of staff signs in with, and ends their sessions; the caller holds a transaction.
    pub(super) fn end_access(&mut self, staff: u32) -> Result<(), ReplicaError> {
        for (key, _) in self.sessions_of(staff)? {
            self.replica.store.put(&Partition::Office, Table::Meta, &key, None)?;
        }
        Ok(self.replica.store.put(&Partition::Office, Table::Meta, &access_key(staff), None)?)
    }

    /// Writes a session's last use; the caller holds a transaction.
    pub fn see_session(&mut self, token: &[u8; 32], now: i64) -> Result<(), ReplicaError> {
        let Some((row, _)) = self.replica.session(token, now)? else { return Ok(()) };
        self.put_local(Table::Meta, &session_key(token), &SessionRow { seen: now, ..row })
    }

    /// Notes that a need-to-know application was opened in a session; the caller holds a transaction, and has noted
    /// why.
    pub fn open_in_session(
        &mut self,
        token: &[u8; 32],
        application: EntryHash,
        now: i64,
    ) -> Result<(), ReplicaError> {
        let Some((mut row, _)) = self.replica.session(token, now)? else { return Ok(()) };
        row.opened.retain(|opened| *opened != application);
        row.opened.push(application);
        if row.opened.len() > MAX_OPENED {
            row.opened.remove(0);
        }
        self.put_local(Table::Meta, &session_key(token), &row)
    }

    /// Ends a session; the caller holds a transaction.
    pub fn sign_out(&mut self, token: &[u8; 32]) -> Result<(), ReplicaError> {
        Ok(self.replica.store.put(&Partition::Office, Table::Meta, &session_key(token), None)?)
    }

    /// Removes sessions that are over; the caller holds a transaction.
    pub fn sweep_sessions(&mut self, now: i64) -> Result<usize, ReplicaError> {
        let rows = self.replica.store.scan(&Partition::Office, Table::Meta, SESSIONS, None, MAX_SCAN)?;
        let mut removed = 0;
        for (key, row) in rows {
            if rows::decode::<SessionRow>(&row)?.is_over(now) {
                self.replica.store.put(&Partition::Office, Table::Meta, &key, None)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn sessions_of(&self, staff: u32) -> Result<Vec<(Vec<u8>, SessionRow)>, ReplicaError> {
        let rows = self.replica.store.scan(&Partition::Office, Table::Meta, SESSIONS, None, MAX_SCAN)?;
        let mut own = Vec::new();
        for (key, row) in rows {
            let row: SessionRow = rows::decode(&row)?;
            if row.staff == staff {
                own.push((key, row));
            }
        }
        Ok(own)
    }
}

fn access_key(staff: u32) -> Vec<u8> {
    [ACCESS, &staff.to_be_bytes()].concat()
}

fn session_key(token: &[u8; 32]) -> Vec<u8> {
    [SESSIONS, token].concat()
}
