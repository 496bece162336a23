//! Two officers write on the same application, offline: nothing is lost, and a person decides what both changed.

use std::fs;

use loket_tests::{KECAMATAN, Office, Phone, Server, VILLAGE, open_with_javascript};
use serde_json::{Value, json};

use super::script::{Application, Person, begin, fill, items, text, texts};

/// Two phones that hold the same complete draft.
fn pair() -> (Office, Server, Phone, Phone, Application) {
    let office = Office::new();
    let server = office.serve();
    let village = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let field = Phone::enrolled(&office, &server, "petugas-lapangan", KECAMATAN);
    let application = begin(&village, "ktp-el-hilang", "", Person(11));
    let service = office.run(&["catalogue", "show", "ktp-el-hilang"]);
    fill(&village, &service, &application, office.path());
    village.sync();
    field.sync();
    (office, server, village, field, application)
}

fn set(phone: &Phone, application: &Application, pair: &str) {
    assert_eq!(phone.run(&["set", &application.id, pair])["id"], json!(application.id));
}

/// Everybody has everything: heads and values equal at the office, on both phones, and in the exported file.
fn same_everywhere(office: &Office, phones: [&Phone; 2], application: &Application) -> Value {
    for phone in [phones[0], phones[1], phones[0]] {
        phone.sync();
    }
    let shown = office.run(&["show", &application.number]);
    for phone in phones {
        let here = phone.run(&["show", &application.id]);
        for key in ["heads", "fields", "conflicts", "missing"] {
            assert_eq!(here[key], shown[key], "{key}");
        }
    }
    let file = office.path().join("dokumen.automerge");
    let exported = office.run(&["export", &application.number, "--out", file.to_str().unwrap()]);
    let opened = open_with_javascript(&file);
    fs::remove_file(&file).unwrap();
    let sorted = |heads: &Value| {
        let mut heads = texts(heads, None);
        heads.sort();
        heads
    };
    assert_eq!(sorted(&exported["heads"]), sorted(&shown["heads"]));
    assert_eq!(sorted(&opened["heads"]), sorted(&shown["heads"]), "in JavaScript");
    // Its winner of an open conflict is this document's as well: the same bytes, the same rule. Beside the fields
    // it holds the application's own registers and its papers, which `show` tells elsewhere.
    let values = opened["values"].as_object().unwrap().iter();
    let fields: serde_json::Map<String, Value> = values
        .filter(|(name, _)| !name.starts_with('_') && !name.contains('/'))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    assert_eq!(Value::Object(fields), shown["fields"], "in JavaScript");
    let papers = items(&shown["attachments"]);
    for paper in papers {
        let value = format!("{} {}", text(paper, "hash"), paper["bytes"]);
        assert!(opened["values"].as_object().unwrap().values().any(|one| *one == json!(value)), "{paper}");
    }
    shown
}

#[test]
fn different_fields_survive_together() {
    let (office, _server, village, field, application) = pair();
    set(&village, &application, "pekerjaan=Petani");
    set(&field, &application, "alamat=Dusun Seberang Kali");
    set(&village, &application, "rt=007");
    let shown = same_everywhere(&office, [&village, &field], &application);
    let fields = &shown["fields"];
    let values = (&fields["pekerjaan"], &fields["alamat"], &fields["rt"]);
    assert_eq!(values, (&json!("Petani"), &json!("Dusun Seberang Kali"), &json!("007")));
    assert_eq!(shown["conflicts"], json!([]));
    assert!(items(&shown["heads"]).iter().all(|head| {
        let head = head.as_str().unwrap();
        head.len() == 64 && head.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }));
}

#[test]
fn the_same_field_waits_for_a_person() {
    let (office, _server, village, field, application) = pair();
    let id = application.id.as_str();
    set(&village, &application, "nama=Sumiati Qa Wirasaba");
    set(&field, &application, "nama=Sumiyati Qb Wirasaba");
    let shown = same_everywhere(&office, [&village, &field], &application);
    assert_eq!(items(&shown["conflicts"]).len(), 1, "{}", shown["conflicts"]);

    for phone in [&village, &field] {
        let conflicts = phone.run(&["conflicts", id]);
        assert_eq!(items(&conflicts).len(), 1, "{conflicts}");
        let conflict = &items(&conflicts)[0];
        assert_eq!(text(conflict, "field"), "nama");
        let mut values = texts(&conflict["values"], Some("value"));
        values.sort();
        assert_eq!(values, ["Sumiati Qa Wirasaba", "Sumiyati Qb Wirasaba"]);
        let authors = texts(&conflict["values"], Some("author"));
        assert!(authors.iter().all(|author| !author.is_empty()) && authors[0] != authors[1], "{authors:?}");
        for value in items(&conflict["values"]) {
            assert!(text(value, "time").starts_with("20"), "{value}");
        }
        let missing = phone.run(&["missing", id]);
        let conflict = items(&missing).iter().find(|one| one["what"] == "conflict").expect("it is missing");
        assert_eq!((text(conflict, "id"), text(conflict, "sentence").is_empty()), ("nama", false));
    }
    let sentence = village.fails(&["submit", id]);
    assert!(!sentence.contains("Qa"), "no personal data in a refusal: {sentence}");
    assert!(!village.fails(&["choose", id, "alamat", "x"]).is_empty(), "nothing to choose there");

    village.run(&["choose", id, "nama", "Sumiyati Qb Wirasaba"]);
    assert_eq!(village.run(&["conflicts", id]), json!([]));
    assert_eq!(village.run(&["submit", id])["revision"], 1);
    let shown = same_everywhere(&office, [&village, &field], &application);
    assert_eq!(shown["fields"]["nama"], "Sumiyati Qb Wirasaba");
    assert_eq!(shown["conflicts"], json!([]));
    assert_eq!((&shown["revision"], &shown["state"]), (&json!(1), &json!("ANTRI_FO")));
}

#[test]
fn the_same_value_from_two_hands_is_no_conflict_that_blocks() {
    let (office, _server, village, field, application) = pair();
    set(&village, &application, "pekerjaan=Petani");
    set(&field, &application, "pekerjaan=Petani");
    let shown = same_everywhere(&office, [&village, &field], &application);
    assert_eq!(shown["conflicts"], json!([]), "both say the same");
    assert_eq!(village.run(&["submit", &application.id])["revision"], 1);
}
