//! `sync`: with the office, once or until stopped.

use std::path::Path;

use loket_core::client::{ClientError, Phone, Step, SyncReport, follow, sync};
use serde_json::json;

use crate::arguments::Sync;
use crate::output::{Answer, complain, wheel};

pub fn run(dir: &Path, asked: &Sync, json: bool) -> Result<Answer, ClientError> {
    let runtime = super::runtime()?;
    let report = if asked.follow { runtime.block_on(until_stopped(dir, json)) } else { once(&runtime, dir) }?;
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

fn once(runtime: &tokio::runtime::Runtime, dir: &Path) -> Result<SyncReport, ClientError> {
    let phone = Phone::open(dir)?;
    let wheel = wheel("menyinkronkan");
    let report = runtime.block_on(sync(phone, &mut |step| {
        if let Step::Scans { done, of } = step {
            wheel.set_message(format!("lampiran {done}/{of}"));
        }
    }));
    wheel.finish_and_clear();
    report
}

async fn until_stopped(dir: &Path, json: bool) -> Result<SyncReport, ClientError> {
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
    follow(dir, |dir| Phone::open(dir), stopped(), &mut watch).await
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
