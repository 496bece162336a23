//! A slow link: a proxy that lets bytes through as 64 kbit/s and 300 ms round trip would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Trouble;

/// Bits a second, each way.
pub const BITS_A_SECOND: f64 = 64_000.0;
/// From one end to the other.
const ONE_WAY: Duration = Duration::from_millis(150);
/// Bytes of one packet.
const PACKET: usize = 1_400;
/// What every packet carries besides, as IP and TCP do.
const HEADERS: usize = 40;
/// Packets on their way: what a base station keeps for a phone, 3 seconds' worth.
const ON_THE_WAY: usize = 16;

/// The link.
pub struct Slow {
    url: String,
    slow: Arc<AtomicBool>,
}

/// A packet, and when it is out at the other end.
type Packet = (Vec<u8>, Instant);

impl Slow {
    /// A link to this address and port; fast until it is told otherwise.
    pub async fn to(address: String) -> Result<Self, Trouble> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let slow = Arc::new(AtomicBool::new(false));
        let link = Arc::clone(&slow);
        tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                tokio::spawn(carry(phone, address.clone(), Arc::clone(&link)));
            }
        });
        Ok(Self { url, slow })
    }

    /// Its address, for phones.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes it slow, or fast again, for connections that are opened from now on.
    pub fn set(&self, slow: bool) {
        self.slow.store(slow, Ordering::Relaxed);
    }
}

async fn carry(phone: TcpStream, address: String, slow: Arc<AtomicBool>) {
    let slow = slow.load(Ordering::Relaxed);
    if slow {
        // The handshake of TCP, which this machine answers at once.
        sleep(ONE_WAY * 2).await;
    }
    // An office that is gone: the phone sees its connection closed.
    let Ok(office) = TcpStream::connect(address).await else { return };
    for stream in [&phone, &office] {
        let _ = stream.set_nodelay(true);
    }
    let ((from_phone, to_phone), (from_office, to_office)) = (phone.into_split(), office.into_split());
    tokio::spawn(pump(from_phone, to_office, slow));
    tokio::spawn(pump(from_office, to_phone, slow));
}

/// One way: packets leave one after another, and each is a while underway.
async fn pump(mut from: OwnedReadHalf, to: OwnedWriteHalf, slow: bool) {
    let (way, end) = mpsc::channel::<Packet>(ON_THE_WAY);
    tokio::spawn(deliver(end, to));
    let mut free = Instant::now();
    let mut packet = vec![0; PACKET];
    while let Ok(read @ 1..) = from.read(&mut packet).await {
        let mut out = Instant::now();
        if slow {
            let takes = (read + HEADERS) as f64 * 8.0 / BITS_A_SECOND;
            free = free.max(out) + Duration::from_secs_f64(takes);
            out = free + ONE_WAY;
        }
        let bytes = packet.get(..read).unwrap_or_default().to_vec();
        if way.send((bytes, out)).await.is_err() {
            return;
        }
    }
}

async fn deliver(mut end: mpsc::Receiver<Packet>, mut to: OwnedWriteHalf) {
    while let Some((bytes, out)) = end.recv().await {
        sleep_until(out).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
