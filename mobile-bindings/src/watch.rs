//! Hearing of changes: a subscription is a handle, and ends with it.

use std::sync::Arc;
use std::time::Duration;

use loket_core::store::sqlite::SqliteStore;
use tokio::task::AbortHandle;

use crate::error::{CallbackFailed, LoketError};
use crate::phone::LoketPhone;
use crate::pool::runtime;

/// Between looks whether something was written.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Who is told that something on the phone has changed: its own edits, and what came by sync.
#[uniffi::export(with_foreign)]
pub trait ChangeObserver: Send + Sync {
    /// Something has changed: ask again for what is shown. Called from a thread of the library.
    fn changed(&self) -> Result<(), CallbackFailed>;
}

/// A subscription. It ends when it is closed or nobody keeps it.
#[derive(uniffi::Object)]
pub struct Subscription(AbortHandle);

#[uniffi::export]
impl Subscription {
    /// Ends it; at most one call that is on its way still comes.
    pub fn end(&self) {
        self.0.abort();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[uniffi::export]
impl LoketPhone {
    /// Tells an observer of changes until the subscription ends. An observer that throws is told again the next time.
    pub fn observe(&self, observer: Arc<dyn ChangeObserver>) -> Result<Arc<Subscription>, LoketError> {
        let opener = self.opener();
        let task = runtime()?.spawn(async move {
            let mut looks = tokio::time::interval(LOOK_EVERY);
            // One connection for as long as it lives: a version means something beside its own only.
            let mut connection: Option<SqliteStore> = None;
            let mut known = None;
            loop {
                looks.tick().await;
                let (opener, kept) = (opener.clone(), connection.take());
                let looked = tokio::task::spawn_blocking(move || {
                    let store = kept.or_else(|| opener.reader().ok())?;
                    let version = store.data_version().ok()?;
                    Some((store, version))
                });
                let Ok(Some((store, version))) = looked.await else { continue };
                connection = Some(store);
                if known.replace(version).is_some_and(|before| before != version) {
                    let observer = Arc::clone(&observer);
                    // The app may take its time: not on a thread that drives connections.
                    let _ = tokio::task::spawn_blocking(move || observer.changed()).await;
                }
            }
        });
        Ok(Arc::new(Subscription(task.abort_handle())))
    }
}
