//! One TCP connection, watched: any byte counts as life, wherever in a message it lies.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// When bytes last moved on a connection.
#[derive(Debug)]
pub struct Life {
    since: Instant,
    /// Milliseconds after `since`.
    received: AtomicU64,
    taken: AtomicU64,
    /// Whether the peer's side of the line was full at the last write.
    full: AtomicBool,
}

impl Default for Life {
    fn default() -> Self {
        Life {
            since: Instant::now(),
            received: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            full: AtomicBool::new(false),
        }
    }
}

impl Life {
    /// How long nothing came from the peer. What it takes from a full line counts too: so a phone that is busy
    /// receiving is not taken for a dead one.
    pub fn silent_for(&self) -> Duration {
        self.after(&self.received)
    }

    /// How long the peer took nothing.
    pub fn stuck_for(&self) -> Duration {
        self.after(&self.taken)
    }

    fn after(&self, mark: &AtomicU64) -> Duration {
        self.since.elapsed().saturating_sub(Duration::from_millis(mark.load(Ordering::Relaxed)))
    }

    fn mark(&self, mark: &AtomicU64) {
        let elapsed = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        mark.store(elapsed, Ordering::Relaxed);
    }

    fn note_read(&self) {
        self.mark(&self.received);
    }

    fn note_written(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Pending => {
                // What follows is reckoned from here: before, there was nothing to take.
                if !self.full.swap(true, Ordering::Relaxed) {
                    self.mark(&self.taken);
                }
            }
            Poll::Ready(_) => {
                self.mark(&self.taken);
                if self.full.swap(false, Ordering::Relaxed) {
                    self.mark(&self.received);
                }
            }
        }
    }
}

/// A stream that notes when bytes move.
pub struct Watched<S> {
    stream: S,
    life: Arc<Life>,
}

impl<S> Watched<S> {
    /// Watches a stream.
    pub fn new(stream: S, life: Arc<Life>) -> Self {
        Self { stream, life }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.life.note_read();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.life.note_written(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.life.note_written(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
