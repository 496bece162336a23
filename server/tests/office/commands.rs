//! The program itself, as scripts run it, on the folder of an office that serves.

use std::process::{Command, Output};

use loket_core::attachment::token;
use loket_core::identity::Signer;
use loket_server::config::now;
use serde_json::Value;

use super::{Office, VILLAGE, enrol, http, phone};

const SCAN: &[u8] = b"pindaian fiktif";
const NUMBER: &str = "3312082002-26-0001-0001-A";

/// Runs `loket` on the office's folder.
fn run(office: &Office, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loket"));
    command.args(args).arg("--dir").arg(office.folder.path()).arg("--json").output().unwrap()
}

/// What it answers.
fn ask(office: &Office, args: &[&str]) -> Value {
    let output = run(office, args);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{args:?}: {complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What it complains of.
fn fail(office: &Office, args: &[&str]) -> String {
    let output = run(office, args);
    assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A phone enrolled by the command, with an application on its way to the Front Office.
async fn submitted(office: &Office) -> (phone::Phone, phone::Link, String) {
    let invited = ask(office, &["invite", "--role", "operator-desa", "--partition", VILLAGE]);
    assert!(invited["expires"].as_str().unwrap().ends_with("+07:00"), "{invited}");
    let code = invited["code"].as_str().unwrap().to_lowercase().parse().unwrap();
    let (status, answer) = enrol::ask(office.at(), &code, &phone::key(1).public_key()).await;
    assert_eq!(status, 200, "{answer}");
    let mut phone = phone::Phone::new(1, answer["office"].as_str().unwrap(), VILLAGE);
    // Its certificate comes first: without it nothing that the phone writes counts, not even on the phone.
    let mut link = phone.sync(office.at()).await;
    let (id, _) = phone.open(NUMBER, SCAN);
    let hash = phone.fill_and_submit(&id, SCAN);
    phone.push(&mut link).await;
    let place = phone.place;
    let state = |state: &'static str| {
        move |replica: &loket_core::replica::Replica<_>| {
            replica.row(&place, &id).unwrap().is_some_and(|row| row.state == state)
        }
    };
    phone.until(&mut link, state("DIAJUKAN")).await;
    let path = format!("/v1/attachments/{VILLAGE}/{hash}");
    let token = token::make(&phone.key, &phone.office(), &path, now()).unwrap();
    let headers = [("Authorization", token), ("Upload-Offset", "0".into())];
    assert_eq!(http::send(office.at(), "PATCH", &path, &headers, SCAN).await.status, 204);
    let waiting = state("ANTRI_FO");
    phone.until(&mut link, waiting).await;
    (phone, link, id.to_hex())
}

#[tokio::test(flavor = "multi_thread")]
async fn desks_work_on_the_folder_of_a_serving_office() {
    let office = Office::start().await;
    let (mut phone, mut link, id) = submitted(&office).await;
    let staff = ask(&office, &["staff", "add", "--role", "front-office", "--name", "Petugas Satu"]);
    assert_eq!(staff["id"], "1");
    let list = ask(&office, &["staff", "list"]);
    assert_eq!((&list[0]["name"], &list[0]["role"]), (&"Petugas Satu".into(), &"front-office".into()));
    let queue = ask(&office, &["queue", "front-office"]);
    assert_eq!((&queue[0]["number"], &queue[0]["state"]), (&NUMBER.into(), &"ANTRI_FO".into()));
    assert!(queue[0]["since"].as_str().unwrap().ends_with("+07:00"));

    let done = ask(&office, &["act", NUMBER, "klaim_fo", "--as", "1"]);
    let decision = &done["decision"];
    assert_eq!((&decision["act"], &decision["state"]), (&"klaim_fo".into(), &"DIVERIFIKASI_FO".into()));
    assert_eq!((&decision["by"], &decision["role"]), (&"Petugas Satu".into(), &"front-office".into()));
    let place = phone.place;
    let entry = loket_core::journal::EntryHash::from_hex(&id).unwrap();
    let reached = move |replica: &loket_core::replica::Replica<_>| {
        replica.row(&place, &entry).unwrap().is_some_and(|row| row.state == "DIVERIFIKASI_FO")
    };
    phone.until(&mut link, reached).await;

    let refused = fail(&office, &["act", NUMBER, "klaim_fo", "--as", "1"]);
    let (code, sentence) = refused.split_once(": ").unwrap();
    assert!(loket_core::refusal::Refusal::CODES.contains(&code) && sentence.len() > 10, "{refused}");
    let unknown = fail(&office, &["act", NUMBER, "klaim_fo", "--as", "9"]);
    assert!(unknown.contains("staff list"), "{unknown}");
    let marked = ["act", NUMBER, "kembalikan_fo", "--as", "1", "--reason", "buram", "--set"];
    let returned = ask(&office, &[&marked[..], &["tanda.surat_kehilangan=buram"]].concat());
    assert_eq!(returned["decision"]["state"], "DIKEMBALIKAN");
    assert_eq!(returned["decision"]["marks"]["surat_kehilangan"], "buram");
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_an_application_can_be_looked_at() {
    let office = Office::start().await;
    let (phone, link, id) = submitted(&office).await;
    let shown = ask(&office, &["show", NUMBER]);
    assert_eq!((&shown["id"], &shown["mark"]), (&id.as_str().into(), &"decided".into()));
    let names = "id number service version variant state label revision mark fields heads submitted attachments \
                 conflicts warnings missing available final record print_site pickup_site paper_site \
                 notifications notices";
    for name in names.split_whitespace() {
        assert!(shown.get(name).is_some(), "{name}");
    }
    assert!(shown["attachments"].as_array().unwrap().iter().all(|one| one["complete"] == true));
    let available: Vec<&str> =
        shown["available"].as_array().unwrap().iter().map(|one| one["act"].as_str().unwrap()).collect();
    assert!(available.contains(&"klaim_fo"), "{available:?}");

    let file = office.folder.path().join("keluar.automerge");
    let exported = ask(&office, &["export", NUMBER, "--out", file.to_str().unwrap()]);
    assert_eq!(exported["heads"], shown["heads"]);
    assert_eq!(std::fs::read(&file).unwrap()[..4], [0x85, 0x6f, 0x4a, 0x83]);
    let verified = ask(&office, &["verify"]);
    assert_eq!((&verified["applications"], &verified["faults"]), (&1.into(), &0.into()));
    assert!(verified["entries"].as_u64().unwrap() > 3);
    assert_eq!(ask(&office, &["waiting"]), serde_json::json!([]));

    // Each look at personal data left a note that holds none of it.
    let desk = office.folder.office().unwrap();
    let office_wide = loket_core::journal::Partition::Office;
    use loket_core::store::{Store, Table};
    let notes = desk.replica.store.scan(&office_wide, Table::Meta, b"read/", None, 10).unwrap();
    assert_eq!(notes.len(), 2);
    assert!(notes.iter().all(|(_, note)| !String::from_utf8_lossy(note).contains("Contoh")));

    let devices = ask(&office, &["device", "list"]);
    let device = phone.key.author().to_hex();
    assert_eq!((&devices[0]["device"], &devices[0]["revoked"]), (&device.as_str().into(), &false.into()));
    ask(&office, &["device", "revoke", &device[..12]]);
    assert_eq!(link.farewell().await, phone::Ended::Farewell(98));
    assert_eq!(ask(&office, &["device", "list"])[0]["revoked"], true);
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_on_standard_error_alone() {
    let office = Office::start().await;
    for (args, said) in [
        (&["show", "tidak-ada"][..], "tidak ditemukan"),
        (&["queue", "dapur"], "front-office"),
        (&["invite", "--role", "operator-desa", "--partition", "99.99.99"], "99.99.99"),
        (&["invite", "--role", "operator-desa"], "--partition"),
        (&["staff", "add", "--role", "lurah", "--name", "A"], "lurah"),
        (&["device", "revoke", "00000000"], "device list"),
        (&["init", "--region", "33.12"], "sudah berisi"),
        (&["catalogue", "show", "sim"], "ktp-el-hilang"),
        (&["terbang"], "--help"),
    ] {
        let complaint = fail(&office, args);
        assert!(complaint.contains(said), "{args:?}: {complaint}");
    }
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_checked_shown_and_published() {
    let office = Office::start().await;
    let shown = ask(&office, &["catalogue", "show", "ktp-el-hilang"]);
    assert_eq!((&shown["service"], &shown["version"]), (&"ktp-el-hilang".into(), &"2026.1".into()));
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/catalogue/ktp-el-hilang.toml");
    assert_eq!(ask(&office, &["catalogue", "check", own])[0]["service"], "ktp-el-hilang");
    assert_eq!(ask(&office, &["catalogue", "publish", own])["published"], false);

    let text = std::fs::read_to_string(own).unwrap();
    let file = office.folder.path().join("baru.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, text.replace("version = \"2026.1\"", "version = \"2026.2\"")).unwrap();
    assert_eq!(ask(&office, &["catalogue", "publish", path])["published"], true);
    assert_eq!(ask(&office, &["catalogue", "show", "ktp-el-hilang"])["version"], "2026.2");
    std::fs::write(&file, format!("{text}\n# lain")).unwrap();
    assert!(fail(&office, &["catalogue", "publish", path]).contains("Naikkan `version`"));
    std::fs::write(&file, text.replace("front-office", "lurah")).unwrap();
    assert!(fail(&office, &["catalogue", "check", path]).contains("baru.toml:"));
    office.server.stop().await.unwrap();
}
