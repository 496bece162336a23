//! Read replicas beside the writer: a few, used in turn, each by one blocking task at a time.

use std::sync::{Arc, Mutex, PoisonError};

use loket_core::identity::Signer;
use loket_core::replica::Replica;
use loket_core::store::sqlite::SqliteStore;
use tokio::sync::Semaphore;

use crate::config::{Failure, Folder, limits};

/// The read replicas of a folder. Cheap to clone.
#[derive(Clone)]
pub struct Readers {
    folder: Folder,
    signer: Arc<dyn Signer>,
    turns: Arc<Semaphore>,
    free: Arc<Mutex<Vec<Replica<SqliteStore>>>>,
}

impl Readers {
    /// The read replicas of a folder; they are opened as they are needed.
    pub fn new(folder: Folder, signer: Arc<dyn Signer>) -> Self {
        let turns = Arc::new(Semaphore::new(limits::READERS));
        Self { folder, signer, turns, free: Arc::default() }
    }

    /// Runs `work` on a replica, off the threads that serve connections.
    ///
    /// # Errors
    /// Where the store cannot be opened, or `work` did not come to its end.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Replica<SqliteStore>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let gone = |_| Failure::new("pembacaan terhenti");
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| Failure::new("kantor sedang dimatikan"))?;
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let free = readers.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let replica = match free {
                Some(replica) => replica,
                None => readers.folder.replica(&*readers.signer)?,
            };
            let value = work(&replica);
            readers.free.lock().unwrap_or_else(PoisonError::into_inner).push(replica);
            Ok(value)
        });
        task.await.map_err(gone)?
    }
}
