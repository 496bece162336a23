//! Held work: edits that are kept and do not count. A supervisor sees them with their causes, and adopts or discards
//! each. Discarding destroys nothing: the entry stays, it only leaves the list, and may be adopted later.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::catalogue::Role;
use loket_core::journal::body::{Adopt, Body};
use loket_core::journal::{AuthorId, EntryHash, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::case::{Case, CaseEdit, Standing};
use loket_core::replica::rules::Hold;
use loket_core::replica::write::Dice;
use loket_core::store::{Query, Store, Table};
use minicbor::{Decode, Encode};

use super::Office;
use super::desk::place_of;
use super::look::Look;
use super::people::StaffRow;

/// Held edits that one command lists, adopts or discards at most.
pub const MAX_LISTED: usize = 5000;
/// Entries that one command adopts or discards at most.
pub const MAX_NAMED: usize = 200;
/// Length of a reason, in characters.
pub const MAX_REASON: usize = 500;
/// Digits of an entry's hash that name it at the least.
const SHORTEST: usize = 8;
/// Rows read at a time.
const PAGE: usize = 512;
/// Prefix of the rows of held edits, which are kept in their partition.
const HELD: &[u8] = b"held/";

/// A held edit.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldEdit {
    /// Its partition.
    pub partition: Partition,
    /// Its application.
    pub application: EntryHash,
    /// The application's registration number.
    pub number: String,
    /// The application's service.
    pub service: String,
    /// Its name.
    pub entry: EntryHash,
    /// Whose it is.
    pub device: AuthorId,
    /// The officer, as people know them.
    pub officer: String,
    /// The device's clock when it was made, seconds since 1970; none where its body cannot be read.
    pub claimed: Option<i64>,
    /// Why it is held.
    pub hold: Hold,
    /// Why its author's certificate ended: `dicabut`, `pindah`, `kedaluwarsa`; none where it did not end.
    pub cause: Option<String>,
    /// Edits that build on it and are held for that alone.
    pub descendants: Vec<HeldEdit>,
}

/// That a supervisor discarded a held edit (a row of the office's own).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct DiscardRow {
    /// Its partition.
    #[n(0)]
    pub partition: Partition,
    /// The supervisor.
    #[n(1)]
    pub staff: u32,
    /// Office time.
    #[n(2)]
    pub at: i64,
    /// Why.
    #[n(3)]
    pub reason: String,
}

/// What a supervisor decides about held edits.
pub struct Verdict<'a> {
    /// The edits: hashes, or at least the first eight digits of each.
    pub entries: &'a [String],
    /// The supervisor.
    pub staff: u32,
    /// Why.
    pub reason: &'a str,
}

impl<S: Store> Office<S> {
    /// Held edits that nobody discarded, by partition and application; those that are held for what they build on
    /// stand under it.
    pub fn held(&self) -> Result<Vec<HeldEdit>, ReplicaError> {
        let mut cases: BTreeSet<(Partition, EntryHash)> = BTreeSet::new();
        for (partition, entry) in self.held_entries()? {
            if let Some((_, entry)) = self.replica.store.entries(&partition, Query::Hash(&entry), 1)?.first()
            {
                cases.insert((partition, entry.application()));
            }
        }
        let mut held = Vec::new();
        for (partition, id) in cases {
            self.held_of(&self.replica.judged_case(&partition, &id)?, &mut held)?;
        }
        held.truncate(MAX_LISTED);
        Ok(held)
    }

    fn held_of(&self, case: &Case, held: &mut Vec<HeldEdit>) -> Result<(), ReplicaError> {
        let mut under: BTreeMap<EntryHash, Vec<HeldEdit>> = BTreeMap::new();
        let mut own = Vec::new();
        for edit in &case.edits {
            let Standing::Held(hold) = edit.standing else { continue };
            if self.discarded(&edit.hash)?.is_some() {
                continue;
            }
            let row = self.describe(case, edit, hold)?;
            let holder = case.holder(&edit.hash);
            // What builds on a discarded edit stands by itself: it has to be decided on still.
            if holder == edit.hash || self.discarded(&holder)?.is_some() {
                own.push(row);
            } else {
                under.entry(holder).or_default().push(row);
            }
        }
        for mut row in own {
            row.descendants = under.remove(&row.entry).unwrap_or_default();
            held.push(row);
        }
        Ok(())
    }

    fn describe(&self, case: &Case, edit: &CaseEdit, hold: Hold) -> Result<HeldEdit, ReplicaError> {
        let certificate = self.replica.certificate(&case.partition, &edit.author)?;
        let cause = certificate.filter(|row| row.revoked.is_some()).map(|row| row.cause);
        Ok(HeldEdit {
            partition: case.partition,
            application: case.id,
            number: case.number(),
            service: case.reserved("_layanan").unwrap_or_default(),
            entry: edit.hash,
            device: edit.author,
            officer: self.replica.author_name(case, &edit.author)?,
            claimed: edit.edit.as_ref().map(|edit| edit.time),
            hold,
            cause,
            descendants: Vec::new(),
        })
    }

    /// Lets held edits count after all, with their ancestors; the caller holds a transaction ([`Office::write`]).
    /// Returns the entries.
    ///
    /// # Errors
    /// Where the member of staff may not, an entry is not held, or something else than permission holds it: then
    /// none is adopted.
    pub fn adopt(
        &mut self,
        verdict: &Verdict<'_>,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<Vec<EntryHash>, ReplicaError> {
        let named = self.judged(verdict)?;
        let mut by_partition: BTreeMap<Partition, Vec<EntryHash>> = BTreeMap::new();
        for (partition, entry) in &named {
            by_partition.entry(*partition).or_default().push(*entry);
        }
        for (partition, entries) in by_partition {
            let reason = verdict.reason.trim().to_owned();
            let body = Body::Adopt(Adopt { entries: entries.clone(), staff: verdict.staff, reason });
            self.append(partition, None, &body, dice)?;
            let mut applications = BTreeSet::new();
            for entry in entries {
                applications.insert(self.lifted(&partition, &entry)?);
                self.replica.store.put(&Partition::Office, Table::Held, &discard_key(&entry), None)?;
            }
            for id in applications {
                // A submission may have waited for just this.
                let case = self.replica.case(&partition, &id)?;
                self.settle(case, now, dice)?;
            }
        }
        Ok(named.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The application of an adopted entry, now that it is not held any more.
    fn lifted(&self, partition: &Partition, entry: &EntryHash) -> Result<EntryHash, ReplicaError> {
        let case = self.replica.judged_case(partition, &self.application_of(partition, entry)?)?;
        let standing =
            |hash: &EntryHash| case.edits.iter().find(|edit| edit.hash == *hash).map(|edit| edit.standing);
        if let Some(Standing::Held(_)) = standing(entry)
            && let Some(Standing::Held(hold)) = standing(&case.holder(entry))
        {
            return Err(ReplicaError::refused(format!(
                "{} tidak dapat diterima, karena bukan wewenang yang menahannya: {hold}. Minta petugas mengisinya \
                 lagi, atau singkirkan dengan `loket held discard`",
                short(entry)
            )));
        }
        Ok(case.id)
    }

    /// Takes held edits off the list: they stay kept, do not count, and may be adopted later. The caller holds a
    /// transaction. Returns the entries.
    ///
    /// # Errors
    /// Where the member of staff may not, or an entry is not held.
    pub fn discard(&mut self, verdict: &Verdict<'_>, now: i64) -> Result<Vec<EntryHash>, ReplicaError> {
        let named = self.judged(verdict)?;
        for (partition, entry) in &named {
            let reason = verdict.reason.trim().to_owned();
            let row = DiscardRow { partition: *partition, staff: verdict.staff, at: now, reason };
            self.put_local(Table::Held, &discard_key(entry), &row)?;
        }
        Ok(named.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Who discarded a held edit, when and why.
    pub fn discarded(&self, entry: &EntryHash) -> Result<Option<DiscardRow>, ReplicaError> {
        self.replica.local(Table::Held, &discard_key(entry))
    }

    /// The entries that a verdict names, once it is known that its giver may give it.
    fn judged(&self, verdict: &Verdict<'_>) -> Result<Vec<(Partition, EntryHash)>, ReplicaError> {
        let staff = self.replica.staff(verdict.staff)?;
        if staff.role != Role::Admin {
            return Err(ReplicaError::refused(
                "hanya petugas berperan admin yang memutuskan isian yang ditahan: lihat `loket staff list`",
            ));
        }
        let length = verdict.reason.trim().chars().count();
        if length == 0 || length > MAX_REASON {
            return Err(ReplicaError::refused(format!(
                "alasan wajib diisi, paling panjang {MAX_REASON} huruf"
            )));
        }
        if verdict.entries.len() > MAX_NAMED {
            return Err(ReplicaError::refused(format!(
                "terlalu banyak sekaligus: sebut paling banyak {MAX_NAMED} entri"
            )));
        }
        let all = self.held_entries()?;
        let mut named = Vec::new();
        for name in verdict.entries {
            let (partition, entry) = find(&all, name)?;
            self.covered(&staff, &partition, &entry)?;
            if !named.contains(&(partition, entry)) {
                named.push((partition, entry));
            }
        }
        Ok(named)
    }

    fn covered(
        &self,
        staff: &StaffRow,
        partition: &Partition,
        entry: &EntryHash,
    ) -> Result<(), ReplicaError> {
        let case = self.replica.case(partition, &self.application_of(partition, entry)?)?;
        if staff.covers(&place_of(&case)) {
            return Ok(());
        }
        Err(ReplicaError::refused(format!("{} di luar wilayah petugas ini", short(entry))))
    }

    fn application_of(&self, partition: &Partition, entry: &EntryHash) -> Result<EntryHash, ReplicaError> {
        let found = self.replica.store.entries(partition, Query::Hash(entry), 1)?;
        found.first().map(|(_, entry)| entry.application()).ok_or(ReplicaError::NotFound)
    }

    /// Every held edit, discarded ones too.
    fn held_entries(&self) -> Result<Vec<(Partition, EntryHash)>, ReplicaError> {
        let mut all = Vec::new();
        for partition in self.replica.store.partitions()? {
            let mut after: Option<Vec<u8>> = None;
            loop {
                let page = self.replica.store.scan(&partition, Table::Held, HELD, after.as_deref(), PAGE)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (key, _) in &page {
                    let hash = EntryHash::try_from(key.get(HELD.len()..).unwrap_or_default());
                    all.push((partition, hash.map_err(|_| ReplicaError::Damaged("ditahan"))?));
                }
            }
        }
        Ok(all)
    }
}

/// The one held entry of this name.
fn find(all: &[(Partition, EntryHash)], name: &str) -> Result<(Partition, EntryHash), ReplicaError> {
    let name = name.trim().to_ascii_lowercase();
    let mut found = all.iter().filter(|(_, entry)| entry.to_hex().starts_with(&name));
    match (found.next(), found.next()) {
        (Some(at), None) if name.len() >= SHORTEST => Ok(*at),
        (Some(_), _) => Err(ReplicaError::refused(format!(
            "lebih dari satu entri mungkin dimaksud: tulis lebih banyak huruf kodenya, paling sedikit {SHORTEST}"
        ))),
        (None, _) => Err(ReplicaError::refused("entri itu tidak ditahan: lihat `loket held list`")),
    }
}

/// The beginning of a hash, as people read it.
fn short(entry: &EntryHash) -> String {
    entry.to_hex().chars().take(16).collect()
}

pub(super) fn discard_key(entry: &EntryHash) -> Vec<u8> {
    [&b"discard/"[..], entry.as_bytes()].concat()
}
