//! `enroll`: the folder becomes a phone.

use std::fs::create_dir_all;

use loket_core::client::{ClientError, Keys, enrol_with};
use serde_json::json;

use super::Place;
use crate::arguments::Enroll;
use crate::output::{Answer, complain, wheel};

pub fn run(place: &Place<'_>, asked: &Enroll) -> Result<Answer, ClientError> {
    let at = place.keys.to_owned();
    let keys = move || {
        create_dir_all(&at)?;
        Keys::read_or_make(&at)
    };
    let wheel = wheel("mendaftarkan perangkat");
    let enrolled = super::runtime()?.block_on(enrol_with(place.dir, &asked.url, &asked.code, keys));
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
