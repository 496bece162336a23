//! Sync over WebSockets, and the end of the office.

use futures_util::SinkExt;
use loket_core::identity::Signer;
use loket_core::journal::Partition;
use loket_core::journal::body::CAUSE_LOST;
use loket_core::sync::message::{MAX_FRAME, Message};
use loket_server::config::dice;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::phone::{Ended, connect, farewell};
use super::{Office, VILLAGE};

/// Codes of farewells, as the protocol has them.
const MALFORMED: u16 = 1;
const UNKNOWN: u16 = 3;
const SIGNATURE: u16 = 4;
const UNEXPECTED: u16 = 5;
const STOPPED: u16 = 98;

#[tokio::test(flavor = "multi_thread")]
async fn work_travels_from_phone_to_phone_while_they_are_connected() {
    let office = Office::start().await;
    let mut first = office.phone(1, VILLAGE).await;
    let mut second = office.phone(2, VILLAGE).await;
    let mut listening = second.sync(office.at()).await;
    let (id, _) = first.open("3312082002-26-0001-0001-A", b"pindaian");
    let mut link = first.sync(office.at()).await;
    let place = first.place;
    second.until(&mut listening, |replica| replica.row(&place, &id).unwrap().is_some()).await;
    // The other way, over the sessions that are open.
    let (back, _) = second.open("3312082002-26-0002-0001-A", b"pindaian lain");
    second.push(&mut listening).await;
    first.until(&mut link, |replica| replica.row(&place, &back).unwrap().is_some()).await;
    assert_eq!(first.replica.vector(&place).unwrap(), second.replica.vector(&place).unwrap());
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_does_reaches_connected_phones() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let mut link = phone.sync(office.at()).await;
    let text = format!("{}\n", include_str!("../../../core/catalogue/ktp-el-hilang.toml"));
    let newer = text.replace("version = \"2026.1\"", "version = \"2026.2\"");
    assert_ne!(text, newer);
    let mut other = office.folder.office().unwrap();
    let published =
        other.write(|office| office.publish("layanan", "ktp-el-hilang", newer.as_bytes(), &mut dice));
    assert!(published.unwrap().0);
    phone.until(&mut link, |replica| replica.catalogue().get("ktp-el-hilang", "2026.2").is_some()).await;
    let again = other.write(|office| office.publish("layanan", "ktp-el-hilang", newer.as_bytes(), &mut dice));
    assert!(!again.unwrap().0);

    let device = phone.key.author();
    other.write(|office| office.revoke(&device, "dicabut", &mut dice)).unwrap();
    assert_eq!(link.farewell().await, Ended::Farewell(STOPPED));
    // It may come again with what it has; one in other hands may not.
    let link = phone.sync(office.at()).await;
    other.write(|office| office.revoke(&device, CAUSE_LOST, &mut dice)).unwrap();
    assert_eq!(link.farewell().await, Ended::Farewell(UNKNOWN));
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_none_ends_that_connection_and_nothing_else() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let mut good = phone.sync(office.at()).await;
    let mut random = vec![0; 500];
    dice(&mut random);
    random[0] = 0xff;
    let hello = |author| {
        let hello =
            loket_core::sync::message::Hello { version: 1, author, nonce: [1; 16], certificate: None };
        Frame::Binary(Message::Hello(hello).to_bytes().into())
    };
    let known = phone.key.author();
    let proof = Message::Proof(loket_core::identity::Signature([1; 64]), [0; 32]).to_bytes();
    let table: Vec<(Vec<Frame>, u16)> = vec![
        (vec![Frame::Binary(random.into())], MALFORMED),
        (vec![Frame::Binary(Vec::new().into())], MALFORMED),
        (vec![Frame::Text("halo".into())], MALFORMED),
        (vec![Frame::Binary(vec![0; MAX_FRAME + 1].into())], MALFORMED),
        (vec![Frame::Binary(Message::Done.to_bytes().into())], UNEXPECTED),
        (vec![hello(known), hello(known)], UNEXPECTED),
        (vec![hello(loket_core::journal::AuthorId([9; 32]))], UNKNOWN),
        (vec![hello(known), Frame::Binary(proof.into())], SIGNATURE),
    ];
    for (frames, code) in table {
        let mut socket = connect(office.at()).await;
        let shown = format!("{frames:?}").chars().take(80).collect::<String>();
        for frame in frames {
            // The office may hang up on a frame that it does not read to its end.
            let _ = socket.send(frame).await;
        }
        assert_eq!(farewell(&mut socket).await, Ended::Farewell(code), "{shown}");
    }
    assert_eq!(office.health().await, 200);
    phone.open("3312082002-26-0001-0001-A", b"pindaian");
    phone.push(&mut good).await;
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_connects_anew_replaces_its_oldest_session() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let first = phone.sync(office.at()).await;
    let _second = phone.sync(office.at()).await;
    let mut third = phone.sync(office.at()).await;
    assert_eq!(first.farewell().await, Ended::Farewell(99));
    phone.open("3312082002-26-0001-0001-A", b"pindaian");
    phone.push(&mut third).await;
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_keeps_what_was_acknowledged_and_says_farewell() {
    let office = Office::start().await;
    let mut phone = office.phone(1, VILLAGE).await;
    let (id, _) = phone.open("3312082002-26-0001-0001-A", b"pindaian");
    let link = phone.sync(office.at()).await;
    let idle = connect(office.at()).await;
    let (folder, at) = (office.folder.clone(), office.at());
    let (stopped, said, mut idle) = (office.server.stop(), link.farewell(), idle);
    let (stopped, said, other) = tokio::join!(stopped, said, farewell(&mut idle));
    stopped.unwrap();
    assert_eq!((said, other), (Ended::Farewell(STOPPED), Ended::Farewell(STOPPED)));
    assert!(tokio::net::TcpStream::connect(at).await.is_err());

    let place: Partition = VILLAGE.parse().unwrap();
    let again = folder.office().unwrap();
    assert!(again.replica.row(&place, &id).unwrap().is_some());
    assert!(loket_server::office::verify::verify(&again.replica).unwrap().faults.is_empty());
    // And serves again, as before.
    let server = loket_server::serve::Server::start(&folder, "127.0.0.1:0").await.unwrap();
    phone.sync(server.address()).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_phones_at_once_share_the_writer() {
    const PHONES: u64 = 12;
    let office = Office::start().await;
    let mut phones = Vec::new();
    for seed in 1..=PHONES {
        phones.push(office.phone(seed, VILLAGE).await);
    }
    let at = office.at();
    let work = phones.into_iter().enumerate().map(|(n, mut phone)| async move {
        for round in 0..5 {
            phone.open(&format!("3312082002-26-{n:04}-{round:04}-A"), b"pindaian");
            phone.sync(at).await;
        }
        phone
    });
    let mut phones = futures_util::future::join_all(work).await;
    let place: Partition = VILLAGE.parse().unwrap();
    let mut first = phones.remove(0);
    first.sync(at).await;
    assert_eq!(first.replica.list(&first.key.author()).unwrap().len(), 5 * PHONES as usize);
    let office_has = office.folder.office().unwrap();
    let mine = office_has.replica.vector(&place).unwrap();
    assert_eq!(first.replica.vector(&place).unwrap(), mine);
    assert!(loket_server::office::verify::verify(&office_has.replica).unwrap().faults.is_empty());
    office.server.stop().await.unwrap();
}
