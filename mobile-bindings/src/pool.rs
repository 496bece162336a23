//! The library's threads: one runtime for everything, started when it is first needed.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::LoketError;

/// Threads that drive connections.
const DRIVERS: usize = 2;
/// Threads for what blocks on the store and on files.
const BLOCKING: usize = 4;

/// The runtime; none where the system gives no threads.
pub(crate) fn runtime() -> Result<&'static Runtime, LoketError> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let start = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(DRIVERS).max_blocking_threads(BLOCKING).thread_name("loket").enable_all();
        builder.build().ok()
    };
    RUNTIME.get_or_init(start).as_ref().ok_or_else(LoketError::defect)
}

/// Runs what blocks beside the caller's thread.
pub(crate) async fn on_pool<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoketError> + Send + 'static,
) -> Result<T, LoketError> {
    runtime()?.spawn_blocking(work).await.unwrap_or_else(|_| Err(LoketError::defect()))
}

/// Runs a future on the library's runtime, whatever drives the caller's; it ends when the caller drops this.
pub(crate) async fn on_runtime<T: Send + 'static>(
    work: impl Future<Output = Result<T, LoketError>> + Send + 'static,
) -> Result<T, LoketError> {
    Task(runtime()?.spawn(work)).await
}

/// A task that ends when nobody waits for it any more.
pub(crate) struct Task<T>(pub(crate) JoinHandle<Result<T, LoketError>>);

impl<T> Future for Task<T> {
    type Output = Result<T, LoketError>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let done = Pin::new(&mut self.0).poll(context);
        done.map(|done| done.unwrap_or_else(|_| Err(LoketError::defect())))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
