//! `act`: a request, or a fact that is reported. The office answers at the next sync.

use loket_core::client::{ClientError, Phone};
use serde_json::json;

use crate::arguments::Act;
use crate::output::{Answer, complain};

pub fn run(phone: &mut Phone, asked: &Act) -> Result<Answer, ClientError> {
    let (id, warning) = phone.act(&asked.id, &asked.act, asked.reason.as_deref(), &asked.set)?;
    if let Some(warning) = warning {
        complain(&format!("{warning}; Dinas yang memutuskan saat sinkronisasi"));
    }
    let text = format!("{} tercatat; sinkronkan agar sampai di Dinas", asked.act);
    Ok(Answer::new(json!({ "id": id.to_hex() }), text))
}
