//! TLS of the office: its certificate's files, read again when they change.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use loket_core::client::{Pin, published_pins};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, error, info};

use crate::app::App;
use crate::config::{Failure, limits};
use crate::connection::Watched;

/// Most certificates that a chain may have.
const MAX_CHAIN: usize = 8;
/// What is spoken within: WebSockets need it, and nothing here gains by another.
const PROTOCOL: &[u8] = b"http/1.1";

/// The two files.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate, and those that vouch for it, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

/// A certificate as it was read.
struct Loaded {
    config: Arc<ServerConfig>,
    pin: Pin,
    /// Of both files: whether they changed.
    bytes: blake3::Hash,
}

/// The certificate that the office shows.
pub struct Certificate {
    files: Files,
    loaded: RwLock<Arc<Loaded>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// Where they cannot be read, or do not belong together.
    pub fn read(files: Files) -> Result<Self, Failure> {
        let loaded = RwLock::new(Arc::new(files.load()?));
        Ok(Self { files, loaded })
    }

    /// Its key, as phones pin it.
    pub fn pin(&self) -> Pin {
        self.current().pin
    }

    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Greets a connection; none where it is not TLS, or takes too long.
    pub async fn greet(&self, stream: Watched<TcpStream>) -> Option<TlsStream<Watched<TcpStream>>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current().config));
        match timeout(limits::TLS_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                debug!(%error, "no TLS came about");
                None
            }
            Err(_) => None,
        }
    }

    /// Reads the files again; whether they had changed. One whose key the phones do not know is not taken.
    fn reload(&self, pins: &[Pin]) -> Result<bool, Failure> {
        let before = self.current();
        if self.files.digest()? == before.bytes {
            return Ok(false);
        }
        let loaded = self.files.load()?;
        check_pin(&loaded.pin, pins)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(true)
    }
}

/// Whether phones that know these keys would know this one.
///
/// # Errors
/// Where they would not.
pub fn check_pin(pin: &Pin, pins: &[Pin]) -> Result<(), Failure> {
    if pins.is_empty() || pins.contains(pin) {
        return Ok(());
    }
    Err(Failure::new(
        "kunci sertifikat TLS ini belum diumumkan, jadi HP yang terdaftar akan menolaknya: layani dahulu dengan \
         sertifikat lama, umumkan keduanya dengan `loket pin LAMA.pem BARU.pem`, dan ganti setelah semua HP sinkron",
    ))
}

impl Files {
    fn read(&self) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let read = |path: &PathBuf| -> Result<Vec<u8>, Failure> {
            let about = fs::metadata(path).map_err(|error| Failure::file(path, &error))?;
            if about.len() > limits::CERTIFICATE {
                return Err(Failure::new(format!(
                    "{}: terlalu besar untuk berkas sertifikat",
                    path.display()
                )));
            }
            fs::read(path).map_err(|error| Failure::file(path, &error))
        };
        Ok((read(&self.certificate)?, read(&self.key)?))
    }

    fn digest(&self) -> Result<blake3::Hash, Failure> {
        let (certificate, key) = self.read()?;
        Ok(both(&certificate, &key))
    }

    fn load(&self) -> Result<Loaded, Failure> {
        let (certificate, key) = self.read()?;
        let chain = read_chain(&certificate).ok_or_else(|| {
            Failure::new(format!("{}: tidak ada sertifikat PEM", self.certificate.display()))
        })?;
        let fails = |_| {
            Failure::new(format!(
                "{}: bukan kunci PEM yang cocok dengan sertifikatnya: periksa kedua berkas",
                self.key.display()
            ))
        };
        let own = chain.first().ok_or_else(|| fails(rustls::Error::NoCertificatesPresented))?;
        let pin = Pin::of(own).map_err(|error| Failure::new(error.to_string()))?;
        let parsed = PrivateKeyDer::from_pem_slice(&key).map_err(|_| fails(rustls::Error::DecryptError))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(fails)?;
        let mut config = builder.with_no_client_auth().with_single_cert(chain, parsed).map_err(fails)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Tickets let a phone come back without the certificates; what they hold lies with the phone, not here.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(fails)?;
        config.send_tls13_tickets = 1;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Ok(Loaded { config: Arc::new(config), pin, bytes: both(&certificate, &key) })
    }
}

fn both(certificate: &[u8], key: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(certificate.len() as u64).to_be_bytes()).update(certificate).update(key);
    hasher.finalize()
}

/// Certificates in PEM; nothing where there are none, or too many.
pub fn read_chain(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        chain.push(certificate.ok()?);
        if chain.len() > MAX_CHAIN {
            return None;
        }
    }
    (!chain.is_empty()).then_some(chain)
}

/// Looks now and then whether the files changed, and at once when the system asks for it (SIGHUP).
pub async fn watch(app: Arc<App>, certificate: Arc<Certificate>) {
    let mut looks = interval(limits::TLS_LOOK_EVERY);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = hung_up() => {}
        }
        match look(&app, &certificate).await {
            Ok(true) => info!("the certificate was read again"),
            Ok(false) => {}
            Err(failure) => error!(%failure, "the certificate stays as it was"),
        }
    }
}

async fn look(app: &App, certificate: &Certificate) -> Result<bool, Failure> {
    let pins = app.readers.run(published_pins).await??;
    certificate.reload(&pins.unwrap_or_default())
}

async fn hung_up() {
    #[cfg(unix)]
    if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        signal.recv().await;
        return;
    }
    std::future::pending::<()>().await;
}
