//! `list`: everything on the phone.

use loket_core::client::{ClientError, Phone};
use loket_core::replica::list::Mark;
use serde_json::{Value, json};

use crate::output::{Answer, table};

pub fn run(phone: &Phone) -> Result<Answer, ClientError> {
    let all = phone.list()?;
    let (mut json, mut rows) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
    for one in &all {
        let row = &one.row;
        json.push(json!({
            "id": one.id.to_hex(), "number": row.number, "service": row.service, "variant": row.variant,
            "state": row.state, "mark": one.mark.as_str(), "revision": row.revision, "final": row.fin,
            "place": row.place.map(|place| place.to_string()), "held": one.held, "waiting": row.waiting,
        }));
        let state =
            if one.held > 0 { format!("{} (ada yang ditahan)", row.state) } else { row.state.clone() };
        rows.push(vec![row.number.clone(), row.service.clone(), state, words(one.mark).to_owned()]);
    }
    let text = if rows.is_empty() {
        "Belum ada permohonan di perangkat ini".to_owned()
    } else {
        table(&["NOMOR", "LAYANAN", "STATUS", "SAMPAI"], &rows)
    };
    Ok(Answer::new(Value::Array(json), text))
}

/// How far the work has come, in words.
pub fn words(mark: Mark) -> &'static str {
    match mark {
        Mark::Phone => "di ponsel ini",
        Mark::Carried => "dibawa ponsel lain",
        Mark::Office => "di Dinas",
        Mark::Decided => "diputuskan",
    }
}
