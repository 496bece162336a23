//! A signed webhook, for any other gateway: `POST` of `{"id", "to", "text", "report_url"}` with a signature over the body.
//! The receiver sends each id once, however often it is given: an attempt whose answer was not seen is made again.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use reqwest::header::{CONNECTION, CONTENT_TYPE};
use serde_json::json;

use super::gateway::{Reports, address, answer, client};
use crate::config::{Failure, now};
use crate::office::messages::{Attempt, News};

/// Shortest secret, in characters.
const MIN_SECRET: usize = 16;

/// A receiver of webhooks.
pub struct Webhook {
    client: reqwest::Client,
    url: reqwest::Url,
    /// In a box: it is larger than everything else of any gateway.
    key: Box<hmac::Key>,
    reports: Reports,
    /// Until it has to have reported, in seconds.
    pub(super) wait: i64,
}

impl Webhook {
    pub(super) fn new(url: &str, secret: &str, reports: Reports, wait: i64) -> Result<Self, Failure> {
        if secret.len() < MIN_SECRET {
            return Err(Failure::new(format!(
                "secret di pengaturan SMS terlalu pendek: sedikitnya {MIN_SECRET} huruf acak"
            )));
        }
        let key = Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        Ok(Self { client: client()?, url: address(url, "url")?, key, reports, wait })
    }

    pub(super) async fn send(&self, attempt: &Attempt) -> News {
        let id = HEXLOWER.encode(&attempt.token);
        let report = self.reports.of(&attempt.token);
        let body = json!({ "id": id, "to": attempt.to, "text": attempt.text, "report_url": report });
        let (body, at) = (body.to_string(), now());
        let request = self
            .client
            .post(self.url.clone())
            .header(CONNECTION, "close")
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", id)
            .header("Loket-Signature", self.signature(at, &body))
            .body(body);
        match answer(request).await {
            Ok((200..300, _)) => News::Taken,
            Ok((status @ (401 | 403 | 408 | 409 | 425 | 429), _)) => {
                News::Later(format!("webhook belum menerima ({status})"))
            }
            Ok((status @ 400..500, _)) => News::Refused(format!("webhook menolak ({status})")),
            Ok((status, _)) => News::Later(format!("webhook gagal ({status})")),
            Err(news) => news,
        }
    }

    /// `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`, so that an old request cannot be played again for ever.
    fn signature(&self, at: i64, body: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{at}.{body}").as_bytes());
        format!("t={at},v1={}", HEXLOWER.encode(tag.as_ref()))
    }
}
