//! Phones that meet: the session of the office between two phones that are on one network, without a server.
//!
//! One waits and shows a code ([`Waiting`], [`Place`]), the other reads it and calls ([`call`]). They bring each other
//! everything that both are certified for, the office's entries and receipts with it; then the scans that neither the
//! other nor the office has. So work reaches the office by whichever phone gets there first, and its receipts come
//! home the same way.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use self::encounter::Encounter;
use self::line::{Kind, Line, Receiver, Sender};
pub use self::place::{NotAPlace, Place};
use self::scans::{Giving, Taking};
pub use self::scans::{Scan, Talk};
use super::enrol::blocking;
use super::{ClientError, Phone};
use crate::attachment::AttachmentStore;
use crate::journal::AuthorId;

mod encounter;
mod line;
mod place;
mod scans;

/// For a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a frame from the other phone, it was carried out of reach.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// For a farewell to leave, and for the line to close.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(3);
/// Frames that wait to be sent.
const OUTGOING: usize = 8;
/// For the other phone to come: after this the code is void.
const WAIT_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Strangers that are heard out while one waits for the other phone.
const MAX_STRANGERS: u32 = 100;

/// What a meeting moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Met {
    /// The other device, in hexadecimal.
    pub device: String,
    /// Its officer.
    pub officer: String,
    /// Entries that were sent.
    pub entries_sent: u64,
    /// Entries that came.
    pub entries_received: u64,
    /// Scans that were given, all or the rest of each.
    pub attachments_sent: u64,
    /// Scans that came and are whole.
    pub attachments_received: u64,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// Bytes that came.
    pub bytes_received: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A phone that waits to be met.
pub struct Waiting {
    listener: TcpListener,
    place: Place,
}

impl Waiting {
    /// The device waits at this address of its own network, port 0 for any free one; the code is for one meeting.
    ///
    /// # Errors
    /// Where the address is not this device's, or random bytes are lacking.
    pub async fn at(device: AuthorId, address: SocketAddr) -> Result<Self, ClientError> {
        let mut secret = [0; place::SECRET];
        getrandom::fill(&mut secret)
            .map_err(|_| ClientError::refused("perangkat tidak dapat membuat bilangan acak: mulai ulang"))?;
        let fails = |_| {
            ClientError::refused(
                "alamat itu bukan alamat perangkat ini: pilih alamat Wi-Fi atau hotspot yang sedang dipakai",
            )
        };
        let listener = TcpListener::bind(address).await.map_err(fails)?;
        let address = listener.local_addr().map_err(fails)?;
        Ok(Self { listener, place: Place { address, author: device, secret } })
    }

    /// What the other phone has to read.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Meets whoever has read it; strangers are not heard.
    ///
    /// # Errors
    /// Where the other phone is none to meet, nobody comes within a quarter of an hour, or the line is lost; what was
    /// exchanged stays.
    pub async fn meet(self, phone: Phone) -> Result<Met, ClientError> {
        let nobody = |_| {
            ClientError::TimedOut(
                "seperempat jam tidak ada HP yang datang: mulai lagi dengan kode baru".into(),
            )
        };
        let line = timeout(WAIT_TIMEOUT, self.greet()).await.map_err(nobody)??;
        let hash = line.hash;
        let encounter = blocking(move || Encounter::answer(phone, hash)).await?;
        Meeting::begin(encounter, line).hold(None).await
    }

    /// The line to the first who has read the code.
    async fn greet(&self) -> Result<Line, ClientError> {
        let shared = self.place.shared();
        for _ in 0..MAX_STRANGERS {
            let (stream, _) = self.listener.accept().await.map_err(|_| line::lost())?;
            if let Ok(line) = line::answer(stream, &shared).await {
                return Ok(line);
            }
        }
        Err(ClientError::refused("terlalu banyak sambungan asing: pindah jaringan, lalu mulai lagi"))
    }
}

/// Calls the phone that waits at a place, and meets it.
///
/// # Errors
/// Where it cannot be reached, is none to meet, or the line is lost; what was exchanged stays.
pub async fn call(phone: Phone, place: &Place) -> Result<Met, ClientError> {
    let away = || {
        ClientError::Network(
            "HP itu tidak terjangkau: hubungkan kedua HP ke Wi-Fi atau hotspot yang sama, lalu pindai lagi"
                .into(),
        )
    };
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(place.address)).await;
    let stream = stream.map_err(|_| away())?.map_err(|_| away())?;
    let line = line::call(stream, &place.shared()).await?;
    let (hash, expected) = (line.hash, place.author);
    let (encounter, hello) = blocking(move || Encounter::call(phone, hash, expected)).await?;
    Meeting::begin(encounter, line).hold(Some(hello)).await
}

/// A meeting, from the greeting to the farewell.
struct Meeting {
    encounter: Option<Box<Encounter>>,
    receiver: Receiver,
    outgoing: mpsc::Sender<(Kind, Vec<u8>)>,
    writer: JoinHandle<u64>,
    giver: Option<JoinHandle<Result<u64, ClientError>>>,
    taking: Taking,
    began: Instant,
    /// What was asked of the other, and whether it has answered.
    asked: bool,
    was_given: bool,
    /// Whether the other has asked.
    gives: bool,
    met: Met,
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.writer.abort();
        if let Some(giver) = &self.giver {
            giver.abort();
        }
    }
}

impl Meeting {
    fn begin(encounter: Encounter, line: Line) -> Self {
        let (outgoing, queue) = mpsc::channel(OUTGOING);
        Self {
            encounter: Some(Box::new(encounter)),
            receiver: line.receiver,
            outgoing,
            writer: tokio::spawn(write(line.sender, queue)),
            giver: None,
            taking: Taking::default(),
            began: Instant::now(),
            asked: false,
            was_given: false,
            gives: false,
            met: Met::default(),
        }
    }

    async fn hold(mut self, hello: Option<Vec<u8>>) -> Result<Met, ClientError> {
        if let Some(hello) = hello {
            self.send(Kind::Session, hello).await?;
        }
        loop {
            self.go_on().await?;
            if self.asked && self.was_given && self.gives && self.giver.is_none() {
                return self.part().await;
            }
            self.step().await?;
        }
    }

    /// Takes the next frame in, or waits for what is given to have left.
    async fn step(&mut self) -> Result<(), ClientError> {
        let deadline = tokio::time::Instant::now() + IDLE_TIMEOUT;
        // While this side gives, the other may have nothing to say; the giver's own time-outs hold.
        if self.was_given
            && self.asked
            && let Some(giver) = &mut self.giver
        {
            let given = giver.await.map_err(|_| line::lost())?;
            self.giver = None;
            self.met.attachments_sent += given?;
            return Ok(());
        }
        let frame = tokio::select! {
            frame = self.receiver.receive() => frame?,
            () = sleep_until(deadline) => return Err(line::lost()),
        };
        let Some((kind, frame)) = frame else { return Err(line::lost()) };
        match kind {
            Kind::Session => self.on_session(frame).await,
            Kind::Scans => self.on_talk(frame).await,
            // Too early: this side is not done yet.
            Kind::Farewell => Err(line::lost()),
        }
    }

    async fn on_session(&mut self, frame: Vec<u8>) -> Result<(), ClientError> {
        match self.with(move |encounter| Ok(encounter.receive(&frame))).await? {
            Ok(frames) => {
                for frame in frames {
                    self.send(Kind::Session, frame).await?;
                }
                Ok(())
            }
            Err((error, farewell)) => {
                for frame in farewell {
                    let _ = self.send(Kind::Session, frame).await;
                }
                self.close().await;
                Err(error)
            }
        }
    }

    async fn on_talk(&mut self, frame: Vec<u8>) -> Result<(), ClientError> {
        match Talk::from_bytes(&frame).ok_or(ClientError::Outdated)? {
            Talk::Lacking(scans) if !self.gives => {
                self.gives = true;
                let (scans, files) = self
                    .with(move |encounter| Ok((encounter.given(scans)?, encounter.phone.files().clone())))
                    .await?;
                self.giver = Some(tokio::spawn(give(scans, files, self.outgoing.clone())));
                Ok(())
            }
            Talk::Piece(hash, offset, encoded) if self.asked && !self.was_given => {
                let mut taking = std::mem::take(&mut self.taking);
                let (taking, arrived) = self
                    .with(move |encounter| {
                        let files = encounter.phone.files().clone();
                        let arrived = taking.take(&files, (hash, offset, &encoded))?;
                        if let Some(hash) = &arrived {
                            encounter.arrived(hash)?;
                        }
                        Ok((taking, arrived))
                    })
                    .await?;
                self.taking = taking;
                self.met.attachments_received += u64::from(arrived.is_some());
                Ok(())
            }
            Talk::Given if self.asked && !self.was_given => {
                self.was_given = true;
                Ok(())
            }
            _ => Err(ClientError::Outdated),
        }
    }

    /// Once the entries are exchanged: asks for the scans that are lacking here.
    async fn go_on(&mut self) -> Result<(), ClientError> {
        let settled = self.encounter.as_ref().is_some_and(|encounter| encounter.is_settled());
        if !settled || std::mem::replace(&mut self.asked, true) {
            return Ok(());
        }
        let lacking = self
            .with(|encounter| {
                encounter.settle()?;
                encounter.lacking()
            })
            .await?;
        self.taking = Taking::new(lacking.clone());
        self.send(Kind::Scans, Talk::Lacking(lacking).to_bytes()).await
    }

    /// Runs work on the encounter off the threads that serve connections.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Encounter) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let Some(mut encounter) = self.encounter.take() else {
            return Err(ClientError::refused("pertemuan terhenti: ulangi"));
        };
        let (encounter, value) = blocking(move || {
            let value = work(&mut encounter);
            Ok((encounter, value))
        })
        .await?;
        self.encounter = Some(encounter);
        value
    }

    async fn send(&mut self, kind: Kind, frame: Vec<u8>) -> Result<(), ClientError> {
        self.outgoing.send((kind, frame)).await.map_err(|_| line::lost())
    }

    /// Both sides have all they came for. The line closes when each knows that the other does.
    async fn part(mut self) -> Result<Met, ClientError> {
        self.send(Kind::Farewell, Vec::new()).await?;
        // One that has closed already has heard our farewell, or will not hear it: everything was exchanged. Until then
        // it may have something to say that nobody waits for.
        while let Ok(Ok(Some((kind, frame)))) = timeout(FAREWELL_TIMEOUT, self.receiver.receive()).await {
            match kind {
                Kind::Farewell => break,
                Kind::Session => self.on_session(frame).await?,
                Kind::Scans => return Err(ClientError::Outdated),
            }
        }
        let mut met = std::mem::take(&mut self.met);
        if let Some(encounter) = &self.encounter {
            let (device, officer) = encounter.peer().ok_or_else(line::lost)?;
            (met.device, met.officer) = (device.to_hex(), officer);
            (met.entries_sent, met.entries_received) = (encounter.sent, encounter.received);
        }
        met.bytes_received = self.receiver.bytes;
        met.bytes_sent = self.close().await;
        met.seconds = (self.began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        Ok(met)
    }

    /// Lets what waits leave, and closes this side; the bytes that were sent.
    async fn close(&mut self) -> u64 {
        let (nobody, _) = mpsc::channel(1);
        self.outgoing = nobody;
        match timeout(FAREWELL_TIMEOUT, &mut self.writer).await {
            Ok(Ok(bytes)) => bytes,
            _ => 0,
        }
    }
}

/// Writes frames in order; ends with the queue, or when the line does. Returns the bytes that were sent.
async fn write(mut sender: Sender, mut queue: mpsc::Receiver<(Kind, Vec<u8>)>) -> u64 {
    while let Some((kind, frame)) = queue.recv().await {
        if sender.send(kind, &frame).await.is_err() {
            break;
        }
    }
    sender.bytes
}

/// Gives scans piece by piece, one after the other; returns how many.
async fn give(
    scans: Vec<Scan>,
    files: AttachmentStore,
    outgoing: mpsc::Sender<(Kind, Vec<u8>)>,
) -> Result<u64, ClientError> {
    let mut count = 0;
    for scan in scans {
        let files = files.clone();
        let Some(mut giving) = blocking(move || Giving::begin(&files, scan)).await? else { continue };
        while let Some(piece) = giving.next() {
            outgoing.send((Kind::Scans, piece.to_bytes())).await.map_err(|_| line::lost())?;
        }
        count += 1;
    }
    outgoing.send((Kind::Scans, Talk::Given.to_bytes())).await.map_err(|_| line::lost())?;
    Ok(count)
}
