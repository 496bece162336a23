//! A server at work: what anybody does reaches the phones that listen, and it ends when asked to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use loket_tests::{KECAMATAN, Phone, Running, VILLAGE, eventually};
use serde_json::json;

use super::script::{Town, items, sound, text};

/// Longest until something that happens at the office is on a phone that listens.
const SOON: Duration = Duration::from_secs(20);
/// Longest until the server answers a plain request.
const ANSWER: Duration = Duration::from_secs(10);

/// The status and body of a plain request.
fn get(url: &str, path: &str) -> (u16, String) {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(ANSWER)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn follow(phone: &Phone) -> Running {
    let mut command = phone.command();
    command.args(["sync", "--follow"]);
    Running::start(command)
}

/// The phone shows a state, sooner or later, without a sync of its own.
fn reaches(phone: &Phone, id: &str, key: &str, value: &str) {
    eventually(&format!("{key} becomes {value}"), SOON, || {
        let shown = phone.outcome(&["show", id]);
        let reached = shown.success && {
            let shown = shown.json();
            shown[key] == json!(value) || shown["fields"][key] == json!(value)
        };
        reached.then_some(())
    });
}

#[test]
fn what_the_office_does_reaches_a_phone_that_follows() {
    let town = Town::new();
    let application = town.file("ktp-el-hilang", "");
    let id = application.id.as_str();
    let mut following = follow(&town.village);
    reaches(&town.village, id, "state", "ANTRI_FO");

    town.act(&town.show(&application), &application, "klaim_fo", "front-office", &[]);
    reaches(&town.village, id, "state", "DIVERIFIKASI_FO");

    // An invitation, a new device, and its edit, while the first still listens.
    let other = Phone::enrolled(&town.office, &town.server, "petugas-lapangan", KECAMATAN);
    other.sync();
    other.run(&["set", id, "pekerjaan=Nelayan"]);
    other.sync();
    reaches(&town.village, id, "pekerjaan", "Nelayan");

    // What is typed here meanwhile leaves without another command.
    town.village.run(&["set", id, "alamat=Dusun Ikut Serta"]);
    eventually("the edit is at the office", SOON, || {
        (town.show(&application)["fields"]["alamat"] == "Dusun Ikut Serta").then_some(())
    });
    let new = town.village.run(&["new", "kia-hilang"]);
    eventually("a new draft is at the office", SOON, || {
        town.office.outcome(&["show", text(&new, "number")]).success.then_some(())
    });
    assert!(following.runs(), "it goes on until told to stop: {}", following.kill().stderr);
}

#[test]
fn a_phone_that_follows_outlives_the_server() {
    let town = Town::new();
    let proxy = super::proxy::Proxy::to(town.server.url());
    let (phone, _) = Phone::enrolled_at(&town.office, proxy.url(), "operator-desa", VILLAGE);
    let mut following = follow(&phone);
    let Town { office, server, village, .. } = town;
    assert!(server.stop(), "asked to stop, it ends well: {}", office.log());
    let server = office.serve();
    proxy.lead_to(server.url());
    let (id, number) = phone.begin("ktp-el-rusak");
    eventually("it connects again by itself", SOON * 2, || {
        office.outcome(&["show", &number]).success.then_some(())
    });
    assert!(following.runs(), "it goes on: {id} {}", following.kill().stderr);
    drop(village);
}

#[test]
fn the_server_says_how_it_is_and_ends_when_asked() {
    let town = Town::new();
    let url = town.server.url().to_owned();
    assert_eq!(get(&url, "/healthz"), (200, "ok".to_owned()));
    let (status, metrics) = get(&url, "/metrics");
    assert_eq!(status, 200);
    let samples = metrics.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut count = 0;
    for sample in samples {
        let (_, value) = sample.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {sample}"));
        assert!(value.parse::<f64>().is_ok(), "{sample}");
        count += 1;
    }
    assert!(count > 0, "{metrics}");
    let (status, page) = get(&url, "/");
    assert_eq!(status, 200);
    assert!(page.contains("Loket"), "{page}");
    assert_eq!(get(&url, "/tidak-ada").0, 404);

    let application = town.file("ktp-el-rusak", "");
    town.village.sync();
    let _following = follow(&town.village);
    let Town { office, server, village, .. } = town;
    assert!(server.stop(), "asked to stop, it ends well, though a phone listens: {}", office.log());
    assert!(!village.outcome(&["sync"]).success, "nobody is there");
    let queue = office.run(&["queue", "front-office"]);
    assert_eq!(items(&queue).len(), 1, "{queue}");
    assert_eq!(items(&queue)[0]["number"], json!(application.number));
    sound(&office);
    let log = office.log();
    assert!(!log.contains("panicked"), "{log}");
}
