//! `submit`: one application, or every draft that is complete.

use loket_core::client::{ClientError, Phone, Submitted};
use serde_json::{Value, json};

use crate::arguments::Submit;
use crate::output::{Answer, bar, complain};

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
    let said: Vec<String> =
        left.iter().map(|(number, why)| format!("{number} tidak diajukan: {why}")).collect();
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
