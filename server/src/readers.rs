//! Read replicas beside the writer: a few, used in turn, each by one blocking task at a time.

use std::sync::{Arc, Mutex, PoisonError};

use loket_core::identity::Signer;
use loket_core::journal::Partition;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::sqlite::SqliteStore;
use tokio::sync::Semaphore;

use crate::config::{Failure, Folder, limits};

/// A replica, and the last position of the office's own entries when it read the office's files.
struct Reader {
    replica: Replica<SqliteStore>,
    files: u64,
}

impl Reader {
    /// Reads the office's files again where something was published since.
    fn keep_up(&mut self) -> Result<(), ReplicaError> {
        let now = self.replica.position(&Partition::Office)?;
        if now != self.files {
            self.replica.read_office_files()?;
            self.files = now;
        }
        Ok(())
    }
}

/// The read replicas of a folder. Cheap to clone.
#[derive(Clone)]
pub struct Readers {
    folder: Folder,
    signer: Arc<dyn Signer>,
    turns: Arc<Semaphore>,
    free: Arc<Mutex<Vec<Reader>>>,
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
            let mut reader = match free {
                Some(reader) => reader,
                None => Reader { replica: readers.folder.replica(&*readers.signer)?, files: 0 },
            };
            reader.keep_up()?;
            let value = work(&reader.replica);
            readers.free.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            Ok(value)
        });
        task.await.map_err(gone)?
    }
}
