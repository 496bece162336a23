//! Scans over bad links: slow ones that are cut, and sides that die in the middle.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use loket_tests::{Office, Phone, Running, Server, VILLAGE, eventually};

use super::script::sound;

/// Bytes of the scan that goes over a slow link.
const SCAN: usize = 2_000_000;
/// How many times faster than in a village the link of the test is; `LOKET_SLOW=1` for a village's.
const FASTER: u32 = 10;
/// Bits a second of a village's link.
const VILLAGE_BITS: f64 = 100_000.0;
/// Bytes of a packet.
const PACKET: usize = 1_400;
/// Boundaries at which one of the sides dies.
const BOUNDARY: u64 = 16 << 10;

fn faster() -> u32 {
    std::env::var("LOKET_SLOW").ok().and_then(|text| text.parse().ok()).unwrap_or(FASTER)
}

/// A link between phones and an office that is slow, is cut, or stops.
struct Link {
    address: String,
    office: Arc<Mutex<String>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    /// Bytes that went up.
    up: Arc<AtomicU64>,
    /// After so many bytes up of a connection that carries scans, no further one passes.
    stops_after: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Link {
    /// To this office; of so many bits a second up, or as fast as it goes.
    fn to(url: &str, bits: Option<f64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let office = Arc::new(Mutex::new(url.rsplit('/').next().unwrap().to_owned()));
        let link = Self {
            address,
            office,
            open: Arc::default(),
            up: Arc::default(),
            stops_after: Arc::new(AtomicU64::new(u64::MAX)),
            stopped: Arc::default(),
        };
        let (office, open) = (Arc::clone(&link.office), Arc::clone(&link.open));
        let way = Way {
            free: Arc::new(Mutex::new(Instant::now())),
            bits,
            up: Arc::clone(&link.up),
            stops_after: Arc::clone(&link.stops_after),
            stopped: Arc::clone(&link.stopped),
        };
        thread::spawn(move || {
            for phone in listener.incoming().map_while(Result::ok) {
                let to = office.lock().unwrap().clone();
                let Ok(office) = TcpStream::connect(to) else { continue };
                for stream in [&phone, &office] {
                    stream.set_nodelay(true).unwrap();
                    open.lock().unwrap().push(stream.try_clone().unwrap());
                }
                let (mut from, mut to) = (phone.try_clone().unwrap(), office.try_clone().unwrap());
                let way = way.clone();
                thread::spawn(move || way.carry(&mut from, &mut to));
                let (mut from, mut to) = (office, phone);
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        });
        link
    }

    fn lead_to(&self, url: &str) {
        *self.office.lock().unwrap() = url.rsplit('/').next().unwrap().to_owned();
    }

    /// Cuts everything that is open.
    fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }
}

/// The way up.
#[derive(Clone)]
struct Way {
    /// When the link is free for the next packet.
    free: Arc<Mutex<Instant>>,
    bits: Option<f64>,
    up: Arc<AtomicU64>,
    stops_after: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Way {
    /// Carries packet by packet.
    fn carry(&self, from: &mut TcpStream, to: &mut TcpStream) {
        let mut packet = vec![0; PACKET];
        let (mut passed, mut scans) = (0, None);
        while let Ok(read @ 1..) = from.read(&mut packet) {
            self.wait(read);
            let scans = *scans.get_or_insert(!packet.starts_with(b"GET /v1/sync"));
            if scans && passed >= self.stops_after.load(Ordering::Relaxed) {
                self.stopped.store(true, Ordering::Relaxed);
                return;
            }
            self.up.fetch_add(read as u64, Ordering::Relaxed);
            passed += read as u64;
            if to.write_all(&packet[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Until a packet of this size has left.
    fn wait(&self, bytes: usize) {
        let Some(bits) = self.bits else { return };
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / bits);
        let until = {
            let mut free = self.free.lock().unwrap();
            *free = (*free).max(Instant::now()) + takes;
            *free
        };
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}

/// An application with a scan of this size.
fn begun(phone: &Phone, scan: usize, seed: usize) -> String {
    let (id, _) = phone.begin("ktp-el-hilang");
    let photo = phone.path().join("foto.jpg");
    // Noise, as a photo is to whoever would compress it.
    let bytes: Vec<u8> = (0..scan.div_ceil(32))
        .flat_map(|n| *blake3::hash(&(n * 1_000 + seed).to_be_bytes()).as_bytes())
        .take(scan)
        .collect();
    fs::write(&photo, bytes).unwrap();
    phone.run(&["attach", &id, "surat_kehilangan", photo.to_str().unwrap()]);
    id
}

fn is_complete(office: &Office, id: &str) -> bool {
    let shown = office.outcome(&["show", id]);
    shown.success && shown.json()["attachments"][0]["complete"] == true
}

/// How many bytes a scan of 2 MB takes over a village's link that is cut so often.
fn over_a_cut_link(every: Duration) -> u64 {
    let office = Office::new();
    let server = office.serve();
    let bits = VILLAGE_BITS * f64::from(faster());
    let link = Link::to(server.url(), Some(bits));
    let phone = Phone::enrolled_at(&office, &format!("http://{}", link.address), "operator-desa", VILLAGE).0;
    let id = begun(&phone, SCAN, 1);
    let before = link.up();
    let mut command = phone.command();
    command.args(["sync", "--follow"]);
    let following = Running::start(command);
    let limit = Duration::from_secs(2_000) / faster();
    let began = Instant::now();
    while !is_complete(&office, &id) {
        assert!(began.elapsed() < limit, "it did not arrive within {limit:?}");
        thread::sleep(every / faster());
        link.cut();
    }
    following.kill();
    assert!(server.stop());
    link.up() - before
}

#[test]
fn a_scan_over_a_link_that_is_cut_costs_little_more_than_its_size() {
    let took = over_a_cut_link(Duration::from_secs(30));
    println!("cut every 30 s: {took} bytes for {SCAN}");
    assert!(took <= SCAN as u64 * 105 / 100, "{took} bytes for a scan of {SCAN}");
}

#[test]
fn a_scan_arrives_over_a_link_that_is_cut_all_the_time() {
    let took = over_a_cut_link(Duration::from_secs(5));
    println!("cut every 5 s: {took} bytes for {SCAN}");
}

/// One of the two sides dies once so much of a scan has passed; then both go on.
fn dies_at(
    office: &Office,
    server: &mut Option<Server>,
    phone: &Phone,
    link: &Link,
    number: u64,
    whose: &str,
) {
    let id = begun(phone, 200_000, number as usize);
    let mut command = phone.command();
    command.args(["sync"]);
    let mut syncing = Running::start(command);
    eventually("the scan is on its way", Duration::from_secs(30), || {
        (link.stopped.load(Ordering::Relaxed) || !syncing.runs()).then_some(())
    });
    match whose {
        "phone" => drop(syncing.kill()),
        _ => {
            server.as_mut().unwrap().kill();
            *server = None;
            link.cut();
            drop(syncing.kill());
            *server = Some(office.serve());
        }
    }
    link.cut();
    link.stops_after.store(u64::MAX, Ordering::Relaxed);
    link.lead_to(server.as_ref().unwrap().url());
    assert!(!is_complete(office, &id) || number > 11, "{whose} at {number}: it was killed too late");
    let mut tries = 0;
    while !is_complete(office, &id) {
        tries += 1;
        assert!(tries < 30, "{whose} at {number}");
        phone.outcome(&["sync"]);
    }
}

#[test]
fn whichever_side_dies_at_any_boundary_nothing_is_lost() {
    for whose in ["phone", "office"] {
        for number in 1..=12 {
            let office = Office::new();
            let mut server = Some(office.serve());
            let link = Link::to(server.as_ref().unwrap().url(), None);
            let url = format!("http://{}", link.address);
            let phone = Phone::enrolled_at(&office, &url, "operator-desa", VILLAGE).0;
            link.stops_after.store(number * BOUNDARY, Ordering::Relaxed);
            dies_at(&office, &mut server, &phone, &link, number, whose);
            sound(&office);
            assert!(server.unwrap().stop());
        }
    }
}
