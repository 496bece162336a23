//! `verify`: every chain, signature and fold of the store against its rows.

use std::collections::BTreeMap;

use loket_core::identity::Signature;
use loket_core::journal::run::{Head, signed_bytes};
use loket_core::journal::{Body, Content, EntryHash, JournalId, Partition, body_hash};
use loket_core::replica::rows::{self, JournalRow};
use loket_core::replica::{MAX_HISTORY, Replica, ReplicaError};
use loket_core::store::{Query, Store, Table};

/// Faults that are named at most: a store with so many is not mended one by one.
const MAX_FAULTS: usize = 100;
/// Entries read at a time.
const PAGE: usize = 512;

/// What was looked at and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    /// Entries.
    pub entries: u64,
    /// Applications.
    pub applications: u64,
    /// What is wrong, in words.
    pub faults: Vec<String>,
}

impl Verified {
    fn fault(&mut self, partition: &Partition, what: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(format!("{partition}: {}", what.into()));
        }
    }
}

/// Looks at everything in a replica's store.
pub fn verify<S: Store>(replica: &Replica<S>) -> Result<Verified, ReplicaError> {
    let mut verified = Verified::default();
    for partition in replica.store.partitions()? {
        for (id, row) in replica.journals(&partition)? {
            verify_journal(replica, &partition, &id, &row, &mut verified)?;
        }
        verify_answers(replica, &partition, &mut verified)?;
        verify_applications(replica, &partition, &mut verified)?;
    }
    Ok(verified)
}

fn verify_journal<S: Store>(
    replica: &Replica<S>,
    partition: &Partition,
    id: &JournalId,
    row: &JournalRow,
    verified: &mut Verified,
) -> Result<(), ReplicaError> {
    let Some(key) = replica.key_of(partition, &row.journal.author)? else {
        verified.fault(partition, format!("jurnal {id} tanpa sertifikat"));
        return Ok(());
    };
    let at = match row.fork {
        None => Some(Head::EMPTY),
        Some((line, seq)) => replica
            .hash_at(partition, &line, seq)?
            .map_or((seq == 0).then_some(Head::EMPTY), |hash| Some(Head { seq, hash })),
    };
    let Some(mut at) = at else {
        verified.fault(partition, format!("jurnal {id}: cabang tanpa pangkal"));
        return Ok(());
    };
    let mut vouched = at.seq;
    let journal = row.journal.id();
    loop {
        let entries = replica.store.entries(partition, Query::Journal(id, at.seq), PAGE)?;
        if entries.is_empty() {
            break;
        }
        for (_, entry) in entries {
            let header = &entry.header;
            let chained = header.seq == at.seq + 1
                && header.prev == (at.seq > 0).then_some(at.hash)
                && header.journal == journal
                && header.hash() == entry.hash;
            let intact = match &entry.content {
                Content::Present(body) => body_hash(body) == header.body_hash,
                // Nobody but the office says what may be lacking.
                Content::Destroyed => replica.gone(partition, &entry.application())?.is_some(),
            };
            if !chained || !intact {
                verified.fault(partition, format!("jurnal {id}: entri {} tidak utuh", header.seq));
            }
            at = Head { seq: header.seq, hash: entry.hash };
            verified.entries += 1;
            if let Some(bytes) = replica.store.get(partition, Table::Signature, &rows::seq_key(id, at.seq))? {
                let signature = bytes.try_into().map(Signature).ok();
                if signature.is_some_and(|signature| key.verifies(&signed_bytes(&journal, &at), &signature)) {
                    vouched = at.seq;
                } else {
                    verified
                        .fault(partition, format!("jurnal {id}: tanda tangan di entri {} tidak sah", at.seq));
                }
            }
        }
    }
    if at != row.head {
        verified.fault(partition, format!("jurnal {id}: ujung tercatat lain dari entrinya"));
    }
    // Behind a fork, the branches' signatures vouch for what leads to them.
    if vouched != at.seq && !row.forked {
        verified.fault(partition, format!("jurnal {id}: entri setelah {vouched} belum ditandatangani"));
    }
    Ok(())
}

/// Every request is answered at most once in each of the office's epochs: what was decided anew after a restore may
/// meet an earlier answer that came back late. What a device writes in the shape of a decision is none.
fn verify_answers<S: Store>(
    replica: &Replica<S>,
    partition: &Partition,
    verified: &mut Verified,
) -> Result<(), ReplicaError> {
    let office = replica.office_author();
    let lines = replica.journals(partition)?;
    let own = |line: &JournalId| lines.get(line).is_some_and(|row| row.journal.author == office);
    let mut answers: BTreeMap<(EntryHash, Option<[u8; 8]>), u32> = BTreeMap::new();
    let mut after = 0;
    loop {
        let entries = replica.store.entries(partition, Query::After(after), PAGE)?;
        let Some((last, _)) = entries.last() else { break };
        after = *last;
        for (_, entry) in &entries {
            if own(&entry.line)
                && let Content::Present(bytes) = &entry.content
                && let Ok(Body::Decision(decision)) = Body::from_bytes(bytes)
                && let Some(request) = decision.request
            {
                let epoch = lines.get(&entry.line).map(|row| row.journal.epoch);
                *answers.entry((request, epoch)).or_default() += 1;
            }
        }
    }
    for ((request, _), _) in answers.into_iter().filter(|(_, times)| *times > 1) {
        verified.fault(partition, format!("permintaan {request} dijawab lebih dari sekali"));
    }
    Ok(())
}

/// Documents and folds, made again from the entries, say what the rows say.
fn verify_applications<S: Store>(
    replica: &Replica<S>,
    partition: &Partition,
    verified: &mut Verified,
) -> Result<(), ReplicaError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = replica.store.scan(partition, Table::Application, &[], after.as_deref(), PAGE)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(last.clone());
        for (key, value) in &rows {
            let id = key[..].try_into().map_err(|_| ReplicaError::Damaged("permohonan"))?;
            let row: rows::ApplicationRow = rows::decode(value)?;
            let case = replica.case_from_entries(partition, &id)?;
            verified.applications += 1;
            if case.document.heads() != row.heads {
                verified.fault(partition, format!("permohonan {id}: dokumen lain dari entrinya"));
            }
            if case.state().is_some_and(|state| state.code != row.state || state.revision != row.revision) {
                verified.fault(partition, format!("permohonan {id}: keadaan lain dari catatan resminya"));
            }
            verify_gone(replica, partition, &id, &row, verified)?;
        }
    }
}

/// Of a destroyed application nothing is here but its headers and what the office said stays.
fn verify_gone<S: Store>(
    replica: &Replica<S>,
    partition: &Partition,
    id: &EntryHash,
    row: &rows::ApplicationRow,
    verified: &mut Verified,
) -> Result<(), ReplicaError> {
    if !replica.gone(partition, id)?.is_some_and(|gone| gone.destroyed) {
        return Ok(());
    }
    let entries = replica.store.entries(partition, Query::Application(id), MAX_HISTORY)?;
    let bare = entries.iter().all(|(_, entry)| entry.content == Content::Destroyed);
    let document = replica.store.get(partition, Table::Document, id.as_bytes())?;
    if !bare
        || document.is_some()
        || row.person.is_some()
        || row.name.is_some()
        || row.words.is_some()
        || !row.gone
    {
        verified.fault(partition, format!("permohonan {id}: sudah dimusnahkan, tetapi isinya masih ada"));
    }
    Ok(())
}
