//! Attachments over HTTP: a phone asks how much is here, appends, and reads back.
//!
//! Each partition has a folder of its own: knowing the hash of somebody else's scan grants nothing, neither to
//! read it nor to have it counted as one's own.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use loket_core::attachment::{AttachmentError, AttachmentStore, MAX_ATTACHMENT, Progress, SYNC_EVERY, token};
use loket_core::journal::{AttachmentHash, AuthorId, Partition};
use loket_core::replica::ReplicaError;
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::{debug, error, info, warn};

use crate::app::App;
use crate::config::{limits, now};
use crate::guests::Guest;
use crate::ingest::Unavailable;
use crate::telemetry;

const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
/// Folders that are kept open.
const MAX_OPEN: usize = 4096;

/// The folders of attachments, one a partition. Cheap to clone.
#[derive(Clone)]
pub struct Shelves {
    dir: PathBuf,
    open: Arc<Mutex<HashMap<Partition, AttachmentStore>>>,
}

impl Shelves {
    /// The folders under this one.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, open: Arc::default() }
    }

    /// A partition's; made where there is none yet. Blocks on the medium.
    pub fn shelf(&self, partition: &Partition) -> Result<AttachmentStore, AttachmentError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = open.get(partition) {
            return Ok(shelf.clone());
        }
        if open.len() >= MAX_OPEN {
            open.clear();
        }
        let shelf = AttachmentStore::open(self.dir.join(partition.to_string()))?;
        open.insert(*partition, shelf.clone());
        Ok(shelf)
    }
}

/// Turns of those that transfer attachments: few at once, and fewer of one device, so that one with a slow line and
/// many scans does not take them all. Cheap to clone.
#[derive(Clone)]
pub struct Turns {
    all: Arc<Semaphore>,
    devices: Arc<Mutex<HashMap<AuthorId, usize>>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(limits::TRANSFERS)), devices: Arc::default() }
    }
}

impl Turns {
    /// A turn for this device, if there is one soon. Who came first is first.
    async fn take(&self, device: AuthorId, guest: &Guest) -> Option<Turn> {
        let mut turn = self.queue(device, guest)?;
        let place = timeout(limits::TRANSFER_WAIT, Arc::clone(&self.all).acquire_owned()).await;
        turn.place = Some(place.ok()?.ok()?);
        Some(turn)
    }

    /// A place in the queue, of which one device has few.
    fn queue(&self, device: AuthorId, guest: &Guest) -> Option<Turn> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let count = devices.entry(device).or_default();
        if *count >= limits::TRANSFERS_PER_DEVICE {
            return None;
        }
        *count += 1;
        guest.is_known();
        Some(Turn { turns: self.clone(), device, guest: guest.clone(), place: None })
    }
}

/// One transfer's turn; given back when it is dropped.
struct Turn {
    turns: Turns,
    device: AuthorId,
    guest: Guest,
    place: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut devices = self.turns.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = devices.get_mut(&self.device) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                devices.remove(&self.device);
            }
        }
        drop(devices);
        self.guest.is_done();
    }
}

/// Why a request is not answered with what it asks for.
enum Refused {
    /// No such attachment for this device, and nothing else is said.
    NotFound,
    /// The request makes no sense.
    BadRequest(&'static str),
    /// Too many transfers at once.
    Busy,
    /// The device has brought as much today as one may.
    Allowance,
    Attachment(AttachmentError),
    /// No room: somebody has to make some.
    Full,
    /// This side failed; the cause is in the log.
    Trouble,
}

impl From<Unavailable> for Refused {
    fn from(why: Unavailable) -> Self {
        match why {
            Unavailable::Trouble => Refused::Trouble,
            Unavailable::Full => Refused::Full,
        }
    }
}

impl From<AttachmentError> for Refused {
    fn from(error: AttachmentError) -> Self {
        Refused::Attachment(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let busy = [(header::RETRY_AFTER, "30")];
        match self {
            Refused::NotFound | Refused::Attachment(AttachmentError::Missing) => {
                (StatusCode::NOT_FOUND, "lampiran tidak ada untuk perangkat ini: sinkronkan dahulu")
                    .into_response()
            }
            Refused::BadRequest(sentence) => (StatusCode::BAD_REQUEST, sentence).into_response(),
            Refused::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, busy, "kantor sedang sibuk: ulangi sebentar lagi")
                    .into_response()
            }
            Refused::Allowance => (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, "3600")],
                "batas harian lampiran perangkat ini tercapai: lampiran tersimpan di HP dan dikirim lagi besok",
            )
                .into_response(),
            Refused::Attachment(AttachmentError::Offset(at)) => {
                (StatusCode::CONFLICT, [(UPLOAD_OFFSET, at.to_string())], "lanjutkan dari Upload-Offset")
                    .into_response()
            }
            Refused::Attachment(error @ AttachmentError::TooLarge) => {
                (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).into_response()
            }
            Refused::Attachment(error @ AttachmentError::Mismatch) => {
                (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response()
            }
            Refused::Attachment(cause @ AttachmentError::Broken(_)) => {
                error!(%cause, "an attachment could not be kept or read");
                Refused::Trouble.into_response()
            }
            Refused::Full | Refused::Attachment(AttachmentError::Full) => {
                error!("an attachment finds no room");
                (StatusCode::INSUFFICIENT_STORAGE, busy, Unavailable::Full.to_string()).into_response()
            }
            Refused::Trouble => {
                (StatusCode::SERVICE_UNAVAILABLE, busy, Unavailable::Trouble.to_string()).into_response()
            }
        }
    }
}

/// An attachment that the asking device may reach.
struct Reached {
    device: AuthorId,
    partition: Partition,
    hash: AttachmentHash,
    /// As its entry announces it, in bytes.
    size: u64,
    /// Whether its arrival is on record.
    recorded: bool,
    store: AttachmentStore,
}

/// `HEAD /v1/attachments/{partition}/{hash}`: how much is here.
pub async fn head(
    State(app): State<Arc<App>>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let reached = reach(&app, Wish::Bring, names, &uri, &headers).await?;
        let progress = blocking(&reached, |reached| reached.store.offset(&reached.hash)).await?;
        let progress = record(&app, &reached, progress).await?;
        Ok::<_, Refused>(state_of(StatusCode::OK, progress, reached.size))
    };
    answer.await.unwrap_or_else(Refused::into_response)
}

/// `PATCH /v1/attachments/{partition}/{hash}`: appends the body at `Upload-Offset`.
pub async fn patch(
    State(app): State<Arc<App>>,
    Extension(guest): Extension<Guest>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        let reached = reach(&app, Wish::Bring, names, &uri, &headers).await?;
        let offset = number(&headers, &UPLOAD_OFFSET)
            .ok_or(Refused::BadRequest("sertakan Upload-Offset: bita ke berapa yang dikirim"))?;
        if reached.size > MAX_ATTACHMENT {
            return Err(AttachmentError::TooLarge.into());
        }
        // Said before a byte is read, where the sender says how much it has.
        if number(&headers, &header::CONTENT_LENGTH)
            .is_some_and(|more| offset.saturating_add(more) > reached.size)
        {
            return Err(AttachmentError::TooLarge.into());
        }
        let turn = app.transfers.take(reached.device, &guest).await.ok_or(Refused::Busy)?;
        // What it says that it sends is counted before a byte is read; where it does not say, all that lacks.
        let announced = number(&headers, &header::CONTENT_LENGTH);
        let lacking = announced.unwrap_or_else(|| reached.size.saturating_sub(offset));
        reserve(&app, &reached, lacking).await?;
        let stream = body.into_data_stream();
        // On its own: should the line be cut, what has come is kept all the same.
        let task = tokio::spawn(counted(Arc::clone(&app), reached, offset, lacking, stream, turn));
        let (progress, size) = task.await.map_err(|_| Refused::Trouble)??;
        Ok(state_of(StatusCode::NO_CONTENT, progress, size))
    };
    answer.await.unwrap_or_else(Refused::into_response)
}

/// `GET /v1/attachments/{partition}/{hash}`: the bytes, or the range of them that is asked for.
pub async fn get(
    State(app): State<Arc<App>>,
    Extension(guest): Extension<Guest>,
    Path(names): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let reached = reach(&app, Wish::Have, names, &uri, &headers).await?;
        let progress = blocking(&reached, |reached| reached.store.offset(&reached.hash)).await?;
        let Progress::Complete(size) = progress else { return Err(Refused::NotFound) };
        let asked =
            headers.get(header::RANGE).map(|value| value.to_str().ok().and_then(|text| range(text, size)));
        let (status, range) = match asked {
            None => (StatusCode::OK, 0..size),
            Some(Some(range)) => (StatusCode::PARTIAL_CONTENT, range),
            Some(None) => {
                let whole = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
                return Ok((StatusCode::RANGE_NOT_SATISFIABLE, whole).into_response());
            }
        };
        let turn = app.transfers.take(reached.device, &guest).await.ok_or(Refused::Busy)?;
        Ok(give(reached, range, size, status, turn))
    };
    answer.await.unwrap_or_else(Refused::into_response)
}

/// What somebody wants of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To have it.
    Have,
    /// To bring it: a device whose certificate ended still may, for what it named before it knew.
    Bring,
}

/// Who asks, and whether there is such an attachment for them. One answer for all that is not.
async fn reach(
    app: &Arc<App>,
    wish: Wish,
    (partition, hash): (String, String),
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Reached, Refused> {
    let partition: Partition = partition.parse().map_err(|_| Refused::NotFound)?;
    let hash = AttachmentHash::from_hex(&hash).ok_or(Refused::NotFound)?;
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.ok_or(Refused::NotFound)?.to_owned();
    let path = uri.path().to_owned();
    let office = app.office.author();
    let found = app.readers.run(move |replica| {
        let now = now();
        let device = token::check(&shown, &office, &path, now, |author| {
            let row = replica.certificate(&partition, author).ok().flatten()?;
            let holds = row.revoked.is_none() && row.certificate.not_after > now;
            (holds || wish == Wish::Bring && row.may_bring()).then_some(row.certificate.key)
        });
        match device {
            Ok(device) => Ok(replica.attachment(&partition, &hash)?.map(|row| (device, row))),
            Err(cause) => {
                debug!(%cause, "a token opens nothing");
                Ok::<_, ReplicaError>(None)
            }
        }
    });
    let (device, row) = match found.await {
        Ok(Ok(row)) => row.ok_or(Refused::NotFound)?,
        Ok(Err(cause)) => {
            error!(%cause, "the store cannot be read for an attachment");
            return Err(Refused::Trouble);
        }
        Err(cause) => {
            error!(%cause, "the store cannot be read for an attachment");
            return Err(Refused::Trouble);
        }
    };
    let shelves = app.shelves.clone();
    let store = tokio::task::spawn_blocking(move || shelves.shelf(&partition)).await;
    let store = store.map_err(|_| Refused::Trouble)??;
    Ok(Reached { device, partition, hash, size: row.bytes, recorded: row.here, store })
}

/// Counts what a device is about to bring.
async fn reserve(app: &Arc<App>, reached: &Reached, bytes: u64) -> Result<(), Refused> {
    let device = reached.device;
    let reserved = app.writer.write(false, move |office| office.reserve_attachment(&device, bytes, now()));
    match reserved.await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => {
            info!(%device, "the device has brought as many attachments today as one may");
            Err(Refused::Allowance)
        }
        Ok(Err(cause)) => {
            error!(%cause, "what a device brings cannot be counted");
            Err(Refused::Trouble)
        }
        Err(_) => Err(Refused::Trouble),
    }
}

/// [`receive`], and then what did not come is not counted.
async fn counted(
    app: Arc<App>,
    reached: Reached,
    offset: u64,
    reserved: u64,
    stream: BodyDataStream,
    turn: Turn,
) -> Result<(Progress, u64), Refused> {
    let mut came = 0;
    let (device, end) = (reached.device, Arc::clone(&app));
    let received = receive(app, reached, offset, stream, &mut came).await;
    let left = reserved.saturating_sub(came);
    if left > 0 {
        let back = end.writer.write(false, move |office| office.return_attachment(&device, left, now()));
        if !matches!(back.await, Ok(Ok(()))) {
            warn!(%device, "what a device did not bring stays counted until tomorrow");
        }
    }
    drop(turn);
    received
}

/// Takes the body in, piece by piece, each durable before the next. What came before a cut is kept. `came` says how
/// many bytes that was, also where it fails.
async fn receive(
    app: Arc<App>,
    reached: Reached,
    mut offset: u64,
    mut stream: BodyDataStream,
    came: &mut u64,
) -> Result<(Progress, u64), Refused> {
    let mut pending: Vec<u8> = Vec::with_capacity(SYNC_EVERY);
    let mut cut = false;
    let mut heard = Instant::now();
    loop {
        match timeout(limits::PIECE_FLUSH, stream.next()).await {
            Ok(Some(Ok(bytes))) => {
                heard = Instant::now();
                *came = came.saturating_add(bytes.len() as u64);
                pending.extend_from_slice(&bytes);
            }
            Ok(None) => break,
            Err(_) if heard.elapsed() < limits::PIECE_TIMEOUT => {}
            Ok(Some(Err(_))) | Err(_) => {
                cut = true;
                break;
            }
        }
        if offset.saturating_add(pending.len() as u64) > reached.size {
            return Err(AttachmentError::TooLarge.into());
        }
        // A line that has gone silent may be cut: who comes again goes on from what has come.
        if pending.len() >= SYNC_EVERY || !pending.is_empty() && heard.elapsed() >= limits::PIECE_FLUSH {
            let progress = append(&reached, offset, std::mem::take(&mut pending)).await?;
            match progress {
                Progress::Partial(end) => offset = end,
                whole => return finish(&app, &reached, whole).await,
            }
        }
    }
    let progress = append(&reached, offset, pending).await?;
    if cut && matches!(progress, Progress::Partial(_)) {
        return Err(Refused::BadRequest("kiriman terputus: lanjutkan dari Upload-Offset"));
    }
    finish(&app, &reached, progress).await
}

async fn finish(app: &Arc<App>, reached: &Reached, progress: Progress) -> Result<(Progress, u64), Refused> {
    Ok((record(app, reached, progress).await?, reached.size))
}

async fn append(reached: &Reached, offset: u64, bytes: Vec<u8>) -> Result<Progress, Refused> {
    let size = reached.size;
    let count = bytes.len() as u64;
    let progress = blocking(reached, move |r| r.store.append(&r.hash, size, offset, &bytes)).await?;
    counter!(telemetry::ATTACHMENT_IN).increment(count);
    Ok(progress)
}

/// Puts an arrival on record, once, and only what is sure to be durable: also one whose record was lost with the
/// process. Returns how much is here after all.
async fn record(app: &Arc<App>, reached: &Reached, progress: Progress) -> Result<Progress, Refused> {
    if reached.recorded || !matches!(progress, Progress::Complete(_)) {
        return Ok(progress);
    }
    let progress = blocking(reached, |reached| reached.store.assure(&reached.hash)).await?;
    if matches!(progress, Progress::Complete(_)) {
        app.writer.arrived(reached.partition, reached.hash).await?;
    }
    Ok(progress)
}

fn state_of(status: StatusCode, progress: Progress, announced: u64) -> Response {
    let (offset, length, complete) = match progress {
        Progress::Partial(offset) => (offset, announced, "?0"),
        Progress::Complete(size) => (size, size, "?1"),
    };
    let headers = [
        (UPLOAD_OFFSET, offset.to_string()),
        (UPLOAD_LENGTH, length.to_string()),
        (UPLOAD_COMPLETE, complete.to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (status, headers).into_response()
}

/// The bytes of a whole attachment, read as they are sent.
fn give(reached: Reached, range: Range<u64>, size: u64, status: StatusCode, turn: Turn) -> Response {
    let length = range.end.saturating_sub(range.start);
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let span = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    let pieces = stream::try_unfold((reached, range, turn), |(reached, left, turn)| async move {
        if left.is_empty() {
            return Ok::<_, std::io::Error>(None);
        }
        let end = left.end.min(left.start.saturating_add(SYNC_EVERY as u64));
        let piece = left.start..end;
        let bytes = blocking(&reached, move |r| r.store.read(&r.hash, piece)).await;
        let bytes = bytes.map_err(|_| std::io::Error::other("the attachment cannot be read"))?;
        counter!(telemetry::ATTACHMENT_OUT).increment(bytes.len() as u64);
        Ok(Some((bytes, (reached, end..left.end, turn))))
    });
    let mut response = (status, headers, Body::from_stream(pieces)).into_response();
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(span) = span.parse()
    {
        response.headers_mut().insert(header::CONTENT_RANGE, span);
    }
    response
}

/// Runs work on the folder off the threads that serve connections.
async fn blocking<T: Send + 'static>(
    reached: &Reached,
    work: impl FnOnce(&Reached) -> Result<T, AttachmentError> + Send + 'static,
) -> Result<T, Refused> {
    let Reached { device, partition, hash, size, recorded, store } = reached;
    let copy = Reached {
        device: *device,
        partition: *partition,
        hash: *hash,
        size: *size,
        recorded: *recorded,
        store: store.clone(),
    };
    let done = tokio::task::spawn_blocking(move || work(&copy)).await;
    done.map_err(|_| Refused::Trouble)?.map_err(Refused::from)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    offset(headers.get(name)?.to_str().ok()?)
}

/// A count of bytes, as `Upload-Offset` and `Content-Length` give it.
pub fn offset(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// One range of bytes (`bytes=a-b`, `bytes=a-`, `bytes=-n`) within `size`; none where it is empty or outside.
pub fn range(text: &str, size: u64) -> Option<Range<u64>> {
    let (from, to) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (from.trim(), to.trim()) {
        ("", last) => (size.saturating_sub(last.parse().ok()?), size),
        (first, "") => (first.parse().ok()?, size),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.saturating_add(1).min(size)),
    };
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges() {
        let table = [
            ("bytes=0-3", Some(0..4)),
            ("bytes=4-", Some(4..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=8-99", Some(8..10)),
            ("bytes=10-", None),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-0", None),
            ("lines=1-2", None),
            ("bytes=a-b", None),
        ];
        for (text, expected) in table {
            assert_eq!(range(text, 10), expected, "{text}");
        }
    }
}
