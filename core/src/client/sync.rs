//! Sync with the office: one connection for entries, one beside it for scans.
//!
//! Whatever cuts it, both sides can go on: entries are durable before they are acknowledged, scans resume at the
//! byte where they stopped.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::attachments::{News, Uploader};
use super::engine::Engine;
use super::enrol::blocking;
use super::socket::{self, Bytes, Socket};
use super::{ClientError, Phone};
use crate::replica::ReplicaError;
use crate::store::StoreError;

/// Without a byte from the office, a connection is dead: four of its pings.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Without news, this long after everything was sent, the answers are not waited for any longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Without a word of the session, this long while something is still expected, it is begun anew: pings alone say only that
/// somebody is there.
const STALL_TIMEOUT: Duration = Duration::from_secs(300);
/// For both sides to prove who they are.
const GREETING_TIMEOUT: Duration = Duration::from_secs(60);
/// For a farewell to leave.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// Between looks for what other processes wrote here, and at the time-outs.
const LOOK: Duration = Duration::from_millis(200);
/// Frames that wait to be sent; the session's window keeps far below.
const OUTGOING: usize = 64;
/// First pause before calling again; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// What the office took no more of today is offered again after this.
const ALLOWANCE_PAUSE: Duration = Duration::from_secs(3600);
/// What is told while scans wait for a better moment.
const SCANS_WAIT: &str =
    "lampiran menunggu: dikirim begitu ada jaringan tanpa kuota, baterai cukup, atau Anda mengizinkan";
/// Longest pause before calling again.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// What a sync moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SyncReport {
    /// Entries that were sent.
    pub entries_sent: u64,
    /// Entries that came.
    pub entries_received: u64,
    /// Bytes that were sent: of the socket, and of the scans with their requests.
    pub bytes_sent: u64,
    /// Bytes that came.
    pub bytes_received: u64,
    /// How often the phone went from having sent to receiving.
    pub round_trips: u64,
    /// How long it took.
    pub seconds: f64,
    /// Scans that the office confirmed.
    pub attachments_sent: u64,
    /// Scans that the office does not take from this device: their entries are held there.
    pub attachments_refused: u64,
    /// Applications that have ended and left the phone.
    pub applications_let_go: u64,
}

/// How a sync goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The office answers.
    Connected,
    /// So many of these scans are at the office.
    Scans {
        /// Done.
        done: usize,
        /// Of so many.
        of: usize,
        /// Bytes that are there.
        bytes: u64,
        /// Of so many.
        of_bytes: u64,
    },
    /// Everything is where it should be; what was moved so far.
    Settled(SyncReport),
    /// Something of this phone's has to wait, and is tried again by itself; why.
    Waits(String),
    /// The connection was lost; why, and how long until the next call.
    Lost(String, Duration),
}

/// What the platform says of network and battery while a sync goes on.
#[derive(Debug, Default)]
pub struct Hints {
    scans_wait: AtomicBool,
}

impl Hints {
    /// Whether scans wait for a better moment; entries always go.
    pub fn set_scans_wait(&self, wait: bool) {
        self.scans_wait.store(wait, Ordering::Relaxed);
    }

    fn scans_wait(&self) -> bool {
        self.scans_wait.load(Ordering::Relaxed)
    }
}

/// Who is told how it goes on.
pub type Watch<'a> = &'a mut (dyn FnMut(Step) + Send);

/// Brings phone and office up to date: entries both ways, scans, and the answers to what was asked.
///
/// # Errors
/// Where the office cannot be reached or says no, or does not answer in time: then the sentence names what is
/// outstanding. What was moved stays moved.
pub async fn sync(phone: Phone, watch: Watch<'_>) -> Result<SyncReport, ClientError> {
    let mut total = Total::default();
    run(phone, &mut total, Manner { follow: false, hints: Arc::default() }, watch).await?;
    Ok(total.report())
}

/// Stays connected until `stop`: passes on what is written here, takes in what comes, and calls again after each
/// loss. After a failure of the medium the store is opened anew and checked before the next call.
///
/// # Errors
/// Where calling again cannot help, or the store cannot be opened anew. Being stopped is none.
pub async fn follow(
    dir: &std::path::Path,
    open: impl Fn(&std::path::Path) -> Result<Phone, ClientError>,
    hints: Arc<Hints>,
    stop: impl Future<Output = ()>,
    watch: Watch<'_>,
) -> Result<SyncReport, ClientError> {
    let mut total = Total::default();
    let mut stop = std::pin::pin!(stop);
    let mut pause = PAUSE;
    let mut failed = false;
    loop {
        let (called, before) = (Instant::now(), total.progress);
        let mut phone = open(dir)?;
        if std::mem::take(&mut failed) {
            phone.mend()?;
        }
        let ended = tokio::select! {
            () = &mut stop => return Ok(total.report()),
            ended = run(phone, &mut total, Manner { follow: true, hints: Arc::clone(&hints) }, watch) => ended,
        };
        let error =
            ended.err().unwrap_or_else(|| ClientError::Network("sambungan ditutup oleh Dinas".into()));
        // A full one has only undone what found no room.
        failed = matches!(&error, ClientError::Replica(ReplicaError::Store(StoreError::Broken(_))));
        if !error.is_passing() && !error.is_of_the_medium() {
            return Err(error);
        }
        // A connection that held for a while, or brought something on, was none of the failing ones.
        if called.elapsed() > MAX_PAUSE || total.progress > before {
            pause = PAUSE;
        }
        let wait = spread(pause);
        watch(Step::Lost(error.to_string(), wait));
        tokio::select! {
            () = &mut stop => return Ok(total.report()),
            () = tokio::time::sleep(wait) => {}
        }
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Between half and all of the pause, so that phones which lost the office together do not come back together.
pub(super) fn spread(pause: Duration) -> Duration {
    let mut dice = [0; 4];
    // Without dice the whole pause is as good as any.
    let part = if getrandom::fill(&mut dice).is_ok() { u32::from_be_bytes(dice) } else { u32::MAX };
    pause / 2 + (pause / 2).mul_f64(f64::from(part) / f64::from(u32::MAX))
}

/// What was moved, over all connections.
struct Total {
    began: Instant,
    bytes: Arc<Bytes>,
    sent: u64,
    received: u64,
    scans: u64,
    scans_refused: u64,
    let_go: u64,
    /// Bytes of scans that came to be known as there, and entries: whether a connection was of any use.
    progress: u64,
}

impl Default for Total {
    fn default() -> Self {
        let bytes = Arc::default();
        Self {
            began: Instant::now(),
            bytes,
            sent: 0,
            received: 0,
            scans: 0,
            scans_refused: 0,
            let_go: 0,
            progress: 0,
        }
    }
}

impl Total {
    fn report(&self) -> SyncReport {
        SyncReport {
            entries_sent: self.sent,
            entries_received: self.received,
            bytes_sent: self.bytes.sent(),
            bytes_received: self.bytes.received(),
            round_trips: self.bytes.turns(),
            seconds: (self.began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            attachments_sent: self.scans,
            attachments_refused: self.scans_refused,
            applications_let_go: self.let_go,
        }
    }
}

/// One connection, from the call to its end.
struct Connection<'a, 'w> {
    engine: Option<Box<Engine>>,
    frames: SplitStream<Socket>,
    outgoing: mpsc::Sender<Frame>,
    writer: JoinHandle<()>,
    total: &'a mut Total,
    watch: &'a mut (dyn FnMut(Step) + Send + 'w),
    manner: Manner,
    /// Something was sent since the last frame came.
    turned: bool,
    /// When news last came: a frame, a piece of a scan.
    news_at: Instant,
    heard: (u64, Instant),
    scans: Scans,
    opened: bool,
    told: bool,
    /// Since when the office takes no more of this device's today.
    beyond: Option<Instant>,
}

/// How a connection is led.
struct Manner {
    /// Until it is stopped, and not until all is done.
    follow: bool,
    hints: Arc<Hints>,
}

/// Where the uploads stand.
struct Scans {
    news: mpsc::Receiver<News>,
    give: mpsc::Sender<News>,
    task: Option<JoinHandle<()>>,
    /// Whether there may be some that were not looked at.
    due: bool,
    /// Whether it was told that they wait.
    waiting: bool,
    done: usize,
    of: usize,
    /// Bytes that are there, and all of them.
    bytes: u64,
    of_bytes: u64,
}

impl Drop for Connection<'_, '_> {
    fn drop(&mut self) {
        self.writer.abort();
        if let Some(task) = &self.scans.task {
            task.abort();
        }
    }
}

async fn run(phone: Phone, total: &mut Total, manner: Manner, watch: Watch<'_>) -> Result<(), ClientError> {
    let (address, trust) = (phone.profile().address.clone(), phone.trust()?);
    let (sink, frames) = socket::connect(&address, &trust, &total.bytes).await?.split();
    let (outgoing, queue) = mpsc::channel(OUTGOING);
    let writer = tokio::spawn(write(sink, queue));
    let (engine, hello) = blocking(move || Engine::call(phone)).await?;
    let (give, news) = mpsc::channel(OUTGOING);
    let now = Instant::now();
    let mut connection = Connection {
        engine: Some(Box::new(engine)),
        frames,
        outgoing,
        writer,
        total,
        watch,
        manner,
        turned: false,
        news_at: now,
        heard: (0, now),
        scans: Scans {
            news,
            give,
            task: None,
            due: true,
            waiting: false,
            done: 0,
            of: 0,
            bytes: 0,
            of_bytes: 0,
        },
        opened: false,
        told: false,
        beyond: None,
    };
    connection.send(vec![hello]).await?;
    let ended = connection.converse().await;
    connection.part().await;
    ended
}

/// Writes frames in order. Ends with the queue, or when the line does; the reader then hears of it.
async fn write(mut sink: SplitSink<Socket, Frame>, mut queue: mpsc::Receiver<Frame>) {
    while let Some(frame) = queue.recv().await {
        let last = matches!(frame, Frame::Close(_));
        if sink.send(frame).await.is_err() || last {
            return;
        }
    }
}

/// What woke the connection.
enum Woken {
    Frame(Option<Result<Frame, tokio_tungstenite::tungstenite::Error>>),
    News(News),
    Look,
}

impl Connection<'_, '_> {
    async fn converse(&mut self) -> Result<(), ClientError> {
        let mut looks = interval(LOOK);
        loop {
            let woken = tokio::select! {
                frame = self.frames.next() => Woken::Frame(frame),
                Some(news) = self.scans.news.recv() => Woken::News(news),
                _ = looks.tick() => Woken::Look,
            };
            let changed = match woken {
                Woken::Frame(frame) => self.on_frame(frame).await?,
                Woken::News(news) => self.on_news(news).await?,
                Woken::Look => self.on_look().await?,
            };
            if changed && self.is_done().await? {
                return Ok(());
            }
        }
    }

    /// Runs work on the engine off the threads that serve connections.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Engine) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let Some(mut engine) = self.engine.take() else {
            return Err(ClientError::refused("sinkronisasi terhenti: ulangi"));
        };
        let (mut engine, value) = blocking(move || {
            let value = work(&mut engine);
            Ok((engine, value))
        })
        .await?;
        let (sent, received) = (engine.take_sent(), engine.take_received());
        self.total.sent += sent;
        self.total.received += received;
        self.total.progress += received;
        self.engine = Some(engine);
        value
    }

    async fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), ClientError> {
        for frame in frames {
            self.turned = true;
            let sent = self.outgoing.send(Frame::Binary(frame.into())).await;
            sent.map_err(|_| cut())?;
        }
        Ok(())
    }

    async fn on_frame(
        &mut self,
        frame: Option<Result<Frame, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<bool, ClientError> {
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Err(socket::sentence(&error)),
            None => return Err(cut()),
        };
        match frame {
            Frame::Binary(bytes) => self.on_message(bytes.to_vec()).await,
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => Ok(false),
            Frame::Close(_) => Err(cut()),
            Frame::Text(_) => Err(ClientError::Outdated),
        }
    }

    async fn on_message(&mut self, bytes: Vec<u8>) -> Result<bool, ClientError> {
        if std::mem::take(&mut self.turned) {
            self.total.bytes.turn();
        }
        self.news_at = Instant::now();
        if !std::mem::replace(&mut self.opened, true) {
            (self.watch)(Step::Connected);
        }
        let answer = self.with(move |engine| Ok(engine.receive(&bytes))).await?;
        match answer {
            Ok(frames) => {
                self.send(frames).await?;
                Ok(true)
            }
            Err((error, farewell)) => {
                let _ = self.send(vec![farewell]).await;
                Err(error)
            }
        }
    }

    async fn on_news(&mut self, news: News) -> Result<bool, ClientError> {
        self.news_at = Instant::now();
        match news {
            News::Piece(bytes) => {
                self.total.progress += bytes;
                self.scans.bytes += bytes;
                self.tell_scans();
                return Ok(false);
            }
            News::Whole(upload) => {
                self.total.scans += 1;
                self.with(move |engine| {
                    engine.confirm(&upload);
                    Ok(())
                })
                .await?;
            }
            News::NotWanted => self.total.scans_refused += 1,
            News::End(result) => {
                self.scans.task = None;
                match result {
                    Err(ClientError::Allowance) => self.wait_for_tomorrow()?,
                    other => other?,
                }
                return Ok(true);
            }
        }
        self.scans.done += 1;
        self.tell_scans();
        Ok(false)
    }

    fn tell_scans(&mut self) {
        let Scans { done, of, bytes, of_bytes, .. } = self.scans;
        (self.watch)(Step::Scans { done, of, bytes: bytes.min(of_bytes), of_bytes });
    }

    /// Looks at the clock, and at what other processes wrote.
    async fn on_look(&mut self) -> Result<bool, ClientError> {
        let received = self.total.bytes.received();
        if received != self.heard.0 {
            self.heard = (received, Instant::now());
        }
        if self.heard.1.elapsed() > IDLE_TIMEOUT {
            return Err(ClientError::TimedOut(
                "Dinas tidak terdengar lagi: periksa sambungan, lalu ulangi".into(),
            ));
        }
        if self.beyond.is_some_and(|since| since.elapsed() > ALLOWANCE_PAUSE) {
            return Err(ClientError::Allowance);
        }
        let settled = self.engine.as_ref().is_some_and(|engine| engine.is_settled());
        if !self.opened && self.news_at.elapsed() > GREETING_TIMEOUT {
            return Err(ClientError::TimedOut("Dinas tidak menjawab salam: ulangi nanti".into()));
        }
        if !settled && self.scans.task.is_none() && self.news_at.elapsed() > STALL_TIMEOUT {
            return Err(ClientError::TimedOut("Dinas tidak melanjutkan sinkronisasi: ulangi".into()));
        }
        if !self.manner.follow
            && settled
            && self.scans.task.is_none()
            && self.news_at.elapsed() > ANSWER_TIMEOUT
        {
            return Err(self.too_late().await?);
        }
        let frames = self.with(Engine::look).await?;
        let news = !frames.is_empty() || self.scans.waiting && !self.manner.hints.scans_wait();
        if news {
            self.scans.due = true;
            self.told = false;
            self.send(frames).await?;
        }
        Ok(news)
    }

    /// The office takes no more of this device's today. Who only syncs once is told; who follows goes on with
    /// everything else.
    fn wait_for_tomorrow(&mut self) -> Result<(), ClientError> {
        if !self.manner.follow {
            return Err(ClientError::Allowance);
        }
        if self.beyond.is_none() {
            self.beyond = Some(Instant::now());
            (self.watch)(Step::Waits(ClientError::Allowance.to_string()));
        }
        Ok(())
    }

    async fn too_late(&mut self) -> Result<ClientError, ClientError> {
        let outstanding = self.with(Engine::outstanding).await?;
        Ok(ClientError::TimedOut(format!(
            "setelah {} detik Dinas belum mengirim: {}. Data sudah aman tersimpan; ulangi sinkronisasi nanti",
            ANSWER_TIMEOUT.as_secs(),
            outstanding.join("; ")
        )))
    }

    /// Starts what is to be done once the entries are exchanged; tells whether nothing is left.
    async fn is_done(&mut self) -> Result<bool, ClientError> {
        let settled = self.engine.as_ref().is_some_and(|engine| engine.is_settled());
        if !settled || self.scans.task.is_some() {
            return Ok(false);
        }
        if std::mem::take(&mut self.scans.due) && self.start_scans().await? {
            return Ok(false);
        }
        if self.engine.as_ref().is_some_and(|engine| engine.is_beyond_allowance()) {
            self.wait_for_tomorrow()?;
        }
        let ended = self.with(Engine::note_ended).await?;
        if !self.with(Engine::outstanding).await?.is_empty() {
            self.told = false;
            return Ok(false);
        }
        if !std::mem::replace(&mut self.told, true) {
            self.total.let_go += self.with(Engine::let_go).await?;
            let report = self.total.report();
            (self.watch)(Step::Settled(report));
            // An idle moment: nobody waits for the log to be moved.
            self.with(|engine| Ok(engine.phone.replica.store.checkpoint()?)).await?;
        }
        if ended {
            return Err(ClientError::Ended);
        }
        Ok(!self.manner.follow)
    }

    /// Starts to send scans, if there are any.
    async fn start_scans(&mut self) -> Result<bool, ClientError> {
        let uploads = self.with(|engine| engine.uploads()).await?;
        let wait = self.manner.hints.scans_wait() && !uploads.is_empty();
        if !std::mem::replace(&mut self.scans.waiting, wait) && wait {
            (self.watch)(Step::Waits(SCANS_WAIT.to_owned()));
        }
        if wait || uploads.is_empty() {
            self.scans.due = wait;
            return Ok(false);
        }
        self.scans.of += uploads.len();
        self.scans.of_bytes += uploads.iter().map(|upload| upload.bytes).sum::<u64>();
        let (bytes, news) = (Arc::clone(&self.total.bytes), self.scans.give.clone());
        let uploader = self
            .with(move |engine| {
                let phone = &engine.phone;
                Ok(Uploader {
                    address: phone.profile().address.clone(),
                    trust: phone.trust()?,
                    office: phone.replica.office_author(),
                    signer: Arc::clone(&phone.signer),
                    files: phone.files().clone(),
                    bytes,
                    news,
                    ahead: AtomicI64::new(0),
                    piece: Uploader::first_piece(),
                })
            })
            .await?;
        self.scans.task = Some(tokio::spawn(uploader.run(uploads)));
        Ok(true)
    }

    /// Says goodbye, as far as there is somebody to hear it.
    async fn part(&mut self) {
        let _ = timeout(FAREWELL_TIMEOUT, async {
            if self.outgoing.send(Frame::Close(None)).await.is_ok() {
                let _ = (&mut self.writer).await;
            }
        })
        .await;
    }
}

fn cut() -> ClientError {
    ClientError::Network(
        "sambungan ke Dinas terputus: ulangi, pekerjaan dilanjutkan dari tempat berhenti".into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_and_bounded() {
        for _ in 0..100 {
            let wait = spread(MAX_PAUSE);
            assert!(wait >= MAX_PAUSE / 2 && wait <= MAX_PAUSE, "{wait:?}");
        }
    }
}
