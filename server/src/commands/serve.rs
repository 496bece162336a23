//! `serve`: the office at work.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Failure, Folder};
use crate::office::admission::{self, Allowances};
use crate::serve::{Options, Server, Way, asked_to_end};
use crate::sms::Gateway;
use crate::telemetry;
use crate::tls::{Certificate, Files};

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, default_value = "127.0.0.1:7312", help = "Alamat dan port; port 0: port bebas mana pun")]
    listen: String,
    #[arg(
        long,
        env = "LOKET_ENTRIES_PER_DAY",
        default_value_t = admission::ENTRIES_A_DAY,
        help = "Batas harian satu perangkat: entri"
    )]
    entries_per_day: u64,
    #[arg(
        long,
        env = "LOKET_BYTES_PER_DAY",
        default_value_t = admission::BYTES_A_DAY,
        help = "Batas harian satu perangkat: bita isi entri"
    )]
    bytes_per_day: u64,
    #[arg(
        long,
        env = "LOKET_ATTACHMENT_BYTES_PER_DAY",
        default_value_t = admission::ATTACHMENT_BYTES_A_DAY,
        help = "Batas harian satu perangkat: bita lampiran"
    )]
    attachment_bytes_per_day: u64,
    #[arg(
        long,
        env = "LOKET_PUBLIC_URL",
        value_parser = public_url,
        help = "Alamat kantor bagi masyarakat, untuk cetakan; tanpa ini alamat yang didengarkan"
    )]
    public_url: Option<String>,
    #[arg(
        long,
        value_name = "BERKAS",
        env = "LOKET_SMS",
        help = "Pengaturan gateway SMS (lihat docs/sms.md); tanpa ini SMS hanya dicatat di log"
    )]
    sms: Option<PathBuf>,
    #[arg(
        long,
        value_name = "BERKAS",
        env = "LOKET_TLS_CERTIFICATE",
        requires = "tls_key",
        conflicts_with = "behind_proxy",
        help = "Sertifikat TLS (PEM, dengan rantainya); dibaca lagi bila berubah, atau pada SIGHUP"
    )]
    tls_certificate: Option<PathBuf>,
    #[arg(
        long,
        value_name = "BERKAS",
        env = "LOKET_TLS_KEY",
        requires = "tls_certificate",
        help = "Kunci sertifikat itu (PEM)"
    )]
    tls_key: Option<PathBuf>,
    #[arg(
        long,
        env = "LOKET_BEHIND_PROXY",
        help = "TLS berakhir di proxy, yang mengirim X-Forwarded-Proto dan X-Forwarded-For"
    )]
    behind_proxy: bool,
}

/// Longest address that a picture on a receipt still shows well, in letters.
const MAX_PUBLIC_URL: usize = 100;

fn public_url(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let begins = text.starts_with("https://") || text.starts_with("http://");
    let plain = text.len() <= MAX_PUBLIC_URL && text.bytes().all(|byte| byte.is_ascii_graphic());
    let cure = "tulis alamat lengkap, misalnya https://loket.contoh.go.id";
    if begins && plain { Ok(text.to_owned()) } else { Err(cure.to_owned()) }
}

impl Args {
    fn options(&self) -> Result<Options, Failure> {
        let allowances = Allowances {
            entries: self.entries_per_day,
            bytes: self.bytes_per_day,
            attachment_bytes: self.attachment_bytes_per_day,
            ..Allowances::default()
        };
        let gateway = self.sms.as_deref().map(Gateway::read).transpose()?.unwrap_or_default();
        let way = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let files = Files { certificate: certificate.clone(), key: key.clone() };
                Way::Tls(Arc::new(Certificate::read(files)?))
            }
            _ if self.behind_proxy => Way::Proxy,
            _ => Way::Loopback,
        };
        Ok(Options { allowances, public_url: self.public_url.clone(), gateway, way })
    }
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<(), Failure> {
    telemetry::logs();
    let options = args.options()?;
    super::runtime()?.block_on(async {
        let server = Server::start_with(folder, &args.listen, options).await?;
        let mut out = std::io::stdout();
        let said = writeln!(out, "Loket mendengarkan di {}", server.url()).and_then(|()| out.flush());
        if said.is_err() {
            tracing::warn!("standard output is closed");
        }
        server.run_until(asked_to_end()).await
    })
}
