//! A phone is stolen, and its keys are elsewhere: what lies in its folder tells nothing.

use std::fs;

use loket_tests::{Office, Phone, VILLAGE, deciphered};

use super::script::items;

/// Files of a phone that hold scans, or will.
fn scans(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let held = |path: &std::path::PathBuf| path.file_name().is_some_and(|name| name != "lock");
    entries.map(|path| if path.is_dir() { scans(&path) } else { usize::from(held(&path)) }).sum()
}

#[test]
fn the_photo_that_a_scan_was_made_from_stays_until_the_office_has_the_scan() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let (id, _) = phone.begin("ktp-el-hilang");
    let [small, large] = ["kecil.jpg", "asli.jpg"].map(|name| phone.path().join(name));
    fs::write(&small, vec![1; 20_000]).unwrap();
    fs::write(&large, [7; 500_000]).unwrap();
    let [small, large] = [&small, &large].map(|path| path.to_str().unwrap());
    phone.run(&["attach", &id, "surat_kehilangan", small, "--original", large]);
    [small, large].into_iter().for_each(|path| fs::remove_file(path).unwrap());
    let attachments = phone.path().join("attachments");
    assert_eq!(scans(&attachments), 2);
    let sync = phone.sync();
    assert!(sync["bytes_sent"].as_u64().unwrap() < 50_000, "the photo does not travel: {sync}");
    assert_eq!(scans(&attachments), 1);
    assert!(server.stop());
}

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
