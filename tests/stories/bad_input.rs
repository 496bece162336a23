//! What people and scripts get wrong: always a sentence that says what to do, never half a thing done, and never a
//! word of a person's data in a log.

use std::fs;
use std::path::Path;
use std::time::Duration;

use loket_tests::{Folder, Office, Outcome, Phone, VILLAGE};
use serde_json::json;

use super::script::{Person, Town, begin, fill, items, sound, text};

/// The command fails as promised: nothing on standard output, a sentence, no panic, and none of these words.
#[track_caller]
fn refused(outcome: &Outcome, never: &[&str]) -> String {
    let sentence = outcome.refusal().to_owned();
    assert!(!sentence.contains("panicked"), "{sentence}");
    assert!(sentence.chars().filter(|c| *c == ' ').count() >= 2, "no sentence: {sentence}");
    for word in never {
        assert!(!sentence.contains(word), "{word} in: {sentence}");
    }
    sentence
}

#[track_caller]
fn all_refused(folder: &Folder, table: &[&[&str]]) {
    for args in table {
        let outcome = folder.outcome(args);
        assert!(!outcome.success, "{args:?} was to fail: {}", outcome.stdout);
        refused(&outcome, &[]);
    }
}

#[test]
fn values_that_cannot_be_meant() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let (id, number) = phone.begin("ktp-el-hilang");
    let before = phone.run(&["show", &id]);
    for pair in [
        "tanggal_lahir=2001-02-29",
        "tanggal_lahir=31-04-1990",
        "tanggal_lahir=kemarin",
        "tanggal_lahir=0000-00-00",
        "tanggal_lahir=1990-13-01",
        "nik=331208010190000",
        "nik=33120801019000011",
        "nik=33120801019000A1",
        "nik=3312083201900001",
        "nik=3312080113900001",
        "nik=3312080101900000",
        "nomor_kk=12345",
        "telepon=12",
        "telepon=abc",
        "jenis_kelamin=lain",
        "setuju_sms=mungkin",
        "desa=Wonogiri",
        "tidak_ada=x",
        "_layanan=kia-baru",
        "lampiran/kartu_keluarga/1=x",
        "=x",
        "nama",
        "",
    ] {
        let outcome = phone.outcome(&["set", &id, pair]);
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        let never = if value.len() > 6 { vec![value] } else { vec![] };
        assert!(!outcome.success, "{pair} was taken: {}", outcome.stdout);
        refused(&outcome, &never);
    }
    // A good value beside a bad one is not half done.
    refused(&phone.outcome(&["set", &id, "alamat=Dusun Utuh", "nik=123"]), &[]);
    let long = format!("nama={}", "Sutarmi ".repeat(5_000));
    refused(&phone.outcome(&["set", &id, &long]), &["Sutarmi"]);
    let after = phone.run(&["show", &id]);
    assert_eq!(
        (&after["fields"], &after["heads"]),
        (&before["fields"], &before["heads"]),
        "nothing was written"
    );
    // Nothing at all is a value that can be meant: it clears.
    for (pair, value) in [("agama=islam", json!("islam")), ("agama=", json!(null))] {
        phone.run(&["set", &id, pair]);
        assert_eq!(phone.run(&["show", &id])["fields"]["agama"], value);
    }

    let folder = phone.path().to_str().unwrap().to_owned();
    let empty = phone.path().join("kosong.jpg");
    fs::write(&empty, b"").unwrap();
    all_refused(
        &phone,
        &[
            &["new", "ktp-el-ajaib"],
            &["new", "kia-baru", "--variant", "usia-99"],
            &["new", "ktp-el-hilang", "--variant", "usia-0-5"],
            &["show", "0000"],
            &["show", "33.12.08.2002-26-0000-0000-0"],
            &["set", "0000", "alamat=x"],
            &["missing", "0000"],
            &["conflicts", "bukan-id"],
            &["submit", "0000"],
            &["submit", &id],
            &["submit", &number],
            &["tick", &id, "tidak_ada"],
            &["choose", &id, "nama", "Sutarmi"],
            &["choose", &id, "tidak_ada", "x"],
            &["act", &id, "tidak_ada"],
            &["act", &id, "tarik", "--set", "tidak_ada=x"],
            &["act", &id, "tarik", "--set", "tanpa-tanda"],
            &["attach", &id, "tidak_ada", &folder],
            &["attach", &id, "kartu_keluarga", "/tidak/ada.jpg"],
            &["attach", &id, "kartu_keluarga", &folder],
            &["attach", &id, "kartu_keluarga", empty.to_str().unwrap()],
            &["enroll", "--url", "ftp://127.0.0.1", "--code", "X"],
            &["enroll"],
            &["tidak-ada"],
            &[],
        ],
    );
}

#[test]
fn files_of_many_applications_are_taken_whole_or_not_at_all() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let file = phone.path().join("banyak.jsonl");
    let good = json!({ "nama": Person(1).name() }).to_string();
    for bad in [
        "{",
        "[]",
        "\"nama\"",
        r#"{"tidak_ada": "x"}"#,
        r#"{"nik": "123"}"#,
        r#"{"nama": 7}"#,
        r#"{"lampiran": {"kartu_keluarga": "/tidak/ada.jpg"}}"#,
        r#"{"lampiran": {"tidak_ada": "/tidak/ada.jpg"}}"#,
    ] {
        fs::write(&file, format!("{good}\n{bad}\n{good}\n")).unwrap();
        let outcome = phone.outcome(&["new", "ktp-el-hilang", "--from", file.to_str().unwrap()]);
        let sentence = refused(&outcome, &[&Person(1).name()]);
        assert!(sentence.contains('2'), "it names the line: {sentence}");
        assert_eq!(phone.run(&["list"]), json!([]), "nothing was made of {bad}");
    }
    refused(&phone.outcome(&["new", "ktp-el-hilang", "--from", "/tidak/ada.jsonl"]), &[]);
}

#[test]
fn folders_that_are_none() {
    let office = Office::new();
    let again = refused(&office.outcome(&["init", "--region", "33.12"]), &[]);
    assert!(again.contains("--dir"), "says what to do: {again}");
    let nobody = Phone::unknown();
    all_refused(
        &nobody,
        &[
            &["list"],
            &["sync"],
            &["new", "ktp-el-hilang"],
            &["show", "0000"],
            &["submit", "--all"],
            &["enroll", "--url", "http://127.0.0.1:9", "--code", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"],
        ],
    );
    let missing = Folder::at("loket", Path::new("/tidak/ada/kantor"));
    all_refused(
        &missing,
        &[
            &["queue", "front-office"],
            &["show", "1"],
            &["verify"],
            &["staff", "list"],
            &["invite", "--role", "operator-desa", "--partition", VILLAGE],
            &["serve", "--listen", "127.0.0.1:0"],
        ],
    );
    // Nobody, root included, writes below a file.
    let file = office.path().join("berkas");
    fs::write(&file, "bukan folder").unwrap();
    all_refused(&Folder::at("loket", &file.join("kantor")), &[&["init", "--region", "33.12"]]);
    all_refused(&Folder::at("loket-officer", &file.join("hp")), &[&["list"]]);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "bukan folder",
        "files that are not theirs are left alone"
    );
}

#[test]
fn an_existing_folder_is_accepted_and_left_as_it_is() {
    let phone = Phone::unknown();
    let note = phone.path().join("catatan.txt");
    fs::write(&note, "milik orang lain").unwrap();
    let office = Folder::at("loket", phone.path());
    assert_eq!(office.run(&["init", "--region", "33.12"])["region"], "33.12");
    assert_eq!(fs::read_to_string(&note).unwrap(), "milik orang lain");
    all_refused(&office, &[&["init", "--region", "33.12"], &["init", "--region", "33.12.08"]]);
    let other = Phone::unknown();
    for region in ["", "xx", "33", "33.99", "3312", "99.99", "33.12.08.2002"] {
        let outcome = Folder::at("loket", other.path()).outcome(&["init", "--region", region]);
        assert!(!outcome.success || region == "3312", "{region}");
        if outcome.success {
            break;
        }
        refused(&outcome, &[]);
    }
}

#[test]
fn codes_that_do_not_open() {
    let office = Office::new();
    let server = office.serve();
    let code = office.invite("operator-desa", VILLAGE);
    let enroll =
        |phone: &Phone, code: &str| phone.outcome(&["enroll", "--url", server.url(), "--code", code]);
    let mut wrong = code.clone();
    let last = if wrong.ends_with('0') { "1" } else { "0" };
    wrong.replace_range(wrong.len() - 1.., last);
    for bad in ["", "x", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA", "!!!!", &wrong, &code[..code.len() - 1]] {
        let never = if bad.len() > 8 { vec![bad] } else { vec![] };
        refused(&enroll(&Phone::unknown(), bad), &never);
    }
    // Read leniently, once.
    let phone = Phone::unknown();
    let lenient = code.to_lowercase().replace('-', " ");
    assert_eq!(enroll(&phone, &lenient).json()["role"], "operator-desa");
    refused(&enroll(&Phone::unknown(), &code), &[&code]);
    phone.sync();
    all_refused(
        &office,
        &[
            &["invite", "--role", "kepala-desa", "--partition", VILLAGE],
            &["invite", "--role", "operator-desa", "--partition", "33.12.99.9999"],
            &["invite", "--role", "operator-desa", "--partition", "99.99"],
            &["invite", "--role", "operator-desa", "--partition", "wonogiri"],
            &["invite", "--role", "operator-desa"],
            &["invite"],
            &["staff", "add", "--role", "kepala-desa", "--name", "Sukarno"],
            &["staff", "add", "--role", "front-office"],
            &["staff", "add", "--role", "front-office", "--name", ""],
            &["staff", "add", "--role", "front-office", "--name", "A", "--partition", "99.99"],
            &["queue", "meja-hijau"],
            &["queue"],
            &["tidak-ada"],
            &[],
            &["serve", "--listen", "bukan-alamat"],
            &["serve", "--listen", server.url().strip_prefix("http://").unwrap()],
        ],
    );
    // Without the network, work goes on and sync says so within its time.
    let (id, _) = phone.begin("ktp-el-hilang");
    drop(server);
    let start = std::time::Instant::now();
    refused(&phone.outcome(&["sync"]), &[]);
    assert!(start.elapsed() < Duration::from_secs(60), "a named time-out: {:?}", start.elapsed());
    phone.run(&["set", &id, "rt=001"]);
    assert_eq!(phone.run(&["show", &id])["mark"], "phone");
}

/// A service's file with one thing wrong, and the line where.
fn broken(file: &str, what: &str, by: &str) -> (String, usize) {
    let at = file.lines().position(|line| line.contains(what)).expect("in the file") + 1;
    (file.replacen(what, by, 1), at)
}

#[test]
fn a_catalogue_file_is_checked_with_line_and_cure() {
    let office = Office::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/catalogue/ktp-el-hilang.toml");
    let good = fs::read_to_string(path).unwrap();
    let checked = |text: &str| {
        let file = office.path().join("layanan.toml");
        fs::write(&file, text).unwrap();
        office.outcome(&["catalogue", "check", file.to_str().unwrap()])
    };
    assert!(checked(&good).success, "{}", checked(&good).stderr);
    for (what, by, cure) in [
        ("service = \"ktp-el-hilang\"", "service = ktp-el-hilang", ""),
        ("kind = \"nik\"", "kind = \"nick\"", "nik"),
        ("obligation = \"must\"", "obligation = \"wajib\"", "must"),
        ("roles = [\"front-office\"]", "roles = [\"tukang\"]", "front-office"),
        ("valid_from = \"2026-01-01\"", "valid_from = \"2026-02-30\"", ""),
        ("print_site = \"kecamatan\"", "print_site = \"bulan\"", "kecamatan"),
        ("to = \"DIKEMBALIKAN\"", "to = \"ENTAH\"", ""),
        ("notify = \"N1\"", "notify = \"N99\"", ""),
    ] {
        let (text, line) = broken(&good, what, by);
        let sentence = refused(&checked(&text), &[]);
        assert!(sentence.contains(&format!("layanan.toml:{line}")), "file and line {line}: {sentence}");
        assert!(sentence.contains(cure), "what would do: {sentence}");
    }
    for text in ["", "\u{0}", "service", &good[..good.len() / 2], &"x = 1\n".repeat(200_000)] {
        refused(&checked(text), &[]);
    }
    all_refused(
        &office,
        &[
            &["catalogue", "check", "/tidak/ada.toml"],
            &["catalogue", "check"],
            &["catalogue", "show", "ktp-el-ajaib"],
            &["catalogue"],
        ],
    );
}

#[test]
fn acts_that_are_not_to_be_done_say_why() {
    let town = Town::new();
    let application = town.file("ktp-el-rusak", "");
    town.village.sync();
    let number = application.number.as_str();
    let (fo, kasi) = (town.staff["front-office"].as_str(), town.staff["kasi-pendaftaran"].as_str());
    let act = |act: &str, staff: &str, more: &[&str]| {
        let mut args = vec!["act", number, act, "--as", staff];
        args.extend(more);
        town.office.outcome(&args)
    };
    // Each refusal by its code, and nothing done.
    for (outcome, code) in [
        (act("terbang", fo, &[]), "tindakan_tidak_dikenal"),
        (act("klaim_fo", kasi, &[]), "bukan_wewenang"),
        (act("periksa_kasi", kasi, &[]), "belum_waktunya"),
        (act("ajukan", fo, &[]), "bukan_wewenang"),
    ] {
        let sentence = refused(&outcome, &[]);
        assert!(sentence.contains(code), "{code}: {sentence}");
    }
    act("klaim_fo", fo, &[]).json();
    assert!(refused(&act("klaim_fo", fo, &[]), &[]).contains("sudah_dilakukan"));
    assert!(refused(&act("kembalikan_fo", fo, &[]), &[]).contains("alasan_wajib"));
    let unknown = act("kembalikan_fo", fo, &["--set", "tanda.tidak_ada=buram"]);
    assert!(refused(&unknown, &[]).contains("tanda_tidak_dikenal"), "{}", unknown.stderr);
    act("periksa_fo", fo, &[]).json();
    assert!(refused(&act("catat_siak", fo, &[]), &[]).contains("isian_wajib"));
    act("catat_siak", fo, &["--set", "referensi_siak=1"]).json();
    for (outcome, what) in [
        (act("periksa_kasi", "999", &[]), "unknown staff"),
        (act("periksa_kasi", "bukan", &[]), "no staff"),
        (act("periksa_kasi", kasi, &["--set", "tanpa"]), "no value"),
        (town.office.outcome(&["act", number, "periksa_kasi"]), "nobody"),
        (town.office.outcome(&["act", "0", "periksa_kasi", "--as", kasi]), "unknown number"),
        (town.office.outcome(&["export", "0", "--out", "/tmp/x"]), "unknown number"),
        (town.office.outcome(&["export", number, "--out", "/tidak/ada/x"]), "no folder"),
    ] {
        assert!(!outcome.success, "{what}");
        refused(&outcome, &[]);
    }
    assert_eq!(town.show(&application)["state"], "ANTRI_VALIDATOR");
    // Two hats, one head: who verified does not approve.
    let both = town.office.staff("kasi-pendaftaran", "Petugas front-office");
    act("periksa_kasi", &both, &[]).json();
    sound(&town.office);
}

#[test]
fn nobody_is_named_in_the_log() {
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let service = office.run(&["catalogue", "show", "peristiwa-penting-lainnya"]);
    let mut numbers = Vec::new();
    for seed in 900..903 {
        let application = begin(&phone, "peristiwa-penting-lainnya", "", Person(seed));
        fill(&phone, &service, &application, phone.path());
        phone.run(&["submit", &application.id]);
        numbers.push(application);
    }
    phone.sync();
    let fo = office.staff("front-office", "Petugas");
    for application in &numbers {
        office.run(&["act", &application.number, "klaim_fo", "--as", &fo]);
        let outcome = office.outcome(&["act", &application.number, "catat_siak", "--as", &fo]);
        refused(&outcome, &[&application.person.name(), &application.person.nik()]);
    }
    // Requests that nobody should make.
    let host = server.url().strip_prefix("http://").unwrap();
    for path in ["/v1/sync", "/v1/enrol", "/v1/attachments/33.12.08.2002/00", "/%00", "/../../etc/passwd"] {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(
            stream,
            "GET {path}?nik={} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            Person(900).nik()
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let status = String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(status.starts_with('4'), "{path}: {status}");
    }
    let fields = phone.run(&["show", &numbers[0].id])["fields"].clone();
    let phone_number = text(&fields, "telepon").to_owned();
    assert!(server.stop());
    let log = office.log();
    assert!(!log.contains("panicked"), "{log}");
    for application in &numbers {
        for secret in [application.person.name(), application.person.nik(), phone_number.clone()] {
            assert!(!log.contains(&secret), "{secret} in the log");
        }
    }
    // Nor what the service is called: it tells on those who ask for it.
    assert!(!log.contains("peristiwa-penting"), "{log}");
    assert_eq!(items(&office.run(&["queue", "front-office"])).len(), 3);
}
