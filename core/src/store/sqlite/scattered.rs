//! Finding what is named by a hash, at a rate that does not fall with how much there is.
//!
//! An index over hashes is touched anywhere: with a million applications stored, each new one writes some eight pages
//! that nobody else of its group does, and pages, not rows, are what the disk gets. Two things help. A place is found
//! by the **first eight bytes** of its key, so that a page holds two hundred of them (keys that share these are told
//! apart by what stands there). And new places go into a small table, `fresh`, whose pages every group touches anyway.
//! From there some are moved on in each transaction, in order, into `settled`: those of one page together.

use std::cell::Cell;

use rusqlite::{OptionalExtension, params};

use super::{SqliteStore, store_error};
use crate::store::{Row, StoreError, Table};

/// Places in `fresh` above which a transaction moves some on: about 10 MB.
const FRESH: i64 = 400_000;
/// Places that are moved at once, at the least.
const MOVED: i64 = 4_096;

/// Places of entries by their application's id; no [`Table`] has this number.
pub(super) const BY_APPLICATION: i64 = 0;
/// Places of entries by their own hash, but for the first of each application, which is found by that.
pub(super) const BY_HASH: i64 = 255;

pub(super) const PLACES: &str = "SELECT id FROM fresh WHERE part = ?1 AND tbl = ?2 AND lead = ?3
    UNION ALL SELECT id FROM settled WHERE part = ?1 AND tbl = ?2 AND lead = ?3";
pub(super) const RANGE: &str = "SELECT lead, id FROM fresh WHERE part = ?1 AND tbl = ?2 AND lead BETWEEN ?3 AND ?4
    UNION ALL SELECT lead, id FROM settled WHERE part = ?1 AND tbl = ?2 AND lead BETWEEN ?3 AND ?4 ORDER BY 1";
// In one statement, and so of one moment: another process may be writing.
pub(super) const GET: &str = "SELECT s.id, s.value FROM fresh f CROSS JOIN scattered s ON s.id = f.id
    WHERE f.part = ?1 AND f.tbl = ?2 AND f.lead = ?3 AND s.key = ?4
    UNION ALL SELECT s.id, s.value FROM settled f CROSS JOIN scattered s ON s.id = f.id
    WHERE f.part = ?1 AND f.tbl = ?2 AND f.lead = ?3 AND s.key = ?4";
pub(super) const SCATTERED: &str = "SELECT key, value FROM scattered WHERE id = ?1";
const INSERT: &str = "INSERT INTO scattered (key, value) VALUES (?1, ?2)";
const UPDATE: &str = "UPDATE scattered SET value = ?2 WHERE id = ?1";
const DELETE: &str = "DELETE FROM scattered WHERE id = ?1";
const PLACE: &str = "INSERT INTO fresh (part, tbl, lead, id) VALUES (?1, ?2, ?3, ?4)";
const LEAVE_FRESH: &str = "DELETE FROM fresh WHERE part = ?1 AND tbl = ?2 AND lead = ?3 AND id = ?4";
const LEAVE_SETTLED: &str = "DELETE FROM settled WHERE part = ?1 AND tbl = ?2 AND lead = ?3 AND id = ?4";
const COUNT: &str = "SELECT count(*) FROM fresh";
pub(super) const UNTIL: &str =
    "SELECT part, tbl, lead, id FROM fresh WHERE (part, tbl, lead, id) > (?1, ?2, ?3, ?4)
    ORDER BY part, tbl, lead, id LIMIT 1 OFFSET ?5";
const MOVE: &str = "INSERT INTO settled SELECT part, tbl, lead, id FROM fresh
    WHERE (part, tbl, lead, id) > (?1, ?2, ?3, ?4) AND (part, tbl, lead, id) <= (?5, ?6, ?7, ?8)
    ORDER BY part, tbl, lead, id";
const MOVED_ON: &str = "DELETE FROM fresh
    WHERE (part, tbl, lead, id) > (?1, ?2, ?3, ?4) AND (part, tbl, lead, id) <= (?5, ?6, ?7, ?8)";

/// A place in `fresh`: partition, table, lead, id.
type Place = (i64, i64, i64, i64);

/// Before all places, and behind them.
const START: Place = (i64::MIN, i64::MIN, i64::MIN, i64::MIN);
const END: Place = (i64::MAX, i64::MAX, i64::MAX, i64::MAX);

/// What a connection knows of the fresh places.
#[derive(Debug)]
pub(super) struct Fresh {
    /// How many there are; none where that has to be counted. Other processes may add some: it only says when to
    /// move, so it need not be exact.
    count: Cell<Option<i64>>,
    /// Above how many some are moved on, and how many at the least.
    pub(super) most: i64,
    pub(super) least: i64,
    /// Behind which one the moving goes on; then from the start.
    moved: Cell<Place>,
}

impl Default for Fresh {
    fn default() -> Self {
        Self { count: Cell::new(None), most: FRESH, least: MOVED, moved: Cell::new(START) }
    }
}

impl Fresh {
    /// Forgets what it counted: a transaction was undone.
    pub(super) fn forget(&self) {
        self.count.set(None);
    }
}

/// Whether a table's keys are hashes, begin with one, or were spread by one.
pub(super) fn is_scattered(table: Table) -> bool {
    match table {
        Table::Document
        | Table::Application
        | Table::Person
        | Table::Attachment
        | Table::Naming
        | Table::Gone
        | Table::Word => true,
        Table::Journal
        | Table::Signature
        | Table::Number
        | Table::Queue
        | Table::Pending
        | Table::Answered
        | Table::Receipt
        | Table::Certificate
        | Table::Held
        | Table::Job
        | Table::Catalogue
        | Table::Staff
        | Table::Invite
        | Table::Meta
        | Table::Notice
        | Table::Sweep => false,
    }
}

/// The first eight bytes of a key (zeros where it is shorter) as a number in the same order.
pub(super) fn lead(key: &[u8]) -> i64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(key).for_each(|(byte, from)| *byte = *from);
    // A signed number in the order of the unsigned one.
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

impl SqliteStore {
    /// Ids of entries under a key's first bytes, in ascending order. Entries stay, so what another process writes
    /// meanwhile takes none away.
    pub(super) fn places(&self, part: i64, tbl: i64, key: &[u8]) -> Result<Vec<i64>, StoreError> {
        let mut statement = self.db.prepare_cached(PLACES).map_err(store_error)?;
        let ids =
            statement.query_map(params![part, tbl, lead(key)], |row| row.get(0)).map_err(store_error)?;
        let mut ids: Vec<i64> = ids.collect::<Result<_, _>>().map_err(store_error)?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Makes what has this id to be found under a key.
    pub(super) fn place(&self, part: i64, tbl: i64, key: &[u8], id: i64) -> Result<(), StoreError> {
        self.run(PLACE, params![part, tbl, lead(key), id])?;
        self.fresh.count.set(self.fresh.count.get().map(|count| count + 1));
        Ok(())
    }

    /// A row of a table whose keys are hashes, with its id.
    pub(super) fn scattered(
        &self,
        part: i64,
        tbl: i64,
        key: &[u8],
    ) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let values = params![part, tbl, lead(key), key];
        let mut statement = self.db.prepare_cached(GET).map_err(store_error)?;
        statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(store_error)
    }

    /// The row of this id; it is there as long as a statement that named it is not at its end.
    fn scattered_at(&self, id: i64) -> Result<Row, StoreError> {
        let mut statement = self.db.prepare_cached(SCATTERED).map_err(store_error)?;
        let row = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional();
        row.map_err(store_error)?.ok_or_else(super::damaged)
    }

    /// Writes or deletes a row of a table whose keys are hashes.
    pub(super) fn put_scattered(
        &self,
        part: i64,
        tbl: i64,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let found = self.scattered(part, tbl, key)?.map(|(id, _)| id);
        match (found, value) {
            (None, None) => Ok(()),
            (Some(id), Some(value)) => self.run(UPDATE, params![id, value]).map(|_| ()),
            (None, Some(value)) => {
                self.run(INSERT, params![key, value])?;
                self.place(part, tbl, key, self.db.last_insert_rowid())
            }
            (Some(id), None) => {
                self.run(DELETE, [id])?;
                if self.run(LEAVE_FRESH, params![part, tbl, lead(key), id])? == 0 {
                    self.run(LEAVE_SETTLED, params![part, tbl, lead(key), id])?;
                }
                Ok(())
            }
        }
    }

    /// At most `limit` rows with keys from `lower` to below `upper`, in ascending order.
    pub(super) fn scan_scattered(
        &self,
        part: i64,
        tbl: i64,
        (lower, upper): (&[u8], &[u8]),
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.db.prepare_cached(RANGE).map_err(store_error)?;
        let mut places =
            statement.query(params![part, tbl, lead(lower), lead(upper)]).map_err(store_error)?;
        let mut rows: Vec<Row> = Vec::new();
        let mut last = None;
        while let Some(place) = places.next().map_err(store_error)? {
            let lead: i64 = place.get(0).map_err(store_error)?;
            // Keys that share their first bytes come in no order, so the last of these are all looked at.
            if rows.len() >= limit && last != Some(lead) {
                break;
            }
            last = Some(lead);
            let row = self.scattered_at(place.get(1).map_err(store_error)?)?;
            if lower <= &row.0[..] && &row.0[..] < upper {
                rows.push(row);
            }
        }
        rows.sort_unstable();
        rows.truncate(limit);
        Ok(rows)
    }

    /// Moves fresh places on where there are many; the transaction is about to be kept.
    pub(super) fn move_on(&self) -> Result<(), StoreError> {
        let known = match self.fresh.count.get() {
            Some(known) => known,
            None => self.db.query_row(COUNT, [], |row| row.get(0)).map_err(store_error)?,
        };
        self.fresh.count.set(Some(known));
        let many = known - self.fresh.most;
        if many < self.fresh.least {
            return Ok(());
        }
        let from = self.fresh.moved.get();
        let until = self
            .db
            .prepare_cached(UNTIL)
            .and_then(|mut until| {
                let place =
                    |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
                let values = params![from.0, from.1, from.2, from.3, many - 1];
                until.query_row(values, place).optional()
            })
            .map_err(store_error)?;
        let to = until.unwrap_or(END);
        let range = params![from.0, from.1, from.2, from.3, to.0, to.1, to.2, to.3];
        let moved = self.run(MOVE, range)?;
        self.run(MOVED_ON, range)?;
        self.fresh.count.set(Some(known - super::count(moved)));
        // Behind the last one it begins again, and counts anew what others may have added.
        if until.is_none() {
            self.fresh.forget();
        }
        self.fresh.moved.set(if until.is_some() { to } else { START });
        Ok(())
    }
}
