//! A wire between phones and the office that counts what passes, and that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loket_tests::eventually;

/// Longest that a connection may stay open after the command that made it.
const CLOSING: Duration = Duration::from_secs(20);
/// Bytes moved at a time.
const BUFFER: usize = 64 << 10;
/// Bytes of the first request that are kept to tell what it asks for.
const HEAD: usize = 64;

/// What one connection carried.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    head: Vec<u8>,
    /// Bytes from the phone.
    pub up: u64,
    /// Bytes to the phone.
    pub down: u64,
    /// How often the phone sent something after the office had.
    pub turns: u64,
    from_office: bool,
    open: usize,
}

impl Tally {
    /// Whether it carried entries (a WebSocket) rather than attachments.
    pub fn is_sync(&self) -> bool {
        self.head.starts_with(b"GET /v1/sync")
    }

    /// Both ways together.
    pub fn bytes(&self) -> u64 {
        self.up + self.down
    }
}

/// The wire.
pub struct Proxy {
    url: String,
    target: Arc<Mutex<String>>,
    tallies: Arc<Mutex<Vec<Tally>>>,
}

impl Proxy {
    /// A wire to the server at this address.
    pub fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(host(url)));
        let tallies = Arc::new(Mutex::new(Vec::new()));
        let (to, all) = (target.clone(), tallies.clone());
        thread::spawn(move || {
            for phone in listener.incoming().map_while(Result::ok) {
                // A server that is gone: the phone sees its connection closed.
                let to = to.lock().unwrap().clone();
                let Ok(office) = TcpStream::connect(to) else { continue };
                carry(&phone, &office, &all);
            }
        });
        Self { url: format!("http://{address}"), target, tallies }
    }

    /// Its address, for phones.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Leads to another server from now on.
    pub fn lead_to(&self, url: &str) {
        *self.target.lock().unwrap() = host(url);
    }

    /// What the connections carried since the last time, once all are closed: those of entries, and the sum of
    /// the others.
    pub fn take(&self) -> (Vec<Tally>, u64) {
        eventually("the connections close", CLOSING, || {
            let open = self.tallies.lock().unwrap().iter().any(|tally| tally.open > 0);
            (!open).then_some(())
        });
        let (sync, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *self.tallies.lock().unwrap()).into_iter().partition(Tally::is_sync);
        (sync, rest.iter().map(Tally::bytes).sum())
    }
}

fn host(url: &str) -> String {
    url.rsplit('/').next().unwrap().to_owned()
}

/// Carries bytes both ways, in two threads that end with the connection.
fn carry(phone: &TcpStream, office: &TcpStream, all: &Arc<Mutex<Vec<Tally>>>) {
    let at = {
        let mut all = all.lock().unwrap();
        all.push(Tally { open: 2, ..Tally::default() });
        all.len() - 1
    };
    for stream in [phone, office] {
        stream.set_nodelay(true).unwrap();
    }
    for (from, to, up) in [(phone, office, true), (office, phone, false)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let all = all.clone();
        thread::spawn(move || {
            pump(from, to, &mut |bytes| count(&mut all.lock().unwrap()[at], bytes, up));
            all.lock().unwrap()[at].open -= 1;
        });
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, count: &mut dyn FnMut(&[u8])) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        count(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn count(tally: &mut Tally, bytes: &[u8], up: bool) {
    if up {
        let kept = HEAD.saturating_sub(tally.head.len()).min(bytes.len());
        tally.head.extend_from_slice(&bytes[..kept]);
        tally.up += bytes.len() as u64;
        tally.turns += u64::from(tally.from_office);
    } else {
        tally.down += bytes.len() as u64;
    }
    tally.from_office = !up;
}
