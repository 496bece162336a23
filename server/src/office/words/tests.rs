//! Filed applications are found by how names begin, and by nothing once they are destroyed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use loket_core::store::memory::MemoryStore;
use std::sync::Arc;

fn office() -> Office<MemoryStore> {
    let key = Arc::new(loket_core::identity::SeededKey::new(0));
    Office::open(MemoryStore::default(), key, &mut |bytes| bytes.fill(7)).unwrap()
}

fn id(n: u8) -> EntryHash {
    EntryHash([n; 32])
}

fn village() -> Partition {
    "33.12.08.2002".parse().unwrap()
}

/// Files somebody of this name.
fn file(office: &mut Office<MemoryStore>, n: u8, name: &str, nik: &str) {
    let mut words = fold(name);
    words.insert(person(nik));
    let words = words.into_iter().collect::<Vec<_>>().join(" ");
    let before = office.replica.row(&village(), &id(n)).unwrap().and_then(|row| row.words);
    let row = ApplicationRow { name: Some(name.into()), words: Some(words.clone()), ..Default::default() };
    let write = |office: &mut Office<_>| {
        office.index(&village(), &id(n), before.as_deref(), Some(&words))?;
        office.replica.put_row(&village(), &id(n), &row)
    };
    office.write(write).unwrap();
}

fn found(office: &Office<MemoryStore>, name: &str) -> Vec<u8> {
    let matches = of_name(&office.replica, name, &|_| true, 9).unwrap();
    let mut all: Vec<u8> = matches.unwrap().found.iter().map(|(id, _)| id.0[0]).collect();
    all.sort_unstable();
    all
}

#[test]
fn people_are_found_by_how_the_words_of_their_names_begin() {
    let mut office = office();
    for (n, name) in [
        (1, "Sulastri Wirasaba"),
        (2, "SULASTININGSIH"),
        (3, "Sri Sulastri"),
        (4, "Ma'ruf Amin"),
        (5, "M. Sula"),
    ] {
        file(&mut office, n, name, &format!("33120801016000{n:02}"));
    }
    for (asked, ids) in [
        ("sulastri", vec![1, 3]),
        ("Sulas", vec![1, 2, 3]),
        ("sula", vec![1, 2, 3, 5]),
        ("wira sulastri", vec![1]),
        ("sri", vec![3]),
        ("maruf", vec![4]),
        ("amin ma'r", vec![4]),
        ("lastri", vec![]),
    ] {
        assert_eq!(found(&office, asked), ids, "{asked}");
    }
    for short in ["", "s", "su", "su la", "3312", "..."] {
        assert!(of_name(&office.replica, short, &|_| true, 9).unwrap().is_none(), "{short}");
    }
    let some = of_name(&office.replica, "sula", &|_| true, 2).unwrap().unwrap();
    assert!(some.found.len() == 2 && some.more);
    let mine = of_person(&office.replica, "3312080101600003", &|_| true, 9).unwrap();
    assert_eq!((mine.found.len(), mine.found[0].0, mine.more), (1, id(3), false));
    assert!(of_person(&office.replica, "3312080101600009", &|_| true, 9).unwrap().found.is_empty());
}

#[test]
fn a_corrected_name_is_found_and_the_old_one_is_not() {
    let mut office = office();
    file(&mut office, 1, "Sulastri", "3312080101600001");
    file(&mut office, 1, "Sulistyowati", "3312080101600001");
    assert_eq!((found(&office, "sulas"), found(&office, "sulis")), (vec![], vec![1]));
    office.write(|office| office.drop_words(&village(), &id(1))).unwrap();
    assert_eq!(found(&office, "sulis"), [0; 0]);
    assert!(office.replica.store.scan(&Partition::Office, Table::Word, b"", None, 9).unwrap().is_empty());
}
