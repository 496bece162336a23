//! Serving: connections in, the writer behind, and an orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use loket_core::client::published_pins;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tracing::{debug, error, info, warn};

use crate::app::App;
use crate::attachments::Shelves;
use crate::checkpoints;
use crate::config::{Failure, Folder, limits};
use crate::connection::{Life, Watched};
use crate::guests::{Guest, Guests};
use crate::ingest::{Writer, WriterThread};
use crate::office::admission::Allowances;
use crate::press::Press;
use crate::proxy;
use crate::readers::Readers;
use crate::retention;
use crate::router::router;
use crate::sms::{self, Gateway};
use crate::status::Guesses;
use crate::telemetry;
use crate::tls::{self, Certificate};

/// After an accept that failed: the system is short of something.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Whether the office goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Course {
    /// It serves.
    #[default]
    Serving,
    /// It was asked to stop.
    Stopping,
    /// It cannot go on.
    Failed,
}

/// An office that serves.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    stop: watch::Sender<Course>,
    task: JoinHandle<Result<(), Failure>>,
}

/// How connections are kept from listeners on the way.
#[derive(Clone, Default)]
pub enum Way {
    /// Not at all: whoever connects is on this machine.
    #[default]
    Loopback,
    /// By TLS, here.
    Tls(Arc<Certificate>),
    /// By TLS that ends at a proxy, which says so and names the peer.
    Proxy,
}

/// What an operator decides.
#[derive(Default)]
pub struct Options {
    /// What one device may bring.
    pub allowances: Allowances,
    /// Where the public finds the office; none: where it listens.
    pub public_url: Option<String>,
    /// By which way messages to applicants leave.
    pub gateway: Gateway,
    /// How connections are kept private.
    pub way: Way,
}

impl Server {
    /// Opens the office and listens; `listen` is an address and port, port 0 for any free one.
    pub async fn start(folder: &Folder, listen: &str) -> Result<Server, Failure> {
        Self::start_with(folder, listen, Options::default()).await
    }

    /// As [`Server::start`], with what an operator decides.
    pub async fn start_with(folder: &Folder, listen: &str, options: Options) -> Result<Server, Failure> {
        raise_file_limit();
        let mut office = folder.office()?;
        office.allowances = options.allowances;
        folder.publish_seal(&mut office)?;
        let signer = office.signer();
        let public = office.public_key();
        let press = Press::load(folder.path()).map_err(|error| Failure::new(error.to_string()))?;
        let shelves = Shelves::new(folder.attachments());
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            Failure::new(format!(
                "tidak dapat mendengarkan di {listen} ({error}): pilih alamat lain dengan --listen"
            ))
        })?;
        let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
        let way = options.way;
        if matches!(way, Way::Loopback) && !address.ip().to_canonical().is_loopback() {
            return Err(Failure::new(format!(
                "{address} dapat dijangkau dari luar mesin ini, dan tanpa TLS semua dapat disadap: beri --tls-certificate \
                 dan --tls-key, atau --behind-proxy jika proxy di depannya yang memakai TLS"
            )));
        }
        if let Way::Tls(certificate) = &way {
            let pins = published_pins(&office.replica)?.unwrap_or_default();
            tls::check_pin(&certificate.pin(), &pins)?;
        }
        let scheme = if matches!(way, Way::Tls(_)) { "https" } else { "http" };
        office.replica.store.make_room(limits::CACHE, limits::LOG_PAGES)?;
        let (writer, thread) = Writer::start(office).map_err(|error| Failure::new(error.to_string()))?;
        let (stop, stopped) = watch::channel(Course::Serving);
        let checkpoints = checkpoints::start(folder.store()?, stopped.clone())
            .map_err(|error| Failure::new(error.to_string()))?;
        let app = Arc::new(App {
            writer,
            readers: Readers::new(folder.clone(), Arc::clone(&signer)),
            office: public,
            signer,
            receipts: Default::default(),
            sessions: Default::default(),
            shelves,
            transfers: Default::default(),
            given: Default::default(),
            guests: Guests::new(limits::GUESTS),
            failures: Default::default(),
            stop: stopped,
            press: Arc::new(press),
            metrics: telemetry::metrics(),
            public_url: options.public_url.unwrap_or_else(|| format!("{scheme}://{address}")),
            heard: Default::default(),
            figures: Default::default(),
            pace: Default::default(),
            guesses: Guesses::default(),
            unwell: AtomicBool::new(false),
        });
        let messages = tokio::spawn(sms::run(Arc::clone(&app), options.gateway, app.stop.clone()));
        tokio::spawn(retention::run(Arc::clone(&app)));
        if let Way::Tls(certificate) = &way {
            tokio::spawn(tls::watch(Arc::clone(&app), Arc::clone(certificate)));
        }
        info!(%address, office = %app.office.author(), "serving");
        let task = tokio::spawn(serve(app, listener, (checkpoints, thread, messages), (way, stop.clone())));
        Ok(Server { address, scheme, stop, task })
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to stop, and waits until it has: sessions told, queue done, store in order.
    pub async fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(Course::Stopping);
        self.task.await.unwrap_or_else(|_| {
            Err(Failure::new("kantor berhenti tidak teratur: periksa dengan `loket verify`"))
        })
    }

    /// Waits until `until` is ready or the office ends by itself, which is a failure; then stops in order.
    pub async fn run_until(mut self, until: impl Future<Output = ()>) -> Result<(), Failure> {
        tokio::select! {
            () = until => self.stop().await,
            ended = &mut self.task => ended.unwrap_or_else(|_| Err(Failure::new("kantor berhenti tidak teratur: periksa dengan `loket verify`"))),
        }
    }
}

async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    (checkpoints, thread, messages): (std::thread::JoinHandle<()>, WriterThread, JoinHandle<()>),
    (way, course): (Way, watch::Sender<Course>),
) -> Result<(), Failure> {
    let connections = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let mut routes = router(Arc::clone(&app));
    if let Way::Proxy = way {
        routes = routes.layer(from_fn_with_state(app.guests.clone(), proxy::let_in));
    }
    let mut stop = app.stop.clone();
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut stop) => break,
            () = app.writer.ended() => {
                error!("the writer has ended by itself");
                course.send_replace(Course::Failed);
                break;
            }
            accepted = accept(&listener, &connections, &app.guests) => accepted,
        };
        if let Some((stream, guest, place)) = accepted {
            let (routes, stop, way) = (routes.clone(), app.stop.clone(), way.clone());
            tokio::spawn(async move {
                welcome(stream, guest, way, routes, stop).await;
                drop(place);
            });
        }
    }
    drop(listener);
    let all = async {
        app.sessions.all_ended().await;
        let _ = connections.acquire_many(limits::CONNECTIONS as u32).await;
    };
    if timeout(limits::SHUTDOWN_TIMEOUT, all).await.is_err() {
        warn!("connections were cut at the shutdown");
    }
    // Before the writer ends: its last checkpoint is to meet no other.
    let joined = tokio::task::spawn_blocking(move || checkpoints.join());
    if timeout(limits::WRITER_TIMEOUT, joined).await.is_err() {
        warn!("a checkpoint did not come to its end");
    }
    if timeout(limits::SMS_TIMEOUT, messages).await.is_err() {
        warn!("a message was being sent at the shutdown");
    }
    app.writer.stop().await;
    let joined = tokio::task::spawn_blocking(move || thread.join());
    match timeout(limits::WRITER_TIMEOUT, joined).await {
        Ok(Ok(Ok(Ok(())))) => {
            info!("stopped");
            Ok(())
        }
        Ok(Ok(Ok(Err(failure)))) => Err(failure),
        Ok(Ok(Err(_))) => Err(Failure::new(
            "penulis kantor berhenti: lihat log, periksa dengan `loket verify`, lalu jalankan lagi",
        )),
        _ => Err(Failure::new("penulis kantor tidak selesai pada waktunya: periksa dengan `loket verify`")),
    }
}

/// Ready when the office is to stop, or nobody is left who could say so.
async fn stopping(stop: &mut watch::Receiver<Course>) {
    let _ = stop.wait_for(|course| *course != Course::Serving).await;
}

/// A connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    guests: &Guests,
) -> Option<(TcpStream, Guest, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, guests.enter(address.ip()), place)),
        Err(error) => {
            // Most likely there are no files left: whoever waits longest without a word has to go.
            let made_room = guests.make_room();
            warn!(%error, made_room, "a connection could not be accepted");
            sleep(ACCEPT_AGAIN).await;
            None
        }
    }
}

/// Asks the system for as many open files as there may be connections; what it does not give is not there.
fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let wanted = limits::FILES.min(limit.maximum.unwrap_or(limits::FILES));
        if limit.current.is_some_and(|current| current < wanted) {
            let raised =
                setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
            if let Err(error) = raised {
                warn!(%error, wanted, "the system's limit of open files stays as it is");
            }
        }
        if wanted < limits::FILES {
            warn!(
                files = wanted,
                needed = limits::FILES,
                "the system allows fewer open files than phones may connect"
            );
        }
    }
}

async fn welcome(stream: TcpStream, guest: Guest, way: Way, routes: Router, stop: watch::Receiver<Course>) {
    // Small frames go at once; where the system refuses, they go later.
    let _ = stream.set_nodelay(true);
    let life = Arc::new(Life::default());
    let stream = Watched::new(stream, Arc::clone(&life));
    match way {
        Way::Loopback => connection(stream, (life, guest), routes, stop).await,
        Way::Proxy => {
            // The proxy itself waits for nobody; its peers are guests one by one.
            guest.is_known();
            connection(stream, (life, guest), routes, stop).await;
        }
        Way::Tls(certificate) => {
            let greeted = tokio::select! {
                greeted = certificate.greet(stream) => greeted,
                () = guest.shown_out() => None,
            };
            if let Some(stream) = greeted {
                connection(stream, (life, guest), routes, stop).await;
            }
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (life, guest): (Arc<Life>, Guest),
    routes: Router,
    mut stop: watch::Receiver<Course>,
) {
    let io = TokioIo::new(stream);
    let visitor = guest.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&life));
        request.extensions_mut().insert(visitor.clone());
        let routes = routes.clone();
        async move {
            Ok::<_, Infallible>(
                routes.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .max_buf_size(limits::HEAD)
        .serve_connection(io, service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = guest.shown_out() => return,
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}

/// Ready when the system asks the process to end (SIGTERM, SIGINT).
pub async fn asked_to_end() {
    let interrupt = async {
        // Without a handler the system ends the process as it would have done anyway.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
