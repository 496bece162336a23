//! `services`: what can be filed.

use loket_core::client::Phone;
use serde_json::{Value, json};

use crate::output::{Answer, table};

pub fn run(phone: &Phone) -> Answer {
    let services = phone.services();
    let json: Vec<Value> = services
        .iter()
        .map(|file| {
            let variants = &file.service.variants;
            json!({
                "service": file.service.service,
                "title": file.service.title,
                "version": file.service.version,
                "variants": variants.iter().map(|variant| &variant.id).collect::<Vec<_>>(),
                "variant_titles": variants.iter().map(|variant| &variant.title).collect::<Vec<_>>(),
            })
        })
        .collect();
    let rows: Vec<Vec<String>> = services
        .iter()
        .map(|file| {
            let variants: Vec<&str> = file.service.variants.iter().map(|v| v.id.as_str()).collect();
            vec![file.service.service.clone(), file.service.title.clone(), variants.join(", ")]
        })
        .collect();
    Answer::new(Value::Array(json), table(&["LAYANAN", "NAMA", "VARIAN"], &rows))
}
