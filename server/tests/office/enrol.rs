//! Enrolment over HTTP.

use std::net::SocketAddr;

use data_encoding::HEXLOWER;
use loket_core::catalogue::Role;
use loket_core::enrol::{Code, Granted, proves};
use loket_core::identity::{PublicKey, Signer};
use loket_server::config::limits;
use serde_json::{Value, json};

use super::{Office, VILLAGE, http, phone};

/// Asks to be enrolled.
pub async fn ask(at: SocketAddr, code: &Code, key: &PublicKey) -> (u16, Value) {
    let mac = code.secret().device_mac(key, None);
    ask_with(at, code, key, mac.to_hex().as_str()).await
}

async fn ask_with(at: SocketAddr, code: &Code, key: &PublicKey, mac: &str) -> (u16, Value) {
    let body = json!({
        "invite": HEXLOWER.encode(&code.invite()), "key": HEXLOWER.encode(&key.0), "mac": mac,
    });
    let headers = [("Content-Type", "application/json".to_owned())];
    let answer = http::send(at, "POST", "/v1/enrol", &headers, body.to_string().as_bytes()).await;
    (answer.status, super::json(&answer.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_alone_enrols_and_only_one_device() {
    let office = Office::start().await;
    let code = office.invite(Role::OperatorKecamatan, "33.12.08", 60);
    let device = phone::key(1).public_key();
    let (status, answer) = ask(office.at(), &code, &device).await;
    assert_eq!(status, 200, "{answer}");
    let key = office.folder.signer().unwrap().public_key();
    assert_eq!(answer["office"], HEXLOWER.encode(&key.0));
    assert_eq!(answer["role"], "operator-kecamatan");
    let partitions: Vec<String> = serde_json::from_value(answer["partitions"].clone()).unwrap();
    assert!(partitions.len() > 2 && partitions[0] == "33.12.08", "{partitions:?}");
    let granted = Granted {
        office: &key,
        device: &device,
        role: "operator-kecamatan",
        partitions: &partitions,
        pins: &[],
    };
    assert!(proves(&code.secret().office_mac(&granted), answer["mac"].as_str().unwrap()));

    // A lost answer is asked for again; nothing more is certified. Another device has no use of the code.
    let entries = |office: &Office| {
        let partition = "33.12.08".parse().unwrap();
        office.folder.office().unwrap().replica.position(&partition).unwrap()
    };
    let before = entries(&office);
    assert_eq!(ask(office.at(), &code, &device).await, (200, answer));
    assert_eq!(entries(&office), before);
    let (status, refused) = ask(office.at(), &code, &phone::key(2).public_key()).await;
    assert!(status == 403 && refused["error"].as_str().unwrap().contains("kode"), "{refused}");
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_expired_and_unknown_codes_are_refused_alike() {
    let office = Office::start().await;
    let device = phone::key(1).public_key();
    let code = office.invite(Role::OperatorDesa, VILLAGE, 60);
    let expired = office.invite(Role::OperatorDesa, VILLAGE, -1);
    let other_key = code.secret().device_mac(&phone::key(2).public_key(), None);
    let answers = [
        ask_with(office.at(), &code, &device, other_key.to_hex().as_str()).await,
        ask_with(office.at(), &code, &device, "bukan hex").await,
        ask(office.at(), &expired, &device).await,
        ask(office.at(), &Code::new([9; 15]), &device).await,
    ];
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert_eq!(answer.0, 403);
    }
    let garbage = http::send(office.at(), "POST", "/v1/enrol", &[], b"{\"invite\":1}").await;
    assert_eq!((garbage.status, super::json(&garbage.body)), answers[0]);
    let long = vec![b' '; limits::BODY + 1];
    assert_eq!(http::send(office.at(), "POST", "/v1/enrol", &[], &long).await.status, 413);
    // None of it used the code up.
    assert_eq!(ask(office.at(), &code, &device).await.0, 200);
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down() {
    let office = Office::start().await;
    let code = office.invite(Role::OperatorDesa, VILLAGE, 60);
    let device = phone::key(1).public_key();
    for _ in 0..limits::ENROL_FAILURES {
        assert_eq!(ask(office.at(), &Code::new([9; 15]), &device).await.0, 403);
    }
    let (status, answer) = ask(office.at(), &code, &device).await;
    assert!(status == 429 && answer["error"].as_str().unwrap().contains("coba lagi"), "{answer}");
    assert_eq!(office.health().await, 200);
    office.server.stop().await.unwrap();
}
