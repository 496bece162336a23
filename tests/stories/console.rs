//! The console in a real browser: every desk does its part of all nine services, one of them sent back and one
//! cancelled, with phones that only file and file again. Afterwards nothing of a person is in any log.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use loket_tests::{KECAMATAN, Office, VILLAGE, run_within};
use serde_json::{Value, json};

use super::script::{Application, SERVICES, Town, sound, text};

/// Longest that one pass over the desks may take.
const PASS: std::time::Duration = std::time::Duration::from_secs(420);

/// Desks, with the regions of those that have some.
const DESKS: [(&str, Option<&str>); 9] = [
    ("front-office", None),
    ("kasi-pendaftaran", None),
    ("kasi-pencatatan-sipil", None),
    ("bagian-produksi", None),
    ("kepala-dinas", None),
    ("loket-pengambilan", None),
    ("operator-kecamatan", Some(KECAMATAN)),
    ("operator-desa", Some(VILLAGE)),
    ("admin", None),
];

/// Somebody at a desk, who signs in by browser.
struct Clerk {
    id: String,
    role: &'static str,
    password: String,
}

fn clerk(office: &Office, role: &'static str, region: Option<&str>) -> Clerk {
    let name = format!("Petugas {role}");
    let mut args = vec!["staff", "add", "--role", role, "--name", &name];
    args.extend(region.iter().flat_map(|region| ["--partition", region]));
    let id = text(&office.run(&args), "id").to_owned();
    let given = office.run(&["staff", "access", &id]);
    Clerk { id, role, password: text(&given, "password").to_owned() }
}

/// Lets the desks work until nothing waits anywhere.
fn pass(town: &Town, clerks: &[Clerk], more: &Value) -> Value {
    let staff = |clerk: &Clerk| {
        let code = town.office.run(&["staff", "code", &clerk.id]);
        json!({ "id": clerk.id, "role": clerk.role, "password": clerk.password, "code": code["code"] })
    };
    let mut plan = json!({
        "url": town.server.url(), "staff": clerks.iter().map(staff).collect::<Vec<_>>(),
        "shots": null, "sendBack": null, "cancel": null,
    });
    plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = town.office.path().join("rencana.json");
    fs::write(&path, plan.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/desks.mjs");
    let outcome = run_within(PASS, Command::new("node").arg(script).arg(&path));
    let last = outcome.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{}\n{}", outcome.stdout, outcome.stderr))
}

fn state(town: &Town, application: &Application) -> String {
    text(&town.show(application), "state").to_owned()
}

#[test]
fn every_desk_works_in_a_browser() {
    let town = Town::new();
    let clerks: Vec<Clerk> = DESKS.iter().map(|(role, at)| clerk(&town.office, role, *at)).collect();
    let all: Vec<Application> =
        SERVICES.iter().map(|service| town.file(service, &town.variants(service)[0])).collect();
    let cancelled = town.file(SERVICES[8], &town.variants(SERVICES[8])[0]);
    town.sync();
    town.sync();

    // Where somebody wants to look at them; otherwise they go with the office.
    let shots =
        std::env::var("LOKET_SHOTS").map_or_else(|_| town.office.path().join("gambar"), PathBuf::from);
    fs::create_dir_all(&shots).unwrap();
    let returned = &all[2];
    let first = pass(
        &town,
        &clerks,
        &json!({ "shots": shots, "sendBack": returned.number, "cancel": cancelled.number }),
    );
    let done = first["done"].as_array().unwrap().len();
    assert!(done > 60, "{first}");
    for (name, size) in first["sizes"].as_object().unwrap() {
        assert!(size.as_u64().unwrap() < 100_000, "the page {name} has {size} bytes");
    }
    assert_eq!(state(&town, returned), "DIKEMBALIKAN");
    assert_eq!(state(&town, &cancelled), "DIBATALKAN");

    town.sync();
    town.home(&returned.service).run(&["set", &returned.id, "catatan=Sudah difoto ulang."]);
    town.submit(returned);
    town.sync();
    // A code is good once; the next one comes within half a minute.
    std::thread::sleep(std::time::Duration::from_secs(31));
    pass(&town, &clerks, &json!({}));
    for application in &all {
        assert_eq!(state(&town, application), "DIAMBIL", "{}", application.service);
    }
    sound(&town.office);

    // What machines and strangers see: the log, the metrics with their labels, pages of errors, and every address that the
    // browser asked for.
    let stranger = super::browser::Browser::new(town.server.url());
    let mut seen = town.office.log() + &stranger.get("/metrics").text;
    for application in all.iter().chain([&cancelled]) {
        let nik = application.person.nik();
        for path in [
            format!("/kantor/berkas/{}", application.number),
            format!("/kantor/cari?cari={nik}"),
            "/tidak/ada".into(),
        ] {
            seen += &stranger.get(&path).text;
        }
        for (number, born) in [(application.number.as_str(), "01-01-1901"), (nik.as_str(), "x")] {
            let wrong = stranger.post("/status", &[("nomor", number), ("lahir", born)]).text;
            seen += &wrong.replace(&format!("value=\"{nik}\""), "");
        }
    }
    seen += &first["addresses"].to_string();
    let log = seen;
    for application in all.iter().chain([&cancelled]) {
        let phone = application.person.value(&json!({ "kind": "telepon" }));
        for secret in [application.person.nik(), application.person.name(), phone[1..].to_owned()] {
            assert!(!log.contains(&secret), "somebody of {} is where nobody should be", application.service);
        }
    }
}
