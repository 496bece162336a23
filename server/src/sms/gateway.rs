//! The gateways by which messages may leave, as a file of the operator's describes one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use tracing::info;

use super::gammu::Gammu;
use super::kannel::Kannel;
use super::webhook::Webhook;
use crate::config::{Failure, limits};
use crate::office::messages::{Attempt, News, Standing, Token};

/// Largest description that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;
/// Largest answer of a gateway that is read, in bytes.
const MAX_ANSWER: usize = 4 << 10;

/// The way by which messages leave.
#[derive(Default)]
pub enum Gateway {
    /// None: the log says that one would have left, neither where to nor what.
    #[default]
    Log,
    /// Gammu SMSD, by its database.
    Gammu(Gammu),
    /// Kannel, over HTTP.
    Kannel(Kannel),
    /// Anybody's, over HTTP.
    Webhook(Webhook),
}

/// A description as it stands in the file.
#[derive(Deserialize)]
#[serde(tag = "driver", rename_all = "lowercase", deny_unknown_fields)]
enum Description {
    Log,
    Gammu { database: PathBuf, wait_seconds: Option<u32> },
    Kannel { url: String, username: String, password: String, report_url: String, wait_seconds: Option<u32> },
    Webhook { url: String, secret: String, report_url: String, wait_seconds: Option<u32> },
}

impl Gateway {
    /// The gateway that a file describes.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let size = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
        if size > MAX_FILE {
            return Err(Failure::new(format!("{} terlalu besar untuk pengaturan SMS", path.display())));
        }
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        // The words of the parser quote the file, and with it a password.
        let described = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text.get(..span.start).map_or(0, |t| t.matches('\n').count()) + 1);
            Failure::new(format!(
                "pengaturan SMS {} tidak terbaca di baris {line}: lihat contoh di docs/sms.md",
                path.display()
            ))
        })?;
        Self::described(described)
    }

    fn described(described: Description) -> Result<Self, Failure> {
        let seconds = |wait: Option<u32>| wait.map_or(limits::SMS_WAIT, i64::from);
        Ok(match described {
            Description::Log => Self::Log,
            Description::Gammu { database, wait_seconds } => {
                Self::Gammu(Gammu::open(database, seconds(wait_seconds))?)
            }
            Description::Kannel { url, username, password, report_url, wait_seconds } => {
                let reports = Reports::new(&report_url)?;
                Self::Kannel(Kannel::new(&url, username, password, reports, seconds(wait_seconds))?)
            }
            Description::Webhook { url, secret, report_url, wait_seconds } => {
                let reports = Reports::new(&report_url)?;
                Self::Webhook(Webhook::new(&url, &secret, reports, seconds(wait_seconds))?)
            }
        })
    }

    /// Its name, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Gammu(_) => "gammu",
            Self::Kannel(_) => "kannel",
            Self::Webhook(_) => "webhook",
        }
    }

    /// How long it may take to say what became of a message, in seconds.
    pub fn wait(&self) -> i64 {
        match self {
            Self::Log => limits::SMS_WAIT,
            Self::Gammu(gammu) => gammu.wait,
            Self::Kannel(kannel) => kannel.wait,
            Self::Webhook(webhook) => webhook.wait,
        }
    }

    /// Hands a message over.
    pub async fn send(&self, attempt: &Attempt) -> News {
        match self {
            Self::Log => {
                let (notification, number) = &attempt.about;
                info!(notification, number, "notification delivered to the log");
                News::Sent
            }
            Self::Gammu(gammu) => gammu.send(attempt).await,
            Self::Kannel(kannel) => kannel.send(attempt).await,
            Self::Webhook(webhook) => webhook.send(attempt).await,
        }
    }

    /// What it knows of messages that it was given or may have been; nothing of those that it reports by itself.
    pub async fn ask(&self, open: &[(Token, Standing)]) -> Vec<(Token, News)> {
        match self {
            // The same token goes out once however often it is given: what nobody saw the end of is given again.
            Self::Log | Self::Webhook(_) => {
                let doubted = open.iter().filter(|(_, standing)| *standing == Standing::Ditanyakan);
                doubted.map(|(token, _)| (*token, News::Unknown)).collect()
            }
            Self::Gammu(gammu) => gammu.ask(open.iter().map(|(token, _)| *token).collect()).await,
            Self::Kannel(_) => Vec::new(),
        }
    }
}

/// Where a gateway reports.
pub(super) struct Reports(String);

impl Reports {
    fn new(url: &str) -> Result<Self, Failure> {
        address(url, "report_url")?;
        Ok(Self(url.trim_end_matches('/').to_owned()))
    }

    /// The address for one message.
    pub(super) fn of(&self, token: &Token) -> String {
        format!("{}/v1/sms/{}", self.0, HEXLOWER.encode(token))
    }
}

/// An address of HTTP.
pub(super) fn address(url: &str, name: &str) -> Result<reqwest::Url, Failure> {
    let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.filter(reqwest::Url::has_host).ok_or_else(|| {
        Failure::new(format!(
            "{name} di pengaturan SMS bukan alamat: tulis misalnya http://127.0.0.1:13013/cgi-bin/sendsms"
        ))
    })
}

/// A client that keeps no connection: one that the other side is about to close would leave an attempt without an answer.
pub(super) fn client() -> Result<reqwest::Client, Failure> {
    let failed = |_| Failure::new("sambungan ke gateway SMS tidak dapat disiapkan");
    loket_core::client::http_once(limits::SMS_CONNECT).map_err(failed)
}

/// The answer to a request: its status and the beginning of its body, or what is known without one.
pub(super) async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, String), News> {
    let mut response = match request.send().await {
        Ok(response) => response,
        // Nothing was sent that anybody could have read.
        Err(error) if error.is_connect() || error.is_builder() => {
            return Err(News::Later("gateway tidak dapat dihubungi".to_owned()));
        }
        Err(_) => return Err(News::Unclear),
    };
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend(piece.iter().take(MAX_ANSWER - body.len()));
        if body.len() == MAX_ANSWER {
            break;
        }
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// What a report says: Kannel's numbers, or a webhook's words. None where it is not understood; no news where it says
/// that there is none yet.
pub(super) fn reported(status: &str) -> Option<Option<News>> {
    Some(match status {
        "1" | "sampai" => Some(News::Arrived),
        "2" | "gagal" => Some(News::Failed("gateway: tidak sampai".to_owned())),
        "4" | "diterima" => None,
        "8" | "terkirim" => Some(News::Sent),
        "16" | "ditolak" => Some(News::Failed("gateway: ditolak jaringan".to_owned())),
        _ => return None,
    })
}

/// For a connection to a gateway's database or address to come about.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
