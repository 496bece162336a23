//! Checkpoints: what is durable in the store's log is moved into its file by a thread of its own, so that nobody
//! waits for it. The writer does it only in idle moments, and where the log has grown beyond its limit.

use std::thread::JoinHandle;

use loket_core::store::StoreError;
use loket_core::store::sqlite::SqliteStore;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::config::limits;
use crate::serve::Course;

/// Starts the thread over a connection of its own; it ends soon after the office no longer serves.
///
/// # Errors
/// Where the system gives no thread.
pub fn start(store: SqliteStore, course: watch::Receiver<Course>) -> std::io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("loket-checkpoints".into());
    thread.spawn(move || {
        // Where nobody is left who could say so, the office has ended.
        while *course.borrow() == Course::Serving && course.has_changed().is_ok() {
            std::thread::sleep(limits::CHECKPOINT_EVERY);
            match look(&store) {
                Ok(()) => {}
                Err(StoreError::Busy) => debug!("somebody else moves the log"),
                Err(error) => {
                    // Nothing is lost, since the log stays; from here on the writer moves it.
                    warn!(%error, "no checkpoints any more");
                    return;
                }
            }
        }
        debug!("checkpoints ended");
    })
}

fn look(store: &SqliteStore) -> Result<(), StoreError> {
    if store.unmoved_pages()? >= limits::CHECKPOINT_PAGES { store.checkpoint() } else { Ok(()) }
}
