//! Keeps an open queue up to date: the browser is told how many wait, whenever that may have changed.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use loket_core::catalogue::Role;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::sleep;

use super::page::Trouble;
use super::session::Entered;
use crate::app::App;
use crate::config::limits;
use crate::guests::Guest;
use crate::ingest::Hint;
use crate::office::look::Look;
use crate::serve::Course;

/// Pages that are kept up to date.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(limits::LIVE)));

/// One page that listens.
struct Listener {
    app: Arc<App>,
    desk: Role,
    hints: broadcast::Receiver<Hint>,
    stop: watch::Receiver<Course>,
    said: Option<String>,
    guest: Guest,
    _turn: OwnedSemaphorePermit,
}

/// `GET /kantor/antrean/{desk}/berita`.
pub async fn listen(
    State(app): State<Arc<App>>,
    Extension(guest): Extension<Guest>,
    entered: Entered,
    Path(desk): Path<String>,
) -> Result<Response, Trouble> {
    let desk = Role::ALL.into_iter().find(|role| role.as_str() == desk).ok_or(Trouble::NotFound)?;
    if !entered.sees(desk) {
        return Err(Trouble::Forbidden);
    }
    let turn = Arc::clone(&TURNS).try_acquire_owned().map_err(|_| {
        Trouble::Busy("terlalu banyak halaman terbuka: muat ulang halaman untuk melihat yang baru".into())
    })?;
    guest.is_known();
    let (hints, stop) = (app.writer.hints(), app.stop.clone());
    let listener = Listener { app, desk, hints, stop, said: None, guest, _turn: turn };
    let news = stream::unfold(listener, |mut listener| async move {
        let said = listener.next().await?;
        Some((Ok::<_, Infallible>(Event::default().event("antrean").data(said)), listener))
    });
    let alive = KeepAlive::new().interval(limits::LIVE_EVERY);
    Ok(Sse::new(news).keep_alive(alive).into_response())
}

impl Listener {
    /// The next thing to say; nothing where the office ends.
    async fn next(&mut self) -> Option<String> {
        loop {
            let desk = self.desk;
            let look = self.app.readers.run(move |replica| {
                let length = replica.queue_length(desk, limits::COUNT)?;
                let first = replica.queue_part(desk, None, 1, &|_| true)?.waiting.pop();
                let first = first.map(|waiting| waiting.row.number).unwrap_or_default();
                Ok::<_, loket_core::replica::ReplicaError>(format!("{length} {first}"))
            });
            // A queue that cannot be read is not said to be empty.
            if let Ok(Ok(now)) = look.await
                && self.said.as_ref() != Some(&now)
            {
                self.said = Some(now.clone());
                return Some(now);
            }
            tokio::select! {
                () = ended(&mut self.stop) => return None,
                heard = self.hints.recv() => match heard {
                    // Several hints come together.
                    Ok(_) | Err(RecvError::Lagged(_)) => sleep(limits::LOOK_EVERY).await,
                    Err(RecvError::Closed) => return None,
                },
            }
            while self.hints.try_recv().is_ok() {}
        }
    }
}

/// Ready when the office no longer serves, or nobody is left who could say so.
async fn ended(course: &mut watch::Receiver<Course>) {
    let _ = course.wait_for(|course| *course != Course::Serving).await;
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.guest.is_done();
    }
}
