//! `submit`: one application, or every draft that is complete.

use loket_core::client::{ClientError, Phone, Submitted};
use serde_json::{Value, json};

use crate::arguments::Submit;
use crate::output::{Answer, bar, complain};

/// Drafts that were left and are named at most.
const MAX_SAID: usize = 10;

pub fn run(phone: &mut Phone, asked: &Submit) -> Result<Answer, ClientError> {
    match &asked.id {
        Some(id) => {
            let submitted = phone.submit(id)?;
            let text = format!(
                "Permohonan {} diajukan sebagai versi {}; sinkronkan agar sampai di Dinas",
                submitted.number, submitted.revision
            );
            Ok(Answer::new(document(&submitted), text))
        }
        None => all(phone),
    }
}

fn all(phone: &mut Phone) -> Result<Answer, ClientError> {
    let bar = bar(0, "mengajukan");
    let done = phone.submit_all(&mut |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let (submitted, left) = done?;
    let sentence = |(number, why): &(String, String)| format!("{number} tidak diajukan: {why}");
    let mut said: Vec<String> = left.iter().take(MAX_SAID).map(sentence).collect();
    if left.len() > said.len() {
        said.push(format!("… dan {} permohonan lain: lihat `missing`", left.len() - said.len()));
    }
    if submitted.is_empty() && !left.is_empty() {
        return Err(ClientError::refused(said.join("\n")));
    }
    said.iter().for_each(|sentence| complain(sentence));
    let text = format!("{} permohonan diajukan, {} belum lengkap", submitted.len(), left.len());
    Ok(Answer::new(Value::Array(submitted.iter().map(document).collect()), text))
}

fn document(submitted: &Submitted) -> Value {
    json!({ "id": submitted.id.to_hex(), "revision": submitted.revision })
}
