//! A serving office, from outside: in this process, on a port of its own, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attachments;
mod commands;
mod enrol;
mod fair;
mod http;
mod phone;
mod sessions;

use std::time::Duration;

use loket_core::catalogue::Role;
use loket_core::enrol::Code;
use loket_core::identity::Signer;
use loket_server::config::{Folder, dice, now};
use loket_server::office::invites::InviteRow;
use loket_server::serve::Server;
use phone::Phone;
use serde_json::Value;
use tempfile::TempDir;

/// The longest that anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);
/// The village of these tests.
const VILLAGE: &str = "33.12.08.2002";
/// Another one.
const OTHER_VILLAGE: &str = "33.12.08.2001";

/// A serving office in a folder that goes when it does.
struct Office {
    folder: Folder,
    server: Server,
    _dir: TempDir,
}

impl Office {
    async fn start() -> Office {
        let dir = TempDir::new().unwrap();
        let folder = Folder::new(dir.path().join("kantor"));
        folder.found("33.12", None).unwrap();
        let server = Server::start(&folder, "127.0.0.1:0").await.unwrap();
        Office { folder, server, _dir: dir }
    }

    fn at(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// As `loket invite`, with an end of its own.
    fn invite(&self, role: Role, partition: &str, seconds: i64) -> Code {
        let mut bytes = [0; 15];
        dice(&mut bytes);
        let code = Code::new(bytes);
        let mut office = self.folder.office().unwrap();
        let written = office.write(|office| {
            let row = InviteRow {
                role,
                partitions: office.expand(&[partition.to_owned()])?,
                expires: now() + seconds,
                officer: "Petugas Uji".into(),
                used: None,
                secret: code.secret().0,
                check: None,
            };
            office.invite(&code.invite(), &row)
        });
        written.unwrap();
        code
    }

    /// A phone that is enrolled.
    async fn phone(&self, seed: u64, partition: &str) -> Phone {
        let code = self.invite(Role::OperatorDesa, partition, 60);
        let key = phone::key(seed);
        let (status, answer) = enrol::ask(self.at(), &code, &key.public_key()).await;
        assert_eq!(status, 200, "{answer}");
        Phone::new(seed, answer["office"].as_str().unwrap(), partition)
    }

    async fn health(&self) -> u16 {
        http::get(self.at(), "/healthz").await.status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_says_who_and_how_it_is() {
    let office = Office::start().await;
    let health = http::get(office.at(), "/healthz").await;
    assert_eq!((health.status, health.text().as_str()), (200, "ok"));
    let page = http::get(office.at(), "/").await;
    assert!(page.status == 200 && page.text().contains("Loket Dukcapil"));
    assert_eq!(http::get(office.at(), "/lain").await.status, 404);
    office.phone(1, VILLAGE).await;
    let metrics = http::get(office.at(), "/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("loket_enrolments_total{outcome=\"enrolled\"}"), "{}", metrics.text());
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_holds_one_office_and_keeps_what_else_is_there() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("catatan.txt"), "milik orang").unwrap();
    let folder = Folder::new(dir.path());
    assert!(folder.office().is_err());
    let office = folder.found("33.12", None).unwrap();
    let again = folder.found("33.12", None).unwrap_err();
    assert!(again.0.contains("sudah berisi kantor"), "{again}");
    assert_eq!(folder.office().unwrap().replica.office_author(), office);
    assert_eq!(std::fs::read(dir.path().join("catatan.txt")).unwrap(), b"milik orang");
    let elsewhere = Folder::new(dir.path().join("lain"));
    assert!(elsewhere.found("33.13", None).unwrap_err().0.contains("--regions"));
    assert!(elsewhere.found("33.13", Some(b"33.12,Wonogiri\n33.12.08,Eromoko")).is_err());
    assert!(!dir.path().join("lain").exists());
    let list = b"33.13,Karanganyar\n33.13.01,Jatipuro\n33.13.01.2001,Jatipurwo\n";
    elsewhere.found("33.13", Some(list)).unwrap();
    let office = elsewhere.office().unwrap();
    assert_eq!(office.replica.regions().name("33.13.01.2001"), Some("Jatipurwo"));
    assert!(office.expand(&["33.13.01".to_owned()]).unwrap().len() == 2);
}

#[cfg(unix)]
#[test]
fn the_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    Folder::new(dir.path()).found("33.12", None).unwrap();
    let mode = std::fs::metadata(dir.path().join("office.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Reads a JSON body.
fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
