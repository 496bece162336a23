//! `verify`: every chain, signature and fold of the store against its rows, and the scans on record.

use loket_core::attachment::AttachmentStore;
use loket_core::journal::AttachmentHash;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};
use serde_json::json;

use super::Answer;
use crate::attachments::Shelves;
use crate::config::{Failure, Folder};
use crate::office::verify::{Verified, verify};

/// Rows read at a time.
const PAGE: usize = 512;

pub(super) fn run(folder: &Folder) -> Result<Answer, Failure> {
    let signer = folder.signer()?;
    let replica = folder.replica(&*signer)?;
    let bar = super::at_work("memeriksa catatan kantor");
    let verified = verify_all(&replica, &Shelves::new(folder.attachments()))?;
    bar.finish_and_clear();
    let Verified { entries, applications, faults } = verified;
    if !faults.is_empty() {
        return Err(Failure(format!(
            "{} kesalahan ditemukan: pulihkan dari cadangan, lalu periksa lagi\n{}",
            faults.len(),
            faults.join("\n")
        )));
    }
    let json = json!({
        "entries": entries, "applications": applications, "faults": faults.len(), "details": faults,
    });
    Ok(Answer::new(
        json,
        format!("{entries} entri dan {applications} permohonan diperiksa: tidak ada kesalahan."),
    ))
}

/// Everything in a replica's store, and the scans that it has on record.
pub(super) fn verify_all<S: Store>(replica: &Replica<S>, shelves: &Shelves) -> Result<Verified, Failure> {
    let mut verified = verify(replica)?;
    verify_attachments(replica, shelves, &mut verified)?;
    Ok(verified)
}

/// Every scan that is on record as arrived is there.
fn verify_attachments<S: Store>(
    replica: &Replica<S>,
    shelves: &Shelves,
    verified: &mut Verified,
) -> Result<(), Failure> {
    for partition in replica.store.partitions()? {
        let mut after: Option<Vec<u8>> = None;
        let mut shelf: Option<AttachmentStore> = None;
        loop {
            let page = replica.store.scan(&partition, Table::Attachment, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in &page {
                let hash =
                    AttachmentHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("lampiran"))?;
                if !rows::decode::<rows::AttachmentRow>(value)?.here {
                    continue;
                }
                let shelf = match &mut shelf {
                    Some(shelf) => shelf,
                    none => none.insert(shelves.shelf(&partition)?),
                };
                if !shelf.contains(&hash)? {
                    verified
                        .faults
                        .push(format!("{partition}: lampiran {hash} tercatat lengkap tetapi tidak ada"));
                }
            }
        }
    }
    Ok(())
}
