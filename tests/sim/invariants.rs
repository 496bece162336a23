//! What has to hold, whatever happens: checked at each commit of the office and once everything has healed.

use std::collections::{BTreeMap, BTreeSet};

use loket_core::journal::body::Value;
use loket_core::journal::receipt::Receipt;
use loket_core::journal::run::Run;
use loket_core::journal::{AttachmentHash, AuthorId, Body, Content, EntryHash, Partition};
use loket_core::replica::Replica;
use loket_core::replica::case::{Case, Standing};
use loket_core::replica::learn::LearnError;
use loket_core::replica::rows::{self, ApplicationRow, AttachmentRow};
use loket_core::store::memory::MemoryStore;
use loket_core::store::{Query, Store, Table};
use loket_core::sync::message::Message;
use loket_core::workflow::{ACT_LAPSE, Decision, Event, Frozen, State, Who, apply, available, state};
use loket_server::office::verify::verify;

use super::world::World;

/// What was seen of the office's entries so far.
#[derive(Default)]
pub struct Watch {
    read: BTreeMap<Partition, u64>,
    asked: BTreeSet<(Partition, EntryHash)>,
    /// Each with the office's epoch that answered.
    answered: BTreeSet<(Partition, EntryHash, [u8; 8])>,
}

type Store1 = Replica<MemoryStore>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Everything, once it has healed.
pub fn all(world: &mut World) -> Result<(), String> {
    after_commit(world)?;
    receipts_hold(world)?;
    answers(world)?;
    queues(world)?;
    replicas_agree(world)?;
    scopes(world)?;
    states_move_by_acts(world)?;
    rebuilt(world)?;
    for partition in world.office.replica.store.partitions().map_err(text)? {
        let lines = world.office.replica.journals(&partition).map_err(text)?;
        let branches = lines.values().filter(|row| row.fork.is_some()).count() as u64;
        if branches > 0 {
            *world.counts.entry("branches of forked journals".into()).or_default() += branches;
        }
    }
    let verified = verify(&world.office.replica).map_err(text)?;
    if !verified.faults.is_empty() {
        return Err(format!("verify: {:?}", verified.faults));
    }
    Ok(())
}

/// No request is answered twice, nor one that was never made.
pub fn after_commit(world: &mut World) -> Result<(), String> {
    let replica = &world.office.replica;
    for partition in replica.store.partitions().map_err(text)? {
        let after = world.watch.read.get(&partition).copied().unwrap_or(0);
        let entries = replica.store.entries(&partition, Query::After(after), usize::MAX).map_err(text)?;
        for (position, entry) in entries {
            world.watch.read.insert(partition, position);
            let Content::Present(bytes) = &entry.content else { continue };
            match Body::from_bytes(bytes) {
                Ok(Body::Request(_)) => {
                    world.watch.asked.insert((partition, entry.hash));
                }
                Ok(Body::Decision(decision)) => {
                    let outcome = match &decision.kind {
                        Event::Refused(refusal) => format!("refused: {}", refusal.code()),
                        Event::Contradiction(refusal) => format!("contradiction: {}", refusal.code()),
                        _ => format!("decided: {}", decision.act),
                    };
                    *world.counts.entry(outcome).or_default() += 1;
                    let Some(request) = decision.request else { continue };
                    let row = replica.line(&partition, &entry.line).map_err(text)?;
                    let epoch = row.map_or([0; 8], |row| row.journal.epoch);
                    if !world.watch.answered.insert((partition, request, epoch)) {
                        return Err(format!("request {request} was answered twice"));
                    }
                }
                Ok(_) => {}
                Err(error) => return Err(format!("the office keeps an unreadable body: {error}")),
            }
        }
    }
    Ok(())
}

/// A receipt has come to a phone: what it covers is at the office.
pub fn receipt(world: &mut World, receipt: &Receipt) -> Result<(), String> {
    if receipt.epoch != world.office.office_epoch() {
        // It was on its way when the office was put back, and may cover what that lost. Under a clock that is behind
        // the epoch since is an earlier one, until a phone shows this receipt.
        return Ok(());
    }
    for (journal, head) in &receipt.vector.0 {
        if world.office.replica.locate(&receipt.partition, &head.hash).map_err(text)?.is_none() {
            return Err(format!(
                "a receipt covers entry {} of {journal}, which the office has not",
                head.seq
            ));
        }
        world.receipted.insert((receipt.partition, head.hash));
    }
    Ok(())
}

fn receipts_hold(world: &World) -> Result<(), String> {
    for (partition, hash) in &world.receipted {
        if world.office.replica.locate(partition, hash).map_err(text)?.is_none() {
            return Err(format!("receipted entry {hash} in {partition} is lost"));
        }
    }
    Ok(())
}

fn answers(world: &World) -> Result<(), String> {
    let answered: BTreeSet<_> = world.watch.answered.iter().map(|(at, request, _)| (*at, *request)).collect();
    for (partition, request) in world.watch.asked.difference(&answered) {
        let store = &world.office.replica.store;
        let entry = store.entries(partition, Query::Hash(request), 1).map_err(text)?;
        match entry.first().map(|(_, entry)| &entry.content) {
            // The office heard while it healed that the application had been destroyed, and the answer with it.
            Some(Content::Destroyed) => {}
            Some(Content::Present(bytes)) => {
                return Err(format!("request {request} is not answered: {:?}", Body::from_bytes(bytes)));
            }
            None => return Err(format!("request {request} is lost")),
        }
    }
    match answered.difference(&world.watch.asked).next() {
        Some((_, request)) => Err(format!("request {request} was answered and never arrived")),
        None => Ok(()),
    }
}

/// No frame to a phone speaks of a partition that is not its own.
pub fn no_leak(world: &World, link: usize, frame: &[u8]) -> Result<(), String> {
    let phone = world.links[link].phone;
    let mut scope = world.office.replica.scope_of(&world.phones[phone].author).map_err(text)?;
    if !scope.is_empty() {
        scope.insert(Partition::Office);
    }
    let message = Message::from_bytes(frame).map_err(text)?;
    if matches!(message, Message::Have(_) | Message::Receipts(_)) {
        // Of what it brings of where it was, it hears that it came.
        scope.extend(&world.phones[phone].left);
        if world.phones[phone].revoked {
            // An office that was put back may know of the end in one partition and not in another.
            scope.extend(world.phones[phone].replica.store.partitions().map_err(text)?);
            // Of what the phone brought and has lost since it may still hear.
            let author = &world.phones[phone].author;
            scope.extend(world.office.replica.certificates_of(author).map_err(text)?.into_keys());
        }
    }
    let partitions: Vec<Partition> = match message {
        Message::Batch(batch) => {
            batch.unpack().map_err(text)?.iter().map(|run: &Run| run.journal.partition).collect()
        }
        Message::Have(have) => have.iter().map(|have| have.partition).collect(),
        Message::Differ(digests) => digests.iter().map(|digest| digest.partition).collect(),
        Message::Receipts(receipts) => receipts.iter().map(|receipt| receipt.partition).collect(),
        _ => Vec::new(),
    };
    match partitions.iter().find(|partition| !scope.contains(partition)) {
        // A phone may ask whether it may bring a partition that it has opened itself.
        Some(partition)
            if has(world, phone, partition)
                && !world.phones[phone].revoked
                && !world.phones[phone].left.contains(partition) =>
        {
            Ok(())
        }
        Some(partition) => Err(format!("the office tells phone {phone} of {partition}")),
        None => Ok(()),
    }
}

fn has(world: &World, phone: usize, partition: &Partition) -> bool {
    world.phones[phone].replica.store.partitions().is_ok_and(|all| all.contains(partition))
}

/// The attachments that a replica knows of.
pub fn scans(replica: &Store1) -> Result<Vec<(Partition, AttachmentHash, AttachmentRow)>, String> {
    let mut scans = Vec::new();
    for partition in replica.store.partitions().map_err(text)? {
        for (key, row) in
            replica.store.scan(&partition, Table::Attachment, &[], None, usize::MAX).map_err(text)?
        {
            scans.push((
                partition,
                AttachmentHash::try_from(&key[..]).map_err(text)?,
                rows::decode(&row).map_err(text)?,
            ));
        }
    }
    Ok(scans)
}

/// Nothing waits any more: entries, requests, scans.
fn queues(world: &World) -> Result<(), String> {
    if !world.pending.is_empty() || !world.arrived.is_empty() {
        return Err("the office's queue is not empty".into());
    }
    for (index, phone) in world.phones.iter().enumerate().filter(|(_, phone)| !phone.revoked) {
        let Some((_, session)) = &phone.session else {
            return Err(format!("phone {index} is not connected"));
        };
        if !session.is_settled() {
            return Err(format!("the session of phone {index} is not settled"));
        }
        let is_its = |partition: &Partition| !phone.left.contains(partition);
        for (partition, hash, row) in scans(&phone.replica)? {
            let office = &world.office.replica;
            let there = office.attachment(&partition, &hash).map_err(text)?.is_some_and(|row| row.here);
            let waits = row.here && row.named && !row.at_office && is_its(&partition);
            if waits && (!there || is_told(office, &phone.replica, &partition, &hash)?) {
                return Err(format!(
                    "phone {index} does not know that its scan {hash} in {partition} is at the office"
                ));
            }
        }
        for partition in phone.replica.store.partitions().map_err(text)? {
            let receipt = phone.replica.receipt(&partition).map_err(text)?;
            let vector = phone.replica.vector(&partition).map_err(text)?;
            let covered = match is_its(&partition) {
                true => receipt.is_some_and(|receipt| receipt.vector == vector),
                // Of where it was it gets nothing more, and hears of its own.
                false => own_is_covered(&world.office.replica, &phone.replica, &phone.author, &partition)?,
            };
            if !covered && !vector.0.is_empty() {
                return Err(format!("phone {index} has no receipt of all of {partition}"));
            }
        }
    }
    for (index, phone) in world.phones.iter().enumerate().filter(|(_, phone)| phone.revoked && !phone.lost) {
        for partition in phone.replica.store.partitions().map_err(text)? {
            if !own_is_covered(&world.office.replica, &phone.replica, &phone.author, &partition)? {
                return Err(format!(
                    "phone {index}, whose certificates ended, has no receipt of its own in {partition}"
                ));
            }
        }
    }
    for (partition, hash, row) in scans(&world.office.replica)? {
        let whole = world.uploads.get(&(partition, hash)) == Some(&row.bytes);
        if whole != row.here {
            return Err(format!("the office has scan {hash} in {partition}: {whole}, and says {}", row.here));
        }
    }
    Ok(())
}

/// Whether the office says of a scan that it is there, to somebody who knows what `reader` does. An edit is told of when
/// all that it names is there; of what else it names, a phone that was put back may have lost the bytes, and the edit
/// that was told of may have been destroyed, or have left the phone.
fn is_told(
    office: &Store1,
    reader: &Store1,
    partition: &Partition,
    hash: &AttachmentHash,
) -> Result<bool, String> {
    for (edit, _) in reader.namings(partition, hash).map_err(text)? {
        let found = office.store.entries(partition, Query::Hash(&edit), 1).map_err(text)?;
        let Some(Content::Present(bytes)) = found.first().map(|(_, entry)| &entry.content) else { continue };
        let Ok(Body::Edit(edit)) = Body::from_bytes(bytes) else { continue };
        let mut all_here = true;
        for op in &edit.ops {
            if let Value::Attachment(hash, _) = op.value {
                let row = office.attachment(partition, &hash).map_err(text)?;
                all_here &= row.is_some_and(|row| row.here);
            }
        }
        if all_here {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the office has every entry of its author that a phone holds of a partition, and the phone's newest receipt
/// says so.
fn own_is_covered(
    office: &Store1,
    phone: &Store1,
    author: &AuthorId,
    partition: &Partition,
) -> Result<bool, String> {
    let receipt = phone.receipt(partition).map_err(text)?;
    let vector = receipt.map(|receipt| receipt.vector).unwrap_or_default();
    // A line behind a fork has another name at the office.
    let heads: Vec<EntryHash> = vector.0.values().map(|head| head.hash).collect();
    let covered = phone.coverage(partition, &heads).map_err(text)?;
    for (line, row) in phone.journals(partition).map_err(text)? {
        if row.journal.author != *author || row.head.seq == 0 {
            continue;
        }
        // A phone that was put back does not get what it wrote since of a partition that it has left: its receipt ends
        // in an entry that is not there.
        let told =
            vector.covers(&line, row.head.seq) || covered.get(&line).is_some_and(|seq| *seq >= row.head.seq);
        if !told || office.locate(partition, &row.head.hash).map_err(text)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Every phone has what the office has, and makes the same of it.
fn replicas_agree(world: &mut World) -> Result<(), String> {
    for index in 0..world.phones.len() {
        let phone = &world.phones[index];
        if phone.revoked {
            continue;
        }
        let mut conflicts = 0;
        for partition in world.office.replica.scope_of(&phone.author).map_err(text)? {
            let (here, there) = (&phone.replica, &world.office.replica);
            if here.vector(&partition).map_err(text)? != there.vector(&partition).map_err(text)? {
                return Err(format!("phone {index} and the office differ in the entries of {partition}"));
            }
            conflicts +=
                same(here, there, &partition).map_err(|e| format!("phone {index} and the office: {e}"))?;
        }
        *world.counts.entry("conflicts open at the end".into()).or_default() += conflicts;
    }
    Ok(())
}

/// Whether a replica makes the same of a partition as the office's; returns how many registers are in conflict.
pub fn same(one: &Store1, other: &Store1, partition: &Partition) -> Result<u64, String> {
    let (mine, theirs) = (applications(one, partition)?, applications(other, partition)?);
    if mine.keys().ne(theirs.keys()) {
        return Err(format!("other applications in {partition}"));
    }
    let mut conflicts = 0;
    for (id, row) in &mine {
        let (a, b) = (one.case(partition, id).map_err(text)?, other.case(partition, id).map_err(text)?);
        same_case(&a, &b).map_err(|what| format!("application {id} in {partition}: {what}"))?;
        let their = &theirs[id];
        let rows = [row, their]
            .map(|r| (&r.state, r.revision, &r.heads, r.waiting, r.held, r.open_requests, r.decisions));
        if rows[0] != rows[1] {
            return Err(format!("application {id} in {partition}: rows {rows:?}"));
        }
        conflicts += a.document.conflicts().len() as u64;
    }
    for (hash, held) in told(one, partition)? {
        if is_told(other, one, partition, &hash)? && told(other, partition)?.get(&hash) != Some(&held) {
            return Err(format!("scan {hash} in {partition}: at the office {held} and not"));
        }
    }
    Ok(conflicts)
}

/// What the office's entries say of each named scan. (The office itself need not be told.)
fn told(replica: &Store1, partition: &Partition) -> Result<BTreeMap<AttachmentHash, bool>, String> {
    let all = scans(replica)?.into_iter().filter(|(at, _, row)| at == partition && row.named);
    Ok(all.map(|(_, hash, row)| (hash, row.at_office)).collect())
}

fn same_case(a: &Case, b: &Case) -> Result<(), String> {
    if a.document.heads() != b.document.heads() {
        return Err("other heads".into());
    }
    if a.document.registers() != b.document.registers() {
        return Err("other registers".into());
    }
    if a.document.conflicts() != b.document.conflicts() {
        return Err("other conflicts".into());
    }
    if a.record != b.record {
        return Err("another official record".into());
    }
    if a.state() != b.state() {
        return Err("another state".into());
    }
    Ok(())
}

fn applications(
    replica: &Store1,
    partition: &Partition,
) -> Result<BTreeMap<EntryHash, ApplicationRow>, String> {
    let rows = replica.store.scan(partition, Table::Application, &[], None, usize::MAX).map_err(text)?;
    let mut kept = BTreeMap::new();
    for (key, row) in &rows {
        let id = EntryHash::try_from(&key[..]).map_err(text)?;
        // What the office let go is nobody's any more but its own, until it is destroyed.
        if replica.gone(partition, &id).map_err(text)?.is_none() {
            kept.insert(id, rows::decode(row).map_err(text)?);
        }
    }
    Ok(kept)
}

/// A phone holds its own partitions and no other.
fn scopes(world: &World) -> Result<(), String> {
    for (index, phone) in world.phones.iter().enumerate().filter(|(_, phone)| !phone.revoked) {
        let mut scope = world.office.replica.scope_of(&phone.author).map_err(text)?;
        scope.insert(Partition::Office);
        scope.extend(&phone.left);
        for partition in phone.replica.store.partitions().map_err(text)? {
            if !scope.contains(&partition) {
                return Err(format!("phone {index} holds {partition}"));
            }
        }
    }
    Ok(())
}

/// No state moved but by an act that was available to its actor's role.
fn states_move_by_acts(world: &mut World) -> Result<(), String> {
    let mut ends: Vec<String> = Vec::new();
    for partition in world.office.replica.store.partitions().map_err(text)? {
        for id in applications(&world.office.replica, &partition)?.into_keys() {
            let case = world.office.replica.case(&partition, &id).map_err(text)?;
            let Some(file) = &case.service else { return Err(format!("application {id}: no service")) };
            let mut at = State::draft(&file.service);
            for decision in &case.record {
                let before = at.clone();
                let moved = apply(&file.service, &mut at, decision);
                if decision.kind != Event::Done && decision.kind != Event::Complete {
                    let same_place = (&before.code, &before.position, before.revision)
                        == (&at.code, &at.position, at.revision);
                    if moved || !same_place {
                        return Err(format!("{} moved {id} without being done", decision.act));
                    }
                } else if !moved {
                    return Err(format!(
                        "{} on {id} in {} was done and moved nothing",
                        decision.act, before.code
                    ));
                } else if decision.kind == Event::Done {
                    only_corrections(&case, before.frozen.as_ref(), decision)?;
                    let offers = available(&file.service, &before, decision.actor.role);
                    // A draft's end is offered to nobody: it is the office's own.
                    let lapsed = decision.act == ACT_LAPSE && decision.actor.who == Who::Office;
                    let offered = offers.iter().any(|offer| offer.act == decision.act);
                    if !lapsed && !offered || lapsed && before.revision > 0 {
                        return Err(format!("{} on {id} in {} was not available", decision.act, before.code));
                    }
                }
            }
            if Some(&at) != case.state().as_ref() || at != state(&file.service, &case.record) {
                return Err(format!("application {id}: the fold says something else"));
            }
            ends.push(format!("ended as {}", at.code));
        }
    }
    for end in ends {
        *world.counts.entry(end).or_default() += 1;
    }
    Ok(())
}

/// Where an act of the office's staff freezes another version without a submission, it differs from the one
/// before by the office's own corrections alone: nothing slips in that nobody submitted.
fn only_corrections(case: &Case, before: Option<&Frozen>, decision: &Decision) -> Result<(), String> {
    let (Some(before), Some(after), Who::Staff(_)) = (before, &decision.frozen, decision.actor.who) else {
        return Ok(());
    };
    if case.service.as_ref().is_some_and(|file| file.service.steps[0].act == decision.act) {
        return Ok(());
    }
    let (old, new) =
        (case.document.at(&before.heads).map_err(text)?, case.document.at(&after.heads).map_err(text)?);
    let slipped = case.edits.iter().find(|entry| {
        let Some(edit) = &entry.edit else { return false };
        new.contains(&edit.change) && !old.contains(&edit.change) && edit.staff.is_none()
    });
    match slipped {
        Some(edit) => Err(format!("{} froze an edit that nobody submitted: {}", decision.act, edit.hash)),
        None => Ok(()),
    }
}

/// A fresh replica that learns a partition's runs in a random order arrives where the office is.
fn rebuilt(world: &mut World) -> Result<(), String> {
    for partition in world.office.replica.store.partitions().map_err(text)? {
        if partition == Partition::Office || world.dice.chance(50) {
            continue;
        }
        let mut runs = runs_of(&world.office.replica, &partition)?;
        world.dice.shuffle(&mut runs);
        let mut fresh = Replica::open(MemoryStore::default(), world.office.public_key()).map_err(text)?;
        while !runs.is_empty() {
            let before = runs.len();
            let mut later = Vec::new();
            for run in runs {
                let learned =
                    fresh.transaction(|replica| replica.learn(std::slice::from_ref(&run))).map_err(text)?;
                match learned.refused.first() {
                    None => {}
                    Some((
                        _,
                        LearnError::UnknownAuthor
                        // What was destroyed comes without its body, and counts only behind the word of the office.
                        | LearnError::Destroyed
                        | LearnError::Run(loket_core::journal::run::RunError::Gap),
                    )) => {
                        later.push(run);
                    }
                    Some((journal, error)) => return Err(format!("a run of {journal} is refused: {error}")),
                }
            }
            if later.len() == before {
                return Err(format!("{before} runs of {partition} are never taken"));
            }
            runs = later;
            world.dice.shuffle(&mut runs);
        }
        same(&fresh, &world.office.replica, &partition)
            .map_err(|what| format!("rebuilt in another order: {what}"))?;
        standings(&fresh, &world.office.replica, &partition)?;
    }
    Ok(())
}

/// A partition's entries in the shortest runs that its authors' signatures allow.
fn runs_of(replica: &Store1, partition: &Partition) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    for (journal, row) in replica.journals(partition).map_err(text)? {
        let mut after = row.fork.map_or(0, |(_, seq)| seq);
        while after < row.head.seq {
            let run = replica.run(partition, &journal, after, 1).map_err(text)?;
            let run = run.ok_or_else(|| format!("nothing to send of {journal} after {after}"))?.run;
            after += run.entries.len() as u64;
            runs.push(run);
        }
    }
    Ok(runs)
}

/// From the entries alone, each edit stands where it stands at the office.
fn standings(fresh: &Store1, office: &Store1, partition: &Partition) -> Result<(), String> {
    for id in applications(office, partition)?.into_keys() {
        let of = |replica: &Store1| -> Result<BTreeMap<EntryHash, String>, String> {
            let case = replica.case_from_entries(partition, &id).map_err(text)?;
            let word = |standing: &Standing| format!("{standing:?}");
            Ok(case.edits.iter().map(|edit| (edit.hash, word(&edit.standing))).collect())
        };
        if of(fresh)? != of(office)? {
            return Err(format!("edits of {id} stand elsewhere when learned in another order"));
        }
    }
    Ok(())
}
