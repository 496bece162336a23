//! The line between two phones: TCP under Noise, in frames of a kind.
//!
//! Noise is NN with the code's secret (`NNpsk0`): nobody without the code is heard, nobody beside the two can read or
//! change a byte, and who the two are is for the session to prove, whose signatures are over this line's handshake
//! hash. A frame is cut into records, each encrypted under its own number; so one that is left out, repeated or moved
//! fails.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use snow::{Builder, HandshakeState, StatelessTransportState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::ClientError;
use crate::sync::message::MAX_FRAME;

/// The handshake.
const NOISE: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
/// Bytes of an encrypted record, at most; Noise's own limit.
const MAX_RECORD: usize = 65_535;
/// What encryption adds to a record.
const TAG: usize = 16;
/// Bytes of a frame in one record: less its first byte.
const PART: usize = MAX_RECORD - TAG - 1;
/// Longest message of the handshake, in bytes: a key and a tag have 48.
const MAX_GREETING: usize = 128;
/// For the other side to answer the handshake.
pub(super) const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// For a record to leave: a phone that was carried out of reach takes nothing more.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// In a record's first byte: the frame goes on in the next.
const MORE: u8 = 0x80;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Of the session.
    Session = 1,
    /// Of the exchange of scans.
    Scans = 2,
    /// Everything was exchanged.
    Farewell = 3,
}

/// The side that sends.
pub(super) struct Sender {
    half: OwnedWriteHalf,
    state: Arc<StatelessTransportState>,
    number: u64,
    /// Bytes that were sent.
    pub bytes: u64,
}

/// The side that receives.
pub(super) struct Receiver {
    half: OwnedReadHalf,
    state: Arc<StatelessTransportState>,
    number: u64,
    /// Bytes that came.
    pub bytes: u64,
}

/// A line that came about.
pub(super) struct Line {
    pub sender: Sender,
    pub receiver: Receiver,
    /// What both sides sign.
    pub hash: [u8; 32],
}

pub(super) fn lost() -> ClientError {
    ClientError::Network("sambungan ke HP itu terputus: dekatkan kedua HP, lalu ulangi".into())
}

fn foreign() -> ClientError {
    ClientError::Network("HP itu tidak membaca kode pertemuan ini: pindai lagi kode QR-nya".into())
}

/// Calls the phone that waits.
pub(super) async fn call(stream: TcpStream, shared: &[u8; 32]) -> Result<Line, ClientError> {
    timeout(GREETING_TIMEOUT, greet(stream, shared, true)).await.map_err(|_| lost())?
}

/// Answers a phone that calls.
pub(super) async fn answer(stream: TcpStream, shared: &[u8; 32]) -> Result<Line, ClientError> {
    timeout(GREETING_TIMEOUT, greet(stream, shared, false)).await.map_err(|_| lost())?
}

async fn greet(mut stream: TcpStream, shared: &[u8; 32], caller: bool) -> Result<Line, ClientError> {
    // Small frames go at once; where the system refuses, they go later.
    let _ = stream.set_nodelay(true);
    let mut state = handshake(shared, caller).ok_or_else(foreign)?;
    let mut buffer = [0; MAX_GREETING];
    while !state.is_handshake_finished() {
        if state.is_my_turn() {
            let size = state.write_message(&[], &mut buffer).map_err(|_| foreign())?;
            let length = u16::try_from(size).map_err(|_| foreign())?.to_be_bytes();
            let message = [&length[..], buffer.get(..size).unwrap_or_default()].concat();
            stream.write_all(&message).await.map_err(|_| lost())?;
        } else {
            let size = usize::from(stream.read_u16().await.map_err(|_| lost())?);
            let message = buffer.get_mut(..size).ok_or_else(foreign)?;
            stream.read_exact(message).await.map_err(|_| lost())?;
            state.read_message(message, &mut []).map_err(|_| foreign())?;
        }
    }
    let hash = state.get_handshake_hash().try_into().map_err(|_| foreign())?;
    let state = Arc::new(state.into_stateless_transport_mode().map_err(|_| foreign())?);
    let (read, write) = stream.into_split();
    Ok(Line {
        sender: Sender { half: write, state: Arc::clone(&state), number: 0, bytes: 0 },
        receiver: Receiver { half: read, state, number: 0, bytes: 0 },
        hash,
    })
}

fn handshake(shared: &[u8; 32], caller: bool) -> Option<HandshakeState> {
    let builder = Builder::new(NOISE.parse().ok()?).psk(0, shared).ok()?;
    if caller { builder.build_initiator().ok() } else { builder.build_responder().ok() }
}

impl Sender {
    /// Sends a frame.
    pub(super) async fn send(&mut self, kind: Kind, frame: &[u8]) -> Result<(), ClientError> {
        let mut parts = frame.chunks(PART).peekable();
        if parts.peek().is_none() {
            return self.record(kind as u8, &[]).await;
        }
        while let Some(part) = parts.next() {
            let more = if parts.peek().is_some() { MORE } else { 0 };
            self.record(kind as u8 | more, part).await?;
        }
        Ok(())
    }

    async fn record(&mut self, first: u8, part: &[u8]) -> Result<(), ClientError> {
        let plain = [&[first], part].concat();
        let mut sealed = vec![0; 2 + plain.len() + TAG];
        let room = sealed.get_mut(2..).unwrap_or_default();
        let size = self.state.write_message(self.number, &plain, room).map_err(|_| lost())?;
        let length = u16::try_from(size).map_err(|_| lost())?.to_be_bytes();
        sealed.splice(..2, length);
        self.number += 1;
        self.bytes += sealed.len() as u64;
        match timeout(SEND_TIMEOUT, self.half.write_all(&sealed)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(lost()),
        }
    }
}

impl Receiver {
    /// The next frame; none where the other side has closed the line between two. Not to be dropped half way.
    pub(super) async fn receive(&mut self) -> Result<Option<(Kind, Vec<u8>)>, ClientError> {
        let mut frame = Vec::new();
        let mut kind = None;
        loop {
            let size = match self.half.read_u16().await {
                Ok(size) => usize::from(size),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && kind.is_none() => return Ok(None),
                Err(_) => return Err(lost()),
            };
            let mut sealed = vec![0; size];
            self.half.read_exact(&mut sealed).await.map_err(|_| lost())?;
            let mut plain = vec![0; size];
            let read = self.state.read_message(self.number, &sealed, &mut plain).map_err(|_| lost())?;
            self.number += 1;
            self.bytes += 2 + size as u64;
            let Some((first, part)) = plain.get(..read).and_then(<[u8]>::split_first) else {
                return Err(lost());
            };
            let of = read_kind(first & !MORE).ok_or(ClientError::Outdated)?;
            if *kind.get_or_insert(of) != of || frame.len() + part.len() > MAX_FRAME {
                return Err(ClientError::Outdated);
            }
            frame.extend_from_slice(part);
            if first & MORE == 0 {
                return Ok(Some((of, frame)));
            }
        }
    }
}

fn read_kind(byte: u8) -> Option<Kind> {
    [Kind::Session, Kind::Scans, Kind::Farewell].into_iter().find(|kind| *kind as u8 == byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use tokio::net::TcpListener;

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
            .block_on(work)
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (one, other) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (one.unwrap(), other.unwrap().0)
    }

    async fn lines() -> (Line, Line) {
        let (one, other) = pair().await;
        let (one, other) = tokio::join!(call(one, &[1; 32]), answer(other, &[1; 32]));
        (one.unwrap(), other.unwrap())
    }

    #[test]
    fn frames_of_every_size_arrive_in_order() {
        run(async {
            let (mut one, mut other) = lines().await;
            assert_eq!(one.hash, other.hash);
            let sizes = [0, 1, PART - 1, PART, PART + 1, 3 * PART, MAX_FRAME];
            let sending = async {
                for size in sizes {
                    one.sender.send(Kind::Session, &vec![size as u8; size]).await.unwrap();
                }
                one.sender.send(Kind::Farewell, &[]).await.unwrap();
                drop(one);
            };
            let receiving = async {
                for size in sizes {
                    let (kind, frame) = other.receiver.receive().await.unwrap().unwrap();
                    assert_eq!((kind, frame), (Kind::Session, vec![size as u8; size]));
                }
                let (kind, frame) = other.receiver.receive().await.unwrap().unwrap();
                assert_eq!((kind, frame.len()), (Kind::Farewell, 0));
                assert!(other.receiver.receive().await.unwrap().is_none());
            };
            tokio::join!(sending, receiving);
        });
    }

    #[test]
    fn who_has_not_read_the_code_is_not_heard() {
        run(async {
            let (one, other) = pair().await;
            let (one, other) = tokio::join!(call(one, &[1; 32]), answer(other, &[2; 32]));
            assert!(one.is_err());
            assert!(other.err().unwrap().to_string().contains("kode pertemuan"));
        });
    }

    #[test]
    fn a_frame_that_is_too_large_or_was_changed_ends_the_line() {
        run(async {
            let (mut one, mut other) = lines().await;
            let sending = async { one.sender.send(Kind::Session, &vec![0; MAX_FRAME + 1]).await };
            let (_, received) = tokio::join!(sending, other.receiver.receive());
            assert!(received.is_err());
            // Somebody in the middle changes a byte, or plays a record twice.
            for again in [false, true] {
                let (mut one, mut other) = lines().await;
                one.sender.send(Kind::Scans, b"halo").await.unwrap();
                let mut record = vec![0; 2 + 1 + 4 + TAG];
                other.receiver.half.read_exact(&mut record).await.unwrap();
                if !again {
                    record[5] ^= 1;
                }
                let (mut middle, far) = pair().await;
                middle.write_all(&record).await.unwrap();
                middle.write_all(&record).await.unwrap();
                other.receiver.half = far.into_split().0;
                assert_eq!(other.receiver.receive().await.is_ok(), again);
                assert!(other.receiver.receive().await.is_err());
            }
        });
    }
}
