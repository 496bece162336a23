//! `waiting`: submissions that name something which has not arrived.

use loket_core::journal::EntryHash;
use loket_core::replica::ReplicaError;
use loket_core::replica::view::time_text;
use loket_core::store::{Store, Table};
use serde_json::json;

use super::Answer;
use crate::config::{Failure, Folder};

/// Submissions of one partition that are shown.
const MAX_SHOWN: usize = 1000;

pub(super) fn run(folder: &Folder) -> Result<Answer, Failure> {
    let office = folder.office()?;
    let replica = &office.replica;
    let mut json = Vec::new();
    let mut text = String::new();
    for partition in replica.store.partitions()? {
        for (key, id) in replica.store.scan(&partition, Table::Pending, &[], None, MAX_SHOWN)? {
            let request = EntryHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("permintaan"))?;
            let id = EntryHash::try_from(&id[..]).map_err(|_| ReplicaError::Damaged("permohonan"))?;
            let case = replica.case(&partition, &id)?;
            let Some(row) = replica.row(&partition, &id)? else { continue };
            let asked = case.requests.iter().find(|asked| asked.hash == request);
            let Some(asked) = asked else { continue };
            let (by, since) = (replica.author_name(&case, &asked.author)?, time_text(asked.request.time));
            text.push_str(&format!(
                "{since}  {:<28} {by}: {} isian belum lengkap\n",
                row.number, row.waiting
            ));
            json.push(json!({
                "number": row.number, "service": row.service, "by": by, "since": since,
                "edits_waiting": row.waiting, "device": asked.author.to_hex(),
            }));
        }
    }
    if json.is_empty() {
        text.push_str("Tidak ada pengajuan yang menunggu HP lain.");
    }
    Ok(Answer::new(json!(json), text))
}
