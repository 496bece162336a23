//! Work of devices whose certificates ended before it came: it is taken, held, told of, and adopted or not; a device
//! that is in other hands brings nothing.

use std::time::Duration;

use loket_tests::{Office, Phone, Running, VILLAGE, eventually};
use serde_json::Value;

use super::script::{Person, begin, items, sound, text, texts};

const OTHER_VILLAGE: &str = "33.12.09.2001";
const SECRET: &str = "peristiwa-penting-lainnya";

/// The listed application's row.
fn listed(phone: &Phone, id: &str) -> Value {
    let list = phone.run(&["list"]);
    items(&list).iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("{id} is not in {list}")).clone()
}

fn address(of: &Value) -> &Value {
    &of["fields"]["alamat"]
}

#[test]
fn work_of_a_revoked_device_is_held_adopted_and_goes_on_after_enrolling_again() {
    let office = Office::new();
    let server = office.serve();
    let admin = office.staff("admin", "Bu Contoh");
    let (phone, device) = Phone::enrolled_as(&office, &server, "operator-desa", VILLAGE);
    let neighbour = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let old = begin(&phone, "ktp-el-hilang", "", Person(31));
    phone.run(&["set", &old.id, "alamat=Dusun Lama 1"]);
    phone.sync();
    office.run(&["device", "revoke", &device]);

    // Nobody has told the phone yet.
    phone.run(&["set", &old.id, "alamat=Dusun Baru 2"]);
    let new = begin(&phone, "ktp-el-hilang", "", Person(32));
    let secret = begin(&phone, SECRET, "", Person(33));
    for _ in 0..2 {
        let sentence = phone.fails(&["sync"]);
        assert!(sentence.contains("sudah berakhir") && sentence.contains("enroll"), "{sentence}");
    }
    for (application, held) in [(&old, 1), (&new, 1), (&secret, 1)] {
        let row = listed(&phone, &application.id);
        assert_eq!((&row["held"], &row["mark"]), (&held.into(), &"office".into()), "{row}");
    }
    let shown = phone.run(&["show", &old.id]);
    assert!(text(&shown["held"][0], "reason").contains("hubungi Dinas"), "{shown}");
    let sentence = phone.fails(&["new", "ktp-el-hilang"]);
    assert!(sentence.contains("sudah berakhir"), "{sentence}");

    // It counts nowhere, and a supervisor sees why.
    neighbour.sync();
    assert_eq!(address(&neighbour.run(&["show", &old.id])), "Dusun Lama 1");
    let held = office.run(&["held", "list"]);
    assert_eq!(items(&held).len(), 3, "{held}");
    assert!(items(&held).iter().all(|one| one["cause"] == "dicabut" && one["adoptable"] == true), "{held}");
    let entries: Vec<String> = [&old, &secret]
        .map(|application| {
            let one = items(&held).iter().find(|one| one["id"] == application.id.as_str());
            text(one.unwrap(), "entry").to_owned()
        })
        .to_vec();
    let mut adopt = vec!["held", "adopt", "--as", &admin, "--reason", "dikerjakan sebelum pemberitahuan"];
    adopt.extend(entries.iter().map(String::as_str));
    office.run(&adopt);
    neighbour.sync();
    assert_eq!(address(&neighbour.run(&["show", &old.id])), "Dusun Baru 2");
    assert_eq!(office.run(&["show", &secret.number])["service"], SECRET);

    // The same folder is enrolled anew, and nothing of it is lost.
    let elsewhere = Office::new();
    let foreign = elsewhere.serve();
    let refused = phone.fails(&[
        "enroll",
        "--url",
        foreign.url(),
        "--code",
        &elsewhere.invite("operator-desa", VILLAGE),
    ]);
    assert!(refused.contains("Dinas lain"), "{refused}");
    let code = office.invite("operator-desa", VILLAGE);
    phone.run(&["enroll", "--url", server.url(), "--code", &code]);
    assert_eq!(listed(&phone, &new.id)["held"], 0);
    assert_eq!(address(&phone.run(&["show", &old.id])), "Dusun Baru 2");
    phone.run(&["set", &new.id, "alamat=Dusun Lagi 3"]);
    phone.sync();
    neighbour.sync();
    assert_eq!(address(&neighbour.run(&["show", &new.id])), "Dusun Lagi 3");
    assert_eq!(items(&office.run(&["held", "list"])).len(), 0);
    sound(&office);
}

#[test]
fn a_phone_that_follows_brings_what_it_has_when_it_is_revoked_and_then_ends() {
    let office = Office::new();
    let server = office.serve();
    let (phone, device) = Phone::enrolled_as(&office, &server, "operator-desa", VILLAGE);
    let mut command = phone.command();
    command.args(["sync", "--follow"]);
    let mut following = Running::start(command);
    let one = begin(&phone, "ktp-el-hilang", "", Person(41));
    eventually("the office has it", Duration::from_secs(20), || {
        (listed(&phone, &one.id)["mark"] == "office").then_some(())
    });
    office.run(&["device", "revoke", &device]);
    eventually("the phone ends", Duration::from_secs(20), || (!following.runs()).then_some(()));
    let ended = following.kill();
    assert!(!ended.success && ended.stderr.contains("sudah berakhir"), "{ended:?}");
    assert!(server.stop());
}

#[test]
fn a_lost_device_brings_nothing_and_a_moved_one_everything() {
    let office = Office::new();
    let server = office.serve();
    let (lost, device) = Phone::enrolled_as(&office, &server, "operator-desa", VILLAGE);
    let (moved, other) = Phone::enrolled_as(&office, &server, "operator-desa", VILLAGE);
    lost.sync();
    moved.sync();
    // First it was only taken from its officer, then it was gone.
    office.run(&["device", "revoke", &device]);
    office.run(&["device", "revoke", &device, "--cause", "hilang"]);
    office.run(&["device", "transfer", &other, "--partition", OTHER_VILLAGE]);
    let stolen = begin(&lost, "ktp-el-hilang", "", Person(51));
    let late = begin(&moved, "ktp-el-hilang", "", Person(52));
    let sentence = lost.fails(&["sync"]);
    assert!(sentence.contains("hilang"), "{sentence}");
    moved.sync();
    moved.sync();
    let held = office.run(&["held", "list"]);
    assert_eq!(texts(&held, Some("id")), std::slice::from_ref(&late.id), "{held}");
    office.fails(&["show", &stolen.number]);
    let row = listed(&moved, &late.id);
    assert_eq!((&row["held"], &row["mark"]), (&1.into(), &"office".into()), "{row}");
    let here = begin(&moved, "ktp-el-hilang", "", Person(53));
    assert!(here.number.starts_with(&OTHER_VILLAGE.replace('.', "")), "{}", here.number);
    moved.sync();
    assert_eq!(office.run(&["show", &here.number])["place"], OTHER_VILLAGE);
    // What it had sealed is for a supervisor to look at.
    let sealed = lost.path().join("titipan.loket");
    office.run(&["bundle", "import", sealed.to_str().unwrap()]);
    let held = office.run(&["held", "list"]);
    assert!(texts(&held, Some("id")).contains(&stolen.id), "{held}");
    // Found again, and enrolled anew: a device like any other.
    let code = office.invite("operator-desa", VILLAGE);
    lost.run(&["enroll", "--url", server.url(), "--code", &code]);
    let again = begin(&lost, "ktp-el-hilang", "", Person(54));
    lost.sync();
    assert_eq!(office.run(&["show", &again.number])["place"], VILLAGE);
    sound(&office);
}
