//! Through a signed webhook, whose receiver takes each id once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use aws_lc_rs::hmac;
use serde_json::Value;

use super::{Gateway, eventually, quiet_day, text};

const SECRET: &str = "rahasia-antara-dua-pihak";

/// What the receiver was given.
#[derive(Default)]
struct Given {
    requests: u32,
    /// Number and report address, by id.
    messages: BTreeMap<String, (String, String)>,
}

struct Webhook {
    port: u16,
    given: Arc<Mutex<Given>>,
}

impl Webhook {
    /// A receiver that takes the first request, and closes the connection without a word.
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let given = Arc::<Mutex<Given>>::default();
        let shared = Arc::clone(&given);
        thread::spawn(move || {
            for stream in listener.incoming() {
                receive(&stream.unwrap(), &shared);
            }
        });
        Self { port, given }
    }
}

fn receive(stream: &TcpStream, given: &Mutex<Given>) {
    let mut reader = BufReader::new(stream);
    let mut head = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            head.insert(name.to_lowercase(), value.to_owned());
        }
    }
    let mut body = vec![0; head["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let (at, tag) = head["loket-signature"].split_once(",v1=").unwrap();
    let signed = [at.trim_start_matches("t=").as_bytes(), b".", &body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = data_encoding::HEXLOWER.decode(tag.as_bytes()).unwrap();
    hmac::verify(&key, &signed, &tag).expect("signed by the office");

    let message: Value = serde_json::from_slice(&body).unwrap();
    let mut given = given.lock().unwrap();
    given.requests += 1;
    let id = text(&message, "id").to_owned();
    assert_eq!(head["idempotency-key"], id);
    given.messages.insert(id, (text(&message, "to").to_owned(), text(&message, "report_url").to_owned()));
    if given.requests > 1 {
        let mut answer = stream;
        answer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

impl Gateway for Webhook {
    fn start(&mut self) {}

    fn kill(&mut self) {}

    fn sent(&self) -> BTreeMap<String, u32> {
        let given = self.given.lock().unwrap();
        let mut sent = BTreeMap::new();
        for (to, _) in given.messages.values() {
            *sent.entry(to.clone()).or_insert(0) += 1;
        }
        sent
    }

    fn description(&self, office: &str) -> String {
        format!(
            "driver = \"webhook\"\nurl = \"http://127.0.0.1:{}/sms\"\nsecret = {SECRET:?}\nreport_url = \"{office}\"\n",
            self.port
        )
    }
}

async fn report(address: String) -> u16 {
    reqwest::get(address).await.unwrap().status().as_u16()
}

#[test]
fn a_webhook_is_asked_again_under_the_same_id() {
    let post = quiet_day(Webhook::new(), "di_gateway");
    let given = Arc::clone(&post.gateway.given);
    let (requests, report_url) = {
        let given = given.lock().unwrap();
        (given.requests, given.messages.values().next().unwrap().1.clone())
    };
    assert_eq!(requests, 2, "the answer to the first was not seen");
    let number = post.numbers().remove(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let said = |status: &str| runtime.block_on(report(format!("{report_url}?status={status}")));
    let other = if report_url.ends_with('0') { '1' } else { '0' };
    let guessed = format!("{}{other}", &report_url[..report_url.len() - 1]);
    assert_eq!(runtime.block_on(report(format!("{guessed}?status=sampai"))), 404);
    assert_eq!(said("entahlah"), 400);
    for (status, standing) in [("diterima", "di_gateway"), ("terkirim", "terkirim"), ("gagal", "gagal")] {
        assert_eq!(said(status), 204, "{status}");
        eventually(standing, std::time::Duration::from_secs(9), || {
            (post.state(&number) == standing).then_some(())
        });
    }
    post.phone.sync();
    let shown = post.phone.run(&["show", &number]);
    assert!(shown["notices"].as_array().unwrap().iter().any(|notice| notice["id"] == "sms"), "{shown}");
    // The network knew better: nobody has to call any more.
    assert_eq!(said("sampai"), 204);
    assert_eq!(post.state(&number), "sampai");
    post.phone.sync();
    let shown = post.phone.run(&["show", &number]);
    assert!(!shown["notices"].as_array().unwrap().iter().any(|notice| notice["id"] == "sms"), "{shown}");
}
