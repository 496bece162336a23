//! A phone is stolen, and its keys are elsewhere: what lies in its folder tells nothing.

use std::fs;

use loket_tests::{Office, Phone, VILLAGE, deciphered};

use super::script::items;

#[test]
fn a_stolen_store_tells_nothing_without_its_key() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::unknown();
    let keys = tempfile::tempdir().unwrap();
    let elsewhere = ["--keys", keys.path().to_str().unwrap()];
    let run = |args: &[&str]| phone.run(&[&elsewhere, args].concat());
    let code = office.invite("operator-desa", VILLAGE);
    run(&["enroll", "--url", server.url(), "--code", &code]);
    let id = run(&["new", "ktp-el-hilang"])["id"].as_str().unwrap().to_owned();
    run(&["set", &id, "nama=Contoh Tercuri", "nik=3312081503900007", "alamat=Dusun Rahasia 7"]);
    run(&["sync"]);

    let refused = phone.fails(&["list"]);
    assert!(refused.contains("belum terdaftar"), "{refused}");
    for entry in fs::read_dir(phone.path()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = fs::read(&path) else { continue };
        for written in ["Contoh Tercuri", "3312081503900007", "Dusun Rahasia", "ktp-el-hilang", VILLAGE] {
            let found = bytes.windows(written.len()).any(|window| window == written.as_bytes());
            assert!(!found, "{path:?} holds {written}");
        }
    }
    // Another phone's keys open nothing, and change nothing.
    let other = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let refused = phone.fails(&["--keys", other.path().to_str().unwrap(), "list"]);
    assert!(refused.contains("kunci"), "{refused}");
    assert_eq!(items(&run(&["list"])).len(), 1);

    // With its key all of it is there: the search above would have found it.
    fs::copy(keys.path().join("store.key"), phone.path().join("store.key")).unwrap();
    let plain = deciphered(phone.path());
    assert!(plain.windows(14).any(|window| window == b"Contoh Tercuri"));
}
