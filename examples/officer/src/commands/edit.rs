//! `set`, `choose`, `tick`, `attach`: what an officer enters.

use loket_core::client::{ClientError, Phone};
use serde_json::json;

use crate::arguments::{Attach, Choose, Set, Tick};
use crate::output::Answer;

pub fn set(phone: &mut Phone, asked: &Set) -> Result<Answer, ClientError> {
    let id = phone.set(&asked.id, &asked.fields)?;
    Ok(Answer::new(json!({ "id": id.to_hex() }), format!("{} isian tersimpan", asked.fields.len())))
}

pub fn choose(phone: &mut Phone, asked: &Choose) -> Result<Answer, ClientError> {
    let id = phone.choose(&asked.id, &asked.field, &asked.value)?;
    Ok(Answer::new(json!({ "id": id.to_hex() }), format!("Nilai {} dipilih", asked.field)))
}

pub fn tick(phone: &mut Phone, asked: &Tick) -> Result<Answer, ClientError> {
    let id = phone.tick(&asked.id, &asked.warning)?;
    Ok(Answer::new(json!({ "id": id.to_hex() }), format!("Peringatan {} ditandai", asked.warning)))
}

pub fn attach(phone: &mut Phone, asked: &Attach) -> Result<Answer, ClientError> {
    let attached = phone.attach(&asked.id, &asked.requirement, &asked.file)?;
    if let Some(original) = &asked.original {
        phone.keep_original(&attached.hash, original)?;
    }
    let json = json!({ "hash": attached.hash.to_hex(), "bytes": attached.bytes });
    let text = format!("Lampiran {} tersimpan ({} bita)", asked.requirement, attached.bytes);
    Ok(Answer::new(json, text))
}
