//! Retention at work: beside the sessions, drafts that nobody goes on with are ended, applications whose time is over let
//! go, the files of their scans removed, and sign-ins that are over forgotten.

use std::sync::Arc;

use loket_core::attachment::AttachmentError;
use loket_core::replica::ReplicaError;
use loket_core::store::sqlite::SqliteStore;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::app::App;
use crate::attachments::Shelves;
use crate::config::{dice, limits, now};
use crate::ingest::{Unavailable, Writer};
use crate::office::Office;
use crate::office::drafts::Ended;
use crate::office::retention::Retained;
use crate::serve::Course;

/// Looks every minute until the office no longer serves.
pub async fn run(app: Arc<App>) {
    let mut course = app.stop.clone();
    loop {
        let heard = app.heard.take();
        if !heard.is_empty()
            && let Err(error) = app.writer.write(false, move |office| office.write_seen(&heard)).await
        {
            warn!(%error, "it could not be written down which devices were heard of");
        }
        if let Err(error) = look(&app.writer, &app.shelves).await {
            warn!(%error, "retention waits for the writer");
        }
        tokio::select! {
            // Nobody left who could say so is an end as well.
            _ = course.wait_for(|course| *course != Course::Serving) => return,
            () = sleep(limits::RETAIN_EVERY) => {}
        }
    }
}

async fn look(writer: &Writer, shelves: &Shelves) -> Result<(), Unavailable> {
    if let Err(error) = writer.write(false, |office| office.sweep_sessions(now())).await? {
        error!(%error, "sessions that are over could not be removed");
    }
    loop {
        match writer.write(false, |office| office.end_drafts(now(), &mut dice)).await? {
            Ok(Ended { looked: 0, .. }) => break,
            Ok(Ended { ended: 0, .. }) => {}
            Ok(Ended { ended, .. }) => info!(ended, "drafts that nobody submitted were taken back"),
            Err(error) => {
                error!(%error, "drafts that nobody submitted could not be taken back");
                break;
            }
        }
    }
    loop {
        match writer.write(false, |office| office.retain(now(), &mut dice)).await? {
            Ok(Retained { jobs: 0, .. }) => break,
            Ok(Retained { retired, destroyed, .. }) if retired + destroyed > 0 => {
                info!(retired, destroyed, "applications were let go: their time is over");
            }
            Ok(_) => {}
            Err(error) => {
                error!(%error, "applications whose time is over could not be let go");
                break;
            }
        }
    }
    loop {
        let shelves = shelves.clone();
        match writer.write(false, move |office| unlink(office, &shelves)).await? {
            Ok(0) => return Ok(()),
            Ok(removed) => info!(removed, "files of scans were removed"),
            Err(error) => {
                error!(%error, "files of scans could not be removed");
                return Ok(());
            }
        }
    }
}

/// Removes files that nobody names any more, some at a time; returns how many. The caller holds a transaction, so
/// nobody names one meanwhile.
pub fn unlink(office: &mut Office<SqliteStore>, shelves: &Shelves) -> Result<usize, ReplicaError> {
    let unlinked = office.replica.unlinked()?;
    for (partition, hash) in &unlinked {
        if office.replica.attachment(partition, hash)?.is_none() {
            let removed = shelves.shelf(partition).and_then(|shelf| shelf.remove(hash));
            removed.map_err(|error| ReplicaError::refused(sentence(&error)))?;
        }
        office.replica.forget_unlinked(partition, hash)?;
    }
    Ok(unlinked.len())
}

fn sentence(error: &AttachmentError) -> String {
    format!("berkas lampiran yang harus dimusnahkan belum terhapus: {error}")
}
