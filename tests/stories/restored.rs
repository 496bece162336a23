//! A phone is put back to last week's copy after its lost week has reached a neighbour: nothing is there twice,
//! and nothing is gone.

use std::fs;
use std::path::Path;

use loket_tests::{Office, Phone, VILLAGE};
use serde_json::{Value, json};

use super::script::{items, text};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Puts the copy's bytes back into the very files that are there: nothing about them tells that they are old.
fn put_back(from: &Path, to: &Path) {
    for name in ["phone.db", "phone.db-wal", "phone.db-shm"] {
        match fs::read(from.join(name)) {
            Ok(bytes) => fs::write(to.join(name), bytes).unwrap(),
            Err(_) => {
                let _ = fs::remove_file(to.join(name));
            }
        }
    }
}

fn numbers(list: &Value) -> Vec<String> {
    let mut numbers: Vec<String> = items(list).iter().map(|row| text(row, "number").to_owned()).collect();
    numbers.sort();
    numbers
}

#[test]
fn both_branches_of_a_restored_phone_stand_everywhere() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let neighbour = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let (shared, number) = phone.begin("ktp-el-hilang");
    phone.sync();
    let week = office.path().join("minggu-lalu");
    copy(phone.path(), &week);

    // The week that will be lost: an edit of the shared file, and a new one. A neighbour hears of both.
    phone.run(&["set", &shared, "alamat=Dusun Lama 1"]);
    let (lost, _) = phone.begin("kia-hilang");
    phone.run(&["set", &lost, "nama=Anak Contoh"]);
    phone.sync();
    neighbour.sync();

    put_back(&week, phone.path());
    assert_eq!(items(&phone.run(&["list"])).len(), 1);
    // Under the same numbers again, before it hears of anything.
    phone.run(&["set", &shared, "pekerjaan=petani"]);
    let (fresh, _) = phone.begin("ktp-el-rusak");
    phone.sync();
    neighbour.sync();
    phone.sync();

    for person in [&phone, &neighbour] {
        let list = person.run(&["list"]);
        let here = numbers(&list);
        let mut once = here.clone();
        once.dedup();
        assert_eq!((here.len(), once.len()), (3, 3), "{list}");
        let shown = person.run(&["show", &number]);
        assert_eq!(shown["fields"]["alamat"], json!("Dusun Lama 1"));
        assert_eq!(shown["fields"]["pekerjaan"], json!("petani"));
        assert_eq!(shown["conflicts"], json!([]));
        assert_eq!(person.run(&["show", &lost])["fields"]["nama"], json!("Anak Contoh"));
        assert_eq!(person.run(&["show", &fresh])["service"], json!("ktp-el-rusak"));
        assert_eq!(person.sync()["entries_sent"], json!(0));
    }
    let heads = |shown: Value| shown["heads"].clone();
    assert_eq!(heads(phone.run(&["show", &number])), heads(office.run(&["show", &number])));
    assert_eq!(heads(neighbour.run(&["show", &number])), heads(office.run(&["show", &number])));
    // What it writes from now on stands in journals of a new epoch and goes its way.
    phone.run(&["set", &lost, "nama=Anak Contoh Dua"]);
    phone.sync();
    neighbour.sync();
    assert_eq!(neighbour.run(&["show", &lost])["fields"]["nama"], json!("Anak Contoh Dua"));
    assert_eq!(office.run(&["verify"])["faults"], json!(0));
    assert!(server.stop());
}
