//! `enroll`: the folder becomes a phone.

use std::fs::create_dir_all;
use std::time::{Duration, Instant};

use loket_core::client::{ClientError, Enrolled, Keys, enrol_with};
use serde_json::json;

use super::Place;
use crate::arguments::Enroll;
use crate::output::{Answer, complain, wheel};

/// Between asking whether the office has compared the digits.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How long that may take.
const COMPARED_WITHIN: Duration = Duration::from_secs(600);

pub fn run(place: &Place<'_>, asked: &Enroll) -> Result<Answer, ClientError> {
    let wheel = wheel("mendaftarkan perangkat");
    let enrolled = super::runtime()?.block_on(admitted(place, asked));
    wheel.finish_and_clear();
    let enrolled = enrolled?;
    if let Some(sentence) = &enrolled.unsynced {
        complain(&format!(
            "terdaftar, tetapi sinkronisasi pertama belum selesai: {sentence}. Jalankan `sync`"
        ));
    }
    let partitions: Vec<String> = enrolled.partitions.iter().map(ToString::to_string).collect();
    let text = format!(
        "Perangkat terdaftar sebagai {} untuk {} wilayah kerja: {}",
        enrolled.role,
        partitions.len(),
        partitions.join(", ")
    );
    let json = json!({ "device": enrolled.device.to_hex(), "role": enrolled.role, "partitions": partitions });
    Ok(Answer::new(json, text))
}

/// Enrols; where the office compares digits first, shows them and waits for that.
async fn admitted(place: &Place<'_>, asked: &Enroll) -> Result<Enrolled, ClientError> {
    let (began, mut told) = (Instant::now(), false);
    loop {
        let at = place.keys.to_owned();
        let keys = move || {
            create_dir_all(&at)?;
            Keys::read_or_make(&at)
        };
        match enrol_with(place.dir, &asked.url, &asked.code, keys).await {
            Err(ClientError::Unconfirmed(digits)) if began.elapsed() < COMPARED_WITHIN => {
                if !std::mem::replace(&mut told, true) {
                    complain(&format!("bacakan angka {digits} kepada petugas Dinas; menunggu dicocokkan"));
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
            other => return other,
        }
    }
}
