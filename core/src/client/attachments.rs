//! Scans to the office: over HTTP beside the session, in pieces, resumed wherever they stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::mpsc;

use super::address::Address;
use super::enrol::blocking;
use super::socket::Bytes;
use super::sync::spread;
use super::tls::{self, Trust};
use super::{ClientError, clock, now};
use crate::attachment::{AttachmentStore, token};
use crate::identity::Signer;
use crate::journal::{AttachmentHash, AuthorId, Partition};

/// Bytes of the first piece over a line: eight seconds at 64 kbit/s. It doubles with each that arrives, since a piece that is
/// answered is known to be there, and falls back where the line fails.
const FIRST_PIECE: u64 = 64 << 10;
/// Bytes of one piece, at most: half a minute at 64 kbit/s.
const PIECE: u64 = 256 << 10;
/// Scans up to here are sent without asking first how much of them is there.
const WITHOUT_ASKING: u64 = 64 << 10;
/// How long one piece may take.
const PIECE_TIMEOUT: Duration = Duration::from_secs(150);
/// Times that a scan is tried.
const ATTEMPTS: u32 = 4;
/// Pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// Before asking again whether it is one's turn.
const BUSY_PAUSE: Duration = Duration::from_secs(4);
/// How long one's turn may take to come; then the scan goes another time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(300);
/// By how much a clock may be off without a token being refused for it, in seconds.
const CLOCK_SLACK: u64 = 600;
/// Bytes that a request and its answer take besides their bodies, about: the library does not tell.
const HEADERS: (u64, u64) = (380, 160);

/// A scan that the office lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Upload {
    pub partition: Partition,
    pub hash: AttachmentHash,
    pub bytes: u64,
}

/// What becomes of uploads.
#[derive(Debug)]
pub(super) enum News {
    /// So many bytes more of a scan are known to be there.
    Piece(u64),
    /// The office has all of it.
    Whole(Upload),
    /// The office takes no such scan from this device; its entry is held there.
    NotWanted,
    /// All were tried.
    End(Result<(), ClientError>),
}

/// What uploads need.
pub(super) struct Uploader {
    pub address: Address,
    pub trust: Trust,
    pub office: AuthorId,
    pub signer: Arc<dyn Signer>,
    pub files: AttachmentStore,
    pub bytes: Arc<Bytes>,
    pub news: mpsc::Sender<News>,
    /// By how much the office's clock is ahead of this one, in seconds: a token of a wrong time opens nothing.
    pub ahead: AtomicI64,
    /// How much is sent at once, as the line has shown.
    pub piece: AtomicU64,
}

impl Uploader {
    /// What is sent at once over a line that nobody knows yet.
    pub(super) fn first_piece() -> AtomicU64 {
        AtomicU64::new(FIRST_PIECE)
    }
}

/// How a request ended.
enum Answer {
    /// So much is there.
    Here(u64),
    Whole,
    NotWanted,
}

impl Uploader {
    /// Sends scans one after the other; the last news is [`News::End`].
    pub(super) async fn run(self, uploads: Vec<Upload>) {
        let result = self.all(&uploads).await;
        // Nobody listens where the session has ended.
        let _ = self.news.send(News::End(result)).await;
    }

    async fn all(&self, uploads: &[Upload]) -> Result<(), ClientError> {
        if uploads.is_empty() {
            return Ok(());
        }
        let client = tls::http(&self.trust)?;
        for upload in uploads {
            let news = match self.persist(&client, upload).await? {
                Answer::NotWanted => News::NotWanted,
                Answer::Whole | Answer::Here(_) => News::Whole(*upload),
            };
            let _ = self.news.send(news).await;
        }
        Ok(())
    }

    /// Tries again where the line fails; what has arrived is not sent twice.
    async fn persist(&self, client: &Client, upload: &Upload) -> Result<Answer, ClientError> {
        let (mut pause, mut again, mut attempt) = (PAUSE, false, 0);
        let began = Instant::now();
        loop {
            attempt += 1;
            match self.one(client, upload, std::mem::replace(&mut again, true)).await {
                // Many came at once, and this one's turn is still to come: that is no failure of the line.
                Err(ClientError::Busy) if began.elapsed() < BUSY_TIMEOUT => {
                    attempt -= 1;
                    tokio::time::sleep(spread(BUSY_PAUSE)).await;
                }
                Err(ClientError::Network(_)) if attempt < ATTEMPTS => {
                    self.piece.store(FIRST_PIECE, Ordering::Relaxed);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
    }

    async fn one(&self, client: &Client, upload: &Upload, again: bool) -> Result<Answer, ClientError> {
        let mut offset = 0;
        if again || upload.bytes > WITHOUT_ASKING {
            match self.send(client, Method::HEAD, upload, None).await? {
                Answer::Here(there) => offset = self.came(0, there).await,
                end => return Ok(end),
            }
        }
        // An honest office moves forward with every piece; one that does not is left.
        for _ in 0..=upload.bytes.div_ceil(FIRST_PIECE).saturating_add(u64::from(ATTEMPTS)) {
            let (files, hash) = (self.files.clone(), upload.hash);
            let size = self.piece.load(Ordering::Relaxed);
            let range = offset..offset.saturating_add(size).min(upload.bytes);
            let piece = blocking(move || Ok(files.read(&hash, range)?)).await?;
            match self.send(client, Method::PATCH, upload, Some((offset, piece))).await? {
                Answer::Here(there) => offset = self.came(offset, there.min(upload.bytes)).await,
                end => {
                    self.came(offset, upload.bytes).await;
                    return Ok(end);
                }
            }
            self.piece.store((2 * size).min(PIECE), Ordering::Relaxed);
        }
        Err(ClientError::Network("lampiran tidak maju-maju: ulangi sinkronisasi".into()))
    }

    /// Tells that a scan which was there up to `before` is there up to `now`; that.
    async fn came(&self, before: u64, now: u64) -> u64 {
        if now > before {
            let _ = self.news.send(News::Piece(now - before)).await;
        }
        now
    }

    async fn send(
        &self,
        client: &Client,
        method: Method,
        upload: &Upload,
        piece: Option<(u64, Vec<u8>)>,
    ) -> Result<Answer, ClientError> {
        let path = format!("/v1/attachments/{}/{}", upload.partition, upload.hash);
        let time = now().saturating_add(self.ahead.load(Ordering::Relaxed));
        let token = token::make(&*self.signer, &self.office, &path, time)?;
        let mut request = client
            .request(method, self.address.http(&path))
            .header("authorization", token)
            .timeout(PIECE_TIMEOUT);
        let mut sent = HEADERS.0;
        if let Some((offset, bytes)) = piece {
            sent += bytes.len() as u64;
            request = request
                .header("content-type", "application/partial-upload")
                .header("upload-offset", offset.to_string())
                .body(bytes);
        }
        let response = request.send().await;
        self.bytes.add(sent, HEADERS.1);
        self.bytes.turn();
        let response = response.map_err(|error| tls::sentence(&error))?;
        let answer = self.judge(&response);
        // The body is read to its end, so that the connection serves the next request.
        let body = response.bytes().await.map_err(|error| tls::sentence(&error))?;
        self.bytes.add(0, body.len() as u64);
        answer
    }

    /// What an answer means. One that a wrong clock explains is worth another try by the office's.
    fn judge(&self, response: &Response) -> Result<Answer, ClientError> {
        let said = response.headers().get("date").and_then(|date| date.to_str().ok()).and_then(clock::ahead);
        let known = said.map_or(0, |said| self.ahead.swap(said, Ordering::Relaxed).abs_diff(said));
        match read(response) {
            Ok(Answer::NotWanted) if known > CLOCK_SLACK => {
                Err(ClientError::Network("jam HP berbeda dari jam Dinas: lampiran dicoba lagi".into()))
            }
            answer => answer,
        }
    }
}

fn read(response: &Response) -> Result<Answer, ClientError> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let offset = || header("upload-offset").and_then(|text| text.trim().parse().ok());
    match response.status() {
        StatusCode::OK | StatusCode::NO_CONTENT if header("upload-complete") == Some("?1") => {
            Ok(Answer::Whole)
        }
        StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::CONFLICT => {
            offset().map(Answer::Here).ok_or_else(|| strange(response.status()))
        }
        StatusCode::NOT_FOUND => Ok(Answer::NotWanted),
        // It was thrown away there; the next try sends it from the beginning.
        StatusCode::UNPROCESSABLE_ENTITY => {
            Err(ClientError::Network("lampiran rusak di perjalanan: ulangi sinkronisasi".into()))
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            Err(ClientError::Office("Dinas menolak lampiran karena ukurannya: lampirkan ulang".into()))
        }
        StatusCode::TOO_MANY_REQUESTS => Err(ClientError::Allowance),
        StatusCode::SERVICE_UNAVAILABLE => Err(ClientError::Busy),
        status if status.is_server_error() => {
            Err(ClientError::Network("Dinas sedang sibuk menerima lampiran: ulangi nanti".into()))
        }
        status => Err(strange(status)),
    }
}

fn strange(status: StatusCode) -> ClientError {
    ClientError::Network(format!(
        "jawaban Dinas atas lampiran tidak dikenali (HTTP {}): ulangi",
        status.as_u16()
    ))
}
