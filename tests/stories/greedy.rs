//! A device that brings more than one may in a day: it fills nothing, it loses nothing, and nobody else notices.

use std::fs;

use loket_tests::{Office, Phone, VILLAGE};
use serde_json::json;

use super::proxy::Proxy;
use super::script::{Person, items};

/// What one device may bring in this story.
const ENTRIES: &str = "40";

/// Begins so many applications at once.
fn begins(phone: &Phone, count: u64) {
    let line = |seed: u64| json!({ "nama": Person(seed).name(), "nik": Person(seed).nik() }).to_string();
    let path = phone.path().join("arsip.jsonl");
    fs::write(&path, (0..count).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    phone.run(&["new", "kia-hilang", "--from", path.to_str().unwrap()]);
}

#[test]
fn a_greedy_device_fills_nothing_and_the_others_go_on() {
    let office = Office::new();
    let server = office.serve_with(&["--entries-per-day", ENTRIES]);
    let proxy = Proxy::to(server.url());
    let phone = || Phone::enrolled_at(&office, proxy.url(), "operator-desa", VILLAGE).0;
    let (greedy, modest) = (phone(), phone());
    begins(&greedy, 30);
    greedy.sync();
    begins(&greedy, 100);
    for _ in 0..2 {
        let sentence = greedy.fails(&["sync"]);
        assert!(sentence.contains("batas harian") && sentence.contains("besok"), "{sentence}");
    }
    let marks = |phone: &Phone, mark: &str| {
        items(&phone.run(&["list"])).iter().filter(|row| row["mark"] == mark).count()
    };
    assert_eq!(items(&greedy.run(&["list"])).len(), 130, "all of it stays on the phone");
    // Others are taken in, receipted and told as ever.
    begins(&modest, 5);
    modest.sync();
    assert_eq!((marks(&modest, "office"), items(&modest.run(&["list"])).len()), (35, 35));
    // A restart forgets nothing.
    assert!(server.stop());
    assert_eq!(office.run(&["verify"])["applications"], 35);
    let server = office.serve_with(&["--entries-per-day", ENTRIES]);
    proxy.lead_to(server.url());
    greedy.fails(&["sync"]);
    // An office that imports an archive allows more, and nothing was lost.
    assert!(server.stop());
    let server = office.serve();
    proxy.lead_to(server.url());
    greedy.sync();
    assert_eq!(marks(&greedy, "office"), 135);
    modest.sync();
    assert_eq!(items(&modest.run(&["list"])).len(), 135);
    assert!(server.stop());
    assert_eq!(office.run(&["verify"])["applications"], 135);
}
