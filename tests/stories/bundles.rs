//! Sealed files: work and receipts by memory card, and what is left of a phone that was declared lost.

use std::fs;
use std::path::{Path, PathBuf};

use loket_tests::{Office, Phone, VILLAGE, deciphered};
use serde_json::Value;

use super::script::text;

/// An application with a scan, not submitted yet.
fn begun(phone: &Phone, scan: usize) -> String {
    let (id, _) = phone.begin("ktp-el-hilang");
    phone.run(&["set", &id, "nama=Contoh Titipan", "nik=3312081503900007", "alamat=Dusun Rahasia 7"]);
    let photo = phone.path().join("foto.jpg");
    let bytes: Vec<u8> = (0..scan).map(|n| (n * 13 + n / 97) as u8).collect();
    fs::write(&photo, bytes).unwrap();
    phone.run(&["attach", &id, "surat_kehilangan", photo.to_str().unwrap()]);
    fs::remove_file(photo).unwrap();
    id
}

fn mark(phone: &Phone, id: &str) -> String {
    text(&phone.run(&["show", id]), "mark").to_owned()
}

fn packed(phone: &Phone, file: &Path, more: &[&str]) -> Value {
    phone.run(&[&["bundle", "export", "--out", file.to_str().unwrap()], more].concat())
}

fn taken(phone: &Phone, file: &Path) -> Value {
    phone.run(&["bundle", "import", file.to_str().unwrap()])
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        fs::read(&path).is_ok_and(|kept| kept.windows(bytes.len()).any(|window| window == bytes))
    })
}

#[test]
fn work_and_receipts_travel_on_a_memory_card() {
    let office = Office::new();
    let server = office.serve();
    let (phone, device) = Phone::enrolled_as(&office, &server, "petugas-lapangan", VILLAGE);
    let (other, neighbour) = Phone::enrolled_as(&office, &server, "petugas-lapangan", VILLAGE);
    phone.sync();
    assert!(server.stop());
    let card = tempfile::tempdir().unwrap();
    let file = |name: &str| -> PathBuf { card.path().join(name) };
    let id = begun(&phone, 200_000);

    // To the neighbour's phone, which nobody else's file opens.
    let made = packed(&phone, &file("tetangga"), &["--for", &neighbour]);
    assert_eq!(made["attachments"], 1, "{made}");
    let refused = phone.fails(&["bundle", "import", file("tetangga").to_str().unwrap()]);
    assert!(refused.contains("tidak ditujukan ke sini"), "{refused}");
    assert!(
        office.fails(&["bundle", "import", file("tetangga").to_str().unwrap()]).contains("tidak ditujukan")
    );
    let came = taken(&other, &file("tetangga"));
    assert_eq!((&came["attachments"], text(&came, "device")), (&1.into(), &device[..]), "{came}");
    assert_eq!(taken(&other, &file("tetangga"))["entries"], 0, "twice is as good as once");
    assert!(!holds(card.path(), b"Contoh Titipan"));

    // From there to the office, whose server need not run.
    let made = packed(&other, &file("dinas"), &[]);
    assert!(made["entries"].as_u64().unwrap() >= 3, "{made}");
    let cut = file("terpotong");
    let whole = fs::read(file("dinas")).unwrap();
    fs::write(&cut, &whole[..whole.len() - 100]).unwrap();
    assert!(office.fails(&["bundle", "import", cut.to_str().unwrap()]).contains("terpotong"));
    let came = office.run(&["bundle", "import", file("dinas").to_str().unwrap()]);
    assert_eq!((&came["refused"], &came["attachments"]), (&0.into(), &1.into()), "{came}");
    assert_eq!(office.run(&["show", &id])["attachments"][0]["complete"], true);

    // And the receipt home.
    assert_eq!(mark(&phone, &id), "phone");
    office.run(&["bundle", "export", "--for", &device, "--out", file("balasan").to_str().unwrap()]);
    taken(&phone, &file("balasan"));
    assert_eq!(mark(&phone, &id), "office");
    assert_eq!(packed(&phone, &file("lagi"), &[])["entries"], 0, "nothing is left to bring");
    for name in ["bukan", "hilang"] {
        fs::write(file("bukan"), "halo").unwrap();
        let refused = phone.fails(&["bundle", "import", file(name).to_str().unwrap()]);
        assert!(refused.contains("bundel"), "{refused}");
    }
}

#[test]
fn a_lost_phone_is_wiped_when_it_calls_and_its_unsent_work_is_the_office_s_to_open() {
    let office = Office::new();
    let server = office.serve();
    let (phone, device) = Phone::enrolled_as(&office, &server, "petugas-lapangan", VILLAGE);
    let other = Phone::enrolled(&office, &server, "petugas-lapangan", VILLAGE);
    let sent = begun(&phone, 1000);
    phone.sync();
    let unsent = begun(&phone, 150_000);
    // What a thief has copied before.
    let copy = tempfile::tempdir().unwrap();
    for name in ["phone.db", "phone.db-wal"] {
        let _ = fs::copy(phone.path().join(name), copy.path().join(name));
    }
    office.run(&["device", "revoke", &device, "--cause", "hilang"]);

    let said = phone.fails(&["sync"]);
    assert!(said.contains("hilang") && said.contains("titipan.loket"), "{said}");
    assert!(phone.fails(&["list"]).contains("belum terdaftar"));
    for gone in ["device.key", "store.key", "phone.db", "phone.db-wal", "attachments"] {
        assert!(!phone.path().join(gone).exists(), "{gone}");
    }
    for written in [&b"Contoh Titipan"[..], b"3312081503900007"] {
        assert!(!holds(phone.path(), written) && !holds(copy.path(), written));
    }

    // Nothing of the unsent work was lost: it is there for a supervisor to look at.
    assert!(office.outcome(&["show", &unsent]).refusal().contains("tidak"));
    let sealed = phone.path().join("titipan.loket");
    assert!(other.fails(&["bundle", "import", sealed.to_str().unwrap()]).contains("tidak ditujukan"));
    let came = office.run(&["bundle", "import", sealed.to_str().unwrap()]);
    assert!(came["entries"].as_u64().unwrap() >= 3, "{came}");
    let held = office.run(&["held", "list"]);
    assert!(held.to_string().contains(&unsent) || !held.as_array().unwrap().is_empty(), "{held}");
    assert_eq!(text(&office.run(&["show", &sent]), "id"), sent);
    assert!(server.stop());
}

#[test]
fn a_lost_phone_is_wiped_by_a_neighbour_s_word_too_and_only_by_the_office_s() {
    let office = Office::new();
    let server = office.serve();
    let (phone, device) = Phone::enrolled_as(&office, &server, "petugas-lapangan", VILLAGE);
    let other = Phone::enrolled(&office, &server, "petugas-lapangan", VILLAGE);
    phone.sync();
    begun(&phone, 1000);
    // Revoked, but not lost: its work stays where it is.
    let (kept, moved) = Phone::enrolled_as(&office, &server, "petugas-lapangan", VILLAGE);
    begun(&kept, 1000);
    office.run(&["device", "revoke", &moved]);
    kept.outcome(&["sync"]);
    assert_eq!(kept.run(&["list"]).as_array().unwrap().len(), 1);

    office.run(&["device", "revoke", &device, "--cause", "hilang"]);
    other.sync();
    let [waited, called] = super::meet::refused(&other, &phone);
    assert!(waited.contains("dicabut"), "{waited}");
    assert!(called.contains("hilang"), "{called}");
    assert!(!phone.path().join("store.key").exists());
    assert!(phone.path().join("titipan.loket").exists());
    assert!(server.stop());
}

#[test]
fn an_officer_wipes_a_phone_that_is_given_back() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "petugas-lapangan", VILLAGE);
    let id = begun(&phone, 1000);
    assert!(phone.outcome(&["wipe"]).refusal().contains("--yes"));
    assert!(deciphered(phone.path()).windows(14).any(|window| window == b"Contoh Titipan"));
    phone.run(&["wipe", "--yes"]);
    assert!(phone.fails(&["list"]).contains("belum terdaftar"));
    let came = office.run(&["bundle", "import", phone.path().join("titipan.loket").to_str().unwrap()]);
    assert_eq!(came["refused"], 0, "{came}");
    assert_eq!(text(&office.run(&["show", &id]), "id"), id);
    assert!(server.stop());
}
