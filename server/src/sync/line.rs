//! The wire of a session: a WebSocket, what waits to be sent over it, and as little memory as possible.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::{Sink, Stream};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use loket_core::sync::message::MAX_FRAME;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
pub(super) use tokio_tungstenite::tungstenite::{Bytes, Error as WireError, Message as Received};

use crate::config::limits;

/// Buffer for what is read of a connection, in bytes: thousands of phones are connected and silent.
const READ_BUFFER: usize = 512;
/// What waits in the buffer for what is written before it is handed to the system, in bytes.
const WRITE_BUFFER: usize = 1 << 10;
/// The longest piece of a message in one WebSocket frame, in bytes. The library keeps a buffer as long as the longest
/// frame that it wrote for as long as the connection lasts, and each phone gets long messages once and is silent then.
/// With its header a piece fills two packets of a mobile line.
const PIECE: usize = 2_800;

/// Answers a request for a WebSocket, if it is one; the second part becomes it once the answer has been sent.
pub(super) fn accept(mut request: Request) -> Option<(Response, OnUpgrade)> {
    let answer = create_response_with_body(&request, Body::empty).ok()?;
    Some((answer, hyper::upgrade::on(&mut request)))
}

/// What waits to be sent is sent while something is awaited.
pub(super) struct Line {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    outgoing: VecDeque<Bytes>,
    /// How much of the first has been sent.
    sent: usize,
    bytes: usize,
    ping: bool,
    flushed: bool,
}

impl Line {
    pub(super) async fn new(upgraded: Upgraded) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        Self { socket, outgoing: VecDeque::new(), sent: 0, bytes: 0, ping: false, flushed: true }
    }

    /// Lets a message wait. False where too much waits already: the peer reads nothing.
    pub(super) fn push(&mut self, message: Vec<u8>) -> bool {
        self.bytes += message.len();
        let fits = self.bytes <= limits::OUTGOING;
        if fits {
            self.outgoing.push_back(message.into());
        }
        fits
    }

    /// Asks the peer for a sign of life.
    pub(super) fn ping(&mut self) {
        self.ping = true;
    }

    /// Whether everything has been handed to the system.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed && self.outgoing.is_empty()
    }

    /// The next piece of what waits.
    fn piece(&mut self) -> Option<Frame> {
        let message = self.outgoing.front()?;
        let end = message.len().min(self.sent + PIECE);
        let is_last = end == message.len();
        let piece = message.slice(self.sent..end);
        let data = if self.sent == 0 { Data::Binary } else { Data::Continue };
        self.bytes = self.bytes.saturating_sub(piece.len());
        self.sent = if is_last { 0 } else { end };
        if is_last {
            self.outgoing.pop_front();
            if self.outgoing.is_empty() {
                self.outgoing = VecDeque::new();
            }
        }
        Some(Frame::message(piece, OpCode::Data(data), is_last))
    }

    /// Drives what waits to be sent; ready when it fails, or when all of it has left.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        while self.ping || !self.outgoing.is_empty() {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            // A ping may stand between the pieces of a message.
            let frame = if std::mem::take(&mut self.ping) {
                Frame::ping(Bytes::new())
            } else {
                let Some(piece) = self.piece() else { break };
                piece
            };
            self.flushed = false;
            if let Err(error) = Pin::new(&mut self.socket).start_send(Received::Frame(frame)) {
                return Poll::Ready(Err(error));
            }
        }
        if self.flushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.flushed = matches!(flushed, Poll::Ready(Ok(())));
        flushed
    }

    /// The next message from the peer. Nothing is lost where the wait is given up.
    pub(super) async fn next(&mut self) -> Option<Result<Received, WireError>> {
        std::future::poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Some(Err(error)));
            }
            Pin::new(&mut self.socket).poll_next(cx)
        })
        .await
    }

    /// Sends what waits, then closes.
    pub(super) async fn close(mut self) {
        let left = timeout(limits::FAREWELL_TIMEOUT, async {
            std::future::poll_fn(|cx| self.poll_send(cx)).await?;
            self.socket.close(None).await
        });
        // The peer may be long gone; it has nothing to lose by it.
        let _ = left.await;
    }
}
