//! What every handler has: the office's writer and readers, and what is counted of those who connect.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use loket_core::identity::{PublicKey, Signer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::api::Pace;
use crate::attachments::{Shelves, Turns};
use crate::enrol::Failures;
use crate::figures::Latest;
use crate::given::Given;
use crate::guests::Guests;
use crate::ingest::Writer;
use crate::office::library::Receipts;
use crate::office::seen::Heard;
use crate::press::Press;
use crate::readers::Readers;
use crate::serve::Course;
use crate::status::Guesses;
use crate::sync::Sessions;

/// What the handlers share.
pub struct App {
    /// The one who writes.
    pub writer: Writer,
    /// Those who read.
    pub readers: Readers,
    /// The office's key.
    pub signer: Arc<dyn Signer>,
    /// Its public half.
    pub office: PublicKey,
    /// Receipts as last signed.
    pub receipts: Receipts,
    /// Who is connected.
    pub sessions: Sessions,
    /// What each device was given today.
    pub given: Given,
    /// The attachments.
    pub shelves: Shelves,
    /// Turns of those that transfer attachments.
    pub transfers: Turns,
    /// Connections whose peer is not known yet.
    pub guests: Guests,
    /// Enrolments that failed of late.
    pub failures: Failures,
    /// What prints.
    pub press: Arc<Press>,
    /// Where the public finds the office, as print-outs name it.
    pub public_url: String,
    /// Devices that were heard of since that was last written down.
    pub heard: Heard,
    /// Figures over everything.
    pub figures: Latest,
    /// How often systems ask.
    pub pace: Pace,
    /// Wrong guesses at the public status page.
    pub guesses: Guesses,
    /// Whether the office goes on.
    pub stop: watch::Receiver<Course>,
    /// The process's metrics.
    pub metrics: PrometheusHandle,
    /// Whether the store's last failure was logged: a check every few seconds says it once.
    pub unwell: AtomicBool,
}
