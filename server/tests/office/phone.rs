//! A phone without the client: the protocol's state machine on a bare WebSocket.

use std::collections::VecDeque;
use std::net::SocketAddr;

use data_encoding::HEXLOWER;
use futures_util::{SinkExt, StreamExt};
use loket_core::catalogue::{Field, Kind};
use loket_core::checks::What;
use loket_core::identity::{PublicKey, SeededKey, Signer};
use loket_core::journal::body::{Op, Value};
use loket_core::journal::{AttachmentHash, EntryHash, Partition};
use loket_core::replica::Replica;
use loket_core::replica::rows::AttachmentRow;
use loket_core::replica::write::{Asked, Author, Opening, text};
use loket_core::store::memory::MemoryStore;
use loket_core::sync::message::Message;
use loket_core::sync::session::{Output, Session};
use loket_server::config::{dice, now};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::PATIENCE;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The key of a phone.
pub fn key(seed: u64) -> SeededKey {
    SeededKey::new(seed)
}

/// What the office said at last, where it ended a session.
#[derive(Debug, PartialEq)]
pub enum Ended {
    /// With this code.
    Farewell(u16),
    /// Without a word.
    Cut,
}

/// A phone.
pub struct Phone {
    pub key: SeededKey,
    pub replica: Replica<MemoryStore>,
    pub place: Partition,
    epoch: [u8; 8],
}

/// A session that is open.
pub struct Link {
    socket: Socket,
    session: Session,
}

/// A bare connection to the sync address.
pub async fn connect(at: SocketAddr) -> Socket {
    connect_async(format!("ws://{at}/v1/sync")).await.unwrap().0
}

/// Reads until the office ends the connection.
pub async fn farewell(socket: &mut Socket) -> Ended {
    let mut said = Ended::Cut;
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("an end in time") {
            Some(Ok(Frame::Binary(frame))) => {
                if let Ok(Message::Error(code, sentence)) = Message::from_bytes(&frame) {
                    assert!(!sentence.is_empty());
                    said = Ended::Farewell(code);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return said,
        }
    }
}

impl Phone {
    /// A phone that knows its office's key.
    pub fn new(seed: u64, office: &str, place: &str) -> Phone {
        let office = PublicKey(HEXLOWER.decode(office.as_bytes()).unwrap().try_into().unwrap());
        let mut replica = Replica::open(MemoryStore::default(), office).unwrap();
        let epoch = replica.transaction(|replica| replica.epoch(&mut dice)).unwrap();
        Phone { key: key(seed), replica, place: place.parse().unwrap(), epoch }
    }

    /// Connects and exchanges everything that is known on both sides.
    pub async fn sync(&mut self, at: SocketAddr) -> Link {
        let mut link = self.call(at).await;
        while !link.session.is_settled() {
            self.step(&mut link).await.unwrap();
        }
        link
    }

    async fn call(&mut self, at: SocketAddr) -> Link {
        let mut socket = connect(at).await;
        let mut nonce = [0; 16];
        dice(&mut nonce);
        let (session, hello) = Session::call(self.key.author(), nonce);
        socket.send(Frame::Binary(hello.into())).await.unwrap();
        Link { socket, session }
    }

    /// Takes one frame in and does what follows from it.
    pub async fn step(&mut self, link: &mut Link) -> Result<(), Ended> {
        let frame = loop {
            match timeout(PATIENCE, link.socket.next()).await.expect("a frame in time") {
                Some(Ok(Frame::Binary(frame))) => break frame,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Ended::Cut),
            }
        };
        if let Ok(Message::Error(code, _)) = Message::from_bytes(&frame) {
            return Err(Ended::Farewell(code));
        }
        let outputs = link.session.receive(&frame, &self.replica, &self.key).unwrap();
        self.act(link, outputs).await;
        Ok(())
    }

    /// Steps until the phone knows what it waits for.
    pub async fn until(&mut self, link: &mut Link, known: impl Fn(&Replica<MemoryStore>) -> bool) {
        while !known(&self.replica) {
            self.step(link).await.unwrap();
        }
    }

    /// Sends what the phone has written since.
    pub async fn push(&mut self, link: &mut Link) {
        let outputs = link.session.poll(&self.replica, None).unwrap();
        self.act(link, outputs).await;
        while !link.session.is_settled() {
            self.step(link).await.unwrap();
        }
    }

    async fn act(&mut self, link: &mut Link, outputs: Vec<Output>) {
        let mut todo = VecDeque::from(outputs);
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => link.socket.send(Frame::Binary(frame.into())).await.unwrap(),
                Output::Learn { batch, runs } => {
                    let learned = self.replica.transaction(|replica| replica.learn(&runs)).unwrap();
                    todo.extend(link.session.taken(batch, &learned.refused, &self.replica).unwrap());
                }
                Output::Receipt(receipt) => {
                    self.replica.transaction(|replica| replica.learn_receipt(&receipt)).unwrap();
                }
                Output::Taken { refused } => assert!(refused.is_empty(), "{refused:?}"),
                Output::Revoked(_) | Output::PeerDone => {}
            }
        }
    }

    /// Opens an application with one scan.
    pub fn open(&mut self, number: &str, scan: &[u8]) -> (EntryHash, AttachmentHash) {
        let hash = AttachmentHash(*blake3::hash(scan).as_bytes());
        let file = self.replica.catalogue().get("ktp-el-hilang", "2026.1").unwrap();
        let author = Author { signer: &self.key, epoch: self.epoch };
        let place = self.place;
        let fields = vec![
            text("nama", "Contoh Pemohon"),
            Op {
                register: "lampiran/surat_kehilangan/1".into(),
                value: Value::Attachment(hash, scan.len() as u64),
            },
        ];
        let opening = Opening { file: &file, variant: None, place, number, from: None };
        let case = self.replica.transaction(|replica| {
            let case = replica.open_application(&author, &opening, fields, now(), &mut dice)?;
            replica.seal(&author, place)?;
            Ok(case)
        });
        (case.unwrap().id, hash)
    }

    /// Fills in whatever the catalogue asks for, with fictional values, until nothing is missing; then submits.
    /// Returns the scan that stands for every paper.
    pub fn fill_and_submit(&mut self, id: &EntryHash, scan: &[u8]) -> AttachmentHash {
        let hash = AttachmentHash(*blake3::hash(scan).as_bytes());
        let (place, now) = (self.place, now());
        let author = Author { signer: &self.key, epoch: self.epoch };
        for _ in 0..200 {
            let case = self.replica.case(&place, id).unwrap();
            let Some(missing) = self.replica.missing(&case, now).unwrap().into_iter().next() else { break };
            let service = case.service.clone().unwrap();
            let op = match missing.what {
                What::Field => text(&missing.id, &value(service.service.field(&missing.id).unwrap())),
                What::Requirement => Op {
                    register: format!("lampiran/{}/1", missing.id),
                    value: Value::Attachment(hash, scan.len() as u64),
                },
                What::Warning => {
                    let warnings = self.replica.warnings(&case, now).unwrap();
                    let warning = warnings.iter().find(|warning| warning.id == missing.id).unwrap();
                    text(&format!("periksa/{}", warning.id), &warning.fingerprint)
                }
                What::Attachment => {
                    let row = self.replica.attachment(&place, &hash).unwrap().unwrap();
                    let row = AttachmentRow { here: true, ..row };
                    self.replica.transaction(|replica| replica.put_attachment(&place, &hash, &row)).unwrap();
                    continue;
                }
                What::Conflict => panic!("{missing:?}"),
            };
            let edited = self.replica.transaction(|r| r.edit(&author, case, vec![op], now, &mut dice));
            assert!(edited.is_ok(), "{missing:?}: {:?}", edited.err());
        }
        let case = self.replica.case(&place, id).unwrap();
        assert!(self.replica.missing(&case, now).unwrap().is_empty());
        let wish = Asked { act: "ajukan".into(), freezes: true, reason: None, params: Vec::new() };
        self.replica
            .transaction(|replica| {
                replica.request(&author, &case, wish, now, &mut dice)?;
                replica.seal(&author, place)
            })
            .unwrap();
        hash
    }

    /// The office's name.
    pub fn office(&self) -> loket_core::journal::AuthorId {
        self.replica.office_author()
    }
}

/// A valid value for a field.
fn value(field: &Field) -> String {
    let typed = match field.kind {
        Kind::Nik => "3312084107900001",
        Kind::NomorKk => "3312080101050001",
        Kind::Nama => "Contoh Pemohon",
        Kind::Tanggal => "1990-07-01",
        Kind::Teks | Kind::Catatan => "contoh",
        Kind::Telepon => "0812 3456 7890",
        Kind::Pilihan => &field.options[0].id,
        Kind::Wilayah => "33.12.08.2002",
        Kind::Bilangan => "1",
        Kind::YaTidak => "ya",
    };
    loket_core::value::parse(field.kind, &field.options, field.many, typed).unwrap()
}

impl Link {
    /// Reads until the office ends the session.
    pub async fn farewell(mut self) -> Ended {
        farewell(&mut self.socket).await
    }
}
