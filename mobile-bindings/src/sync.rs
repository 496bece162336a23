//! Sync with the office: once, or for as long as the app wants.

use std::sync::{Arc, Mutex, PoisonError};

use loket_core::client::{self, Hints, Step};
use tokio::sync::watch;

use crate::error::{CallbackFailed, LoketError};
use crate::phone::LoketPhone;
use crate::pool::{Task, on_runtime, runtime};

/// How a sync goes on.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum SyncStep {
    /// The office answers.
    Connected,
    /// So many of these scans are at the office.
    Scans {
        /// Done.
        done: u32,
        /// Of so many.
        of: u32,
        /// Bytes that are there.
        bytes: u64,
        /// Of so many.
        of_bytes: u64,
    },
    /// Everything is where it should be.
    Settled {
        /// What was moved so far.
        report: SyncReport,
    },
    /// Something has to wait, and is tried again by itself.
    Waits {
        /// Why.
        sentence: String,
    },
    /// The connection was lost; it is tried again by itself.
    Lost {
        /// Why.
        sentence: String,
        /// In so many seconds.
        again_in: f64,
    },
}

/// What a sync moved.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct SyncReport {
    /// Entries that were sent.
    pub entries_sent: u64,
    /// Entries that came.
    pub entries_received: u64,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// Bytes that came.
    pub bytes_received: u64,
    /// Scans that the office confirmed.
    pub scans_sent: u64,
    /// Applications that have ended and left the phone.
    pub let_go: u64,
}

impl From<client::SyncReport> for SyncReport {
    fn from(report: client::SyncReport) -> Self {
        Self {
            entries_sent: report.entries_sent,
            entries_received: report.entries_received,
            bytes_sent: report.bytes_sent,
            bytes_received: report.bytes_received,
            scans_sent: report.attachments_sent,
            let_go: report.applications_let_go,
        }
    }
}

impl From<Step> for SyncStep {
    fn from(step: Step) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        match step {
            Step::Connected => Self::Connected,
            Step::Scans { done, of, bytes, of_bytes } => {
                Self::Scans { done: count(done), of: count(of), bytes, of_bytes }
            }
            Step::Settled(report) => Self::Settled { report: report.into() },
            Step::Waits(sentence) => Self::Waits { sentence },
            Step::Lost(sentence, again_in) => Self::Lost { sentence, again_in: again_in.as_secs_f64() },
        }
    }
}

/// Who is told how a sync goes on.
#[uniffi::export(with_foreign)]
pub trait SyncObserver: Send + Sync {
    /// Called from a thread of the library. What it throws is passed over.
    fn on_step(&self, step: SyncStep) -> Result<(), CallbackFailed>;
}

/// Tells an observer, if there is one.
fn tell(observer: Option<&Arc<dyn SyncObserver>>, step: Step) {
    if let Some(observer) = observer {
        let _ = observer.on_step(step.into());
    }
}

/// What network the platform has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Network {
    /// None: no call is tried.
    Absent,
    /// One that is paid by what goes over it.
    Metered,
    /// One that is not.
    Unmetered,
}

/// A sync that goes on until it is stopped.
#[derive(uniffi::Object)]
pub struct SyncHandle {
    wanted: watch::Sender<Wanted>,
    hints: Arc<Hints>,
    told: Mutex<Told>,
    task: Mutex<Option<Task<SyncReport>>>,
}

/// What the app wants of a running sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Online,
    Offline,
    Stopped,
}

/// What was told of the platform. Scans are large: they wait for a better network or battery, entries never do.
#[derive(Debug, Clone, Copy)]
struct Told {
    network: Network,
    battery_low: bool,
    scans_over_metered: bool,
}

impl Told {
    fn scans_wait(self) -> bool {
        self.battery_low || self.network == Network::Metered && !self.scans_over_metered
    }
}

impl SyncHandle {
    fn tell(&self, change: impl FnOnce(&mut Told)) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut told);
        self.hints.set_scans_wait(told.scans_wait());
    }
}

#[uniffi::export]
impl SyncHandle {
    /// The platform says what network there is: without one no call is tried, and with one again at once. Until it is
    /// told, there is one that costs nothing.
    pub fn network(&self, network: Network) {
        self.tell(|told| told.network = network);
        self.wanted.send_if_modified(|wanted| {
            let new = if network == Network::Absent { Wanted::Offline } else { Wanted::Online };
            let changes = *wanted != Wanted::Stopped && *wanted != new;
            if changes {
                *wanted = new;
            }
            changes
        });
    }

    /// The platform says whether the battery is low: then scans wait until it is charged.
    pub fn battery_low(&self, low: bool) {
        self.tell(|told| told.battery_low = low);
    }

    /// The officer says whether scans may go over a metered network; until then they may.
    pub fn scans_over_metered(&self, allowed: bool) {
        self.tell(|told| told.scans_over_metered = allowed);
    }

    /// Asks it to end; [`SyncHandle::finished`] tells when it has.
    pub fn stop(&self) {
        self.wanted.send_replace(Wanted::Stopped);
    }

    /// Waits until it has ended, and tells what was moved in all. Waits once: later calls are refused.
    ///
    /// # Errors
    /// Where calling again could not help: what ended it.
    pub async fn finished(&self) -> Result<SyncReport, LoketError> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.ok_or_else(|| LoketError::input("sinkronisasi ini sudah selesai"))?.await
    }
}

#[uniffi::export]
impl LoketPhone {
    /// Brings phone and office up to date once. Cancelling it ends the connection; what was moved stays moved.
    ///
    /// # Errors
    /// Where the office cannot be reached or says no, or does not answer in time.
    pub async fn sync(&self, observer: Option<Arc<dyn SyncObserver>>) -> Result<SyncReport, LoketError> {
        let opener = self.opener();
        on_runtime(async move {
            let phone = tokio::task::spawn_blocking(move || opener.open()).await;
            let phone = phone.map_err(|_| LoketError::defect())??;
            let report = client::sync(phone, &mut |step| tell(observer.as_ref(), step)).await?;
            Ok(report.into())
        })
        .await
    }

    /// Stays in touch with the office until it is stopped, or until calling again cannot help.
    pub fn follow(&self, observer: Option<Arc<dyn SyncObserver>>) -> Result<Arc<SyncHandle>, LoketError> {
        let (wanted, mut heard) = watch::channel(Wanted::Online);
        let (opener, hints) = (self.opener(), Arc::<Hints>::default());
        let heeded = Arc::clone(&hints);
        let task = runtime()?.spawn(async move {
            let mut total = client::SyncReport::default();
            loop {
                if heard
                    .wait_for(|wanted| *wanted != Wanted::Offline)
                    .await
                    .map_or(true, |w| *w == Wanted::Stopped)
                {
                    return Ok(total.into());
                }
                let mut until = heard.clone();
                // A handle that nobody keeps stops it too.
                let stop = async move {
                    let _ = until.wait_for(|wanted| *wanted != Wanted::Online).await;
                };
                let open = |_: &std::path::Path| opener.open_client();
                let mut told = |step| tell(observer.as_ref(), step);
                let moved = client::follow(opener.dir(), open, Arc::clone(&heeded), stop, &mut told).await?;
                add(&mut total, &moved);
            }
        });
        let told = Told { network: Network::Unmetered, battery_low: false, scans_over_metered: true };
        Ok(Arc::new(SyncHandle { wanted, hints, told: Mutex::new(told), task: Mutex::new(Some(Task(task))) }))
    }
}

fn add(total: &mut client::SyncReport, moved: &client::SyncReport) {
    total.entries_sent += moved.entries_sent;
    total.entries_received += moved.entries_received;
    total.bytes_sent += moved.bytes_sent;
    total.bytes_received += moved.bytes_received;
    total.attachments_sent += moved.attachments_sent;
    total.applications_let_go += moved.applications_let_go;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_wait_for_a_better_network_or_battery() {
        use Network::{Absent, Metered, Unmetered};
        let table = [
            (Unmetered, false, false, false),
            (Unmetered, true, true, true),
            (Metered, false, true, false),
            (Metered, false, false, true),
            (Absent, false, false, false),
        ];
        for (network, battery_low, scans_over_metered, wait) in table {
            let told = Told { network, battery_low, scans_over_metered };
            assert_eq!(told.scans_wait(), wait, "{told:?}");
        }
    }
}
