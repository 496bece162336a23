//! A connection to the office, and the handshake of a device that has nothing yet.

use std::collections::BTreeSet;

use futures_util::{SinkExt, StreamExt};
use loket_core::client::{Pin, tls_config};
use loket_core::identity::PublicKey;
use loket_core::journal::receipt::Receipt;
use loket_core::journal::run::Run;
use loket_core::journal::vector::Vector;
use loket_core::journal::{AuthorId, EntryHash, JournalId, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::lines::At;
use loket_core::sync::message::{MAX_FRAME, ProtocolError};
use loket_core::sync::session::{Output, Session};
use loket_core::sync::{Library, Sending};
use loket_server::config::dice;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::Trouble;
use crate::device::Device;

/// Buffers of a connection, in bytes: thousands are open at once.
const BUFFER: usize = 4 << 10;

/// A WebSocket to the office.
pub struct Line(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Line {
    /// Connects to an office's URL, or address and port; by TLS to one that these keys know.
    pub async fn open(url: &str, pins: &[Pin]) -> Result<Self, Trouble> {
        let (scheme, address) = url.split_once("://").unwrap_or(("http", url));
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let (connector, scheme) = match scheme {
            "https" => (Connector::Rustls(tls_config(pins)?), "wss"),
            _ => (Connector::Plain, "ws"),
        };
        let url = format!("{scheme}://{address}/v1/sync");
        let (socket, _) = client_async_tls_with_config(url, stream, Some(config), Some(connector)).await?;
        Ok(Self(socket))
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Vec<u8>) -> Result<(), Trouble> {
        Ok(self.0.send(Frame::Binary(frame.into())).await?)
    }

    /// The next frame. Nothing is lost where the wait is given up.
    pub async fn next(&mut self) -> Result<Vec<u8>, Trouble> {
        loop {
            match self.0.next().await.ok_or("the office closed the connection")?? {
                Frame::Binary(bytes) => return Ok(bytes.to_vec()),
                Frame::Close(_) | Frame::Text(_) => return Err("the office ended the session".into()),
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
            }
        }
    }

    /// Calls the office as a device that has nothing, and takes what it gives without keeping it.
    pub async fn greet(&mut self, device: &Device, office: PublicKey) -> Result<Session, Trouble> {
        let mut nonce = [0; 16];
        dice(&mut nonce);
        let (mut session, hello) = Session::call(device.author(), nonce);
        let library = Nothing { office };
        self.send(hello).await?;
        while !session.is_settled() {
            let frame = self.next().await?;
            let mut todo =
                std::collections::VecDeque::from(session.receive(&frame, &library, &device.key)?);
            while let Some(output) = todo.pop_front() {
                match output {
                    Output::Send(frame) => self.send(frame).await?,
                    Output::Learn { batch, .. } => todo.extend(session.taken(batch, &[], &library)?),
                    Output::Receipt(_) | Output::Taken { .. } | Output::Revoked(_) | Output::PeerDone => {}
                }
            }
        }
        Ok(session)
    }
}

/// What a device that has just been certified has: nothing, and the office's key.
pub struct Nothing {
    /// The office's key.
    pub office: PublicKey,
}

impl Library for Nothing {
    fn key(
        &self,
        author: &AuthorId,
        _: Option<&Run>,
    ) -> Result<Result<PublicKey, ProtocolError>, ReplicaError> {
        let office = (*author == self.office.author()).then_some(self.office);
        Ok(office.ok_or(ProtocolError::Unknown))
    }

    fn end_of(&self, _: &AuthorId) -> Result<Option<Run>, ReplicaError> {
        Ok(None)
    }

    fn scope(&self, _: &AuthorId) -> Result<BTreeSet<Partition>, ReplicaError> {
        Ok(BTreeSet::new())
    }

    fn admits(&self, _: &AuthorId, _: &Partition) -> Result<bool, ReplicaError> {
        Ok(true)
    }

    fn parted(&self, _: &AuthorId, _: &Partition) -> Result<bool, ReplicaError> {
        Ok(false)
    }

    fn vector(&self, _: &Partition) -> Result<Vector, ReplicaError> {
        Ok(Vector::default())
    }

    fn receipted(&self, _: &Partition, _: u64, _: u64) -> Result<Option<Vector>, ReplicaError> {
        Ok(None)
    }

    fn receipt(&self, _: &Partition) -> Result<Option<Receipt>, ReplicaError> {
        Ok(None)
    }

    fn run(&self, _: &Partition, _: &JournalId, _: u64, _: usize) -> Result<Option<Sending>, ReplicaError> {
        Ok(None)
    }

    fn hash_at(&self, _: &Partition, _: &JournalId, _: u64) -> Result<Option<EntryHash>, ReplicaError> {
        Ok(None)
    }

    fn way(&self, _: &Partition, _: &EntryHash) -> Result<Vec<At>, ReplicaError> {
        Ok(Vec::new())
    }

    fn forked(&self, _: &Partition, _: &JournalId) -> Result<bool, ReplicaError> {
        Ok(false)
    }

    fn turn(&self, _: &Partition, _: &JournalId) -> Result<(u8, u64), ReplicaError> {
        Ok((0, 0))
    }
}
