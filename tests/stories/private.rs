//! Between phone and office nobody listens, and nobody takes the office's place: TLS, pins, proxies.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use loket_tests::{Office, Phone, Server, VILLAGE, eventually};
use rcgen::CertifiedKey;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tokio::net::{TcpListener, TcpStream};

use super::proxy::Proxy;

/// A certificate of one's own making, in files.
struct Certificate {
    made: CertifiedKey<rcgen::KeyPair>,
    chain: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn new(folder: &Path, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["loket.contoh".to_owned()]).unwrap();
        let (chain, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        fs::write(&chain, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { made, chain, key }
    }

    fn chain(&self) -> &str {
        self.chain.to_str().unwrap()
    }

    /// Puts it in the place of another one's files.
    fn replaces(&self, other: &Certificate) {
        fs::copy(&self.key, &other.key).unwrap();
        fs::copy(&self.chain, &other.chain).unwrap();
    }
}

fn serve(office: &Office, certificate: &Certificate) -> Server {
    let key = certificate.key.to_str().unwrap();
    let server = office.serve_with(&["--tls-certificate", certificate.chain(), "--tls-key", key]);
    assert!(server.url().starts_with("https://127.0.0.1:"), "{}", server.url());
    server
}

fn enrol(office: &Office, url: &str) -> Result<Phone, String> {
    let (phone, code) = (Phone::unknown(), office.invite("operator-desa", VILLAGE));
    let outcome = phone.outcome(&["enroll", "--url", url, "--code", &code]);
    if outcome.success { Ok(phone) } else { Err(outcome.stderr.clone()) }
}

#[test]
fn a_man_in_the_middle_is_refused_with_and_without_pins() {
    let (office, folder) = (Office::new(), tempfile::tempdir().unwrap());
    let own = Certificate::new(folder.path(), "kantor");
    let server = serve(&office, &own);
    // Nobody vouches for it, and it is not pinned yet.
    let refused = enrol(&office, server.url()).err().unwrap();
    assert!(refused.contains("bukan Dinas"), "{refused}");
    assert_eq!(office.run(&["pin", own.chain()])["pins"].as_array().unwrap().len(), 1);

    // While it enrols: whoever is in the middle may pass on everything, and is found out by the pins.
    let other = Certificate::new(folder.path(), "penyadap");
    let middle = Middle::before(server.url(), &other);
    let refused = enrol(&office, &middle.url).err().unwrap();
    assert!(refused.contains("bukan Dinas"), "{refused}");

    // And afterwards, on the same address: the socket, and what goes over HTTP.
    let wire = Proxy::to(server.url());
    let phone = enrol(&office, &wire.url().replace("http:", "https:")).unwrap();
    let (id, _) = phone.begin("ktp-el-hilang");
    phone.sync();
    phone.run(&["set", &id, "alamat=Dusun Krajan 1"]);
    wire.lead_to(&middle.url);
    let refused = phone.fails(&["sync"]);
    assert!(refused.contains("bukan Dinas"), "{refused}");
    wire.lead_to(server.url());
    assert_eq!(phone.sync()["entries_sent"], 1);
    assert!(server.stop());
}

#[test]
fn a_key_is_changed_without_losing_a_phone() {
    let (office, folder) = (Office::new(), tempfile::tempdir().unwrap());
    let [own, next, foreign] = ["kantor", "berikut", "asing"].map(|n| Certificate::new(folder.path(), n));
    office.run(&["pin", own.chain()]);
    let server = serve(&office, &own);
    let phone = enrol(&office, server.url()).unwrap();

    // One that no phone has heard of is not taken, and said to be so.
    foreign.replaces(&own);
    hang_up(&server);
    eventually("the log says why", Duration::from_secs(10), || {
        office.log().contains("belum diumumkan").then_some(())
    });
    phone.sync();
    assert!(office.fails(&["pin", foreign.chain()]).contains("dikenal HP"));

    // One that was announced is, while the office serves; and the phone that heard of it follows.
    fs::write(&own.chain, own.made.cert.pem()).unwrap();
    office.run(&["pin", own.chain(), next.chain()]);
    phone.sync();
    next.replaces(&own);
    hang_up(&server);
    eventually("the log says so", Duration::from_secs(10), || {
        office.log().contains("read again").then_some(())
    });
    phone.sync();
    office.run(&["pin", next.chain()]);
    phone.sync();
    phone.sync();
    assert!(server.stop());

    // Started with another one it does not serve at all.
    foreign.replaces(&own);
    let key = own.key.to_str().unwrap();
    assert!(
        office.try_serve_with("127.0.0.1:0", &["--tls-certificate", own.chain(), "--tls-key", key]).is_none()
    );
}

fn hang_up(server: &Server) {
    let done = Command::new("kill").args(["-HUP", &server.process_id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[test]
fn without_tls_only_this_machine_and_a_proxy_that_vouches_are_served() {
    let office = Office::new();
    assert!(office.try_serve_with("0.0.0.0:0", &[]).is_none());
    assert!(office.log().contains("--tls-certificate"), "{}", office.log());
    let refused = enrol(&office, "http://192.0.2.7:7312").err().unwrap();
    assert!(refused.contains("disadap"), "{refused}");

    let server = office.serve_with(&["--behind-proxy"]);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let status = async |path: &str, headers: &[(&str, &str)]| {
            let mut request = client.get(format!("{}{path}", server.url()));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.send().await.unwrap().status().as_u16()
        };
        let from = ("x-forwarded-for", "192.0.2.9");
        assert_eq!(status("/status", &[]).await, 421);
        assert_eq!(status("/status", &[from, ("x-forwarded-proto", "http")]).await, 421);
        assert_eq!(status("/status", &[("x-forwarded-proto", "https")]).await, 421);
        assert_eq!(status("/status", &[from, ("x-forwarded-proto", "https")]).await, 200);
        assert_eq!(status("/healthz", &[]).await, 200);
    });
    assert!(server.stop());
}

/// Somebody who ends TLS with a certificate of their own, and passes everything on to the office.
struct Middle {
    url: String,
    _runtime: tokio::runtime::Runtime,
}

impl Middle {
    fn before(url: &str, shows: &Certificate) -> Self {
        let office: SocketAddr = url.rsplit('/').next().unwrap().parse().unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(shows.made.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![shows.made.cert.der().clone()], key)
            .unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                let (acceptor, connector) = (acceptor.clone(), connector.clone());
                tokio::spawn(async move {
                    let mut phone = acceptor.accept(phone).await?;
                    let name = ServerName::try_from("loket.contoh").unwrap();
                    let mut office = connector.connect(name, TcpStream::connect(office).await?).await?;
                    tokio::io::copy_bidirectional(&mut phone, &mut office).await
                });
            }
        });
        Self { url, _runtime: runtime }
    }
}

/// Takes any certificate.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
