//! Checkpoints: what is durable in the store's log is moved into its file by a thread of its own, so that nobody
//! waits for it. The writer does it only in idle moments, and where the log has grown beyond its limit.

use std::thread::JoinHandle;

use loket_core::store::StoreError;
use loket_core::store::sqlite::SqliteStore;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::config::limits;

/// Starts the thread over a connection of its own; it ends soon after `stop` says so.
///
/// # Errors
/// Where the system gives no thread.
pub fn start(store: SqliteStore, stop: watch::Receiver<bool>) -> std::io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("loket-checkpoints".into());
    thread.spawn(move || {
        // Nobody left who could say so: the office has ended.
        while !*stop.borrow() && stop.has_changed().is_ok() {
            std::thread::sleep(limits::CHECKPOINT_EVERY);
            if let Err(error) = look(&store) {
                // Nothing is lost: the log stays, and the writer moves it in the end.
                warn!(%error, "no checkpoint");
            }
        }
        debug!("checkpoints ended");
    })
}

fn look(store: &SqliteStore) -> Result<(), StoreError> {
    if store.unmoved_pages()? >= limits::CHECKPOINT_PAGES { store.checkpoint() } else { Ok(()) }
}
