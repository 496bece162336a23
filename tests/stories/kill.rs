//! Power is lost at any moment, at the office and on the phones: what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use loket_tests::{Office, Phone, Running, Server, VILLAGE};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::script::{Dice, Person, items, scan, sound, text, texts};

/// How often the office, and the phone, lose their power; from 60 on, so that some moments are late enough.
const VARIABLE: &str = "LOKET_KILLS";
/// Where nothing else is asked for.
const KILLS: u64 = 60;
/// Kills of the office after which the phones are asked what they know.
const BATCH: u64 = 10;
/// Kills of a phone in one round.
const ROUND: u64 = 3;
/// Phones that work meanwhile.
const PHONES: u64 = 3;
/// The seed of all that is random here.
const SEED: u64 = 20_261_123;

fn kills() -> u64 {
    std::env::var(VARIABLE).ok().and_then(|asked| asked.parse().ok()).unwrap_or(KILLS)
}

/// Works on until told to stop: begins, writes, attaches, and syncs, which may fail while nobody is there.
/// Returns the value last written to each application.
fn work(phone: &Phone, seed: u64, stop: &AtomicBool) -> BTreeMap<String, String> {
    let mut dice = Dice(seed);
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    let paper = scan(phone.path(), &format!("pindaian {seed}"));
    while !stop.load(Ordering::Relaxed) {
        let old = written.keys().nth(usize::try_from(dice.below(8)).unwrap()).cloned();
        let new = old.is_none();
        let id = old.unwrap_or_else(|| phone.begin("ktp-el-rusak").0);
        let value = format!("Dusun {}", dice.below(1_000_000));
        phone.run(&["set", &id, &format!("alamat={value}"), "rt=001"]);
        if new {
            phone.run(&["attach", &id, "kartu_keluarga", paper.to_str().unwrap()]);
        }
        written.insert(id, value);
        let synced = phone.outcome(&["sync"]);
        assert!(synced.success || !synced.refusal().contains("panicked"), "{}", synced.stderr);
    }
    written
}

/// What this phone was told is at the office, is there as it has it; returns how many such applications.
fn receipted_is_there(office: &Office, phone: &Phone, written: &BTreeMap<String, String>) -> usize {
    let listed = phone.run(&["list"]);
    let mut count = 0;
    for (id, value) in written {
        let row = items(&listed).iter().find(|row| row["id"] == json!(id)).expect("still on the phone");
        let here = phone.run(&["show", id]);
        assert_eq!(here["fields"]["alamat"], json!(value), "lost on the phone (seed {SEED})");
        if !["office", "decided"].contains(&text(row, "mark")) {
            continue;
        }
        let there = office.outcome(&["show", text(row, "number")]);
        assert!(there.success, "receipted and lost (seed {SEED}): {}", there.stderr);
        let there = there.json();
        assert_eq!(there["heads"], here["heads"], "receipted and lost (seed {SEED})");
        assert_eq!(there["fields"], here["fields"]);
        count += 1;
    }
    count
}

/// Kills the server again and again and verifies what is on disk each time.
fn kill(office: &Office, proxy: &Proxy, server: &mut Server, dice: &mut Dice) {
    for kill in 0..BATCH {
        let moment = 30 + dice.below(700);
        thread::sleep(Duration::from_millis(moment));
        server.kill();
        println!("kill {kill} after {moment} ms (seed {SEED})");
        sound(office);
        *server = office.serve();
        proxy.lead_to(server.url());
    }
}

#[test]
fn the_office_loses_nothing_that_it_receipted() {
    let office = Office::new();
    let mut server = office.serve();
    let proxy = Proxy::to(server.url());
    let phones: Vec<Phone> =
        (0..PHONES).map(|_| Phone::enrolled_at(&office, proxy.url(), "operator-desa", VILLAGE).0).collect();
    let mut dice = Dice(SEED);
    let (mut total, mut receipted) = (0, 0);
    for batch in 0..kills().div_ceil(BATCH) {
        let stop = AtomicBool::new(false);
        let written: Vec<BTreeMap<String, String>> = thread::scope(|scope| {
            let seeds = (0..PHONES).map(|at| SEED + batch * PHONES + at);
            let working: Vec<_> = phones
                .iter()
                .zip(seeds)
                .map(|(phone, seed)| {
                    let stop = &stop;
                    scope.spawn(move || work(phone, seed, stop))
                })
                .collect();
            kill(&office, &proxy, &mut server, &mut dice);
            stop.store(true, Ordering::Relaxed);
            working.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for (phone, written) in phones.iter().zip(&written) {
            total += written.len();
            receipted += receipted_is_there(&office, phone, written);
        }
    }
    // After the last fault every queue drains.
    for phone in phones.iter().chain(&phones) {
        phone.sync();
    }
    for phone in &phones {
        let listed = phone.run(&["list"]);
        let marks = texts(&listed, Some("mark"));
        assert!(marks.iter().all(|mark| mark == "office" || mark == "decided"), "{marks:?}");
        assert_eq!(marks.len(), total, "each phone has what all wrote");
    }
    let verified = sound(&office);
    assert_eq!(verified["applications"], total);
    assert!(!office.log().contains("panicked"), "{}", office.log());
    let entries = &verified["entries"];
    println!(
        "{total} applications, {receipted} of them known to be at the office meanwhile, {entries} entries"
    );
}

/// Starts a command, kills it after a while, and returns what it acknowledged.
fn killed(phone: &Phone, args: &[&str], after: u64) -> Option<Value> {
    let mut command = phone.command();
    command.args(args);
    let running = Running::start(command);
    thread::sleep(Duration::from_millis(after));
    let outcome = running.kill();
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    // A line that came out whole is a promise, whether or not the process was still there to end well.
    serde_json::from_str(&outcome.stdout).ok()
}

/// Milliseconds until the next kill: sometimes at once, sometimes when a slow machine is done as well.
fn moment(dice: &mut Dice, round: u64) -> u64 {
    dice.below(30 << (round % 6))
}

#[test]
fn a_phone_loses_nothing_that_it_acknowledged() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let mut dice = Dice(SEED);
    let file = phone.path().join("banyak.jsonl");
    let line = |seed: u64| json!({ "nama": Person(seed).name(), "nik": Person(seed).nik() }).to_string();
    let (mut promised, mut whole) = (Vec::<String>::new(), 0);
    let (id, _) = phone.begin("ktp-el-hilang");
    let mut address = None;
    for round in 0..kills().div_ceil(ROUND) {
        let many: Vec<String> = (0..12).map(|at| line(round * 100 + at)).collect();
        fs::write(&file, many.join("\n")).unwrap();
        let made = killed(
            &phone,
            &["new", "kia-hilang", "--from", file.to_str().unwrap()],
            moment(&mut dice, round),
        );
        if let Some(made) = made {
            whole += 1;
            promised.extend(texts(&made, Some("id")));
        }
        let value = format!("Dusun {round}");
        if killed(&phone, &["set", &id, &format!("alamat={value}")], moment(&mut dice, round)).is_some() {
            address = Some(value);
        }
        killed(&phone, &["sync"], moment(&mut dice, round));
        let listed = texts(&phone.run(&["list"]), Some("id"));
        let lost = promised.iter().filter(|id| !listed.contains(id)).count();
        assert_eq!(lost, 0, "seed {SEED}, round {round}");
        let shown = phone.run(&["show", &id]);
        if let Some(address) = &address {
            let here = text(&shown["fields"], "alamat");
            // A later one may have been written just before the power went.
            assert!(here == address || here == format!("Dusun {round}"), "seed {SEED}: {here} for {address}");
        }
        address = shown["fields"]["alamat"].as_str().map(str::to_owned);
    }
    assert!(whole > 0 && address.is_some(), "the moments were all too early: whole {whole}");
    phone.sync();
    phone.sync();
    let listed = phone.run(&["list"]);
    assert!(items(&listed).iter().all(|row| row["mark"] == "office" || row["mark"] == "decided"), "{listed}");
    let verified = sound(&office);
    assert_eq!(verified["applications"], items(&listed).len());
    assert_eq!(office.run(&["show", &id])["heads"], phone.run(&["show", &id])["heads"]);
    let _ = server;
    let (kills, applications) = (kills().div_ceil(ROUND) * ROUND, items(&listed).len());
    println!(
        "{kills} commands killed, {whole} of them too late; {applications} applications, all at the office"
    );
}
