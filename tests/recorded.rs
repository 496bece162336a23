//! What earlier versions wrote: their stores are opened, their frames are taken, a session goes on from where they
//! stopped, their backups are restored, and their services are read. A recording is a folder of `tests/recorded`: both
//! stores as they were before a session, and its frames; a backup; the services' files.
//! `cargo test --release -p loket-tests record_this_version -- --ignored` makes one of this version. A recording is
//! never changed: where a test of it fails, phones in the villages fail too.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use loket_core::catalogue::{Role, ServiceFile};
use loket_core::identity::{SeededKey, Signer as _};
use loket_core::replica::Replica;
use loket_core::store::Store;
use loket_core::store::sqlite::{Durability, SqliteStore};
use loket_core::sync::message::Message;
use loket_server::office::verify::verify;
use loket_tests::{KECAMATAN, Office, Phone};

use crate::frames::{NOW, Pair, VILLAGE};
use crate::stories::script::{Person, begin, fill, items, sound};

const OFFICE: &str = "office.db";
const PHONE: &str = "phone.db";
const FRAMES: &str = "frames.txt";
/// A backup's file, with what lies beside it.
const BACKUP: &str = "cadangan.db";
/// The folder of services' files.
const SERVICES: &str = "layanan";
/// Words before a frame, which say who sent it.
const WAYS: [&str; 2] = ["phone", "office"];

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded");
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

fn store(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Durability::Power).unwrap()
}

/// A recording's stores, copied before this version writes to them.
fn opened(recording: &Path) -> (Pair<SqliteStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        fs::copy(recording.join(name), folder.path().join(name)).unwrap();
        store(&folder.path().join(name))
    };
    (Pair::open(copy(OFFICE), copy(PHONE)), folder)
}

/// A recording's frames of each way, in order.
fn frames(recording: &Path) -> [Vec<Vec<u8>>; 2] {
    let text = fs::read_to_string(recording.join(FRAMES)).unwrap();
    WAYS.map(|way| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(way)?.strip_prefix(' '));
        lines.map(|hex| HEXLOWER.decode(hex.as_bytes()).unwrap()).collect()
    })
}

fn addresses<S: Store>(replica: &Replica<S>) -> Vec<String> {
    let mut all = Vec::new();
    let each = |partition, id, _| {
        let case = replica.case(&partition, &id)?;
        all.push(format!("{:?}", case.document.registers().get("alamat")));
        Ok(())
    };
    replica.for_each_application(each).unwrap();
    all.sort();
    all
}

#[test]
fn stores_of_earlier_versions_are_opened_and_go_on() {
    for recording in recordings() {
        let (mut pair, _folder) = opened(&recording);
        let verified = verify(&pair.office.replica).unwrap();
        assert!(verified.faults.is_empty(), "{}: {:?}", recording.display(), verified.faults);
        let (phone, office) = (addresses(&pair.phone), addresses(&pair.office.replica));
        assert!(phone.len() > office.len() && !office.is_empty(), "{phone:?} {office:?}");
        assert!(phone.iter().all(|value| value.contains("Dusun Contoh")), "{phone:?}");

        pair.work(2);
        pair.record();
        assert_eq!(addresses(&pair.office.replica), addresses(&pair.phone));
        assert_eq!(addresses(&pair.phone).len(), phone.len() + 1);
        let place = VILLAGE.parse().unwrap();
        let both = [pair.office.replica.vector(&place).unwrap(), pair.phone.vector(&place).unwrap()];
        assert_eq!(both[0], both[1]);
        assert!(verify(&pair.office.replica).unwrap().faults.is_empty());
    }
}

#[test]
fn frames_of_earlier_versions_are_what_this_one_would_say() {
    for recording in recordings() {
        for frame in frames(&recording).into_iter().flatten() {
            let message = Message::from_bytes(&frame).unwrap();
            assert_eq!(message.to_bytes(), frame, "{}: {message:?}", recording.display());
        }
    }
}

#[test]
fn an_earlier_phone_brings_its_work_to_this_office() {
    for recording in recordings() {
        let (mut pair, _folder) = opened(&recording);
        let mut session = pair.answers();
        for frame in &frames(&recording)[0] {
            pair.office_takes(&mut session, frame, |refused| {
                assert!(refused.is_empty(), "{}: {refused:?}", recording.display());
            });
        }
        assert!(session.is_open());
        assert_eq!(addresses(&pair.office.replica), addresses(&pair.phone));
    }
}

#[test]
fn this_phone_understands_an_earlier_office() {
    for recording in recordings() {
        let (mut pair, _folder) = opened(&recording);
        let before = pair.phone.receipt(&VILLAGE.parse().unwrap()).unwrap();
        let (mut session, _) = pair.calls();
        for frame in &frames(&recording)[1] {
            pair.phone_takes(&mut session, frame, |refused| {
                assert!(refused.is_empty(), "{}: {refused:?}", recording.display());
            });
        }
        let place = VILLAGE.parse().unwrap();
        let receipt = pair.phone.receipt(&place).unwrap().unwrap();
        assert!(before.is_none_or(|before| before.number < receipt.number));
        assert_eq!(receipt.vector, pair.phone.vector(&place).unwrap(), "{}", recording.display());
    }
}

/// Copies a folder's files, and those in its folders.
fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

#[test]
fn backups_of_earlier_versions_are_restored_and_go_on() {
    for recording in recordings() {
        let folder = tempfile::tempdir().unwrap();
        copy_all(&recording, folder.path());
        let office = Office::unfounded();
        office.run(&["restore", "--from", folder.path().join(BACKUP).to_str().unwrap()]);
        let before = sound(&office);
        assert!(before["applications"].as_u64() > Some(0), "{before}");
        let server = office.serve();
        let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
        let file = begin(&phone, "ktp-el-hilang", "", Person(8));
        phone.sync();
        assert_eq!(office.run(&["show", &file.number])["id"], file.id);
        let listed = phone.run(&["list"]);
        assert!(items(&listed).len() > 1, "{listed}");
        sound(&office);
    }
}

#[test]
fn services_of_earlier_versions_are_read() {
    for recording in recordings() {
        let mut count = 0;
        for entry in fs::read_dir(recording.join(SERVICES)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let read = ServiceFile::parse(name, &fs::read(&path).unwrap());
            let file = read.unwrap_or_else(|faults| panic!("{}: {faults:?}", path.display()));
            assert_eq!(format!("{}.toml", file.service.service), name);
            count += 1;
        }
        assert_eq!(count, 9, "{}", recording.display());
    }
}

/// The services' files, and a backup of an office with an application and its scans.
fn record_files(folder: &Path) {
    copy_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/catalogue"), &folder.join(SERVICES));
    let office = Office::new();
    let server = office.serve();
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let file = begin(&phone, "ktp-el-hilang", "", Person(7));
    fill(&phone, &office.run(&["catalogue", "show", "ktp-el-hilang"]), &file, office.path());
    phone.run(&["submit", &file.id]);
    phone.sync();
    office.run(&["backup", "--to", folder.join(BACKUP).to_str().unwrap()]);
}

/// An office and a phone that have been in touch, each with something that the other has not, and their next session.
#[test]
#[ignore = "writes a recording of this version"]
fn record_this_version() {
    let name = format!("protocol-{}", loket_core::sync::message::VERSION);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded").join(name);
    assert!(!folder.exists(), "{} is there: name the new one after what changed", folder.display());
    fs::create_dir_all(&folder).unwrap();
    let (office, phone) = (folder.join(OFFICE), folder.join(PHONE));
    let mut pair = Pair::open(store(&office), store(&phone));
    pair.certify(1, VILLAGE);
    pair.certify(2, "33.12.08.2001");
    pair.work(3);
    pair.record();
    pair.work(2);
    let (public, place) = (SeededKey::new(3).public_key(), KECAMATAN.parse().unwrap());
    let Pair { office: desk, dice, .. } = &mut pair;
    let certified = desk.write(|office| {
        office.certify(public, Role::OperatorKecamatan, &[place], "Petugas", NOW, &mut |b| dice.fill(b))?;
        office.revoke(&SeededKey::new(2).author(), "dicabut", &mut |b| dice.fill(b))
    });
    certified.unwrap();
    drop(pair);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db") {
            // What said that the store is in use.
            fs::remove_file(path).unwrap();
        }
    }

    let (mut pair, _folder) = opened(&folder);
    let said = pair.record();
    let lines = WAYS.iter().zip(&said).flat_map(|(way, frames)| {
        frames.iter().map(move |frame| format!("{way} {}\n", HEXLOWER.encode(frame)))
    });
    fs::write(folder.join(FRAMES), lines.collect::<String>()).unwrap();
    record_files(&folder);
}
