#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::contract::{check, compare, entry};
use super::super::memory::MemoryStore;
use super::*;

const OFFICE: Partition = Partition::Office;

fn put(store: &mut SqliteStore, key: &[u8], value: &[u8]) {
    store.begin().unwrap();
    store.put(&OFFICE, Table::Meta, key, Some(value)).unwrap();
    store.finish(true).unwrap();
}

fn get(store: &SqliteStore, key: &[u8]) -> Option<Vec<u8>> {
    store.get(&OFFICE, Table::Meta, key).unwrap()
}

fn open(dir: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(dir.path().join("loket.db"), Durability::Power).unwrap()
}

#[test]
fn it_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = 0;
    check(|| {
        made += 1;
        SqliteStore::open(dir.path().join(format!("{made}.db")), Durability::Power).unwrap()
    });
}

#[test]
fn it_reads_as_the_store_in_memory_does_after_random_steps() {
    for seed in 1..=12 {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("loket.db"), Durability::Process).unwrap();
        compare(MemoryStore::default(), store, seed * 0x9e37_79b9, 1500);
    }
}

#[test]
fn it_reads_so_while_places_are_moved_on() {
    for seed in 1..=12 {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(dir.path().join("loket.db"), Durability::Process).unwrap();
        (store.fresh.most, store.fresh.least) = (seed as i64 % 4 * 5, 1 + seed as i64 % 3);
        compare(MemoryStore::default(), store, seed * 0x517c_c1b7, 1500);
        let other = Connection::open(dir.path().join("loket.db")).unwrap();
        let settled: i64 = other.query_row("SELECT count(*) FROM settled", [], |row| row.get(0)).unwrap();
        assert!(settled > 0, "seed {seed}");
    }
}

#[test]
fn fresh_places_stay_few() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(dir.path().join("loket.db"), Durability::Process).unwrap();
    (store.fresh.most, store.fresh.least) = (50, 10);
    let key = |n: u64| *blake3::hash(&n.to_be_bytes()).as_bytes();
    for group in 0..100u64 {
        store.begin().unwrap();
        for n in group * 20..group * 20 + 20 {
            store.put(&OFFICE, Table::Person, &key(n), Some(&n.to_be_bytes())).unwrap();
        }
        store.finish(true).unwrap();
        let fresh: i64 = store.db.query_row("SELECT count(*) FROM fresh", [], |row| row.get(0)).unwrap();
        // Two groups above what begins a move: behind the last place there may have been few to move.
        assert!(fresh < 50 + 10 + 2 * 20, "group {group}: {fresh}");
    }
    for n in 0..2_000u64 {
        let found = store.get(&OFFICE, Table::Person, &key(n)).unwrap();
        assert_eq!(found, Some(n.to_be_bytes().to_vec()), "{n}");
    }
    assert_eq!(store.scan(&OFFICE, Table::Person, &[], None, 9_999).unwrap().len(), 2_000);
}

#[test]
fn what_was_kept_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let one = entry(1, 1, None, b"one");
    let mut store = open(&dir);
    put(&mut store, b"k", b"v");
    store.begin().unwrap();
    store.append(&OFFICE, &one).unwrap();
    store.finish(true).unwrap();
    drop(store);
    let mut store = open(&dir);
    assert_eq!(get(&store, b"k"), Some(b"v".to_vec()));
    assert_eq!(store.entries(&OFFICE, Query::After(0), 9).unwrap(), [(1, one)]);
    store.begin().unwrap();
    assert_eq!(store.append(&OFFICE, &entry(1, 2, None, b"two")).unwrap(), 2);
    store.finish(true).unwrap();
}

#[test]
fn a_copy_taken_without_closing_holds_what_was_kept() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = open(&dir);
    put(&mut store, b"k", b"v");
    store.begin().unwrap();
    store.put(&OFFICE, Table::Meta, b"k", Some(b"not kept")).unwrap();
    for name in ["loket.db", "loket.db-wal"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(get(&open(&copy), b"k"), Some(b"v".to_vec()));
}

#[test]
fn a_half_finished_transaction_is_gone_after_dropping() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    store.begin().unwrap();
    store.put(&OFFICE, Table::Meta, b"k", Some(b"v")).unwrap();
    store.append(&OFFICE, &entry(1, 1, None, b"one")).unwrap();
    drop(store);
    assert!(open(&dir).partitions().unwrap().is_empty());
}

#[test]
fn a_second_connection_sees_commits_and_notices_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(&dir);
    let reader = SqliteStore::read_only(dir.path().join("loket.db")).unwrap();
    let (mine, theirs) = (writer.data_version().unwrap(), reader.data_version().unwrap());
    writer.begin().unwrap();
    writer.put(&OFFICE, Table::Meta, b"k", Some(b"v")).unwrap();
    assert_eq!(get(&reader, b"k"), None);
    assert_eq!(reader.data_version().unwrap(), theirs);
    writer.finish(true).unwrap();
    assert_eq!(get(&reader, b"k"), Some(b"v".to_vec()));
    assert_ne!(reader.data_version().unwrap(), theirs);
    // One's own commits are no news.
    assert_eq!(writer.data_version().unwrap(), mine);
}

#[test]
fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let _writer = open(&dir);
    let mut reader = SqliteStore::read_only(dir.path().join("loket.db")).unwrap();
    assert!(matches!(reader.begin(), Err(StoreError::Misuse(_))));
}

#[test]
fn two_writers_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let count = |name: &'static [u8]| {
        let path = dir.path().join("loket.db");
        move || {
            let mut store = SqliteStore::open(path, Durability::Process).unwrap();
            for n in 0..100u64 {
                store.begin().unwrap();
                let seq = store.entries(&OFFICE, Query::After(0), 999).unwrap().len() as u64 + 1;
                assert_eq!(store.append(&OFFICE, &entry(1, seq, None, name)).unwrap(), seq, "{n}");
                store.finish(true).unwrap();
            }
        }
    };
    // Both may find the file missing and set it up at once.
    let threads = [std::thread::spawn(count(b"one")), std::thread::spawn(count(b"two"))];
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(open(&dir).entries(&OFFICE, Query::After(0), 999).unwrap().len(), 200);
}

#[test]
fn a_store_in_use_says_busy() {
    let dir = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (open(&dir), open(&dir));
    other.db.busy_timeout(Duration::from_millis(20)).unwrap();
    one.begin().unwrap();
    assert!(matches!(other.begin(), Err(StoreError::Busy)));
    one.finish(false).unwrap();
    other.begin().unwrap();
    other.finish(true).unwrap();
}

#[test]
fn a_full_disk_loses_nothing_that_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    put(&mut store, b"k", b"v");
    let pages = store.pragma("page_count").unwrap();
    store.db.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(())).unwrap();
    store.begin().unwrap();
    store.put(&OFFICE, Table::Meta, b"small", Some(b"fits")).unwrap();
    let large = store.put(&OFFICE, Table::Meta, b"large", Some(&[1; 100_000]));
    assert!(matches!(large, Err(StoreError::Full)), "{large:?}");
    // The rest of a spoiled transaction is refused, and nothing of it is kept.
    assert!(matches!(store.put(&OFFICE, Table::Meta, b"k", None), Err(StoreError::Misuse(_))));
    assert!(store.finish(true).is_err());
    assert_eq!((get(&store, b"k"), get(&store, b"small")), (Some(b"v".to_vec()), None));
    put(&mut store, b"small", b"fits");
    assert_eq!(get(&store, b"small"), Some(b"fits".to_vec()));
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loket.db");
    let refused = |wanted: &str| {
        let before = std::fs::read(&path).unwrap();
        let error = SqliteStore::open(&path, Durability::Power).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::remove_file(&path).unwrap();
    };
    std::fs::write(&path, b"a letter, and a long one, that is no database at all".repeat(200)).unwrap();
    refused("bukan penyimpanan Loket");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(other);
    refused("bukan penyimpanan Loket");
    drop(open(&dir));
    let later = Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", MIGRATIONS.len() as i64 + 1).unwrap();
    drop(later);
    refused("lebih baru");
    assert!(SqliteStore::read_only(&path).is_err());
    assert!(!path.exists());
}

#[test]
fn a_destroyed_body_leaves_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mark = b"a name that the law says must go";
    let holds_mark = || {
        ["loket.db", "loket.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(dir.path().join(name)).unwrap_or_default();
            bytes.windows(mark.len()).any(|w| w == mark)
        })
    };
    let mut store = open(&dir);
    let one = entry(1, 1, None, &mark.repeat(500));
    store.begin().unwrap();
    store.append(&OFFICE, &one).unwrap();
    store.finish(true).unwrap();
    store.checkpoint().unwrap();
    assert!(holds_mark());
    store.begin().unwrap();
    store.append(&OFFICE, &StoredEntry { content: Content::Destroyed, ..one }).unwrap();
    store.finish(true).unwrap();
    store.purge().unwrap();
    assert!(!holds_mark());
}

#[test]
fn a_checkpoint_moves_the_log_and_waits_for_no_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    put(&mut store, b"k", &[7; 100_000]);
    let size = || std::fs::metadata(dir.path().join("loket.db")).unwrap().len();
    assert!(size() < 100_000);
    let mut other = open(&dir);
    other.begin().unwrap();
    store.checkpoint().unwrap();
    other.finish(false).unwrap();
    assert!(size() > 100_000);
    store.begin().unwrap();
    assert!(matches!(store.checkpoint(), Err(StoreError::Misuse(_))));
    store.finish(false).unwrap();
}

#[test]
fn damage_is_told_and_quotes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    store.begin().unwrap();
    store.append(&OFFICE, &entry(1, 1, None, b"one")).unwrap();
    store.finish(true).unwrap();
    store.db.execute_batch("UPDATE entries SET header = x'ff'").unwrap();
    assert!(matches!(store.entries(&OFFICE, Query::After(0), 9), Err(StoreError::Broken(_))));
}

#[test]
fn every_query_is_answered_from_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let scattered =
        [scattered::PLACES, scattered::GET, scattered::RANGE, scattered::SCATTERED, scattered::UNTIL];
    let own = [PART, TAKES, BY_JOURNAL, BY_POSITION, BY_ID, HAS_HASH, GET, SCAN, MOVE, DESTROY, DELETE];
    for sql in own.into_iter().chain(scattered) {
        let mut plan = store.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines: Vec<String> = plan.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap();
        let plan = lines.join("; ");
        assert!(plan.contains("SEARCH") && !plan.contains("SCAN") && !plan.contains("TEMP"), "{sql}: {plan}");
        assert!(!plan.contains("(part=?)"), "it goes through the whole partition: {sql}: {plan}");
    }
}

#[test]
fn another_connection_moves_the_log_while_the_first_writes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, other) = (open(&dir), open(&dir));
    store.make_room(8 << 20, 100_000).unwrap();
    put(&mut store, b"k", &[7; 100_000]);
    assert!(store.unmoved_pages().unwrap() >= 24);
    other.checkpoint().unwrap();
    assert_eq!((store.unmoved_pages().unwrap(), other.unmoved_pages().unwrap()), (0, 0));
    put(&mut store, b"k", b"v");
    assert!(other.unmoved_pages().unwrap() > 0);
    assert_eq!(get(&other, b"k"), Some(b"v".to_vec()));
}

#[test]
fn a_store_that_was_opened_anew_has_all_that_was_kept_and_an_empty_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    put(&mut store, b"k", b"v");
    let reader = SqliteStore::read_only(dir.path().join("loket.db")).unwrap();
    store.begin().unwrap();
    store.put(&OFFICE, Table::Meta, b"k", Some(b"not kept")).unwrap();
    store.reopen().unwrap();
    let log = std::fs::metadata(dir.path().join("loket.db-wal")).unwrap().len();
    assert_eq!((get(&store, b"k"), get(&reader, b"k"), log), (Some(b"v".to_vec()), Some(b"v".to_vec()), 0));
    // The transaction that was open is given up, and others may be begun.
    put(&mut store, b"later", b"v");
    assert_eq!(get(&reader, b"later"), Some(b"v".to_vec()));
    drop((store, reader));
    assert_eq!(get(&open(&dir), b"later"), Some(b"v".to_vec()));
}

#[test]
fn a_damaged_file_is_not_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    put(&mut store, b"k", &[7; 100_000]);
    store.purge().unwrap();
    let path = dir.path().join("loket.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // The trees' pages lose their heads, but for the first, which says that the file is a store.
    bytes.chunks_mut(4096).skip(1).for_each(|page| page[..8].fill(0x5a));
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(store.reopen(), Err(StoreError::Broken(_))));
}

#[test]
fn who_opens_first_writes_the_log_anew_and_others_do_not() {
    let (dir, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = open(&dir);
    put(&mut store, b"k", b"v");
    for name in ["loket.db", "loket.db-wal"] {
        std::fs::copy(dir.path().join(name), crashed.path().join(name)).unwrap();
    }
    let log = crashed.path().join("loket.db-wal");
    let early = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let age = || std::fs::File::options().write(true).open(&log).unwrap().set_modified(early).unwrap();
    let is_new = || std::fs::metadata(&log).unwrap().modified().unwrap() != early;
    let before = std::fs::read(&log).unwrap();
    age();
    let first = open(&crashed);
    assert!(is_new(), "the log that a crash left was taken as it is");
    assert_eq!(std::fs::read(&log).unwrap(), before);
    age();
    let second = open(&crashed);
    assert!(!is_new(), "somebody has the store open: the log is no leftover");
    assert_eq!((get(&first, b"k"), get(&second, b"k")), (Some(b"v".to_vec()), Some(b"v".to_vec())));
}

#[test]
fn nothing_of_rows_that_moved_between_pages_stays_after_a_purge() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir);
    let value = |n: u32| {
        let mut bytes = vec![0; 100 + (n as usize * 37) % 1500];
        blake3::Hasher::new().update(&n.to_be_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    };
    let key = |n: u32| blake3::hash(&n.to_le_bytes()).as_bytes()[..16].to_vec();
    // Keys in no order, come and gone between each other, so that pages are split, filled anew and joined.
    let (mut alive, mut gone): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut dice = 7_u32;
    let mut draw = |below: usize| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (dice >> 8) as usize % below
    };
    for round in 0..40 {
        store.begin().unwrap();
        for n in round * 100..(round + 1) * 100 {
            store.put(&OFFICE, Table::Document, &key(n), Some(&value(n))).unwrap();
            alive.push(n);
        }
        for _ in 0..60 + draw(60) {
            let n = alive.swap_remove(draw(alive.len()));
            store.put(&OFFICE, Table::Document, &key(n), None).unwrap();
            gone.push(n);
            if alive.len() < 2 {
                break;
            }
        }
        store.finish(true).unwrap();
    }
    store.purge().unwrap();
    let beginnings: std::collections::HashSet<Vec<u8>> =
        gone.iter().map(|n| value(*n)[..16].to_vec()).collect();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let left = bytes.windows(16).filter(|window| beginnings.contains(*window)).count();
        assert_eq!(left, 0);
    }
    let one = alive[0];
    assert_eq!(store.get(&OFFICE, Table::Document, &key(one)).unwrap(), Some(value(one)));
}
