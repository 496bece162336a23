//! Tokens of the office's own systems: each acts as a member of staff, within its scopes, until it expires. The store knows
//! a token's hash alone.

use loket_core::journal::Partition;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};
use minicbor::{Decode, Encode};

use super::Office;
use super::look::Look;
use super::people::StaffRow;

/// Prefix of the rows, by hash.
const TOKENS: &[u8] = b"token/";
/// Tokens that hold at once.
pub const MAX_TOKENS: usize = 100;
/// Longest name of a system, in characters.
pub const MAX_LABEL: usize = 80;
/// Longest time that one holds, in days.
pub const MAX_DAYS: u32 = 730;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Scope {
    /// Queues, services and figures: nobody's data.
    #[n(0)]
    Daftar,
    /// Applications; each reading is noted.
    #[n(1)]
    Baca,
    /// Official acts.
    #[n(2)]
    Tindak,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::Daftar, Scope::Baca, Scope::Tindak];

    /// As an operator writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Daftar => "daftar",
            Scope::Baca => "baca",
            Scope::Tindak => "tindak",
        }
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct TokenRow {
    /// The member of staff as whom it acts.
    #[n(0)]
    pub staff: u32,
    /// What it allows.
    #[n(1)]
    pub scopes: Vec<Scope>,
    /// Which system holds it.
    #[n(2)]
    pub label: String,
    /// Until when it holds, in seconds since 1970.
    #[n(3)]
    pub expires: i64,
}

/// The hash by which a token is known.
pub fn hash(token: &[u8]) -> [u8; 32] {
    blake3::derive_key("loket 1 api token", token)
}

/// The name by which people end a token: the beginning of its hash.
pub fn name(hash: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(hash.get(..6).unwrap_or_default())
}

impl<S: Store> Office<S> {
    /// Keeps a token by its hash.
    pub fn add_token(&mut self, hash: &[u8; 32], row: &TokenRow, now: i64) -> Result<(), ReplicaError> {
        self.replica.staff(row.staff)?;
        for (old, ended) in all(&self.replica)? {
            if ended.expires <= now {
                self.end_token(&old)?;
            }
        }
        if all(&self.replica)?.len() >= MAX_TOKENS {
            return Err(ReplicaError::refused(format!(
                "sudah ada {MAX_TOKENS} token: akhiri yang tidak dipakai dengan `loket token revoke`"
            )));
        }
        self.put_local(Table::Meta, &key(hash), row)
    }

    /// Ends a token.
    pub fn end_token(&mut self, hash: &[u8; 32]) -> Result<(), ReplicaError> {
        Ok(self.replica.store.put(&Partition::Office, Table::Meta, &key(hash), None)?)
    }
}

/// Every token, by hash.
pub fn all<S: Store>(replica: &Replica<S>) -> Result<Vec<([u8; 32], TokenRow)>, ReplicaError> {
    let rows = replica.store.scan(&Partition::Office, Table::Meta, TOKENS, None, 2 * MAX_TOKENS)?;
    let mut tokens = Vec::with_capacity(rows.len());
    for (key, row) in rows {
        let hash = key.strip_prefix(TOKENS).and_then(|hash| hash.try_into().ok());
        tokens.push((hash.ok_or(ReplicaError::Damaged("token"))?, rows::decode(&row)?));
    }
    Ok(tokens)
}

/// Who holds a token, and what it allows; none where it does not hold.
pub fn holder<S: Store>(
    replica: &Replica<S>,
    hash: &[u8; 32],
    now: i64,
) -> Result<Option<(TokenRow, StaffRow)>, ReplicaError> {
    let row: Option<TokenRow> = replica.local(Table::Meta, &key(hash))?;
    let Some(row) = row.filter(|row| row.expires > now) else { return Ok(None) };
    let staff = replica.staff(row.staff)?;
    Ok(Some((row, staff)))
}

fn key(hash: &[u8; 32]) -> Vec<u8> {
    [TOKENS, hash].concat()
}
