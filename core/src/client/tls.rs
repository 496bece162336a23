//! Reaching the office: one configuration of TLS for the WebSocket and for HTTP, and words for what fails.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::ClientError;
use super::pin::Pin;

/// How long a connection may take to come about.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long what was sent may stay unacknowledged.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a connection is kept for the next request.
const KEEP: Duration = Duration::from_secs(60);

/// By what the office's certificate is known.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    /// By its key, which the office told; without any, by the authorities that browsers trust.
    Pins(Vec<Pin>),
    /// Not yet: while a device enrols. The office's answer, which the code authenticates, says by what.
    Unknown(Arc<Seen>),
}

/// What a connection showed that nobody could judge yet.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<(Pin, bool)>>);

impl Seen {
    /// Whether what was seen is what the office told afterwards: one of its pins, or, where it has none, a certificate
    /// of the authorities. A connection without TLS shows nothing, and there is nothing to judge.
    pub(super) fn judge(&self, pins: &[Pin]) -> Result<(), ClientError> {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let good = seen.is_none_or(|(pin, known)| if pins.is_empty() { known } else { pins.contains(&pin) });
        if good { Ok(()) } else { Err(not_the_office()) }
    }
}

/// The configuration. The provider is named rather than found, since several may be linked into one program; the
/// roots are those that browsers trust, so that they are the same on every phone.
pub(super) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, ClientError> {
    // Kept, since a session that is resumed costs neither round trip nor certificates.
    static KEPT: Mutex<Option<(Vec<Pin>, Arc<ClientConfig>)>> = Mutex::new(None);
    let Trust::Pins(pins) = trust else { return make(trust) };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, config)) = kept.as_ref().filter(|(of, _)| of == pins) {
        return Ok(Arc::clone(config));
    }
    let config = make(trust)?;
    *kept = Some((pins.clone(), Arc::clone(&config)));
    Ok(config)
}

/// The configuration of a client that knows an office by these keys, or without any by the authorities.
///
/// # Errors
/// Where TLS cannot be set up.
pub fn tls_config(pins: &[Pin]) -> Result<Arc<ClientConfig>, ClientError> {
    config(&Trust::Pins(pins.to_vec()))
}

fn make(trust: &Trust) -> Result<Arc<ClientConfig>, ClientError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier { provider: Arc::clone(&provider), roots: roots()?, trust: trust.clone() };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| no_tls())?.dangerous();
    Ok(Arc::new(builder.with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()))
}

fn roots() -> Result<Arc<WebPkiServerVerifier>, ClientError> {
    static ONCE: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    let made = ONCE.get_or_init(|| {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()
    });
    made.clone().ok_or_else(no_tls)
}

/// Judges certificates by [`Trust`]. A pinned one counts by its key alone: its dates and names are nothing that a phone
/// with a wrong clock, or an office with an address of numbers, could be held to.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    roots: Arc<WebPkiServerVerifier>,
    trust: Trust,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_roots = || self.roots.verify_server_cert(end_entity, intermediates, server_name, ocsp, now);
        let pin =
            Pin::of(end_entity).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        match &self.trust {
            Trust::Pins(pins) if pins.is_empty() => by_roots(),
            Trust::Pins(pins) if pins.contains(&pin) => Ok(ServerCertVerified::assertion()),
            Trust::Pins(_) => Err(CertificateError::Other(OtherError(Arc::new(not_the_office()))).into()),
            Trust::Unknown(seen) => {
                let shown = (pin, by_roots().is_ok());
                *seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
                Ok(ServerCertVerified::assertion())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A client for HTTP to the office that keeps its connection.
pub(super) fn http(trust: &Trust) -> Result<reqwest::Client, ClientError> {
    builder(trust, CONNECT_TIMEOUT)?.pool_idle_timeout(KEEP).build().map_err(|_| no_tls())
}

/// A client for HTTP, to others than the office, that opens a connection for each request, so that none is sent on one
/// that is about to close and repeated by the library; `connect` is how long one may take to come about.
///
/// # Errors
/// Where TLS cannot be set up.
pub fn http_once(connect: Duration) -> Result<reqwest::Client, ClientError> {
    builder(&Trust::Pins(Vec::new()), connect)?.pool_max_idle_per_host(0).build().map_err(|_| no_tls())
}

fn builder(trust: &Trust, connect: Duration) -> Result<reqwest::ClientBuilder, ClientError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(ClientConfig::clone(&*config(trust)?))
        .connect_timeout(connect)
        .tcp_keepalive(SILENCE)
        .redirect(reqwest::redirect::Policy::none())
        // The WebSocket knows no proxy, so neither does this.
        .no_proxy()
        .http1_only();
    // A line that takes nothing any more is one that is gone, as where a phone changes networks.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let builder = builder.tcp_user_timeout(SILENCE);
    Ok(builder)
}

fn no_tls() -> ClientError {
    ClientError::Network("sambungan aman tidak dapat disiapkan di perangkat ini".into())
}

/// Who answers has not the key that the office told, or no certificate that anybody vouches for.
pub(super) fn not_the_office() -> ClientError {
    ClientError::Network(
        "yang menjawab di alamat itu bukan Dinas: sertifikatnya tidak dikenal. Jangan lanjutkan di jaringan ini; \
         ulangi lewat jaringan lain, lalu hubungi Dinas"
            .into(),
    )
}

/// What failed, for people. The library's own words name addresses, so they stay out.
pub(super) fn sentence(error: &reqwest::Error) -> ClientError {
    if is_about_certificate(error) {
        return not_the_office();
    }
    let sentence = if error.is_timeout() {
        "Dinas tidak menjawab pada waktunya: periksa sambungan, lalu ulangi"
    } else if error.is_connect() {
        "Dinas tidak dapat dihubungi: periksa sambungan dan alamatnya, lalu ulangi"
    } else {
        "sambungan ke Dinas terputus: ulangi, pekerjaan dilanjutkan dari tempat berhenti"
    };
    ClientError::Network(sentence.into())
}

/// Whether a certificate was refused, somewhere among an error's causes.
pub(super) fn is_about_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(cause) = at {
        // What another error carries within one of the system's is found there alone.
        let within = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        if within.is_some_and(|within| is_about_certificate(within))
            || matches!(cause.downcast_ref(), Some(Error::InvalidCertificate(_)))
        {
            return true;
        }
        at = cause.source();
    }
    false
}
