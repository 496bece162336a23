//! Messages on their way: takes what is due from the office, hands it to the SMS gateway, and tells the office what became
//! of it. One task, beside the sessions; which gateway it is, an operator decides ([`Gateway`]).

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use loket_core::replica::ReplicaError;
use metrics::counter;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::app::App;
use crate::config::{dice, limits, now};
use crate::ingest::{Unavailable, Writer};
use crate::office::look::Look;
use crate::office::messages::{Attempt, News, Standing, Token};
use crate::serve::Course;
use crate::telemetry;

mod gammu;
mod gateway;
mod kannel;
mod webhook;

pub use gateway::Gateway;

/// Looks for messages until the office no longer serves; an attempt that has begun is seen to its end.
pub async fn run(app: Arc<App>, gateway: Gateway, mut course: watch::Receiver<Course>) {
    let mut hints = app.writer.hints();
    let mut begun = false;
    loop {
        // Nobody else sends: whatever was being sent when this began has nobody who sees its end.
        begun = begun || doubt(&app.writer).await;
        if begun && let Err(trouble) = look(&app, &gateway, &course).await {
            warn!(%trouble, "messages wait");
        }
        tokio::select! {
            () = stopping(&mut course) => return,
            // Something has changed, perhaps something to tell: soon, together with what comes right after it.
            _ = hints.recv() => sleep(limits::SMS_SOON).await,
            () = sleep(limits::SMS_EVERY) => {}
        }
        while hints.try_recv().is_ok() {}
    }
}

async fn stopping(course: &mut watch::Receiver<Course>) {
    // Nobody left who could say so is an end as well.
    let _ = course.wait_for(|course| *course != Course::Serving).await;
}

/// Why nothing went on; the next look tries again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    #[error("{0}")]
    Failure(#[from] crate::config::Failure),
}

async fn doubt(writer: &Writer) -> bool {
    match writer.write(false, |office| office.doubt_attempts(now())).await {
        Ok(Ok(0)) => true,
        Ok(Ok(doubted)) => {
            warn!(doubted, "messages were being sent when the office ended: the gateway is asked");
            true
        }
        other => {
            warn!(?other, "messages wait until the store can be written");
            false
        }
    }
}

async fn look(app: &App, gateway: &Gateway, course: &watch::Receiver<Course>) -> Result<(), Trouble> {
    let wait = gateway.wait();
    let asked = ask(app, gateway).await;
    loop {
        let (queued, overdue) = app.readers.run(|replica| replica.messages_due(now())).await??;
        if overdue {
            app.writer.write(false, |office| office.overdue(limits::SMS_BATCH, now(), &mut dice)).await??;
        }
        if !queued {
            return asked;
        }
        let begin = move |office: &mut crate::office::Office<_>| {
            office.begin_attempts(wait, limits::SMS_BATCH, now(), &mut dice)
        };
        let attempts = app.writer.write(false, begin).await??;
        for attempt in attempts {
            let news = send(gateway, &attempt).await;
            let (notification, number) = &attempt.about;
            let parts = loket_core::workflow::sms_parts(&attempt.text);
            match &news {
                News::Later(cause) | News::Refused(cause) => {
                    warn!(notification, number, cause, "the gateway did not take a message");
                }
                News::Unclear => warn!(notification, number, "nobody knows whether a message went out"),
                _ => info!(notification, number, parts, gateway = gateway.name(), "message handed over"),
            }
            tell(app, attempt.token, news, wait).await?;
        }
        if *course.borrow() != Course::Serving {
            return Ok(());
        }
    }
}

async fn send(gateway: &Gateway, attempt: &Attempt) -> News {
    let parts = loket_core::workflow::sms_parts(&attempt.text);
    if parts > limits::SMS_PARTS {
        return News::Refused(format!("{parts} SMS, paling banyak {}", limits::SMS_PARTS));
    }
    timeout(limits::SMS_TIMEOUT, gateway.send(attempt)).await.unwrap_or(News::Unclear)
}

/// Asks the gateway about what it was given, where it can be asked.
async fn ask(app: &App, gateway: &Gateway) -> Result<(), Trouble> {
    let open = app.readers.run(|replica| replica.messages_out(limits::SMS_ASKED)).await??;
    if open.is_empty() {
        return Ok(());
    }
    let wait = gateway.wait();
    let known: HashMap<_, _> = open.iter().copied().collect();
    for (token, news) in gateway.ask(&open).await {
        let old = match known.get(&token) {
            Some(Standing::DiGateway) => news == News::Taken,
            Some(Standing::Terkirim) => news == News::Sent,
            _ => false,
        };
        if !old {
            tell(app, token, news, wait).await?;
        }
    }
    Ok(())
}

async fn tell(app: &App, token: Token, news: News, wait: i64) -> Result<(), Trouble> {
    counter!(telemetry::MESSAGES, "news" => label(&news)).increment(1);
    let hear = move |office: &mut crate::office::Office<_>| office.hear(&token, news, wait, now(), &mut dice);
    Ok(app.writer.write(false, hear).await??)
}

fn label(news: &News) -> &'static str {
    match news {
        News::Later(_) => "later",
        News::Refused(_) => "refused",
        News::Unclear => "unclear",
        News::Unknown => "unknown",
        News::Taken => "taken",
        News::Sent => "sent",
        News::Arrived => "arrived",
        News::Failed(_) => "failed",
        News::Lost => "lost",
    }
}

/// What a gateway says in the address that it calls.
#[derive(Deserialize)]
pub struct Said {
    status: String,
}

/// A gateway reports what became of a message; the token in the address, which the gateway alone was given, is what
/// allows it to. Answered once it is durable, so that a gateway that repeats what was not answered loses nothing.
pub async fn report(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    Query(said): Query<Said>,
) -> StatusCode {
    let token = data_encoding::HEXLOWER.decode(token.as_bytes()).ok().and_then(|token| token.try_into().ok());
    let (Some(token), Some(news)) = (token, gateway::reported(&said.status)) else {
        return StatusCode::BAD_REQUEST;
    };
    match app.readers.run(move |replica| replica.knows_message(&token)).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return StatusCode::NOT_FOUND,
        _ => return StatusCode::SERVICE_UNAVAILABLE,
    }
    match news {
        None => StatusCode::NO_CONTENT,
        Some(news) => match tell(&app, token, news, limits::SMS_WAIT).await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(trouble) => {
                error!(%trouble, "a gateway's report could not be kept");
                StatusCode::SERVICE_UNAVAILABLE
            }
        },
    }
}
