//! Logs and metrics. Neither ever carries a person's data: ids of devices, partitions and counts only.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// The variable that says what is logged, e.g. `info` or `loket_server=debug`.
pub const LOG_VARIABLE: &str = "LOKET_LOG";

/// Entries that devices sent.
pub const ENTRIES: &str = "loket_entries_received_total";
/// Commits of the writer.
pub const GROUPS: &str = "loket_groups_total";
/// Deliveries of one commit.
pub const GROUP_SIZE: &str = "loket_group_size";
/// Seconds of one commit.
pub const GROUP_SECONDS: &str = "loket_group_seconds";
/// Sessions that are open.
pub const SESSIONS: &str = "loket_sessions";
/// Sessions that have ended, by why.
pub const SESSIONS_ENDED: &str = "loket_sessions_ended_total";
/// Batches that were acknowledged as durable.
pub const RECEIPTS: &str = "loket_batches_acknowledged_total";
/// Connections that had to make room before they had proven who they are.
pub const GUESTS_OUT: &str = "loket_guests_shown_out_total";
/// Runs that were not looked at since their author had brought enough.
pub const BEYOND: &str = "loket_runs_beyond_allowance_total";
/// Bytes of attachments that were received.
pub const ATTACHMENT_IN: &str = "loket_attachment_received_bytes_total";
/// Bytes of attachments that were given.
pub const ATTACHMENT_OUT: &str = "loket_attachment_sent_bytes_total";
/// Attachments that have arrived whole.
pub const ATTACHMENTS: &str = "loket_attachments_arrived_total";
/// Enrolments, by outcome.
pub const ENROLMENTS: &str = "loket_enrolments_total";
/// Answers of the public status page, by outcome.
pub const STATUS: &str = "loket_status_answers_total";
/// Sign-ins to the console, by outcome.
pub const SIGN_INS: &str = "loket_sign_ins_total";
/// What was heard of messages to applicants, by what it was.
pub const MESSAGES: &str = "loket_messages_total";
/// Commits of other processes that were noticed.
pub const OTHERS: &str = "loket_foreign_commits_total";
/// Failures of the store's medium, each followed by opening it anew.
pub const STORE_FAILURES: &str = "loket_store_failures_total";
/// Times that the store was opened anew and found in order.
pub const STORE_REOPENED: &str = "loket_store_reopened_total";
/// 1 while the store has failed and nothing is acknowledged, otherwise 0.
pub const STORE_ILL: &str = "loket_store_ill";

/// Sends JSON lines to standard error, as far as [`LOG_VARIABLE`] asks for them. The first call counts.
pub fn logs() {
    logs_from("info");
}

/// As [`logs`], from warnings upwards where nothing else is asked for: beside a program that tells a story itself.
pub fn quiet_logs() {
    logs_from("warn");
}

fn logs_from(level: &str) {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let logs = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr);
    // Somebody who embeds the office has their own.
    let _ = logs.try_init();
}

/// The process's metrics, as Prometheus reads them.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let make = || {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Where another recorder is set, that one counts and this page stays empty.
        let _ = metrics::set_global_recorder(recorder);
        handle
    };
    HANDLE.get_or_init(make).clone()
}
