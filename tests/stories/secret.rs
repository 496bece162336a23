//! Need to know: such an application is nobody else's, not even sealed, until the office grants it.

use loket_tests::{Office, Phone, VILLAGE, deciphered};
use serde_json::json;

use super::script::{Application, Person, begin, fill, items, sound, text, texts};

const OTHER_VILLAGE: &str = "33.12.09.2001";

/// The phone knows nothing of it, by id or by number.
fn knows_nothing(phone: &Phone, application: &Application) {
    let listed = phone.run(&["list"]);
    assert!(!texts(&listed, Some("id")).contains(&application.id), "{listed}");
    assert!(!texts(&listed, Some("number")).contains(&application.number), "{listed}");
    for name in [&application.id, &application.number] {
        for args in [vec!["show", name], vec!["missing", name], vec!["set", name, "alamat=x"]] {
            phone.fails(&args);
        }
    }
}

/// Neither the phone's store nor any other file of it holds these letters.
fn holds_nowhere(phone: &Phone, needle: &str) {
    let mut folders = vec![phone.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let store = path.ends_with(loket_core::client::STORE);
            let bytes = if store { deciphered(phone.path()) } else { std::fs::read(&path).unwrap() };
            assert!(!bytes.windows(needle.len()).any(|window| window == needle.as_bytes()), "{path:?}");
        }
    }
}

#[test]
fn a_need_to_know_application_is_seen_once_granted() {
    let office = Office::new();
    let server = office.serve();
    let own = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let (second, device) = Phone::enrolled_as(&office, &server, "operator-desa", VILLAGE);
    let elsewhere = Phone::enrolled(&office, &server, "operator-desa", OTHER_VILLAGE);
    let service = "peristiwa-penting-lainnya";
    let shown = office.run(&["catalogue", "show", service]);
    let secret = begin(&own, service, "", Person(77));
    fill(&own, &shown, &secret, office.path());
    own.run(&["submit", &secret.id]);
    let plain = begin(&own, "ktp-el-hilang", "", Person(78));
    own.run(&["set", &plain.id, "alamat=Dusun Terbuka"]);
    own.sync();
    assert_eq!(office.run(&["show", &secret.number])["state"], "ANTRI_FO");

    for phone in [&second, &elsewhere] {
        phone.sync();
        let idle = phone.sync();
        assert_eq!(idle["entries_received"], 0, "nothing is held back and sent later: {idle}");
        knows_nothing(phone, &secret);
        holds_nowhere(phone, &secret.id);
        holds_nowhere(phone, &secret.person.name());
    }
    assert_eq!(
        texts(&second.run(&["list"]), Some("id")),
        std::slice::from_ref(&plain.id),
        "the village's others are there"
    );
    knows_nothing(&elsewhere, &plain);

    let granted = office.run(&["grant", &secret.number, "--device", &device]);
    assert_eq!(text(&granted, "number"), secret.number);
    second.sync();
    let here = second.run(&["show", &secret.id]);
    let there = office.run(&["show", &secret.number]);
    assert_eq!((&here["heads"], &here["state"]), (&there["heads"], &json!("ANTRI_FO")));
    assert_eq!(here["fields"], there["fields"]);
    elsewhere.sync();
    knows_nothing(&elsewhere, &secret);
    knows_nothing(&elsewhere, &plain);
    assert_eq!(items(&elsewhere.run(&["list"])).len(), 0);
    sound(&office);
}

#[test]
fn what_needs_no_secrecy_is_not_granted() {
    let office = Office::new();
    let server = office.serve();
    let (phone, device) = Phone::enrolled_as(&office, &server, "operator-desa", VILLAGE);
    let plain = begin(&phone, "ktp-el-hilang", "", Person(5));
    phone.sync();
    office.fails(&["grant", &plain.number, "--device", &device]);
    office.fails(&["grant", &plain.number, "--device", "0000000000000000"]);
    office.fails(&["grant", "33.12.08.2002-26-0000-0000-0", "--device", &device]);
}
