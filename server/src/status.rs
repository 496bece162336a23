//! The public status page: how far an application is, to whoever has its number and knows the day of birth it is about.
//! No name, no number of a person, and nothing of which service it is where that is nobody's business. It is a form and
//! an answer, for an old phone on a slow line.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Form};
use loket_core::catalogue::Kind;
use loket_core::catalogue::line::{CANCELLED, COLLECTED, RETURNED, WITHDRAWN};
use loket_core::journal::Partition;
use loket_core::number::Number;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;
use loket_core::value;
use metrics::counter;
use serde::Deserialize;

use crate::app::App;
use crate::console::page::{Page, Trouble, send};
use crate::console::words;
use crate::guests::Guest;
use crate::telemetry;

/// The field that holds the day of birth of the person it is about.
const BIRTH: &str = "tanggal_lahir";
/// Wrong guesses from one address within a quarter of an hour: a village may share one.
const PER_ADDRESS: u32 = 40;
/// Wrong guesses about one number within it.
const PER_NUMBER: u32 = 8;
/// How long a wrong guess counts.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Addresses and numbers that are counted at once.
const MAX_COUNTED: usize = 20_000;

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    page: Page,
    number: String,
    birth: String,
    trouble: Option<String>,
    told: Option<Told>,
}

/// What is said of an application.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    number: String,
    service: Option<String>,
    state: String,
    since: String,
    next: &'static str,
}

/// What is asked.
#[derive(Deserialize)]
pub struct Asked {
    nomor: String,
    lahir: String,
}

/// Wrong guesses, by address and by number.
#[derive(Default)]
pub struct Guesses(Mutex<HashMap<Guesser, (Instant, u32)>>);

#[derive(PartialEq, Eq, Hash, Clone, Copy)]
enum Guesser {
    Address(IpAddr),
    Number(Number),
}

impl Guesses {
    fn is_over(&self, guesser: Guesser, most: u32) -> bool {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.get(&guesser).is_some_and(|(since, count)| since.elapsed() < WINDOW && *count >= most)
    }

    fn note(&self, guesser: Guesser) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MAX_COUNTED {
            counted.retain(|_, (since, _)| since.elapsed() < WINDOW);
        }
        if counted.len() >= MAX_COUNTED {
            // Somebody guesses from everywhere: it counts for nobody rather than without end.
            return;
        }
        let entry = counted.entry(guesser).or_insert_with(|| (Instant::now(), 0));
        if entry.0.elapsed() >= WINDOW {
            *entry = (Instant::now(), 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }
}

/// `GET /status`.
pub async fn show() -> Response {
    answer(StatusCode::OK, String::new(), String::new(), None, None)
}

/// `POST /status`.
pub async fn ask(
    State(app): State<Arc<App>>,
    Extension(guest): Extension<Guest>,
    Form(asked): Form<Asked>,
) -> Result<Response, Trouble> {
    let refuse = |status, sentence: String| {
        Ok(answer(status, asked.nomor.clone(), asked.lahir.clone(), Some(sentence), None))
    };
    let number: Number = match asked.nomor.trim().parse() {
        Ok(number) => number,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, words::sentence(&error.to_string())),
    };
    let Ok(birth) = value::parse(Kind::Tanggal, &[], false, &asked.lahir) else {
        let sentence = "Tanggal lahir ditulis hari-bulan-tahun, misalnya 05-11-1990.";
        return refuse(StatusCode::BAD_REQUEST, sentence.to_owned());
    };
    let (address, about) = (Guesser::Address(guest.address()), Guesser::Number(number));
    if app.guesses.is_over(address, PER_ADDRESS) || app.guesses.is_over(about, PER_NUMBER) {
        counter!(telemetry::STATUS, "outcome" => "limited").increment(1);
        let sentence = "Terlalu banyak pertanyaan yang tidak cocok. Coba lagi seperempat jam lagi.";
        return refuse(StatusCode::TOO_MANY_REQUESTS, sentence.to_owned());
    }
    let told = app.readers.run(move |replica| tell(replica, &number.to_string(), &birth)).await??;
    let Some(told) = told else {
        counter!(telemetry::STATUS, "outcome" => "wrong").increment(1);
        app.guesses.note(address);
        app.guesses.note(about);
        let sentence = "Nomor dan tanggal lahir tidak cocok, atau permohonan belum sampai di Dinas. Periksa lagi, atau \
                        tanyakan kepada petugas.";
        return refuse(StatusCode::NOT_FOUND, sentence.to_owned());
    };
    counter!(telemetry::STATUS, "outcome" => "told").increment(1);
    Ok(answer(StatusCode::OK, String::new(), String::new(), None, Some(told)))
}

fn answer(
    status: StatusCode,
    number: String,
    birth: String,
    trouble: Option<String>,
    told: Option<Told>,
) -> Response {
    send(status, &StatusPage { page: Page::open(), number, birth, trouble, told })
}

/// What is said of the application of this number, if the day of birth fits.
fn tell<S: Store>(replica: &Replica<S>, number: &str, birth: &str) -> Result<Option<Told>, ReplicaError> {
    let Some((partition, id)) = replica.find(number)? else { return Ok(None) };
    let case = replica.case(&partition, &id)?;
    let (Some(file), Some(state)) = (case.service.as_ref(), case.state()) else { return Ok(None) };
    // Of what was submitted; a draft is between the applicant and the officer.
    let Some(frozen) = &state.frozen else { return Ok(None) };
    let registers = case.document.registers_at(&frozen.heads).unwrap_or_default();
    if registers.get(BIRTH).map(String::as_str) != Some(birth) {
        return Ok(None);
    }
    let kept = matches!(partition, Partition::NeedToKnow(_));
    let next = next(&state.code, state.fin);
    let label = file.service.state(&state.code).map_or(state.code.as_str(), |info| &info.label);
    Ok(Some(Told {
        number: case.number(),
        service: (!kept).then(|| file.service.title.clone()),
        state: if kept { plain(&state.code, state.fin).to_owned() } else { label.to_owned() },
        since: state.passed.last().map(|(_, at)| words::moment(*at)).unwrap_or_default(),
        next,
    }))
}

/// The state that an applicant collects in.
const READY: &str = "SIAP_DIAMBIL";

/// A state in so few words that they say nothing of the service.
fn plain(code: &str, fin: bool) -> &'static str {
    match code {
        COLLECTED => "Selesai",
        CANCELLED | WITHDRAWN => "Dibatalkan",
        RETURNED => "Perlu dilengkapi",
        READY => "Siap diambil",
        _ if fin => "Selesai",
        _ => "Sedang diproses",
    }
}

/// What the applicant does now.
fn next(code: &str, fin: bool) -> &'static str {
    match code {
        COLLECTED => "Dokumen sudah diserahkan.",
        CANCELLED => "Tanyakan sebabnya kepada petugas yang menerima permohonan Anda.",
        WITHDRAWN => "Permohonan ditarik atas permintaan pemohon.",
        RETURNED => "Hubungi petugas yang menerima permohonan Anda: ada persyaratan yang harus dilengkapi.",
        READY => {
            "Ambil dokumen di loket pengambilan dengan membawa tanda terima dan kartu lama bila diminta."
        }
        _ if fin => "Permohonan ini sudah selesai.",
        _ => "Tidak ada yang perlu Anda lakukan sekarang.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_guesses_are_counted_by_who_and_about_what() {
        let guesses = Guesses::default();
        let here = Guesser::Address("192.0.2.1".parse().unwrap());
        let there = Guesser::Address("192.0.2.2".parse().unwrap());
        for _ in 0..PER_ADDRESS {
            assert!(!guesses.is_over(here, PER_ADDRESS));
            guesses.note(here);
        }
        assert!(guesses.is_over(here, PER_ADDRESS) && !guesses.is_over(there, PER_ADDRESS));
    }
}
