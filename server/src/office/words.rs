//! Finding filed applications by words of a person's name, or by the NIK, ended ones too.
//!
//! Names repeat: of a million applications, tens of thousands begin with the same word, and an index in the order of the
//! words would touch a page for each new one. So a key begins with the first letters of a word, then some of the
//! application's hash, then the rest: what begins alike stands together, spread evenly, and the store moves new places in
//! order (`core/src/store/sqlite/scattered.rs`). A row holds all words, so that further ones are compared without
//! reading the application.

use std::collections::BTreeSet;

use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::case::Case;
use loket_core::replica::rows::{self, ApplicationRow, person_key};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::{Store, Table};

use super::Office;

/// Letters of a word by which rows stand together.
const FIRST: usize = 5;
/// Bytes of the hash that follow them: with them eight, by which the store orders.
const SPREAD: usize = 3;
/// Words of one application.
const MAX_WORDS: usize = 8;
/// Letters of a word.
const MAX_LETTERS: usize = 24;
/// Fewest letters that are looked for.
pub const MIN_LETTERS: usize = 3;
/// Rows that one search looks at.
const MAX_LOOKED: usize = 3_000;
/// Rows that are read at a time.
const PAGE: usize = 250;

/// What a search found.
pub struct Matches {
    /// Applications, in no order.
    pub found: Vec<(EntryHash, ApplicationRow)>,
    /// Whether there may be more.
    pub more: bool,
}

/// The words under which an application is found: those of the name, and one for the NIK. None before it is filed, and
/// none where it is need-to-know.
pub(super) fn of(case: &Case) -> Option<String> {
    let filed = case.state().is_some_and(|state| state.revision > 0);
    let shut = matches!(case.partition, Partition::NeedToKnow(_));
    if !filed || shut || case.remains.is_some() && case.document.heads().is_empty() {
        return None;
    }
    let mut words = fold(&case.document.register("nama").unwrap_or_default());
    words.extend(case.document.register("nik").map(|nik| person(&nik)));
    (!words.is_empty()).then(|| words.into_iter().collect::<Vec<_>>().join(" "))
}

/// Words as they are compared: small letters and digits, without what people set between them.
fn fold(text: &str) -> BTreeSet<String> {
    let together = text.replace(['\'', '’', '`'], "").to_lowercase();
    let words = together.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 1);
    words.map(|word| word.chars().take(MAX_LETTERS).collect()).take(MAX_WORDS).collect()
}

/// The word of a person: a digest, since the NIK itself stands in the document alone. No name begins with a digit.
fn person(nik: &str) -> String {
    format!("0{}", data_encoding::HEXLOWER.encode(person_key(nik, "").get(..8).unwrap_or_default()))
}

fn key(word: &str, id: &EntryHash) -> Vec<u8> {
    let mut first = [0; FIRST];
    first.iter_mut().zip(word.bytes()).for_each(|(byte, from)| *byte = from);
    let spread = id.as_bytes().get(..SPREAD).unwrap_or_default();
    [&first[..], spread, word.as_bytes(), &[0], id.as_bytes()].concat()
}

impl<S: Store> Office<S> {
    /// Finds an application under these words instead of those.
    pub(super) fn index(
        &mut self,
        partition: &Partition,
        id: &EntryHash,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<(), ReplicaError> {
        for word in before.into_iter().flat_map(|words| words.split(' ')) {
            self.replica.store.put(&Partition::Office, Table::Word, &key(word, id), None)?;
        }
        for word in after.into_iter().flat_map(|words| words.split(' ')) {
            self.put_local(Table::Word, &key(word, id), &(*partition, *id, after.unwrap_or_default()))?;
        }
        Ok(())
    }

    /// Finds a destroyed application no more.
    pub(super) fn drop_words(&mut self, partition: &Partition, id: &EntryHash) -> Result<(), ReplicaError> {
        let Some(mut row) = self.replica.row(partition, id)? else { return Ok(()) };
        let words = row.words.take();
        self.index(partition, id, words.as_deref(), None)?;
        self.replica.put_row(partition, id, &row)
    }
}

/// Applications of a person, by the NIK.
pub fn of_person<S: Store>(
    replica: &Replica<S>,
    nik: &str,
    fits: &dyn Fn(&ApplicationRow) -> bool,
    most: usize,
) -> Result<Matches, ReplicaError> {
    search(replica, &[person(nik)].into(), fits, most)
}

/// Applications of whoever has a name with words that begin so, each of them; none where no word is long enough.
pub fn of_name<S: Store>(
    replica: &Replica<S>,
    name: &str,
    fits: &dyn Fn(&ApplicationRow) -> bool,
    most: usize,
) -> Result<Option<Matches>, ReplicaError> {
    let words = fold(name);
    let long =
        words.iter().any(|word| word.chars().count() >= MIN_LETTERS && !word.starts_with(char::is_numeric));
    long.then(|| search(replica, &words, fits, most)).transpose()
}

fn search<S: Store>(
    replica: &Replica<S>,
    words: &BTreeSet<String>,
    fits: &dyn Fn(&ApplicationRow) -> bool,
    most: usize,
) -> Result<Matches, ReplicaError> {
    let mut found = Vec::new();
    let Some(longest) = words.iter().max_by_key(|word| word.len()) else {
        return Ok(Matches { found, more: false });
    };
    let prefix = longest.as_bytes().get(..FIRST).unwrap_or(longest.as_bytes());
    let mut after: Option<Vec<u8>> = None;
    let mut looked = 0;
    let mut seen = BTreeSet::new();
    loop {
        let page = replica.store.scan(&Partition::Office, Table::Word, prefix, after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(Matches { found, more: false }) };
        after = Some(last.clone());
        looked += page.len();
        for (_, at) in &page {
            let (partition, id, all): (Partition, EntryHash, &str) = rows::decode(at)?;
            let has = |wanted: &String| all.split(' ').any(|word| word.starts_with(wanted.as_str()));
            if !words.iter().all(has) || !seen.insert(id) {
                continue;
            }
            let Some(row) = replica.row(&partition, &id)?.filter(|row| fits(row)) else { continue };
            found.push((id, row));
            if found.len() == most {
                return Ok(Matches { found, more: true });
            }
        }
        if looked >= MAX_LOOKED {
            return Ok(Matches { found, more: true });
        }
    }
}

#[cfg(test)]
mod tests;
