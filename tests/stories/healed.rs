//! The office is restored to yesterday's copy in the middle of a working day: what it had received and decided since
//! comes back from two phones, and nothing is decided meanwhile that an absent phone's copy could contradict.

use std::path::Path;

use loket_tests::{Office, Phone, Server, VILLAGE, eventually};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use super::script::{Application, Person, begin, fill, items, sound, text};

/// Takes a complete application to the office and returns it.
fn file(office: &Office, phone: &Phone, person: u64) -> Application {
    let application = begin(phone, "ktp-el-hilang", "", Person(person));
    let service = office.run(&["catalogue", "show", "ktp-el-hilang"]);
    fill(phone, &service, &application, office.path());
    phone.run(&["submit", &application.id]);
    phone.sync();
    application
}

fn act(office: &Office, application: &Application, act: &str, staff: &str) -> Value {
    office.run(&["act", &application.number, act, "--as", staff])
}

fn state(office: &Office, application: &Application) -> String {
    text(&office.run(&["show", &application.number]), "state").to_owned()
}

/// The acts on record, in order: what both sides have to say alike. (Names of staff are the office's alone.)
fn record(shown: &Value) -> Vec<(String, String)> {
    items(&shown["record"]).iter().map(|d| (text(d, "act").to_owned(), text(d, "at").to_owned())).collect()
}

/// The same office again, in another folder, from the backup; phones find it under its old address.
fn restored(backup: &Path, address: &str) -> (Office, Server, Value) {
    let office = Office::unfounded();
    let said = office.run(&["restore", "--from", backup.to_str().unwrap()]);
    let server = office.try_serve(address).unwrap_or_else(|| panic!("no server: {}", office.log()));
    (office, server, said)
}

fn synced(phone: &Phone) {
    // Requests are answered once everybody has come; until then a sync may end with an outstanding answer.
    let start = Instant::now();
    loop {
        let outcome = phone.outcome(&["sync"]);
        if outcome.success {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the phone does not sync: {}", outcome.stderr);
    }
}

#[test]
fn a_restored_office_is_healed_by_its_phones_before_it_decides() {
    let office = Office::new();
    let mut server = office.serve();
    let address = server.url().trim_start_matches("http://").to_owned();
    let front = office.staff("front-office", "Petugas Depan");
    let admin = office.staff("admin", "Pengawas");
    let one = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let two = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let yesterday = file(&office, &one, 21);
    two.sync();
    let copies = tempfile::tempdir().unwrap();
    let backup = copies.path().join("cadangan.db");
    let made = office.run(&["backup", "--to", backup.to_str().unwrap()]);
    assert!(made["entries"].as_u64().unwrap() > 0 && made["attachments"].as_u64().unwrap() > 0, "{made}");

    // Today: a decision on yesterday's file, which one phone hears of; a new file, submitted and taken up.
    act(&office, &yesterday, "klaim_fo", &front);
    act(&office, &yesterday, "periksa_fo", &front);
    let today = file(&office, &two, 22);
    one.sync();
    act(&office, &today, "klaim_fo", &front);
    two.sync();
    let (was_yesterday, was_today) = (state(&office, &yesterday), state(&office, &today));
    server.kill();
    drop(office);

    let (office, server, said) = restored(&backup, &address);
    assert_eq!(items(&said["healing"]).len(), 1, "{said}");
    assert_ne!(state(&office, &yesterday), was_yesterday);
    // Nothing is decided while a phone may hold a decision.
    let refusal = office.fails(&["act", &yesterday.number, "klaim_fo", "--as", &front]);
    assert!(refusal.contains("sedang_dipulihkan"), "{refusal}");
    synced(&one);
    assert_eq!(state(&office, &yesterday), was_yesterday, "the decision came back");
    let waiting = office.run(&["healing"]);
    assert_eq!(items(&waiting[0]["awaited"]).len(), 1, "{waiting}");
    let refusal =
        office.fails(&["act", &yesterday.number, "catat_siak", "--as", &front, "--set", "referensi_siak=S1"]);
    assert!(refusal.contains("sedang_dipulihkan"), "{refusal}");
    synced(&two);
    eventually("every device has synced", Duration::from_secs(20), || {
        (office.run(&["healing"]) == json!([])).then_some(())
    });
    assert_eq!(state(&office, &today), was_today);
    // It goes on where it was, and the phones hear of it.
    act(&office, &today, "periksa_fo", &front);
    synced(&one);
    synced(&two);
    for phone in [&one, &two] {
        for application in [&yesterday, &today] {
            let (here, there) =
                (phone.run(&["show", &application.number]), office.run(&["show", &application.number]));
            for key in ["heads", "state", "revision"] {
                assert_eq!(here[key], there[key], "{key}");
            }
            assert_eq!(record(&here), record(&there));
        }
    }
    // Its scans are whole again: those of today came once more from their phone.
    let papers = office.run(&["show", &today.number]);
    assert!(items(&papers["attachments"]).iter().all(|paper| paper["complete"] == json!(true)), "{papers}");
    sound(&office);
    // A second restore, with a phone that does not come: a supervisor goes on without it.
    drop(server);
    let (office, server, _) = restored(&backup, &address);
    synced(&one);
    let refusal = office.fails(&["waive", "--partition", VILLAGE, "--as", &front, "--reason", "hilang"]);
    assert!(refusal.contains("admin"), "{refusal}");
    let waived = office.run(&["waive", "--partition", VILLAGE, "--as", &admin, "--reason", "HP hilang"]);
    assert_eq!(items(&waived["waived"]).len(), 1, "{waived}");
    let siak = ["act", &yesterday.number, "catat_siak", "--as", &front, "--set", "referensi_siak=S-1"];
    assert_eq!(office.run(&siak)["decision"]["act"], json!("catat_siak"));
    synced(&two);
    synced(&one);
    for application in [&yesterday, &today] {
        let (here, there) =
            (one.run(&["show", &application.number]), office.run(&["show", &application.number]));
        assert_eq!(record(&here), record(&there));
    }
    sound(&office);
    assert!(server.stop());
}
