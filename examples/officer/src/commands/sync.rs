//! `sync`: with the office, once or until stopped.

use std::sync::Arc;

use indicatif::ProgressBar;
use loket_core::client::{ClientError, Step, SyncReport, follow, sync};
use serde_json::json;

use super::Place;
use crate::arguments::Sync;
use crate::output::{Answer, bar, complain, wheel};

pub fn run(place: &Place<'_>, asked: &Sync, json: bool) -> Result<Answer, ClientError> {
    let runtime = super::runtime()?;
    let report =
        if asked.follow { runtime.block_on(until_stopped(place, json)) } else { once(&runtime, place) }?;
    if report.attachments_refused > 0 {
        complain(&format!(
            "{} lampiran belum diterima Dinas, karena isiannya ditahan: hubungi Dinas",
            report.attachments_refused
        ));
    }
    let end = if asked.follow { "berhenti mengikuti" } else { "semua sudah ditandaterimakan" };
    let text = format!("{}, {end}", moved(&report));
    Ok(Answer::new(json!(report), text))
}

fn once(runtime: &tokio::runtime::Runtime, place: &Place<'_>) -> Result<SyncReport, ClientError> {
    let phone = place.open()?;
    let wheel = wheel("menyinkronkan");
    let mut scans: Option<ProgressBar> = None;
    let report = runtime.block_on(sync(phone, &mut |step| {
        if let Step::Scans { done, of, bytes, of_bytes } = step {
            let scans = scans.get_or_insert_with(|| {
                wheel.finish_and_clear();
                bar(of_bytes, "lampiran")
            });
            scans.set_length(of_bytes);
            scans.set_position(bytes);
            scans.set_message(format!("lampiran {done}/{of}"));
        }
    }));
    wheel.finish_and_clear();
    scans.iter().for_each(ProgressBar::finish_and_clear);
    report
}

async fn until_stopped(place: &Place<'_>, json: bool) -> Result<SyncReport, ClientError> {
    let mut last = SyncReport::default();
    let mut watch = |step: Step| match step {
        Step::Connected if !json => complain("tersambung dengan Dinas"),
        Step::Settled(report) => {
            // Only what is new since the last time is worth a line.
            let news = (report.entries_sent, report.entries_received, report.attachments_sent)
                != (last.entries_sent, last.entries_received, last.attachments_sent);
            if news && !json {
                complain(&moved(&report));
            }
            last = report;
        }
        Step::Waits(sentence) => complain(&sentence),
        Step::Lost(sentence, pause) => {
            complain(&format!("{sentence} (mencoba lagi dalam {:.0} detik)", pause.as_secs_f64().ceil()));
        }
        _ => {}
    };
    follow(place.dir, |_| place.open(), Arc::default(), stopped(), &mut watch).await
}

fn moved(report: &SyncReport) -> String {
    format!(
        "{} entri terkirim, {} diterima, {} berkas",
        report.entries_sent, report.entries_received, report.attachments_sent
    )
}

/// Until somebody stops the program.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
