//! Hostile bytes at a real office: malformed frames by the hundred thousand in every phase of a session, and sockets
//! that never say a word. What must hold: the office's memory stays, an honest phone goes on, nothing panics.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use loket_core::catalogue::Role;
use loket_core::identity::{PublicKey, SeededKey, Signer};
use loket_core::replica::Replica;
use loket_core::replica::write::{Author, Opening, text};
use loket_core::store::memory::MemoryStore;
use loket_core::sync::message::{Batch, MAX_BATCH, MAX_FRAME, Message};
use loket_core::sync::session::{Output, Session};
use loket_core::time::today;
use loket_server::config::{Folder, limits, now};
use loket_tests::fuzz::{Rng, alter, frames};
use loket_tests::{Office, Phone, Server, VILLAGE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::script::items;

/// Malformed frames; `LOKET_FRAMES` sets another number.
const FRAMES: usize = 100_000;
/// Before memory is looked at for the first time: rounds of so many, until one adds next to nothing. The system's
/// allocator keeps what each thread's busiest moment needed, and gives none of it back.
const WARM_UP: usize = 50_000;
/// Rounds in a row that add next to nothing: one alone may be luck.
const CALM: u32 = 2;
/// Rounds of the warm-up at most.
const ROUNDS: u64 = 10;
/// Malformed frames of one connection, sent without waiting for what becomes of the first.
const PER_CONNECTION: usize = 10;
/// Hostile devices at once.
const CROWD: u64 = 6;
/// The honest phone's key. Another than the recorded frames' devices have: theirs come again and again, and would be
/// branches of its own journals, as of a phone that was restored.
const HONEST: u64 = 90;
/// The hostile devices' village: in the honest phone's they would be sent its work anew in each session, more and more.
const ELSEWHERE: &str = "33.12.08.2004";
/// Between two round trips of the honest phone, where the attack is no longer than it is by itself. Its work takes
/// memory too, and its part has to be small.
const PAUSE: Duration = Duration::from_millis(50);
/// Round trips of the honest phone while nobody disturbs.
const QUIET: usize = 300;
/// Sockets that are opened and say nothing.
const SILENT: usize = 12_000;
/// Files that the test needs beside them.
const OTHER_FILES: usize = 500;
/// For what must come. Nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Certifies devices of these seeds in a village, as `enroll` would.
fn certified(office: &Office, village: &str, seeds: impl Iterator<Item = u64>) {
    let mut desk = Folder::new(office.path()).office().unwrap();
    let place = [village.parse().unwrap()];
    for seed in seeds {
        let key = SeededKey::new(seed).public_key();
        let mut rng = Rng::new(seed);
        desk.write(|desk| {
            desk.certify(key, Role::OperatorDesa, &place, "Petugas", now(), &mut |b| rng.fill(b))
        })
        .unwrap();
    }
}

fn address(server: &Server) -> SocketAddr {
    server.url().strip_prefix("http://").unwrap().parse().unwrap()
}

/// Connects from one of the loopback's many addresses.
async fn tcp(to: SocketAddr, from: u8) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if cfg!(target_os = "linux") {
        socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from)), 0))?;
    }
    socket.connect(to).await
}

/// A WebSocket of the office.
async fn upgraded(stream: TcpStream, to: SocketAddr) -> Option<WebSocketStream<TcpStream>> {
    let opened = tokio_tungstenite::client_async(format!("ws://{to}/v1/sync"), stream);
    timeout(PATIENCE, opened).await.ok()?.ok().map(|(socket, _)| socket)
}

/// A phone of the protocol's own code, whose key the test knows.
struct Caller {
    replica: Replica<MemoryStore>,
    key: SeededKey,
    session: Session,
    socket: WebSocketStream<TcpStream>,
    made: u32,
}

impl Caller {
    /// Connects and proves itself, until the session is open.
    async fn open(server: SocketAddr, office: PublicKey, seed: u64, from: u8) -> Option<Self> {
        let replica = Replica::open(MemoryStore::default(), office).unwrap();
        let key = SeededKey::new(seed);
        let (session, hello) = Session::call(key.author(), [from; 16]);
        let socket = upgraded(tcp(server, from).await.ok()?, server).await?;
        let mut caller = Caller { replica, key, session, socket, made: 0 };
        caller.socket.send(Frame::Binary(hello.into())).await.ok()?;
        while !caller.session.is_open() {
            caller.hear().await?;
        }
        Some(caller)
    }

    /// Takes the next frame in; returns how many batches it acknowledges.
    async fn hear(&mut self) -> Option<usize> {
        // Pings are no answer.
        match timeout(PATIENCE, self.answer()).await {
            Ok(answer) => answer,
            Err(_) => panic!("no answer after {} applications: {:?}", self.made, self.session),
        }
    }

    async fn answer(&mut self) -> Option<usize> {
        loop {
            match self.socket.next().await? {
                Ok(Frame::Binary(frame)) => {
                    let outputs = self.session.receive(&frame, &self.replica, &self.key).ok()?;
                    return self.carry_out(outputs).await;
                }
                Ok(Frame::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    async fn carry_out(&mut self, outputs: Vec<Output>) -> Option<usize> {
        let (mut todo, mut taken) = (std::collections::VecDeque::from(outputs), 0);
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => self.socket.send(Frame::Binary(frame.into())).await.ok()?,
                Output::Learn { batch, runs } => {
                    let learned = self.replica.transaction(|replica| replica.learn(&runs)).unwrap();
                    todo.extend(self.session.taken(batch, &learned.refused, &self.replica).unwrap());
                }
                Output::Receipt(receipt) => {
                    self.replica.transaction(|replica| replica.learn_receipt(&receipt)).unwrap();
                }
                Output::Taken { refused } => {
                    assert!(refused.is_empty(), "honest work was not taken: {refused:?}");
                    taken += 1;
                }
                Output::Revoked(_) | Output::PeerDone => {}
            }
        }
        Some(taken)
    }

    /// Begins an application and waits until the office has it for good.
    async fn round_trip(&mut self) -> Option<Duration> {
        self.made += 1;
        let (n, at) = (self.made, now());
        let file = self.replica.catalogue().current("ktp-el-hilang", today(at)).unwrap();
        let author = Author { signer: &self.key, epoch: [1; 8] };
        let place = VILLAGE.parse().unwrap();
        let number = format!("{n}");
        let opening = Opening { file: &file, variant: None, place, number: &number, from: None };
        let mut rng = Rng::new(u64::from(n));
        self.replica
            .transaction(|replica| {
                let fields = vec![text("alamat", &format!("Dusun {n}"))];
                replica.open_application(&author, &opening, fields, at, &mut |b| rng.fill(b))?;
                replica.seal(&author, place)
            })
            .unwrap();
        let start = Instant::now();
        let outputs = self.session.poll(&self.replica, Some(&[place].into())).unwrap();
        let mut taken = self.carry_out(outputs).await?;
        while taken == 0 {
            taken = self.hear().await?;
        }
        Some(start.elapsed())
    }
}

/// What one hostile device needs.
struct Enemy {
    server: SocketAddr,
    office: PublicKey,
    seed: u64,
    rng: Rng,
    honest: Vec<(String, Vec<u8>)>,
    bomb: Vec<u8>,
}

impl Enemy {
    fn new(server: SocketAddr, office: PublicKey, seed: u64) -> Self {
        let zstd = zstd::bulk::compress(&vec![0; 200 << 20], 1).unwrap();
        let bomb = Message::Batch(Batch { id: 1, dictionary: None, size: MAX_BATCH as u32, zstd }).to_bytes();
        Self { server, office, seed, rng: Rng::new(seed), honest: frames(), bomb }
    }

    /// A frame that has no business here.
    fn frame(&mut self) -> Frame {
        let rng = &mut self.rng;
        let at = rng.below(self.honest.len());
        let bytes = match rng.below(200) {
            0 => vec![0x82; MAX_FRAME + 1],
            1..4 => self.bomb.clone(),
            4..8 => return Frame::Text("halo".into()),
            8..30 => (0..rng.below(300)).map(|_| rng.byte()).collect(),
            30..50 => {
                let whole = &self.honest[at].1;
                whole[..rng.below(whole.len())].to_vec()
            }
            // Nothing is wrong with it but the time, the key or the office.
            50..80 => self.honest[at].1.clone(),
            _ => alter(rng, &self.honest, at),
        };
        Frame::Binary(bytes.into())
    }

    /// One connection: into some phase of the session, then malformed frames. Returns how many were sent.
    async fn attack(&mut self) -> usize {
        let from = u8::try_from(2 + self.seed).unwrap();
        let mut socket = match self.rng.below(4) {
            0 => match Caller::open(self.server, self.office, self.seed, from).await {
                Some(caller) => caller.socket,
                None => return 0,
            },
            phase => {
                let Ok(stream) = tcp(self.server, from).await else { return 0 };
                let Some(mut socket) = upgraded(stream, self.server).await else { return 0 };
                if phase == 1 {
                    let (_, hello) = Session::call(SeededKey::new(self.seed).author(), [3; 16]);
                    let _ = socket.send(Frame::Binary(hello.into())).await;
                    let _ = timeout(PATIENCE, socket.next()).await;
                }
                socket
            }
        };
        let mut sent = 0;
        for _ in 0..PER_CONNECTION {
            match timeout(PATIENCE, socket.send(self.frame())).await {
                Ok(Ok(())) => sent += 1,
                _ => break,
            }
        }
        let _ = socket.close(None).await;
        sent
    }
}

/// Sends so many malformed frames, from all hostile devices together. They would be machines of their own: here they
/// leave the processors to whoever else wants them.
async fn attack(server: SocketAddr, office: PublicKey, frames: usize, round: u64) -> usize {
    let crowd = move || {
        #[cfg(unix)]
        rustix::process::nice(19).expect("less urgent");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(attack_together(server, office, frames, round))
    };
    // A thread of its own: how urgent one is cannot be taken back.
    let (told, sent) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || told.send(crowd()));
    sent.await.expect("the crowd comes to its end")
}

async fn attack_together(server: SocketAddr, office: PublicKey, frames: usize, round: u64) -> usize {
    let sent = Arc::new(AtomicUsize::new(0));
    let crowd: Vec<_> = (0..CROWD)
        .map(|n| {
            let sent = Arc::clone(&sent);
            tokio::spawn(async move {
                let mut enemy = Enemy::new(server, office, 10 + n);
                enemy.rng = Rng::new(round << 32 | n);
                while sent.load(Ordering::Relaxed) < frames {
                    let more = enemy.attack().await;
                    sent.fetch_add(more, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for one in crowd {
        one.await.unwrap();
    }
    sent.load(Ordering::Relaxed)
}

/// Waits until the office has parted with everybody but so many, and tells what it has in memory then.
async fn settled(server: &Server, to: SocketAddr, others: u32) -> u64 {
    let sessions = async || -> Option<f64> {
        let mut stream = tcp(to, 1).await.ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).await.ok()?;
        page.lines().find_map(|line| line.strip_prefix("loket_sessions "))?.trim().parse().ok()
    };
    let start = Instant::now();
    while sessions().await != Some(f64::from(others)) {
        assert!(start.elapsed() < PATIENCE, "sessions stay");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.memory()
}

/// Attacks until the office's memory stays as it is, and tells how much that is.
async fn warmed_up(server: &Server, to: SocketAddr, office: PublicKey) -> u64 {
    let (mut before, mut calm) = (server.memory(), 0);
    for round in 1..=ROUNDS {
        attack(to, office, WARM_UP, round).await;
        let after = settled(server, to, 1).await;
        println!("warm-up {round}: memory {} KiB", after >> 10);
        calm = if after * 100 < before * 102 { calm + 1 } else { 0 };
        before = before.max(after);
        if calm == CALM {
            break;
        }
    }
    before
}

/// Round trips of the honest phone until it is told to stop.
async fn honest(
    mut caller: Caller,
    stop: Arc<AtomicBool>,
    least: usize,
    pause: Duration,
) -> (Caller, Vec<Duration>) {
    let mut times = Vec::new();
    while times.len() < least || !stop.load(Ordering::Relaxed) {
        times.push(caller.round_trip().await.expect("the honest phone goes on"));
        tokio::time::sleep(pause).await;
    }
    (caller, times)
}

fn told(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!("{what}: {} round trips, median {:.2} ms, p99 {:.2} ms", times.len(), at(0.5), at(0.99));
}

#[test]
fn malformed_frames_cost_the_office_nothing_that_lasts() {
    let wanted = std::env::var("LOKET_FRAMES").map_or(FRAMES, |text| text.parse().unwrap());
    let office = Office::new();
    certified(&office, VILLAGE, HONEST..=HONEST);
    certified(&office, ELSEWHERE, 10..10 + CROWD);
    let key = Folder::new(office.path()).office().unwrap().public_key();
    let server = office.serve();
    let to = address(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (before, after, mut usual, [meanwhile, mut disturbed], sent) = runtime.block_on(async {
        let caller = Caller::open(to, key, HONEST, 1).await.expect("an honest phone");
        let (caller, usual) = honest(caller, Arc::new(AtomicBool::new(true)), QUIET, PAUSE).await;
        // What memory an attack takes depends on what else goes on, so the honest phone works meanwhile.
        let stop = Arc::new(AtomicBool::new(false));
        let going_on = tokio::spawn(honest(caller, Arc::clone(&stop), 1, PAUSE));
        let before = warmed_up(&server, to, key).await;
        stop.store(true, Ordering::Relaxed);
        let (caller, meanwhile) = going_on.await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let pause = PAUSE * u32::try_from((wanted / FRAMES).max(1)).unwrap();
        let going_on = tokio::spawn(honest(caller, Arc::clone(&stop), 1, pause));
        let sent = attack(to, key, wanted, ROUNDS + 1).await;
        stop.store(true, Ordering::Relaxed);
        let (_caller, disturbed) = going_on.await.unwrap();
        (before, settled(&server, to, 1).await, usual, [meanwhile, disturbed], sent)
    });
    told("usual", &mut usual);
    told("under attack", &mut disturbed);
    println!("{sent} malformed frames; memory {} KiB before, {} KiB after", before >> 10, after >> 10);
    assert!(sent >= wanted);
    assert!(after * 100 < before * 105, "memory grew from {before} to {after} bytes");
    assert!(!office.log().contains("panicked"), "{}", office.log());
    assert!(server.stop());
    let verified = office.run(&["verify"]);
    let applications = usual.len() + meanwhile.len() + disturbed.len();
    assert_eq!(verified["applications"], applications, "honest work is here, and nothing else");
}

/// As many open files as the system allows.
fn open_files() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let most = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
        most.map_or(usize::MAX, |most| usize::try_from(most).unwrap())
    }
    #[cfg(not(unix))]
    {
        4096
    }
}

#[test]
fn sockets_that_say_nothing_keep_nobody_out() {
    let office = Office::new();
    let server = office.serve();
    let (to, files) = (address(&server), open_files());
    let held = SILENT.min(files.saturating_sub(OTHER_FILES));
    assert!(held > limits::GUESTS, "the system allows {files} open files only: raise `ulimit -Hn`");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sockets = runtime.block_on(async {
        let mut sockets = Vec::with_capacity(held);
        for n in 0..held {
            let from = u8::try_from(1 + n % 8).unwrap();
            let Ok(Ok(mut stream)) = timeout(PATIENCE, tcp(to, from)).await else { panic!("socket {n}") };
            if n % 3 == 0 {
                // Half a request, and never the other half. A guest that had to go hears nothing of it here.
                let _ = stream.write_all(b"GET /v1/sync HTTP/1.1\r\nhost: x\r\n").await;
            }
            if n % 40 == 0 {
                // A session in which nobody says who they are.
                let idle = tcp(to, from).await.unwrap();
                sockets.push(upgraded(idle, to).await.expect("a newcomer gets in").into_inner());
            }
            sockets.push(stream);
        }
        sockets
    });
    println!("{} silent sockets; memory {} KiB", sockets.len(), server.memory() >> 10);
    // Real phones, from an address that the crowd uses too.
    let phone = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    phone.begin("ktp-el-hilang");
    phone.sync();
    let other = Phone::enrolled(&office, &server, "operator-desa", VILLAGE);
    other.sync();
    assert_eq!(items(&other.run(&["list"])).len(), 1);
    assert!(!office.log().contains("panicked"));
    drop(sockets);
    assert!(server.stop());
}
