//! Kannel: a message is a POST to its `sendsms`, with number, words and password in headers and body, so that no access log
//! of an address holds them. What became of it Kannel reports by calling an address that only it was given.
//!
//! Kannel cannot be asked. An attempt whose answer was not seen waits for a report, and is doubtful without one.

use reqwest::header::{CONNECTION, CONTENT_TYPE};

use super::gateway::{Reports, address, answer, client};
use crate::config::Failure;
use crate::office::messages::{Attempt, News};

/// Which reports are asked for: delivered, failed, taken by the network, rejected by it.
const REPORTS: &str = "27";

/// A Kannel.
pub struct Kannel {
    client: reqwest::Client,
    url: reqwest::Url,
    username: String,
    password: String,
    reports: Reports,
    /// Until it has to have reported, in seconds.
    pub(super) wait: i64,
}

impl Kannel {
    pub(super) fn new(
        url: &str,
        username: String,
        password: String,
        reports: Reports,
        wait: i64,
    ) -> Result<Self, Failure> {
        Ok(Self { client: client()?, url: address(url, "url")?, username, password, reports, wait })
    }

    pub(super) async fn send(&self, attempt: &Attempt) -> News {
        let report = format!("{}?status=%d", self.reports.of(&attempt.token));
        let request = self
            .client
            .post(self.url.clone())
            .header(CONNECTION, "close")
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .header("X-Kannel-Username", &self.username)
            .header("X-Kannel-Password", &self.password)
            .header("X-Kannel-To", &attempt.to)
            .header("X-Kannel-Charset", "UTF-8")
            .header("X-Kannel-DLR-Mask", REPORTS)
            .header("X-Kannel-DLR-Url", report)
            .body(attempt.text.clone());
        match answer(request).await {
            // `0: Accepted for delivery`, `3: Queued for later delivery`.
            Ok((200 | 202, words)) if words.starts_with(['0', '3']) => News::Taken,
            Ok((401 | 403, _)) => News::Later("Kannel menolak nama atau sandi".to_owned()),
            Ok((503, _)) => News::Later("Kannel belum dapat menerima".to_owned()),
            Ok((status @ 400..500, _)) => News::Refused(format!("Kannel menolak ({status})")),
            Ok(_) => News::Unclear,
            Err(news) => news,
        }
    }
}
