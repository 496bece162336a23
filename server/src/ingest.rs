//! The writer: one thread that commits what all sessions bring, in groups, and tells who has to look.
//!
//! Nothing is answered before it is durable. A group is what waits when the thread turns to it, so the busier
//! the office, the more deliveries share one sync of the disk. Queues are bounded: who has to wait stops reading
//! its socket, and the phone at the other end stops sending.
//!
//! After a failure of the medium nothing of the group is acknowledged, and nothing more until the store was opened
//! anew, its log moved with fresh writes, and checked. Where that fails, the thread ends, and the office with it.
//! A full disk is no such failure: SQLite has undone the group, its senders are told, and the next one is tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use loket_core::journal::{AttachmentHash, JournalId, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::learn::LearnError;
use loket_core::store::sqlite::SqliteStore;
use loket_core::store::{Store, StoreError};
use loket_core::time::WIB;
use metrics::{counter, gauge, histogram};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use crate::config::{Failure, dice, limits, now};
use crate::office::{Delivered, Delivery, Office};
use crate::telemetry;

/// The writer could not do as asked: the caller tells its peer to come again. The cause is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The store failed, or the office is ending.
    #[error("gangguan di kantor: ulangi nanti")]
    Trouble,
    /// There is no room until somebody makes some.
    #[error("penyimpanan kantor penuh: ulangi setelah Dinas mengosongkan ruang")]
    Full,
}

/// Partitions that have news.
#[derive(Debug, Clone, Default)]
pub struct Hint {
    /// The partitions.
    pub partitions: BTreeSet<Partition>,
    /// Whether certificates may be among the news: who sees what may have changed.
    pub people: bool,
}

/// A version that no store has: what other processes wrote is looked for, and told.
const NEVER: i64 = -1;

/// Work on the office with transactions of its own; returns what is to be told, and whether the medium failed.
type Job = Box<dyn FnOnce(&mut Office<SqliteStore>) -> (Hint, bool) + Send>;

/// The journals that were not taken in, and why.
type Refused = Vec<(JournalId, LearnError)>;
/// Where the answer to a delivery goes.
type Reply = oneshot::Sender<Result<Refused, Unavailable>>;

enum Command {
    Deliver(Delivery, Reply),
    Arrived(Partition, AttachmentHash, oneshot::Sender<Result<(), Unavailable>>),
    Run(Job),
    Stop,
}

/// A handle on the writer. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    commands: mpsc::Sender<Command>,
    hints: broadcast::Sender<Hint>,
    ill: Arc<AtomicBool>,
}

/// The writer's thread; its end says why it ended by itself, if it did.
pub type WriterThread = std::thread::JoinHandle<Result<(), Failure>>;

impl Writer {
    /// Starts the writer's thread over an office; call it within a runtime. The thread ends after
    /// [`Writer::stop`], having done what was asked before, or where the store cannot be trusted any more.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(office: Office<SqliteStore>) -> std::io::Result<(Writer, WriterThread)> {
        let (commands, waiting) = mpsc::channel(limits::WAITING);
        let (hints, _) = broadcast::channel(limits::HINTS);
        let writer = Writer { commands, hints, ill: Arc::default() };
        let runtime = Handle::current();
        let thread = Thread::new(office, waiting, &writer);
        let builder = std::thread::Builder::new().name("loket-writer".into());
        let thread = builder.spawn(move || thread.run(&runtime))?;
        Ok((writer, thread))
    }

    /// Makes a delivery durable; returns the journals that were not taken in, and why.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Vec<(JournalId, LearnError)>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Deliver(delivery, reply)).await?;
        answer.await.unwrap_or(Err(Unavailable::Trouble))
    }

    /// An attachment has arrived whole; durable when this returns.
    pub async fn arrived(&self, partition: Partition, hash: AttachmentHash) -> Result<(), Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Arrived(partition, hash, reply)).await?;
        answer.await.unwrap_or(Err(Unavailable::Trouble))
    }

    /// Runs `work` in one transaction of the office; durable when this returns. `people`: whether it may change
    /// who sees what. The inner result is the work's own.
    pub async fn write<T: Send + 'static>(
        &self,
        people: bool,
        work: impl FnOnce(&mut Office<SqliteStore>) -> Result<T, ReplicaError> + Send + 'static,
    ) -> Result<Result<T, ReplicaError>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let job = move |office: &mut Office<SqliteStore>| {
            let (result, partitions) = match office.write(work) {
                Ok((value, partitions)) => (Ok(value), partitions),
                Err(error) => (Err(error), BTreeSet::new()),
            };
            let ill = result.as_ref().is_err_and(is_of_the_medium);
            // Nobody waits any more where the caller was cut; what was written stands.
            let _ = reply.send(result);
            (Hint { people: people && !partitions.is_empty(), partitions }, ill)
        };
        self.send(Command::Run(Box::new(job))).await?;
        answer.await.map_err(|_| Unavailable::Trouble)
    }

    /// What has news, from now on.
    pub fn hints(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    /// Lets the writer finish what it was asked to do, and end.
    pub async fn stop(&self) {
        // Where it has ended already there is nothing to stop.
        let _ = self.commands.send(Command::Stop).await;
    }

    /// Returns when the writer has ended.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Whether the writer has ended.
    pub fn has_ended(&self) -> bool {
        self.commands.is_closed()
    }

    /// Whether the store has failed and was not opened anew yet: nothing is acknowledged meanwhile.
    pub fn is_ill(&self) -> bool {
        self.ill.load(Ordering::Relaxed)
    }

    async fn send(&self, command: Command) -> Result<(), Unavailable> {
        self.commands.send(command).await.map_err(|_| Unavailable::Trouble)
    }
}

/// What is done at once.
#[derive(Default)]
struct Group {
    deliveries: Vec<Delivery>,
    bytes: usize,
    replies: Vec<Reply>,
    arrivals: Vec<(Partition, AttachmentHash)>,
    arrival_replies: Vec<oneshot::Sender<Result<(), Unavailable>>>,
    jobs: Vec<Job>,
    stop: bool,
}

impl Group {
    fn add(&mut self, command: Command) {
        match command {
            Command::Deliver(delivery, reply) => {
                self.bytes += size_of_delivery(&delivery);
                self.deliveries.push(delivery);
                self.replies.push(reply);
            }
            Command::Arrived(partition, hash, reply) => {
                self.arrivals.push((partition, hash));
                self.arrival_replies.push(reply);
            }
            Command::Run(job) => self.jobs.push(job),
            Command::Stop => self.stop = true,
        }
    }

    fn is_full(&self) -> bool {
        let count = self.deliveries.len() + self.arrivals.len() + self.jobs.len();
        count >= limits::GROUP || self.bytes >= limits::GROUP_BYTES
    }
}

struct Thread {
    office: Office<SqliteStore>,
    waiting: mpsc::Receiver<Command>,
    hints: broadcast::Sender<Hint>,
    /// What other processes had committed when we last looked.
    version: Option<i64>,
    positions: BTreeMap<Partition, u64>,
    looked: Instant,
    /// When certificates were last looked at, and behind which one to go on.
    expired: Instant,
    expire_after: Option<Vec<u8>>,
    /// Whether anything was written since the last checkpoint.
    dirty: bool,
    /// When to look whether something destroyed has left bytes behind.
    purge_at: Instant,
    /// Whether the medium has failed and the store was not opened anew since; others may ask.
    ill: Arc<AtomicBool>,
    /// Set where it cannot be opened anew.
    lost: bool,
}

impl Thread {
    fn new(office: Office<SqliteStore>, waiting: mpsc::Receiver<Command>, writer: &Writer) -> Self {
        let now = Instant::now();
        let (version, positions) = (None, BTreeMap::new());
        let (hints, ill) = (writer.hints.clone(), Arc::clone(&writer.ill));
        let (dirty, lost) = (true, false);
        Thread {
            office,
            waiting,
            hints,
            version,
            positions,
            looked: now,
            expired: now,
            expire_after: None,
            dirty,
            purge_at: now,
            ill,
            lost,
        }
    }

    fn run(mut self, runtime: &Handle) -> Result<(), Failure> {
        self.look();
        if self.is_well() {
            self.expire();
        }
        while !self.lost {
            let (idle, stop) = match runtime.block_on(self.next()) {
                Ok(Some(command)) => {
                    // What another process published may be what this command is about.
                    if self.is_well() {
                        self.look();
                    }
                    (false, self.work(command))
                }
                Ok(None) => (false, true),
                Err(_) => (true, false),
            };
            if self.is_well() && self.looked.elapsed() >= limits::LOOK_EVERY {
                self.look();
            }
            if self.is_well() && self.expired.elapsed() >= limits::EXPIRE_EVERY {
                self.expire();
            }
            if stop {
                break;
            }
            if idle && self.is_well() {
                self.checkpoint();
            }
            if idle && self.is_well() && Instant::now() >= self.purge_at {
                self.purge();
            }
        }
        // What came before the stop is done; what comes after is refused by the closed channel.
        self.waiting.close();
        while let Ok(command) = self.waiting.try_recv() {
            self.work(command);
        }
        if self.lost || !self.is_well() {
            return Err(Failure::new(
                "penyimpanan kantor gagal dan tidak dapat dibuka ulang, tidak ada lagi yang diterima: periksa \
                 cakram dan log, jalankan `loket verify`, lalu jalankan lagi kantor",
            ));
        }
        // The file alone is then the whole office, for whoever copies it; where somebody still reads, it takes both.
        if self.office.replica.store.empty_log().is_err() {
            self.dirty = true;
            self.checkpoint();
        }
        debug!("writer ended");
        Ok(())
    }

    /// The next command, or the news that none came for a while.
    async fn next(&mut self) -> Result<Option<Command>, tokio::time::error::Elapsed> {
        timeout(limits::LOOK_EVERY, self.waiting.recv()).await
    }

    /// Does a command together with what else waits. Returns whether to stop.
    fn work(&mut self, first: Command) -> bool {
        let mut group = Group::default();
        group.add(first);
        while !group.is_full()
            && let Ok(command) = self.waiting.try_recv()
        {
            group.add(command);
        }
        let mut hint = Hint::default();
        let Group { deliveries, replies, arrivals, arrival_replies, jobs, stop, .. } = group;
        // Those whose turn does not come hear of it by their reply being dropped.
        if !deliveries.is_empty() && self.is_well() {
            self.ingest(&deliveries, replies, &mut hint);
        }
        if !arrivals.is_empty() && self.is_well() {
            self.arrive(&arrivals, arrival_replies, &mut hint);
        }
        for job in jobs {
            if !self.is_well() {
                break;
            }
            let (Hint { partitions, people }, ill) = job(&mut self.office);
            hint.partitions.extend(partitions);
            hint.people |= people;
            if ill {
                error!("what a handler asked for could not be written");
                self.fall_ill();
            }
        }
        self.dirty = true;
        self.tell(hint);
        stop
    }

    fn ingest(&mut self, deliveries: &[Delivery], replies: Vec<Reply>, hint: &mut Hint) {
        let start = Instant::now();
        let result = self.office.ingest(deliveries, now(), &mut dice);
        measure(deliveries, start.elapsed());
        let (delivered, why) = match result {
            Ok((delivered, partitions)) => {
                hint.partitions.extend(partitions);
                (delivered, Unavailable::Trouble)
            }
            Err(error) => {
                error!(%error, deliveries = deliveries.len(), "a group could not be written");
                (Vec::new(), self.sort(&error))
            }
        };
        let mut delivered = delivered.into_iter();
        for (reply, delivery) in replies.into_iter().zip(deliveries) {
            let answer = match delivered.next() {
                Some(Delivered::Taken(refused)) => {
                    for (journal, cause) in &refused {
                        if matches!(cause, LearnError::Allowance | LearnError::Journals) {
                            counter!(telemetry::BEYOND).increment(1);
                        }
                        info!(device = %delivery.author, %journal, %cause, "a run was not taken in");
                    }
                    counter!(telemetry::RECEIPTS).increment(1);
                    Ok(refused)
                }
                Some(Delivered::Failed(cause)) => {
                    error!(device = %delivery.author, cause, "a delivery could not be taken in");
                    Err(Unavailable::Trouble)
                }
                None => Err(why),
            };
            let _ = reply.send(answer);
        }
    }

    fn arrive(
        &mut self,
        arrivals: &[(Partition, AttachmentHash)],
        replies: Vec<oneshot::Sender<Result<(), Unavailable>>>,
        hint: &mut Hint,
    ) {
        let result = self.office.write(|office| office.attachments_arrived(arrivals, now(), &mut dice));
        let answer = match result {
            Ok(((), partitions)) => {
                hint.partitions.extend(partitions);
                counter!(telemetry::ATTACHMENTS).increment(arrivals.len() as u64);
                Ok(())
            }
            Err(error) => {
                error!(%error, "arrived attachments could not be recorded");
                Err(self.sort(&error))
            }
        };
        for reply in replies {
            let _ = reply.send(answer);
        }
    }

    fn tell(&mut self, hint: Hint) {
        for partition in &hint.partitions {
            match self.office.replica.position(partition) {
                Ok(position) => self.positions.insert(*partition, position),
                Err(_) => self.positions.remove(partition),
            };
        }
        if !hint.partitions.is_empty() {
            // Nobody listens where no phone is connected.
            let _ = self.hints.send(hint);
        }
    }

    /// Looks whether another process has committed, and tells what it brought.
    fn look(&mut self) {
        self.looked = Instant::now();
        let version = match self.office.replica.store.data_version() {
            Ok(version) => version,
            Err(error) => {
                error!(%error, "the store cannot be read");
                self.sort(&error.into());
                return;
            }
        };
        if self.version == Some(version) {
            return;
        }
        let first = self.version.is_none();
        let found = self.office.replica.read_office_files().and_then(|()| self.moved());
        match found {
            Ok(partitions) => {
                self.version = Some(version);
                self.dirty = true;
                if !first {
                    counter!(telemetry::OTHERS).increment(1);
                    self.tell(Hint { partitions, people: true });
                }
            }
            Err(error) => {
                error!(%error, "what another process wrote cannot be read");
                self.sort(&error);
            }
        }
    }

    /// Partitions whose last position is another than it was.
    fn moved(&mut self) -> Result<BTreeSet<Partition>, ReplicaError> {
        let mut moved = BTreeSet::new();
        for partition in self.office.replica.store.partitions()? {
            let position = self.office.replica.position(&partition)?;
            if self.positions.insert(partition, position) != Some(position) {
                moved.insert(partition);
            }
        }
        Ok(moved)
    }

    /// Ends certificates whose time is over: some at a time, the rest at the next look.
    fn expire(&mut self) {
        self.expired = Instant::now();
        let after = self.expire_after.take();
        match self.office.write(|office| office.expire(after.as_deref(), now(), &mut dice)) {
            Ok(((ended, next), partitions)) => {
                self.expire_after = next;
                if ended > 0 {
                    info!(certificates = ended, "certificates ended: their time was over");
                    self.dirty = true;
                    self.tell(Hint { partitions, people: true });
                }
            }
            Err(error) => {
                error!(%error, "expired certificates could not be ended");
                self.sort(&error);
            }
        }
    }

    /// Moves the log into the file while nobody waits for it.
    fn checkpoint(&mut self) {
        if std::mem::take(&mut self.dirty)
            && let Err(error) = self.office.replica.store.checkpoint()
        {
            warn!(%error, "no checkpoint");
            self.dirty = true;
            self.sort(&error.into());
        }
    }

    /// Removes the last bytes of what was destroyed from the store's files, while nobody waits: a large store at
    /// night, since it is written anew.
    fn purge(&mut self) {
        let done = self.purge_now();
        self.purge_at = Instant::now() + limits::PURGE_AGAIN;
        match done {
            Ok(false) => {}
            Ok(true) => info!("the store was written anew: nothing is left of what was destroyed"),
            // Somebody reads or writes: at the next look.
            Err(ReplicaError::Store(StoreError::Busy)) => self.purge_at = Instant::now(),
            Err(error) => {
                warn!(%error, "what was destroyed may still stand in free space of the store");
                self.sort(&error);
            }
        }
    }

    fn purge_now(&mut self) -> Result<bool, ReplicaError> {
        let replica = &mut self.office.replica;
        if !replica.must_purge()? {
            return Ok(false);
        }
        let hour = now().saturating_add(WIB).rem_euclid(24 * 3600) / 3600;
        if replica.store.size()? > limits::PURGE_AT_ONCE && !limits::PURGE_HOURS.contains(&hour) {
            return Ok(false);
        }
        replica.store.purge()?;
        replica.transaction(|replica| replica.purged())?;
        Ok(true)
    }

    /// What the callers of work that failed are told. The store falls ill where the medium has failed.
    fn sort(&mut self, error: &ReplicaError) -> Unavailable {
        if is_of_the_medium(error) {
            self.fall_ill();
        }
        match error {
            ReplicaError::Store(StoreError::Full) => Unavailable::Full,
            _ => Unavailable::Trouble,
        }
    }

    fn fall_ill(&mut self) {
        self.ill.store(true, Ordering::Relaxed);
        counter!(telemetry::STORE_FAILURES).increment(1);
        gauge!(telemetry::STORE_ILL).set(1.0);
        error!("the store has failed: nothing is acknowledged until it was opened anew and checked");
    }

    /// Whether the store may be used. Where it has failed, it is opened anew and checked now; where that fails too
    /// but for want of room, the office is lost.
    fn is_well(&mut self) -> bool {
        if !self.ill.load(Ordering::Relaxed) {
            return true;
        }
        if self.lost {
            return false;
        }
        for attempt in 1..=limits::REOPEN_ATTEMPTS {
            match self.reopen() {
                Ok(()) => {
                    warn!(attempt, "the store was opened anew and checked: the office goes on");
                    counter!(telemetry::STORE_REOPENED).increment(1);
                    gauge!(telemetry::STORE_ILL).set(0.0);
                    self.ill.store(false, Ordering::Relaxed);
                    return true;
                }
                Err(error) => {
                    error!(%error, attempt, "the store could not be opened anew");
                    // Somebody may make room, or end their reading; nothing else mends itself.
                    let passes = matches!(error, ReplicaError::Store(StoreError::Full | StoreError::Busy));
                    self.lost = attempt == limits::REOPEN_ATTEMPTS && !passes;
                }
            }
            std::thread::sleep(limits::REOPEN_PAUSE);
        }
        false
    }

    fn reopen(&mut self) -> Result<(), ReplicaError> {
        self.office.replica.store.reopen()?;
        self.office.replica.check_heads()?;
        // What others wrote meanwhile is looked for from the beginning.
        self.version = Some(NEVER);
        self.dirty = true;
        Ok(())
    }
}

/// Whether the medium failed, or what it gives back cannot be right.
fn is_of_the_medium(error: &ReplicaError) -> bool {
    matches!(error, ReplicaError::Store(StoreError::Broken(_)))
}

fn measure(deliveries: &[Delivery], took: Duration) {
    let entries: usize = deliveries.iter().flat_map(|d| &d.runs).map(|run| run.entries.len()).sum();
    counter!(telemetry::ENTRIES).increment(entries as u64);
    counter!(telemetry::GROUPS).increment(1);
    histogram!(telemetry::GROUP_SIZE).record(deliveries.len() as f64);
    histogram!(telemetry::GROUP_SECONDS).record(took.as_secs_f64());
}

fn size_of_delivery(delivery: &Delivery) -> usize {
    let entries = delivery.runs.iter().flat_map(|run| &run.entries);
    entries.map(|entry| entry.body.as_ref().map_or(0, Vec::len) + 64).sum()
}
