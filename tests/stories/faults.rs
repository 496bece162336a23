//! The disk fails, at every call in turn: what was acknowledged stays, what was not is said, and all can be finished.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use loket_core::journal::Partition;
use loket_core::store::sqlite::{Durability, SqliteStore};
use loket_core::store::{Store, StoreError, Table};
use loket_tests::{Office, Phone, VILLAGE};
use serde_json::json;

use super::day::Day;
use super::disk::{Disk, Fault};
use super::script::{Dice, items, scan, sound, text};

/// `all` lets every call fail, each once, `all,1800` all but the first 1,800 of them; a number so many, drawn by seed; `office,578,Torn,ever` or
/// `phone,12,Full,once` that one, as a failure names it.
const VARIABLE: &str = "LOKET_FAULTS";
/// Days with a fault where nothing else is asked for.
const DAYS: u64 = 12;
/// The seed of what is drawn.
const SEED: u64 = 20_261_124;
/// Days at once.
const AT_ONCE: usize = 2;
/// More than any day has calls: for ever.
const EVER: u64 = u64::MAX;

/// One day's fault.
#[derive(Debug, Clone, Copy)]
struct Plan {
    at_office: bool,
    call: u64,
    fault: Fault,
    times: u64,
}

/// Lives a day with a fault; returns whether it came to it, and what was said.
fn day(plan: Plan) -> (bool, Vec<String>) {
    let mut day = Day::new();
    let disk = if plan.at_office { &day.office_disk } else { &day.phone_disk };
    disk.fail(plan.fault, plan.call, plan.times);
    day.live();
    let disk = if plan.at_office { &day.office_disk } else { &day.phone_disk };
    let struck = disk.failed() > 0;
    (struck, day.settle())
}

/// The faults to be lived through, given how many calls a day has at the office and at the phone.
fn plans(calls: (u64, u64)) -> Vec<Plan> {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let kinds = Fault::ALL.len() as u64;
    let fault = |number: u64| Fault::ALL[usize::try_from(number % kinds).unwrap()];
    let times = |number: u64| if number.is_multiple_of(3) { EVER } else { 1 };
    let at = |at_office: bool, call: u64| Plan { at_office, call, fault: fault(call), times: times(call) };
    let named: Vec<&str> = asked.split(',').collect();
    if let ["all", rest @ ..] = &named[..] {
        let done = rest.first().map_or(0, |done| done.parse().unwrap());
        let office = (1..=calls.0).map(|call| at(true, call));
        return office.chain((1..=calls.1).map(|call| at(false, call))).skip(done).collect();
    }
    if let [side, call, fault, times] = named[..] {
        let fault = *Fault::ALL.iter().find(|one| format!("{one:?}") == fault).expect("a fault's name");
        let times = if times == "ever" { EVER } else { 1 };
        return vec![Plan { at_office: side == "office", call: call.parse().unwrap(), fault, times }];
    }
    let mut dice = Dice(SEED);
    let days = asked.parse().unwrap_or(DAYS);
    let mut plan = |number: u64| {
        let at_office = number.is_multiple_of(2);
        let call = 1 + dice.below(if at_office { calls.0 } else { calls.1 });
        Plan { at_office, call, fault: fault(number / 2), times: times(number / 2) }
    };
    (0..days).map(&mut plan).collect()
}

#[test]
fn a_day_on_a_failing_disk_loses_nothing_and_can_be_finished() {
    let mut whole = Day::new();
    whole.live();
    let calls = (whole.office_disk.calls(), whole.phone_disk.calls());
    assert_eq!(whole.settle(), Vec::<String>::new(), "a day without a fault");
    assert!(calls.0 > 100 && calls.1 > 100, "the disk was not counted: {calls:?}");
    let plans = plans(calls);
    println!("{calls:?} calls at office and phone; {} days with a fault", plans.len());
    let (next, struck, said) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    println!("{plan:?} (seed {SEED})");
                    let (came, words) = day(*plan);
                    struck.fetch_add(usize::from(came), Ordering::Relaxed);
                    said.fetch_add(words.len(), Ordering::Relaxed);
                }
            });
        }
    });
    let (struck, said) = (struck.into_inner(), said.into_inner());
    println!("{} days, {struck} of them struck, {said} steps failed and said so", plans.len());
    // Days differ in how groups form, so a call near the end may not be come to.
    assert!(struck * 10 >= plans.len() * 8, "{struck} of {} faults were met", plans.len());
}

/// Puts the folder into the state that a loss of power leaves.
fn lose_power(disk: &Disk, folder: &Path) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap()
        } else {
            std::fs::remove_file(path).unwrap()
        }
    }
    copy(&disk.after_power_loss(), folder);
}

fn copy(from: &Path, to: &Path) {
    for item in std::fs::read_dir(from).unwrap() {
        let (from, to) = (item.as_ref().unwrap().path(), to.join(item.unwrap().file_name()));
        if from.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// A sync of the office's disk fails so many times while a phone syncs; later the power is lost.
fn receipts_outlive(times: u64, skipped: u64) {
    let mut office = Office::unfounded();
    let disk = Disk::under(office.path());
    office.set_variables(disk.variables(true));
    office.run(&["init", "--region", "33.12"]);
    let mut server = office.serve();
    let address = server.url().trim_start_matches("http://").to_owned();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let (id, number) = phone.begin("ktp-el-rusak");
    phone.run(&["set", &id, "alamat=Dusun Sini"]);
    let paper = scan(phone.path(), "kartu keluarga");
    phone.run(&["attach", &id, "kartu_keluarga", paper.to_str().unwrap()]);
    disk.fail(Fault::Unsynced, disk.calls() + 1 + skipped, times);
    let mut failed = 0;
    while failed < 10 && !phone.outcome(&["sync"]).success {
        failed += 1;
        disk.lift();
        if let Some(well) = server.ended() {
            assert!(!well && office.log().contains("penyimpanan kantor gagal"), "{}", office.log());
            server = office.try_serve(&address).unwrap();
        }
    }
    assert!(disk.failed() > 0, "no sync failed");
    disk.lift();
    phone.sync();
    let listed = phone.run(&["list"]);
    assert_eq!(text(&items(&listed)[0], "mark"), "office", "{listed}");
    server.kill();
    lose_power(&disk, office.path());
    office.set_variables(vec![]);
    sound(&office);
    assert_eq!(office.run(&["show", &number])["heads"], phone.run(&["show", &id])["heads"]);
    assert_eq!(items(&office.run(&["show", &number])["attachments"])[0]["at_office"], json!(true));
}

#[test]
fn what_a_receipt_covers_outlives_a_failed_sync_and_the_power() {
    for skipped in (0..24).step_by(2) {
        receipts_outlive(1, skipped);
    }
    for skipped in [0, 8] {
        receipts_outlive(EVER, skipped);
    }
}

/// Where the store of the inner test lies.
const STORE: &str = "LOKET_FAULTS_STORE";
/// Transactions of the inner test.
const TRANSACTIONS: u8 = 12;

/// Writes on until done, on whatever disk; prints what was kept. Run by the test below, in a process of its own.
#[test]
#[ignore = "run by a_reader_never_sees_what_was_not_kept, on a disk that fails"]
fn writes_on_a_failing_disk() {
    let path = PathBuf::from(std::env::var(STORE).expect("the store's path"));
    let Ok(mut store) = SqliteStore::open(&path, Durability::Power) else { return };
    let Ok(reader) = SqliteStore::read_only(&path) else { return };
    let sees = |n: u8| reader.get(&Partition::Office, Table::Meta, &[n]).unwrap().is_some();
    for n in 0..TRANSACTIONS {
        let value = [n; 3000];
        let written = store.begin().and_then(|()| {
            let put = store.put(&Partition::Office, Table::Meta, &[n], Some(&value));
            store.finish(put.is_ok()).and(put)
        });
        match written {
            Ok(()) => {
                assert!(sees(n), "kept and not seen");
                println!("kept {n}");
            }
            Err(error) => {
                assert!(!sees(n), "a reader sees what was not kept: {error}");
                if matches!(error, StoreError::Broken(_)) && store.reopen().is_err() {
                    return;
                }
                assert!(!sees(n), "seen after it was opened anew: {error}");
            }
        }
        if n % 4 == 3 && matches!(store.checkpoint(), Err(StoreError::Broken(_))) && store.reopen().is_err() {
            return;
        }
    }
}

/// The faults that are tried at a call: two of all, where not all are asked for.
fn faults(call: u64) -> Vec<Fault> {
    let all = std::env::var(VARIABLE).is_ok_and(|asked| asked == "all");
    let kinds = Fault::ALL.len() as u64;
    let chosen = |at: usize| all || [call % kinds, (call + 2) % kinds].contains(&(at as u64));
    (0..).zip(Fault::ALL).filter(|(at, _)| chosen(*at)).map(|(_, fault)| fault).collect()
}

/// Writes until the disk fails, and ends there as by `kill -9`. Run by the test below.
#[test]
#[ignore = "run by what_is_seen_after_a_crash_outlives_the_power, on a disk that fails"]
fn crashes_where_the_disk_fails() {
    let path = PathBuf::from(std::env::var(STORE).expect("the store's path"));
    let Ok(mut store) = SqliteStore::open(&path, Durability::Power) else { std::process::abort() };
    for n in 0..TRANSACTIONS {
        let put = store.begin().and_then(|()| {
            store.put(&Partition::Office, Table::Meta, &[n], Some(&[n; 3000]))?;
            store.finish(true)
        });
        if put.is_err() {
            break;
        }
    }
    std::process::abort();
}

/// Says what is seen in the store, and ends as by `kill -9`. Run by the test below.
#[test]
#[ignore = "run by what_is_seen_after_a_crash_outlives_the_power, after a crash"]
fn looks_at_what_a_crash_left() {
    let path = PathBuf::from(std::env::var(STORE).expect("the store's path"));
    let store = SqliteStore::open(&path, Durability::Power).unwrap();
    for n in 0..TRANSACTIONS {
        if store.get(&Partition::Office, Table::Meta, &[n]).unwrap().is_some() {
            println!("seen {n}");
        }
    }
    std::process::abort();
}

#[test]
fn what_is_seen_after_a_crash_outlives_the_power() {
    let mut crashed = 0;
    for call in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("loket.db");
        let disk = Disk::under(folder.path());
        disk.fail(Fault::Unsynced, call, 1);
        let inner = |name: &str| {
            let mut inner = Command::new(std::env::current_exe().unwrap());
            inner.args(["--ignored", "--exact", "--nocapture"]).arg(format!("stories::faults::{name}"));
            loket_tests::run(inner.env(STORE, &path).envs(disk.variables(true)))
        };
        inner("crashes_where_the_disk_fails");
        if disk.failed() == 0 {
            break;
        }
        crashed += 1;
        let said = inner("looks_at_what_a_crash_left");
        assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
        let left = disk.after_power_loss().join("loket.db");
        for line in said.stdout.lines().filter_map(|line| line.strip_prefix("seen ")) {
            let n: u8 = line.parse().unwrap();
            let store = SqliteStore::open(&left, Durability::Power).unwrap();
            let value = store.get(&Partition::Office, Table::Meta, &[n]).unwrap();
            assert!(value == Some(vec![n; 3000]), "seen after a crash at {call}, and lost with the power");
        }
    }
    println!("{crashed} crashes");
    assert!(crashed > 10, "{crashed}");
}

#[test]
fn a_reader_never_sees_what_was_not_kept() {
    let (mut struck, mut call) = (0, 0);
    loop {
        call += 1;
        let mut met = false;
        for fault in faults(call) {
            let folder = tempfile::tempdir().unwrap();
            let disk = Disk::under(folder.path());
            disk.fail(fault, call, if call.is_multiple_of(2) { 1 } else { EVER });
            let mut inner = Command::new(std::env::current_exe().unwrap());
            inner.args(["--ignored", "--exact", "--nocapture", "stories::faults::writes_on_a_failing_disk"]);
            inner
                .env(STORE, folder.path().canonicalize().unwrap().join("loket.db"))
                .envs(disk.variables(true));
            let outcome = loket_tests::run(&mut inner);
            assert!(outcome.success, "{fault:?} at {call}: {}{}", outcome.stdout, outcome.stderr);
            met |= disk.failed() > 0;
            struck += u64::from(disk.failed() > 0);
            let kept: Vec<u8> =
                outcome.stdout.lines().filter_map(|line| line.strip_prefix("kept ")?.parse().ok()).collect();
            if kept.is_empty() {
                continue;
            }
            for place in [folder.path().to_owned(), disk.after_power_loss()] {
                let store = SqliteStore::open(place.join("loket.db"), Durability::Power).unwrap();
                store.check().unwrap();
                for n in &kept {
                    let value = store.get(&Partition::Office, Table::Meta, &[*n]).unwrap();
                    assert!(value == Some(vec![*n; 3000]), "{fault:?} at {call}: kept and lost in {place:?}");
                }
            }
        }
        // A fault that concerns writes alone may pass by the last calls.
        if !met && call > 50 {
            break;
        }
    }
    println!("{call} calls, {struck} faults");
    assert!(struck > 100, "{struck}");
}
