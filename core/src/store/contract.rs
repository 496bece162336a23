//! What every store has to pass, as code: the one place that says what the trait's words mean.
//!
//! A further store calls [`check`] with a way to make empty stores, and [`compare`] with a few seeds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::{MAX_KEY, MAX_VALUE, Query, Row, Store, StoreError, Table, transaction};
use crate::journal::{
    Content, EntryHash, Extension, HEADER_VERSION, Header, JournalId, MAX_BODY, MAX_EXTENSION, Partition,
    StoredEntry, body_hash,
};

/// One case: consumes an empty store.
type Case<S> = fn(S);

/// Runs every case on a store of its own.
///
/// # Panics
/// Where the store does not do as the trait says; the message names the case.
pub fn check<S: Store>(mut make: impl FnMut() -> S) {
    let cases: [(&str, Case<S>); 14] = [
        ("positions count up within each partition", positions_count_up),
        ("entries come back as they were appended", entries_come_back),
        ("queries keep order, bound and limit", queries_keep_order),
        ("rows are written, read and deleted", rows_are_written),
        ("scans keep prefix, cursor and limit", scans_keep_prefix),
        ("what is not kept did not happen", undone_is_gone),
        ("reads in a transaction see its writes", reads_see_writes),
        ("a destroyed body is gone and keeps its position", bodies_are_destroyed),
        ("partitions are listed while something is in them", partitions_are_listed),
        ("transactions do not nest", transactions_do_not_nest),
        ("writes need a transaction", writes_need_a_transaction),
        ("an entry is appended once", entries_are_appended_once),
        ("an entry moves to another line and keeps its position", entries_move),
        ("limits are kept", limits_are_kept),
    ];
    for (name, case) in cases {
        eprintln!("store contract: {name}");
        case(make());
    }
}

/// Does the same random steps to both stores and compares all that can be read; the same seed, the same steps.
///
/// # Panics
/// Where they differ.
pub fn compare<A: Store, B: Store>(mut one: A, mut other: B, seed: u64, steps: usize) {
    let mut dice = Dice(seed | 1);
    let mut open = false;
    for step in 0..steps {
        let at = format!("seed {seed}, step {step}");
        if !open {
            assert_same(&one.begin(), &other.begin(), &at);
            open = true;
        } else if dice.below(8) == 0 {
            let keep = dice.below(3) != 0;
            assert_same(&one.finish(keep), &other.finish(keep), &at);
            open = false;
        } else {
            random_write(&mut one, &mut other, &mut dice, &at);
        }
        random_read(&one, &other, &mut dice, &at);
    }
    for partition in places() {
        let all = |s: &dyn Store| s.entries(&partition, Query::After(0), usize::MAX).unwrap();
        assert_eq!(all(&one), all(&other), "seed {seed}, at the end");
    }
}

/// An entry of the journal numbered `journal`; its hash is right, its place in the chain is made up.
pub fn entry(journal: u8, seq: u64, application: Option<EntryHash>, body: &[u8]) -> StoredEntry {
    let header = Header {
        version: HEADER_VERSION,
        journal: JournalId([journal; 32]),
        seq,
        prev: (seq > 1).then_some(EntryHash([7; 32])),
        body_hash: body_hash(body),
        application,
        extension: seq.is_multiple_of(3).then(|| Extension(vec![1, 2, 3])),
    };
    StoredEntry::new(header, Content::Present(body.to_vec()))
}

fn destroyed(entry: &StoredEntry) -> StoredEntry {
    StoredEntry { content: Content::Destroyed, ..entry.clone() }
}

/// One partition of each kind, in ascending order.
fn places() -> [Partition; 4] {
    let place = |text: &str| text.parse::<Partition>().unwrap();
    [Partition::Office, place("33.12.08"), place("33.12.08.2002"), Partition::NeedToKnow([9; 16])]
}

fn kept<S: Store, T>(store: &mut S, work: impl FnOnce(&mut S) -> T) -> T {
    transaction(store, |s| Ok::<_, StoreError>(work(s))).unwrap()
}

fn misuse<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Misuse(_))), "not refused as misuse: {result:?}");
}

fn found<S: Store>(store: &S, partition: &Partition, query: Query<'_>, limit: usize) -> Vec<u64> {
    store.entries(partition, query, limit).unwrap().into_iter().map(|(position, _)| position).collect()
}

fn keys(rows: Vec<Row>) -> Vec<Vec<u8>> {
    rows.into_iter().map(|(key, _)| key).collect()
}

fn positions_count_up<S: Store>(mut store: S) {
    let [office, kecamatan, village, _] = places();
    let given = kept(&mut store, |s| {
        [
            s.append(&kecamatan, &entry(1, 1, None, b"a")).unwrap(),
            s.append(&village, &entry(2, 1, None, b"b")).unwrap(),
            s.append(&kecamatan, &entry(1, 2, None, b"c")).unwrap(),
        ]
    });
    assert_eq!(given, [1, 1, 2]);
    store.begin().unwrap();
    assert_eq!(store.append(&kecamatan, &entry(1, 3, None, b"d")).unwrap(), 3);
    store.finish(false).unwrap();
    // What was undone gave its position back.
    let given = kept(&mut store, |s| {
        [
            s.append(&kecamatan, &entry(3, 1, None, b"e")).unwrap(),
            s.append(&office, &entry(1, 1, None, b"a")).unwrap(),
        ]
    });
    assert_eq!(given, [3, 1]);
}

fn entries_come_back<S: Store>(mut store: S) {
    let [_, _, village, _] = places();
    let first = entry(1, 1, None, b"");
    let second = entry(1, 2, Some(first.hash), &[0xff; 1000]);
    let third = entry(1, 3, Some(first.hash), &vec![5; MAX_BODY]);
    let gone = destroyed(&entry(2, 1, None, b"came without its body"));
    kept(&mut store, |s| {
        for e in [&first, &second, &third, &gone] {
            s.append(&village, e).unwrap();
        }
    });
    let all = store.entries(&village, Query::After(0), 10).unwrap();
    assert_eq!(all, [(1, first), (2, second), (3, third), (4, gone)]);
}

fn queries_keep_order<S: Store>(mut store: S) {
    let [_, kecamatan, village, _] = places();
    let first = entry(1, 1, None, b"first");
    let (app, journal) = (first.hash, first.header.journal);
    kept(&mut store, |s| {
        s.append(&village, &first).unwrap();
        s.append(&village, &entry(2, 5, Some(app), b"from another phone")).unwrap();
        // Out of order: what a journal's query sorts by is the number, not the position.
        s.append(&village, &entry(1, 3, Some(app), b"third")).unwrap();
        s.append(&village, &entry(1, 2, None, b"of another application")).unwrap();
        s.append(&kecamatan, &entry(1, 9, Some(app), b"of another partition")).unwrap();
    });
    assert_eq!(found(&store, &village, Query::Journal(&journal, 0), 9), [1, 4, 3]);
    assert_eq!(found(&store, &village, Query::Journal(&journal, 1), 1), [4]);
    assert!(found(&store, &village, Query::Journal(&journal, 3), 9).is_empty());
    assert!(found(&store, &village, Query::Journal(&journal, u64::MAX), 9).is_empty());
    assert!(found(&store, &village, Query::Journal(&JournalId([8; 32]), 0), 9).is_empty());
    assert_eq!(found(&store, &village, Query::After(0), 9), [1, 2, 3, 4]);
    assert_eq!(found(&store, &village, Query::After(1), 2), [2, 3]);
    assert!(found(&store, &village, Query::After(4), 9).is_empty());
    assert!(found(&store, &village, Query::After(u64::MAX), 9).is_empty());
    assert_eq!(found(&store, &village, Query::Application(&app), 9), [1, 2, 3]);
    assert_eq!(found(&store, &village, Query::Application(&app), 2), [1, 2]);
    assert_eq!(found(&store, &kecamatan, Query::Application(&app), 9), [1]);
    assert_eq!(found(&store, &village, Query::Hash(&app), 9), [1]);
    assert!(found(&store, &village, Query::Hash(&app), 0).is_empty());
    assert!(found(&store, &kecamatan, Query::Hash(&app), 9).is_empty());
    assert!(found(&store, &village, Query::After(0), 0).is_empty());
    assert_eq!(found(&store, &village, Query::After(0), usize::MAX).len(), 4);
}

fn rows_are_written<S: Store>(mut store: S) {
    let [office, kecamatan, _, _] = places();
    kept(&mut store, |s| {
        s.put(&office, Table::Meta, b"k", Some(b"one")).unwrap();
        s.put(&office, Table::Meta, b"k", Some(b"two")).unwrap();
        s.put(&office, Table::Job, b"k", Some(b"")).unwrap();
        s.put(&kecamatan, Table::Meta, b"", Some(b"empty key")).unwrap();
    });
    let get = |s: &S, p, t, k: &[u8]| s.get(p, t, k).unwrap();
    assert_eq!(get(&store, &office, Table::Meta, b"k"), Some(b"two".to_vec()));
    assert_eq!(get(&store, &office, Table::Job, b"k"), Some(Vec::new()));
    assert_eq!(get(&store, &kecamatan, Table::Meta, b""), Some(b"empty key".to_vec()));
    assert_eq!(get(&store, &kecamatan, Table::Meta, b"k"), None);
    kept(&mut store, |s| {
        s.put(&office, Table::Meta, b"k", None).unwrap();
        s.put(&office, Table::Meta, b"never there", None).unwrap();
    });
    assert_eq!(get(&store, &office, Table::Meta, b"k"), None);
    assert_eq!(get(&store, &office, Table::Job, b"k"), Some(Vec::new()));
}

fn scans_keep_prefix<S: Store>(mut store: S) {
    let [office, kecamatan, _, _] = places();
    let written: [&[u8]; 7] = [b"a", b"a\0", b"ab", b"a\xff", b"a\xff\xff", b"b", b"\xff\xff"];
    kept(&mut store, |s| {
        for key in written.iter().rev() {
            s.put(&office, Table::Queue, key, Some(key)).unwrap();
        }
        s.put(&office, Table::Pending, b"ac", Some(b"of another table")).unwrap();
        s.put(&kecamatan, Table::Queue, b"ac", Some(b"of another partition")).unwrap();
    });
    let scan = |prefix: &[u8], after: Option<&[u8]>, limit| {
        keys(store.scan(&office, Table::Queue, prefix, after, limit).unwrap())
    };
    assert_eq!(scan(b"", None, 99), written);
    assert_eq!(scan(b"a", None, 99), written[..5]);
    assert_eq!(scan(b"a\xff", None, 99), written[3..5]);
    assert_eq!(scan(b"\xff", None, 99), written[6..]);
    assert_eq!(scan(b"a", Some(b"a"), 2), written[1..3]);
    assert_eq!(scan(b"a", Some(b"a\xff"), 9), written[4..5]);
    assert_eq!(scan(b"b", Some(b"a"), 9), written[5..6]);
    assert!(scan(b"a", Some(b"b"), 9).is_empty());
    assert!(scan(b"c", None, 9).is_empty());
    assert!(scan(b"", None, 0).is_empty());
    let rows = store.scan(&office, Table::Queue, b"ab", None, 9).unwrap();
    assert_eq!(rows, [(b"ab".to_vec(), b"ab".to_vec())]);
}

fn undone_is_gone<S: Store>(mut store: S) {
    let [office, kecamatan, _, _] = places();
    let (one, two) = (entry(1, 1, None, b"one"), entry(1, 2, None, b"two"));
    kept(&mut store, |s| {
        s.append(&office, &one).unwrap();
        s.put(&office, Table::Meta, b"kept", Some(b"before")).unwrap();
        s.put(&office, Table::Meta, b"deleted", Some(b"before")).unwrap();
    });
    let failed: Result<(), StoreError> = transaction(&mut store, |s| {
        s.append(&office, &two)?;
        s.append(&office, &destroyed(&one))?;
        s.append(&kecamatan, &one)?;
        s.put(&office, Table::Meta, b"kept", Some(b"after"))?;
        s.put(&office, Table::Meta, b"kept", Some(b"after that"))?;
        s.put(&office, Table::Meta, b"deleted", None)?;
        s.put(&office, Table::Meta, b"new", Some(b""))?;
        Err(StoreError::Busy)
    });
    assert!(matches!(failed, Err(StoreError::Busy)));
    assert_eq!(store.entries(&office, Query::After(0), 9).unwrap(), [(1, one.clone())]);
    assert_eq!(found(&store, &office, Query::Journal(&one.header.journal, 0), 9), [1]);
    assert!(found(&store, &office, Query::Hash(&two.hash), 9).is_empty());
    assert!(found(&store, &office, Query::Application(&two.hash), 9).is_empty());
    let rows = store.scan(&office, Table::Meta, b"", None, 9).unwrap();
    let before = b"before".to_vec();
    assert_eq!(rows, [(b"deleted".to_vec(), before.clone()), (b"kept".to_vec(), before)]);
    assert_eq!(store.partitions().unwrap(), [office]);
}

fn reads_see_writes<S: Store>(mut store: S) {
    let [_, _, village, _] = places();
    let one = entry(1, 1, None, b"one");
    store.begin().unwrap();
    store.append(&village, &one).unwrap();
    store.put(&village, Table::Document, b"d", Some(b"state")).unwrap();
    assert_eq!(found(&store, &village, Query::Hash(&one.hash), 9), [1]);
    assert_eq!(found(&store, &village, Query::After(0), 9), [1]);
    assert_eq!(store.get(&village, Table::Document, b"d").unwrap(), Some(b"state".to_vec()));
    assert_eq!(store.scan(&village, Table::Document, b"", None, 9).unwrap().len(), 1);
    assert_eq!(store.partitions().unwrap(), [village]);
    store.put(&village, Table::Document, b"d", None).unwrap();
    assert_eq!(store.get(&village, Table::Document, b"d").unwrap(), None);
    store.finish(true).unwrap();
    assert_eq!(found(&store, &village, Query::After(0), 9), [1]);
}

fn bodies_are_destroyed<S: Store>(mut store: S) {
    let [_, _, village, _] = places();
    let (one, two) = (entry(1, 1, None, b"one"), entry(1, 2, None, b"two"));
    kept(&mut store, |s| {
        s.append(&village, &one).unwrap();
        s.append(&village, &two).unwrap();
    });
    let position = kept(&mut store, |s| s.append(&village, &destroyed(&one)).unwrap());
    assert_eq!(position, 1);
    // Again is fine, and back is not.
    assert_eq!(kept(&mut store, |s| s.append(&village, &destroyed(&one)).unwrap()), 1);
    kept(&mut store, |s| misuse(s.append(&village, &one)));
    let all = store.entries(&village, Query::After(0), 9).unwrap();
    assert_eq!(all, [(1, destroyed(&one)), (2, two)]);
    assert_eq!(found(&store, &village, Query::Application(&one.hash), 9), [1]);
    assert_eq!(kept(&mut store, |s| s.append(&village, &entry(1, 3, None, b"three")).unwrap()), 3);
}

fn entries_move<S: Store>(mut store: S) {
    let [_, _, village, _] = places();
    let (one, two, three) =
        (entry(1, 1, None, b"one"), entry(1, 2, None, b"two"), entry(1, 3, None, b"three"));
    let line = JournalId([8; 32]);
    kept(&mut store, |s| {
        for e in [&one, &two, &three] {
            s.append(&village, e).unwrap();
        }
    });
    let on_line = |entry: &StoredEntry| StoredEntry { line, ..entry.clone() };
    let undone: Result<(), StoreError> = transaction(&mut store, |s| {
        s.append(&village, &on_line(&two))?;
        Err(StoreError::Busy)
    });
    assert!(undone.is_err());
    assert!(found(&store, &village, Query::Journal(&line, 0), 9).is_empty());
    let position = kept(&mut store, |s| s.append(&village, &on_line(&two)).unwrap());
    assert_eq!(position, 2);
    assert_eq!(found(&store, &village, Query::Journal(&line, 0), 9), [2]);
    assert_eq!(found(&store, &village, Query::Journal(&one.line, 0), 9), [1, 3]);
    assert_eq!(store.entries(&village, Query::Hash(&two.hash), 9).unwrap(), [(2, on_line(&two))]);
    // The place that it left is free, and another entry's is not.
    let other = entry(1, 2, None, b"another branch");
    assert_eq!(kept(&mut store, |s| s.append(&village, &other).unwrap()), 4);
    kept(&mut store, |s| misuse(s.append(&village, &on_line(&other))));
    kept(&mut store, |s| misuse(s.append(&village, &on_line(&two))));
    // Moving destroys nothing, and what is destroyed can still be moved.
    kept(&mut store, |s| misuse(s.append(&village, &destroyed(&on_line(&three)))));
    kept(&mut store, |s| s.append(&village, &destroyed(&three)).unwrap());
    assert_eq!(kept(&mut store, |s| s.append(&village, &destroyed(&on_line(&three))).unwrap()), 3);
}

fn partitions_are_listed<S: Store>(mut store: S) {
    let [office, kecamatan, village, secret] = places();
    assert_eq!(store.partitions().unwrap(), []);
    kept(&mut store, |s| {
        s.put(&secret, Table::Meta, b"k", Some(b"v")).unwrap();
        s.append(&village, &entry(1, 1, None, b"")).unwrap();
        s.put(&kecamatan, Table::Meta, b"k", Some(b"v")).unwrap();
        s.put(&kecamatan, Table::Meta, b"l", Some(b"v")).unwrap();
        s.put(&office, Table::Meta, b"k", Some(b"v")).unwrap();
    });
    assert_eq!(store.partitions().unwrap(), [office, kecamatan, village, secret]);
    kept(&mut store, |s| {
        s.put(&secret, Table::Meta, b"k", None).unwrap();
        s.put(&kecamatan, Table::Meta, b"k", None).unwrap();
    });
    assert_eq!(store.partitions().unwrap(), [office, kecamatan, village]);
}

fn transactions_do_not_nest<S: Store>(mut store: S) {
    misuse(store.finish(true));
    misuse(store.finish(false));
    store.begin().unwrap();
    store.put(&Partition::Office, Table::Meta, b"k", Some(b"v")).unwrap();
    misuse(store.begin());
    // The refused call left the first one as it was.
    store.finish(true).unwrap();
    assert_eq!(store.get(&Partition::Office, Table::Meta, b"k").unwrap(), Some(b"v".to_vec()));
    misuse(store.finish(true));
}

fn writes_need_a_transaction<S: Store>(mut store: S) {
    misuse(store.append(&Partition::Office, &entry(1, 1, None, b"")));
    misuse(store.put(&Partition::Office, Table::Meta, b"k", Some(b"v")));
    misuse(store.put(&Partition::Office, Table::Meta, b"k", None));
    assert_eq!(store.partitions().unwrap(), []);
}

fn entries_are_appended_once<S: Store>(mut store: S) {
    let [_, kecamatan, village, _] = places();
    let one = entry(1, 1, None, b"one");
    let fork = entry(1, 1, None, b"another of the same number");
    kept(&mut store, |s| {
        s.append(&village, &one).unwrap();
        misuse(s.append(&village, &one));
        misuse(s.append(&village, &fork));
        misuse(s.append(&village, &destroyed(&fork)));
        // A refusal spoils nothing: the transaction goes on.
        assert_eq!(s.append(&kecamatan, &one).unwrap(), 1);
    });
    assert_eq!(store.entries(&village, Query::After(0), 9).unwrap(), [(1, one.clone())]);
    assert_eq!(store.entries(&kecamatan, Query::After(0), 9).unwrap(), [(1, one)]);
}

fn limits_are_kept<S: Store>(mut store: S) {
    let [office, ..] = places();
    let (key, long_key) = (vec![u8::MAX; MAX_KEY], vec![u8::MAX; MAX_KEY + 1]);
    let (value, long_value) = (vec![1; MAX_VALUE], vec![1; MAX_VALUE + 1]);
    let mut odd = entry(1, 2, None, b"");
    odd.header.extension = Some(Extension(vec![0; MAX_EXTENSION + 1]));
    let last = entry(2, i64::MAX as u64, None, b"");
    kept(&mut store, |s| {
        s.put(&office, Table::Meta, &key, Some(&value)).unwrap();
        misuse(s.put(&office, Table::Meta, &long_key, Some(b"")));
        misuse(s.put(&office, Table::Meta, &long_key, None));
        misuse(s.put(&office, Table::Meta, b"k", Some(&long_value)));
        misuse(s.append(&office, &entry(1, 1, None, &vec![0; MAX_BODY + 1])));
        misuse(s.append(&office, &odd));
        misuse(s.append(&office, &entry(1, 0, None, b"")));
        misuse(s.append(&office, &entry(1, u64::MAX, None, b"")));
        s.append(&office, &last).unwrap();
    });
    assert_eq!(store.get(&office, Table::Meta, &key).unwrap(), Some(value));
    assert_eq!(keys(store.scan(&office, Table::Meta, b"\xff", None, 9).unwrap()), [key]);
    assert_eq!(store.entries(&office, Query::After(0), 9).unwrap(), [(1, last)]);
}

/// Numbers that look random and are the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    fn partition(&mut self) -> Partition {
        places()[self.below(4) as usize]
    }

    fn table(&mut self) -> Table {
        [Table::Meta, Table::Queue, Table::Document, Table::Naming][self.below(4) as usize]
    }

    /// Short keys of few bytes, so that they meet and begin with one another.
    fn key(&mut self) -> Vec<u8> {
        (0..self.below(4)).map(|_| [0, 1, 0xfe, 0xff][self.below(4) as usize]).collect()
    }

    fn entry(&mut self) -> StoredEntry {
        let application = (self.below(2) == 0).then(|| EntryHash([self.below(3) as u8; 32]));
        let body = [self.below(2) as u8];
        let entry = entry(self.below(3) as u8, 1 + self.below(12), application, &body);
        if self.below(4) == 0 { destroyed(&entry) } else { entry }
    }
}

fn assert_same<T: PartialEq + std::fmt::Debug>(
    one: &Result<T, StoreError>,
    other: &Result<T, StoreError>,
    at: &str,
) {
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(one, other, "{at}"),
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string(), "{at}"),
        _ => panic!("{at}: {one:?} and {other:?}"),
    }
}

fn random_write<A: Store, B: Store>(one: &mut A, other: &mut B, dice: &mut Dice, at: &str) {
    let partition = dice.partition();
    if dice.below(2) == 0 {
        let entry = dice.entry();
        assert_same(&one.append(&partition, &entry), &other.append(&partition, &entry), at);
    } else {
        let (table, key) = (dice.table(), dice.key());
        let value = (dice.below(3) != 0).then(|| dice.next().to_be_bytes());
        let value = value.as_ref().map(<[u8; 8]>::as_slice);
        assert_same(&one.put(&partition, table, &key, value), &other.put(&partition, table, &key, value), at);
    }
}

fn random_read<A: Store, B: Store>(one: &A, other: &B, dice: &mut Dice, at: &str) {
    let (partition, limit) = (dice.partition(), dice.below(8) as usize);
    let (sought, after) = (dice.entry(), dice.below(12));
    let query = match dice.below(4) {
        0 => Query::Journal(&sought.header.journal, after),
        1 => Query::After(after),
        2 => Query::Hash(&sought.hash),
        _ => Query::Application(sought.header.application.as_ref().unwrap_or(&sought.hash)),
    };
    assert_same(&one.entries(&partition, query, limit), &other.entries(&partition, query, limit), at);
    let (table, prefix, key) = (dice.table(), dice.key(), dice.key());
    let after = (dice.below(2) == 0).then_some(key.as_slice());
    let scan = |s: &dyn Store| s.scan(&partition, table, &prefix, after, limit);
    assert_same(&scan(one), &scan(other), at);
    assert_same(&one.get(&partition, table, &key), &other.get(&partition, table, &key), at);
    assert_same(&one.partitions(), &other.partitions(), at);
}
