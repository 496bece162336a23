//! Reaching the office: one configuration of TLS for the WebSocket and for HTTP, and words for what fails.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};

use super::ClientError;

/// How long a connection may take to come about.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection is kept for the next request.
const KEEP: Duration = Duration::from_secs(60);

/// The configuration. The provider is named rather than found, since several may be linked into one program; the
/// roots are those that browsers trust, so that they are the same on every phone.
pub(super) fn config() -> Result<Arc<ClientConfig>, ClientError> {
    static ONCE: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();
    let made = ONCE.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    });
    made.clone().ok_or_else(no_tls)
}

/// A client for HTTP that keeps its connection.
pub(super) fn http() -> Result<reqwest::Client, ClientError> {
    builder(CONNECT_TIMEOUT)?.pool_idle_timeout(KEEP).build().map_err(|_| no_tls())
}

/// A client for HTTP that opens a connection for each request, so that none is sent on one that is about to close and
/// repeated by the library; `connect` is how long one may take to come about.
///
/// # Errors
/// Where TLS cannot be set up.
pub fn http_once(connect: Duration) -> Result<reqwest::Client, ClientError> {
    builder(connect)?.pool_max_idle_per_host(0).build().map_err(|_| no_tls())
}

fn builder(connect: Duration) -> Result<reqwest::ClientBuilder, ClientError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(ClientConfig::clone(&*config()?))
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        // The WebSocket knows no proxy, so neither does this.
        .no_proxy()
        .http1_only();
    Ok(builder)
}

fn no_tls() -> ClientError {
    ClientError::Network("sambungan aman tidak dapat disiapkan di perangkat ini".into())
}

/// What failed, for people. The library's own words name addresses, so they stay out.
pub(super) fn sentence(error: &reqwest::Error) -> ClientError {
    let sentence = if error.is_timeout() {
        "Dinas tidak menjawab pada waktunya: periksa sambungan, lalu ulangi"
    } else if error.is_connect() {
        "Dinas tidak dapat dihubungi: periksa sambungan dan alamatnya, lalu ulangi"
    } else {
        "sambungan ke Dinas terputus: ulangi, pekerjaan dilanjutkan dari tempat berhenti"
    };
    ClientError::Network(sentence.into())
}
