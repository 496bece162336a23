//! An application is destroyed while the office serves: afterwards no file of the office or of any phone holds a
//! byte of what was filled in, free pages and logs included, and everything else goes on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use loket_core::client::{Keys, STORE};
use loket_core::journal::body::NONCE;
use loket_core::journal::{Body, Content, EntryHash, Partition, encode};
use loket_core::store::sqlite::SqliteStore;
use loket_core::store::{Query, Store, Table};
use loket_tests::{Office, Phone, VILLAGE, deciphered};

use super::script::{Application, Person, begin, fill, items, sound, text};

/// Applications that are destroyed, and that stay.
const DESTROYED: u64 = 4;
const KEPT: u64 = 4;
/// Looks at an office that serves, until nothing is left.
const LOOKS: usize = 50;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);
/// Shorter values stand everywhere.
const SHORTEST: usize = 8;

/// Bytes that only this application has, as its phone and the office keep them: what was filled in, the bodies of
/// its entries, its document, its scans.
fn traces(phone: &Phone, papers: &Path, application: &Application, traces: &mut BTreeSet<Vec<u8>>) {
    let shown = phone.run(&["show", &application.id]);
    let fields = shown["fields"].as_object().unwrap().values();
    traces.extend(fields.filter_map(|v| v.as_str()).map(|v| v.as_bytes().to_vec()));
    for scan in items(&shown["attachments"]) {
        traces.insert(text(scan, "hash").as_bytes().to_vec());
    }
    let place: Partition = VILLAGE.parse().unwrap();
    let id = EntryHash::from_hex(&application.id).unwrap();
    let store = opened(phone);
    for (_, entry) in store.entries(&place, Query::Application(&id), 1000).unwrap() {
        let Content::Present(body) = entry.content else { continue };
        // What decisions name by its hash stays: requests, frozen changes and scans.
        let body = match Body::from_bytes(&body) {
            Ok(Body::Decision(_)) => continue,
            Ok(Body::Edit(edit)) => [&body[..NONCE], &encode(&edit.ops)].concat(),
            _ => body,
        };
        // Its random bytes are nobody else's; then every stretch of the rest.
        traces.extend(body.chunks(24).filter(|chunk| chunk.len() == 24).map(<[u8]>::to_vec));
    }
    if let Some(document) = store.get(&place, Table::Document, id.as_bytes()).unwrap() {
        traces.extend(document.chunks(32).filter(|chunk| chunk.len() == 32).map(<[u8]>::to_vec));
    }
    for paper in fs::read_dir(papers).unwrap() {
        let bytes = fs::read(paper.unwrap().path()).unwrap();
        traces.extend(bytes.chunks(64).filter(|chunk| chunk.len() == 64).map(<[u8]>::to_vec));
    }
}

/// The phone's store, with its key: what its files hold is noise to everybody else.
fn opened(phone: &Phone) -> SqliteStore {
    let key = Keys::read(phone.path()).unwrap().store;
    SqliteStore::read_only_encrypted(phone.path().join(STORE), &key).unwrap()
}

/// What the phone keeps of applications, one behind the other.
fn everything(phone: &Phone, applications: &[(usize, &Application)]) -> Vec<u8> {
    let place: Partition = VILLAGE.parse().unwrap();
    let store = opened(phone);
    let mut all = Vec::new();
    for (_, application) in applications {
        let id = EntryHash::from_hex(&application.id).unwrap();
        for (_, entry) in store.entries(&place, Query::Application(&id), 1000).unwrap() {
            if let Content::Present(body) = entry.content {
                all.extend(body);
            }
        }
        all.extend(store.get(&place, Table::Document, id.as_bytes()).unwrap().unwrap_or_default());
    }
    all
}

/// Files of a folder, by name, that hold any of these bytes.
fn holding(folder: &Path, wanted: &AhoCorasick) -> Vec<String> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // A file may go while we look. A phone's store is noise without its key.
            let store = path.ends_with(STORE);
            let Ok(bytes) = (if store { Ok(deciphered(&folder)) } else { fs::read(&path) }) else { continue };
            if let Some(at) = wanted.find(&bytes) {
                let around = bytes[at.start().saturating_sub(16)..at.end()].escape_ascii();
                found.push(format!("{} at {}: {around}", path.display(), at.start()));
            }
        }
    }
    found
}

fn filed(office: &Office, phone: &Phone, papers: &Path, person: u64) -> Application {
    fs::create_dir_all(papers).unwrap();
    let application = begin(phone, "ktp-el-hilang", "", Person(person));
    fill(phone, &office.run(&["catalogue", "show", "ktp-el-hilang"]), &application, papers);
    phone.run(&["submit", &application.id]);
    application
}

#[test]
fn no_byte_of_a_destroyed_application_stays_in_any_file() {
    let office = Office::new();
    let server = office.serve();
    let admin = office.staff("admin", "Pengawas");
    let one = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let two = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    let papers = tempfile::tempdir().unwrap();
    let folder = |n: u64| papers.path().join(n.to_string());
    let file = |n: u64| filed(&office, &one, &folder(n), 500 + n);
    // One after the other, so that their rows lie between each other.
    let all: Vec<Application> = (0..DESTROYED + KEPT).map(file).collect();
    one.sync();
    two.sync();
    let (gone, kept): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let mut wanted = BTreeSet::new();
    for (n, application) in &gone {
        traces(&one, &folder(*n as u64), application, &mut wanted);
        one.run(&["act", &application.id, "tarik", "--reason", "pindah rumah ke Contohrejo"]);
    }
    wanted.insert(b"Contohrejo".to_vec());
    one.sync();
    // What the others have too is nobody's.
    let common = everything(&one, &kept);
    wanted.retain(|trace| trace.len() >= SHORTEST && !common.windows(trace.len()).any(|part| part == trace));
    // An edit that the office does not know of, and never will have.
    two.run(&["set", &gone[0].1.id, "alamat=Dusun Terlambat Sekali"]);
    wanted.insert(b"Dusun Terlambat Sekali".to_vec());
    let wanted = AhoCorasick::new(&wanted).unwrap();
    let folders = [office.path(), one.path(), two.path()];
    for folder in folders {
        assert!(!holding(folder, &wanted).is_empty(), "they are there before");
    }

    for (_, application) in &gone {
        let refused = office.fails(&["destroy", &kept[0].1.number, "--as", &admin, "--reason", "keliru"]);
        assert!(refused.contains("belum selesai"), "{refused}");
        office.run(&["destroy", &application.number, "--as", &admin, "--reason", "permintaan pemilik data"]);
    }
    two.sync();
    let left = one.sync();
    assert_eq!(left["applications_let_go"], DESTROYED, "{left}");
    for folder in folders {
        let mut left = Vec::new();
        for _ in 0..LOOKS {
            left = holding(folder, &wanted);
            if left.is_empty() {
                break;
            }
            // The office empties its log in an idle moment.
            sleep(PAUSE);
        }
        assert!(left.is_empty(), "{left:#?}");
    }
    sound(&office);

    // Who wrote too late is told; who looks it up hears what became of it.
    let shown = two.run(&["show", &gone[0].1.number]);
    let notices = items(&shown["notices"]);
    assert!(notices.iter().any(|notice| notice["id"] == "terlambat"), "{shown}");
    assert_eq!((&shown["state"], &shown["gone"]["destroyed"]), (&"DIBATALKAN_PEMOHON".into(), &true.into()));
    assert_eq!(shown["fields"].as_object().unwrap().len(), 0);
    let shown = office.run(&["show", &gone[0].1.number]);
    assert_eq!(shown["gone"]["cause"], "perintah", "{shown}");
    let out = papers.path().join("x");
    let refused = office.fails(&["export", &gone[0].1.number, "--out", out.to_str().unwrap()]);
    assert!(refused.contains("dimusnahkan"), "{refused}");
    let refused = one.fails(&["set", &gone[1].1.id, "alamat=Dusun Baru"]);
    assert!(refused.contains("selesai"), "{refused}");

    // A new phone joins after that; work on the others goes on, scans included.
    let three = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    three.sync();
    assert_eq!(items(&three.run(&["list"])).len() as u64, DESTROYED + KEPT);
    assert!(holding(three.path(), &wanted).is_empty());
    let front = office.staff("front-office", "Petugas Depan");
    for (_, application) in &kept {
        office.run(&["act", &application.number, "klaim_fo", "--as", &front]);
        office.run(&["act", &application.number, "periksa_fo", "--as", &front]);
    }
    for phone in [&one, &two, &three] {
        phone.sync();
        assert_eq!(
            phone.run(&["show", &kept[0].1.id])["state"],
            office.run(&["show", &kept[0].1.number])["state"]
        );
    }
    assert_eq!(sound(&office)["faults"], 0);
    assert!(server.stop());
    assert!(holding(office.path(), &wanted).is_empty());
}
