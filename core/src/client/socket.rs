//! The WebSocket to the office, with every byte counted: villages pay for them, and any of them means life.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::ClientError;
use super::address::Address;
use super::tls::{self, CONNECT_TIMEOUT, Trust};
use crate::sync::message::MAX_FRAME;

/// The path of the sync.
const PATH: &str = "/v1/sync";
/// Buffers of the socket, in bytes.
const BUFFER: usize = 16 << 10;

/// The socket.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<Counted<TcpStream>>>;

/// Bytes both ways, and turns of the conversation.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    sent: AtomicU64,
    received: AtomicU64,
    turns: AtomicU64,
}

impl Bytes {
    /// How often the phone went from having sent to receiving.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Counts one such turn.
    pub(super) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes that were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes that came.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Counts what went over another connection.
    pub(super) fn add(&self, sent: u64, received: u64) {
        self.sent.fetch_add(sent, Ordering::Relaxed);
        self.received.fetch_add(received, Ordering::Relaxed);
    }
}

/// Connects to the office.
pub(super) async fn connect(
    address: &Address,
    trust: &Trust,
    bytes: &Arc<Bytes>,
) -> Result<Socket, ClientError> {
    match timeout(CONNECT_TIMEOUT, open(address, trust, bytes)).await {
        Ok(socket) => socket,
        Err(_) => Err(unreachable()),
    }
}

async fn open(address: &Address, trust: &Trust, bytes: &Arc<Bytes>) -> Result<Socket, ClientError> {
    // A numbered host of version 6 stands in brackets within an address, and without them here.
    let host = address.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, address.port())).await.map_err(|_| unreachable())?;
    stream.set_nodelay(true).map_err(|_| unreachable())?;
    let stream = Counted { stream, bytes: Arc::clone(bytes) };
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let url = address.websocket(PATH);
    let connector =
        if url.starts_with("wss") { Connector::Rustls(tls::config(trust)?) } else { Connector::Plain };
    let opened = client_async_tls_with_config(url, stream, Some(config), Some(connector)).await;
    bytes.turn();
    opened.map(|(socket, _)| socket).map_err(|error| sentence(&error))
}

fn unreachable() -> ClientError {
    ClientError::Network("Dinas tidak dapat dihubungi: periksa sambungan dan alamatnya, lalu ulangi".into())
}

/// What failed, for people.
pub(super) fn sentence(error: &tungstenite::Error) -> ClientError {
    if tls::is_about_certificate(error) {
        return tls::not_the_office();
    }
    match error {
        tungstenite::Error::Http(response) => ClientError::Network(format!(
            "alamat itu tidak menerima sinkronisasi (HTTP {}): periksa alamat Dinas, atau ulangi nanti",
            response.status().as_u16()
        )),
        tungstenite::Error::Capacity(_) => ClientError::Outdated,
        tungstenite::Error::Tls(_) | tungstenite::Error::Url(_) => ClientError::Office(
            "sambungan aman ke Dinas gagal: periksa alamat, tanggal perangkat, dan sertifikat Dinas".into(),
        ),
        _ => ClientError::Network(
            "sambungan ke Dinas terputus: ulangi, pekerjaan dilanjutkan dari tempat berhenti".into(),
        ),
    }
}

/// A stream whose bytes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    bytes: Arc<Bytes>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.bytes.add(0, buf.filled().len().saturating_sub(before) as u64);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = &polled {
            self.bytes.add(*written as u64, 0);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
