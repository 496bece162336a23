//! A session with one phone over a WebSocket: the protocol is `loket_core::sync`'s, here are the wire, the
//! time-outs and the limits.
//!
//! One task a phone. Frames that wait to be sent stand in a queue that the task drains while it reads, so that
//! two peers that both have much to say never wait for each other. What is slow (the store) runs elsewhere.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use loket_core::journal::receipt::Receipt;
use loket_core::journal::{AuthorId, JournalId, Partition};
use loket_core::replica::Replica;
use loket_core::replica::learn::LearnError;
use loket_core::store::sqlite::SqliteStore;
use loket_core::sync::Library;
use loket_core::sync::message::{Message, ProtocolError};
use loket_core::sync::session::{Output, Session, SessionError};
use metrics::{counter, gauge};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::error::ProtocolError as WireFault;
use tracing::{debug, error, info};

use crate::app::App;
use crate::config::{Failure, dice, limits, now};
use crate::connection::Life;
use crate::guests::Guest;
use crate::ingest::{Hint, Unavailable};
use crate::office::library::OfficeLibrary;
use crate::office::restore::is_healing;
use crate::office::{Delivery, Office};
use crate::serve::Course;
use crate::telemetry;

mod line;

use line::{Line, Received, WireError};

/// Code of the farewell to a device that was given as much today as one may be.
const CODE_ENOUGH: u16 = 97;
/// Code of the farewell at a shutdown.
const CODE_STOPPED: u16 = 98;
/// Code of the farewell where this side failed, or has had enough of this peer.
const CODE_TROUBLE: u16 = 99;

/// Who is connected.
pub struct Sessions {
    room: Arc<Semaphore>,
    next: AtomicU64,
    devices: Mutex<HashMap<AuthorId, Vec<Open>>>,
}

/// A session of a device: its number, and how it is told to end. The oldest stands first.
type Open = (u64, Arc<Notify>);

impl Default for Sessions {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(limits::SESSIONS));
        Self { room, next: AtomicU64::new(0), devices: Mutex::default() }
    }
}

impl Sessions {
    /// Notes a session of a device. Where it has too many, the oldest is told to end.
    fn enter(&self, device: AuthorId, end: &Arc<Notify>) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let open = devices.entry(device).or_default();
        if open.len() >= limits::SESSIONS_PER_DEVICE {
            let (_, oldest) = open.remove(0);
            oldest.notify_one();
        }
        open.push((id, Arc::clone(end)));
        id
    }

    fn leave(&self, device: &AuthorId, id: u64) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = devices.get_mut(device) {
            open.retain(|(other, _)| *other != id);
            if open.is_empty() {
                devices.remove(device);
            }
        }
    }

    /// Returns when no session is left.
    pub async fn all_ended(&self) {
        // Closed semaphores do not exist here; an error would mean that nobody is left either.
        let _ = self.room.acquire_many(limits::SESSIONS as u32).await;
    }
}

/// `GET /v1/sync`.
pub async fn upgrade(
    State(app): State<Arc<App>>,
    Extension(life): Extension<Arc<Life>>,
    Extension(guest): Extension<Guest>,
    request: Request,
) -> Response {
    let Ok(place) = Arc::clone(&app.sessions.room).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "kantor penuh: coba lagi sebentar lagi").into_response();
    };
    let Some((answer, upgrade)) = line::accept(request) else {
        return (StatusCode::UPGRADE_REQUIRED, "hanya untuk sinkronisasi perangkat").into_response();
    };
    tokio::spawn(async move {
        // Who is gone before the answer was sent has no session.
        if let Ok(upgraded) = upgrade.await {
            Talk::new(app, Line::new(upgraded).await, life, guest).run(place).await;
        }
    });
    answer
}

/// Why a session ends.
enum End {
    /// The peer went.
    Gone,
    /// The peer broke the protocol, or this side could not go on: it is told why.
    Fault(SessionError),
    /// A time-out or limit.
    Limit(&'static str),
    /// The device connected anew.
    Replaced,
    /// The office is being stopped.
    Stopped,
    /// The office has begun a new epoch.
    Anew,
    /// A certificate of the device has ended: what the session holds open is no longer this device's.
    Parted,
    /// This side failed; the cause is in the log.
    Trouble,
    /// This side has no room.
    Full,
}

impl End {
    fn word(&self) -> &'static str {
        match self {
            End::Gone => "gone",
            End::Fault(SessionError::Protocol(_)) => "protocol",
            End::Fault(SessionError::Replica(_)) | End::Trouble => "trouble",
            End::Limit(what) => what,
            End::Replaced => "replaced",
            End::Stopped => "stopped",
            End::Anew => "anew",
            End::Parted => "parted",
            End::Full => "full",
        }
    }

    fn farewell(&self) -> Option<Vec<u8>> {
        let say = |code, sentence: &str| Some(Message::Error(code, sentence.into()).to_bytes());
        match self {
            End::Gone => None,
            End::Fault(error) => Some(Session::farewell(error)),
            End::Limit("guests") => say(CODE_TROUBLE, "kantor sedang penuh: sambungkan lagi"),
            End::Limit("given") => {
                say(CODE_ENOUGH, "batas harian perangkat ini tercapai: sambungkan lagi besok")
            }
            End::Limit(_) => say(CODE_TROUBLE, "sambungan terlalu lama diam: sambungkan lagi"),
            End::Replaced => say(CODE_TROUBLE, "perangkat ini tersambung lagi lewat sambungan lain"),
            End::Stopped => say(CODE_STOPPED, "kantor sedang dimatikan: sambungkan lagi nanti"),
            End::Anew => say(CODE_STOPPED, "kantor mulai lagi dari cadangan: sambungkan lagi"),
            End::Parted => say(CODE_STOPPED, "izin perangkat ini berubah: sambungkan lagi"),
            End::Trouble => say(CODE_TROUBLE, &Unavailable::Trouble.to_string()),
            End::Full => say(CODE_TROUBLE, &Unavailable::Full.to_string()),
        }
    }
}

impl From<SessionError> for End {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Protocol(ProtocolError::Ended(_)) => End::Gone,
            error => End::Fault(error),
        }
    }
}

impl From<Unavailable> for End {
    fn from(why: Unavailable) -> Self {
        match why {
            Unavailable::Trouble => End::Trouble,
            Unavailable::Full => End::Full,
        }
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        error!(cause = failure.0, "the store cannot be read for a session");
        End::Trouble
    }
}

struct Talk {
    app: Arc<App>,
    line: Line,
    life: Arc<Life>,
    guest: Guest,
    /// None while a blocking task has it.
    session: Option<Session>,
    hints: broadcast::Receiver<Hint>,
    stop: watch::Receiver<Course>,
    end: Arc<Notify>,
    peer: Option<(AuthorId, u64)>,
    /// The office epoch that this session has met.
    epoch: Option<u64>,
    scope: BTreeSet<Partition>,
    began: std::time::Instant,
    pinged: std::time::Instant,
    tick: Interval,
}

/// What the task woke up for.
enum Woken {
    Message(Option<Result<Received, WireError>>),
    Hint(Result<Hint, broadcast::error::RecvError>),
    Tick,
    Replaced,
    ShownOut,
    Stop,
}

impl Talk {
    fn new(app: Arc<App>, line: Line, life: Arc<Life>, guest: Guest) -> Self {
        let mut nonce = [0; 16];
        dice(&mut nonce);
        let session = Some(Session::answer(app.office.author(), nonce));
        // Heard from now on, so that nothing falls between the first look and the first hint.
        let (hints, stop) = (app.writer.hints(), app.stop.clone());
        let now = std::time::Instant::now();
        let mut tick = interval(limits::TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Talk {
            app,
            line,
            life,
            guest,
            session,
            hints,
            stop,
            end: Arc::default(),
            peer: None,
            epoch: None,
            scope: BTreeSet::new(),
            began: now,
            pinged: now,
            tick,
        }
    }

    async fn run(mut self, place: OwnedSemaphorePermit) {
        gauge!(telemetry::SESSIONS).increment(1.0);
        let end = loop {
            if let Err(end) = self.turn().await {
                break end;
            }
        };
        let device = self.peer.map(|(device, _)| device.to_hex());
        match &end {
            End::Fault(SessionError::Replica(error)) => error!(device, %error, "session failed"),
            End::Fault(cause) => info!(device, %cause, "session ended"),
            end => debug!(device, why = end.word(), "session ended"),
        }
        counter!(telemetry::SESSIONS_ENDED, "why" => end.word()).increment(1);
        if let Some((device, id)) = self.peer {
            self.app.sessions.leave(&device, id);
        }
        if matches!(end, End::Fault(SessionError::Protocol(ProtocolError::Unknown)))
            // Boxed: what is waited for here would be kept room for as long as the phone is silent.
            && let Ok(Some(word)) = Box::pin(self.with(|session, library| session.last_word(library))).await
        {
            let _ = self.line.push(word);
        }
        if let Some(farewell) = end.farewell() {
            // Full means that the peer reads nothing: no farewell then.
            let _ = self.line.push(farewell);
        }
        Box::pin(self.line.close()).await;
        gauge!(telemetry::SESSIONS).decrement(1.0);
        drop(place);
    }

    /// Waits for something and deals with it.
    async fn turn(&mut self) -> Result<(), End> {
        match self.wait().await {
            Woken::Message(Some(Ok(Received::Binary(message)))) => {
                // What deals with news is large, and not kept while the phone is silent.
                Box::pin(self.receive(message.into())).await
            }
            Woken::Message(Some(Ok(Received::Ping(_) | Received::Pong(_) | Received::Frame(_)))) => Ok(()),
            Woken::Message(Some(Ok(Received::Text(_)))) => Err(malformed()),
            Woken::Message(Some(Ok(Received::Close(_))) | None) => Err(End::Gone),
            Woken::Message(Some(Err(error))) => Err(wire(&error)),
            Woken::Hint(hint) => Box::pin(self.heed(hint)).await,
            Woken::Tick => self.look_at_clock(),
            Woken::Replaced => Err(End::Replaced),
            Woken::ShownOut => Err(End::Limit("guests")),
            Woken::Stop if *self.stop.borrow() == Course::Failed => Err(End::Trouble),
            Woken::Stop => Err(End::Stopped),
        }
    }

    async fn wait(&mut self) -> Woken {
        if *self.stop.borrow() != Course::Serving {
            return Woken::Stop;
        }
        tokio::select! {
            message = self.line.next() => Woken::Message(message),
            hint = self.hints.recv() => Woken::Hint(hint),
            _ = self.tick.tick() => Woken::Tick,
            () = self.end.notified() => Woken::Replaced,
            () = self.guest.shown_out() => Woken::ShownOut,
            _ = self.stop.changed() => Woken::Stop,
        }
    }

    fn look_at_clock(&mut self) -> Result<(), End> {
        let open = self.peer.is_some();
        if !open && self.began.elapsed() > limits::HANDSHAKE_TIMEOUT {
            return Err(End::Limit("handshake"));
        }
        if self.life.silent_for() > limits::IDLE_TIMEOUT {
            return Err(End::Limit("idle"));
        }
        if !self.line.is_flushed() && self.life.stuck_for() > limits::SEND_TIMEOUT {
            return Err(End::Limit("stuck"));
        }
        if self.pinged.elapsed() >= limits::PING_EVERY {
            self.pinged = std::time::Instant::now();
            self.line.ping();
        }
        Ok(())
    }

    async fn receive(&mut self, frame: Vec<u8>) -> Result<(), End> {
        let outputs =
            self.with(move |session, library| session.receive(&frame, library, library.signer)).await?;
        if self.peer.is_none()
            && let Some(device) = self.session.as_ref().and_then(Session::peer)
        {
            self.guest.is_known();
            self.app.heard.hear(device, now());
            self.peer = Some((device, self.app.sessions.enter(device, &self.end)));
            self.scope = self.with(move |_, library| Ok(library.scope(&device)?)).await?;
            debug!(%device, "session open");
        }
        self.act(outputs).await
    }

    /// Does what the session asks for, and what follows from that.
    async fn act(&mut self, outputs: Vec<Output>) -> Result<(), End> {
        let mut todo = VecDeque::from(outputs);
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(message) => {
                    let device = self.peer.map(|(device, _)| device);
                    if device.is_some_and(|device| !self.app.given.count(device, message.len(), now())) {
                        return Err(End::Limit("given"));
                    }
                    if !self.line.push(message) {
                        return Err(End::Limit("outgoing"));
                    }
                }
                Output::Learn { batch, runs } => {
                    let refused = self.learn(runs).await?;
                    let more =
                        self.with(move |session, library| session.taken(batch, &refused, library)).await?;
                    todo.extend(more);
                }
                Output::Receipt(receipt) => self.look_at(receipt).await?,
                Output::PeerDone => self.note_synced().await?,
                // Nobody tells the office what it has ended.
                Output::Revoked(_) => {}
                Output::Taken { refused } => {
                    if !refused.is_empty() {
                        info!(
                            device = self.device(),
                            runs = refused.len(),
                            "the device did not take runs in"
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// The office believes its own receipts alone; one of a later epoch than its own says that this epoch was lost, one
    /// that knows of a newer backup that an older one was restored.
    async fn look_at(&mut self, receipt: Box<Receipt>) -> Result<(), End> {
        let shown = receipt.clone();
        if !self.with(move |_, library| Ok(library.is_told_by(&shown)?)).await? {
            return Ok(());
        }
        let noticed =
            move |office: &mut Office<SqliteStore>| office.notice_receipt(&receipt, now(), &mut dice);
        let noticed = self.app.writer.write(true, noticed).await;
        noticed.map_err(|_| End::Trouble)?.map_err(|error| End::Fault(error.into()))
    }

    /// After a restore the office waits for every device to bring what it had.
    async fn note_synced(&mut self) -> Result<(), End> {
        let Some((device, _)) = self.peer else { return Ok(()) };
        if !self.with(|_, library| Ok(is_healing(library.replica)?)).await? {
            return Ok(());
        }
        let noted = self.app.writer.write(true, move |office| office.synced(&device, now(), &mut dice)).await;
        noted.map_err(|_| End::Trouble)?.map_err(|error| End::Fault(error.into()))
    }

    async fn learn(
        &mut self,
        runs: Vec<loket_core::journal::run::Run>,
    ) -> Result<Vec<(JournalId, LearnError)>, End> {
        let Some((author, _)) = self.peer else { return Err(End::Trouble) };
        // A need-to-know partition may become this device's by what it brings; one that it was moved from does not.
        let opened = runs.iter().map(|run| run.journal.partition);
        self.scope.extend(opened.filter(|partition| matches!(partition, Partition::NeedToKnow(_))));
        Ok(self.app.writer.deliver(Delivery { author, runs }).await?)
    }

    /// Looks at what others brought, as far as it concerns this phone.
    async fn heed(&mut self, hint: Result<Hint, broadcast::error::RecvError>) -> Result<(), End> {
        let (mut all, mut people) = (false, false);
        let mut partitions = BTreeSet::new();
        let mut next = hint;
        loop {
            match next {
                Ok(hint) => {
                    people |= hint.people;
                    partitions.extend(hint.partitions);
                }
                Err(broadcast::error::RecvError::Lagged(_)) => all = true,
                Err(broadcast::error::RecvError::Closed) => return Err(End::Stopped),
            }
            next = match self.hints.try_recv() {
                Ok(hint) => Ok(hint),
                Err(broadcast::error::TryRecvError::Lagged(count)) => {
                    Err(broadcast::error::RecvError::Lagged(count))
                }
                Err(_) => break,
            };
        }
        let Some((device, _)) = self.peer else { return Ok(()) };
        if people || all {
            let scope = self.with(move |_, library| Ok(library.scope(&device)?)).await?;
            let known = self.with(move |_, library| Ok(library.key(&device, None)?.is_ok())).await?;
            if !known {
                return Err(End::Fault(ProtocolError::Unknown.into()));
            }
            if !self.scope.is_subset(&scope) {
                return Err(End::Parted);
            }
            self.scope = scope;
        }
        if all {
            partitions.clone_from(&self.scope);
        }
        partitions.retain(|partition| self.scope.contains(partition));
        if partitions.is_empty() {
            return Ok(());
        }
        let outputs = self.with(move |session, library| session.poll(library, Some(&partitions))).await?;
        self.act(outputs).await
    }

    /// Runs a step of the session over a read replica.
    async fn with<T: Send + 'static>(
        &mut self,
        step: impl FnOnce(&mut Session, &OfficeLibrary<'_, SqliteStore>) -> Result<T, SessionError>
        + Send
        + 'static,
    ) -> Result<T, End> {
        let Some(mut session) = self.session.take() else { return Err(End::Trouble) };
        let (app, met) = (Arc::clone(&self.app), self.epoch);
        let work = move |replica: &Replica<SqliteStore>| {
            let epoch = match Office::<SqliteStore>::epoch_of(replica) {
                Ok(epoch) if met.is_none_or(|met| met == epoch) => epoch,
                // What was said in this session speaks of an epoch that has ended: it all has to be asked anew.
                Ok(_) => return (session, Err(End::Anew)),
                Err(error) => return (session, Err(End::Fault(error.into()))),
            };
            let library =
                OfficeLibrary { replica, signer: &*app.signer, epoch, receipts: &app.receipts, now: now() };
            let result = step(&mut session, &library);
            (session, result.map(|value| (epoch, value)).map_err(End::from))
        };
        let (session, result) = self.app.readers.run(work).await?;
        self.session = Some(session);
        let (epoch, value) = result?;
        self.epoch = Some(epoch);
        Ok(value)
    }

    fn device(&self) -> Option<String> {
        self.peer.map(|(device, _)| device.to_hex())
    }
}

fn malformed() -> End {
    End::Fault(ProtocolError::Malformed.into())
}

/// An error of the wire: a message beyond the limits is the peer's fault and it is told; all else is a cut line.
fn wire(error: &WireError) -> End {
    let is_cut = matches!(error, WireError::Io(_) | WireError::ConnectionClosed | WireError::AlreadyClosed);
    let is_cut = is_cut || matches!(error, WireError::Protocol(WireFault::ResetWithoutClosingHandshake));
    if is_cut { End::Gone } else { malformed() }
}
