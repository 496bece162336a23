//! Batches: unpacked, opened, learned by an office and by a phone, with signatures that hold.
//!
//! The first byte says what the rest is: packed runs behind their size (4 bytes, little-endian), or plain runs. Those
//! are given a known author and their place in the journal, the change hashes of their edits are made true, and they
//! are signed: so what is altered gets past the checks that only an author could pass, a device's as well as the
//! office's.

use std::cell::RefCell;
use std::collections::BTreeMap;

use loket_core::application::Document;
use loket_core::identity::Signer;
use loket_core::journal::body::{Body, NONCE, Parent};
use loket_core::journal::run::{AppRef, Head, Run, WireEntry, signed_bytes};
use loket_core::journal::{
    ChangeHash, EntryHash, HEADER_VERSION, Header, JournalId, MAX_BODY, Partition, actor, body_hash, encode,
};
use loket_core::replica::Replica;
use loket_core::store::memory::MemoryStore;
use loket_core::store::{Query, Store};
use loket_core::sync::message::{Batch, MAX_BATCH, MAX_RUNS};
use loket_server::office::verify::verify;
use loket_server::office::{Delivered, Delivery};

use super::seeds::Seeds;
use super::world::{NOW, Rng, entries, runs, village, world};

/// Runs of one input that are learned.
const RUNS: usize = 8;
/// Entries of each of them.
const ENTRIES: usize = 32;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    if first % 2 == 0 {
        packed(rest);
    } else {
        plain(rest);
    }
}

fn packed(bytes: &[u8]) {
    let Some((size, zstd)) = bytes.split_first_chunk::<4>() else { return };
    let batch = Batch { id: 1, dictionary: None, size: u32::from_le_bytes(*size), zstd: zstd.to_vec() };
    if let Ok(runs) = batch.unpack() {
        assert!(runs.len() <= MAX_RUNS && batch.size as usize <= MAX_BATCH);
        // It may have been written less shortly than we would, but not more.
        let again = Batch::pack(1, &runs).expect("what was unpacked can be packed");
        assert!(again.size <= batch.size + 1024);
        assert_eq!(again.unpack().as_ref(), Ok(&runs));
    }
}

fn plain(bytes: &[u8]) {
    let bytes = bytes.get(..MAX_BATCH).unwrap_or(bytes);
    let Ok(zstd) = zstd::bulk::compress(bytes, 1) else { return };
    let size = u32::try_from(bytes.len()).unwrap();
    let Ok(mut runs) = (Batch { id: 1, dictionary: None, size, zstd }).unpack() else { return };
    runs.truncate(RUNS);
    runs.iter_mut().for_each(|run| run.entries.truncate(ENTRIES));
    at_office(runs.clone());
    at_phone(runs);
}

/// A device's runs at the office, which answers what they ask.
fn at_office(mut all: Vec<Run>) {
    let mut office = world().office_over(&world().office);
    let mut pen = Pen::default();
    for run in &mut all {
        let device = &world().devices[usize::from(run.journal.author.0[0]) % world().devices.len()];
        pen.sign(run, &**device, &office.replica);
    }
    let before = entries(&office.replica);
    let author = world().devices[0].author();
    let mut rng = Rng::new(5);
    let group = [Delivery { author, runs: all.clone() }];
    let (delivered, _) = office.ingest(&group, NOW, &mut |b| rng.fill(b)).expect("a store in memory");
    let Some(Delivered::Taken(_)) = delivered.first() else { panic!("not taken: {delivered:?}") };
    assert!(entries(&office.replica).is_superset(&before));
    sound(&office.replica, &[]);
    // The same again changes nothing.
    let after = entries(&office.replica);
    office.ingest(&group, NOW, &mut |b| rng.fill(b)).expect("a store in memory");
    assert_eq!(entries(&office.replica), after);
    agree(&office.replica);
}

/// Another replica that learns what the office has says the same of every document.
fn agree(office: &Replica<MemoryStore>) {
    let mut phone = world().phone_over(&MemoryStore::default());
    for partition in office.store.partitions().unwrap() {
        let runs = runs(office, &partition);
        let learned = phone.transaction(|replica| replica.learn(&runs)).expect("a store in memory");
        assert!(learned.refused.is_empty(), "the office has what nobody takes: {:?}", learned.refused);
        for (partition, id) in learned.applications {
            let (here, there) = (phone.row(&partition, &id).unwrap(), office.row(&partition, &id).unwrap());
            assert_eq!(here.map(|row| row.heads), there.map(|row| row.heads));
        }
    }
}

/// Runs of everybody, the office too, at a phone.
fn at_phone(mut all: Vec<Run>) {
    thread_local! {
        static PHONE: RefCell<Option<MemoryStore>> = const { RefCell::new(None) };
    }
    let certified = PHONE.with_borrow_mut(|store| store.get_or_insert_with(certified).clone());
    let mut phone = world().phone_over(&certified);
    let mut pen = Pen::default();
    for run in &mut all {
        let keys = &world().devices;
        let signer: &dyn Signer = match keys.get(usize::from(run.journal.author.0[0]) % (keys.len() + 1)) {
            Some(device) => &**device,
            None => &*world().office_key,
        };
        pen.sign(run, signer, &phone);
    }
    phone.transaction(|replica| replica.learn(&all)).expect("a store in memory");
    // An office that answers twice is the office's fault, and a device whose certificate it took away keeps its
    // entries.
    sound(&phone, &["dijawab lebih dari sekali", "tanpa sertifikat"]);
}

/// A phone that knows who is certified.
fn certified() -> MemoryStore {
    let office = world().office_over(&world().office);
    let mut phone = world().phone_over(&MemoryStore::default());
    let runs = runs(&office.replica, &village());
    phone.transaction(|replica| replica.learn(&runs)).unwrap();
    phone.store
}

/// Every chain, signature, document and fold holds.
fn sound(replica: &Replica<MemoryStore>, but: &[&str]) {
    let verified = verify(replica).expect("a store in memory");
    let faults: Vec<_> =
        verified.faults.iter().filter(|fault| !but.iter().any(|known| fault.contains(known))).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// Makes runs such as their author would have sent them.
#[derive(Default)]
struct Pen {
    /// Where each journal stands after what was signed.
    heads: BTreeMap<JournalId, Head>,
    documents: BTreeMap<EntryHash, Draft>,
}

/// An application as far as it was written here.
#[derive(Default)]
struct Draft {
    document: Document,
    changes: BTreeMap<EntryHash, ChangeHash>,
    numbers: BTreeMap<(JournalId, u64), EntryHash>,
}

impl Pen {
    fn sign(&mut self, run: &mut Run, signer: &dyn Signer, replica: &Replica<MemoryStore>) {
        run.journal.author = signer.author();
        if !matches!(run.journal.partition, Partition::NeedToKnow(_)) {
            run.journal.partition = village();
        }
        let (partition, id) = (run.journal.partition, run.journal.id());
        let start = match self.heads.get(&id) {
            Some(head) => *head,
            None => replica.head(&partition, &id).unwrap(),
        };
        run.first = start.seq + 1;
        let mut at = start;
        let mut here: BTreeMap<u64, EntryHash> = BTreeMap::new();
        for entry in &mut run.entries {
            let seq = at.seq + 1;
            let application = match entry.application {
                AppRef::None => None,
                AppRef::Is(hash) => Some(hash),
                AppRef::Back(distance) => {
                    let Some(back) = seq.checked_sub(distance) else { return };
                    let stored = || {
                        let query = Query::Journal(&id, back.checked_sub(1)?);
                        let found = replica.store.entries(&partition, query, 1).ok()?;
                        found.first().filter(|(_, e)| e.header.seq == back).map(|(_, e)| e.application())
                    };
                    match here.get(&back).copied().or_else(stored) {
                        Some(hash) => Some(hash),
                        None => return,
                    }
                }
            };
            self.make_true(entry, application, &id, seq);
            let Some(hash) = header(entry, &id, at, application) else { return };
            here.insert(seq, application.unwrap_or(hash));
            self.note(entry, application.unwrap_or(hash), hash, &id, seq);
            at = Head { seq, hash };
        }
        run.signature = signer.sign(&signed_bytes(&id, &at)).unwrap();
        self.heads.insert(id, at);
    }

    /// Puts the right change hash into an edit whose parents were written here.
    fn make_true(
        &mut self,
        entry: &mut WireEntry,
        application: Option<EntryHash>,
        journal: &JournalId,
        seq: u64,
    ) {
        let Some(bytes) = entry.body.as_ref().filter(|bytes| bytes.len() <= MAX_BODY) else { return };
        let Ok(Body::Edit(mut edit)) = Body::from_bytes(bytes) else { return };
        let empty = Draft::default();
        let draft = application.and_then(|id| self.documents.get(&id)).unwrap_or(&empty);
        let named = |parent: &Parent| match parent {
            Parent::First => draft.changes.get(&application?).copied(),
            Parent::Back(distance) => {
                let hash = draft.numbers.get(&(*journal, seq.checked_sub(*distance)?))?;
                draft.changes.get(hash).copied()
            }
            Parent::Entry(hash) => draft.changes.get(hash).copied(),
        };
        let Some(parents) = edit.parents.iter().map(named).collect::<Option<Vec<_>>>() else { return };
        let mut document = draft.document.clone();
        let actor = actor(journal, &bytes[..NONCE]);
        if let Ok(change) = document.replay(&parents, &actor, edit.time, &edit.ops, None) {
            edit.change = change;
            let nonce = bytes[..NONCE].try_into().unwrap();
            entry.body = Some(Body::Edit(edit).to_bytes(nonce));
        }
    }

    fn note(
        &mut self,
        entry: &WireEntry,
        application: EntryHash,
        hash: EntryHash,
        journal: &JournalId,
        seq: u64,
    ) {
        let Some(bytes) = &entry.body else { return };
        let Ok(Body::Edit(edit)) = Body::from_bytes(bytes) else { return };
        let actor = actor(journal, &bytes[..NONCE]);
        let draft = self.documents.entry(application).or_default();
        draft.numbers.insert((*journal, seq), hash);
        draft.changes.insert(hash, edit.change);
        let parents: Option<Vec<ChangeHash>> = edit
            .parents
            .iter()
            .map(|parent| {
                let hash = match parent {
                    Parent::First => application,
                    Parent::Back(distance) => *draft.numbers.get(&(*journal, seq.checked_sub(*distance)?))?,
                    Parent::Entry(hash) => *hash,
                };
                draft.changes.get(&hash).copied()
            })
            .collect();
        if let Some(parents) = parents {
            let _ = draft.document.replay(&parents, &actor, edit.time, &edit.ops, Some(edit.change));
        }
    }
}

/// The hash of the header that a receiver rebuilds.
fn header(
    entry: &WireEntry,
    journal: &JournalId,
    at: Head,
    application: Option<EntryHash>,
) -> Option<EntryHash> {
    let body_hash = match (&entry.body, entry.destroyed) {
        (Some(body), _) => body_hash(body),
        (None, hash) => hash?,
    };
    let header = Header {
        version: entry.version.unwrap_or(HEADER_VERSION),
        journal: *journal,
        seq: at.seq + 1,
        prev: (at.seq > 0).then_some(at.hash),
        body_hash,
        application,
        extension: entry.extension.clone(),
    };
    Some(header.hash())
}

/// What the phone and the office of the world wrote, by journal and all together, plain and packed.
pub fn seeds() -> Seeds {
    let office = world().office_over(&world().office_after);
    let mut all = runs(&office.replica, &village());
    for run in &mut all {
        // Their authors are chosen by the first byte of the name.
        let office = run.journal.author == world().office_key.author();
        run.journal.author.0[0] = if office { 3 } else { 0 };
    }
    let mut seeds = Seeds::new();
    let mut add = |name: &str, runs: &[Run]| {
        let plain = encode(&runs);
        seeds.push((name.to_owned(), [&[1][..], &plain].concat()));
        let batch = Batch::pack(1, runs).unwrap();
        seeds.push((format!("{name}-zstd"), [&[0][..], &batch.size.to_le_bytes(), &batch.zstd].concat()));
    };
    for (at, run) in all.iter().enumerate() {
        add(&format!("jurnal-{at}"), std::slice::from_ref(run));
    }
    add("semua", &all);
    let officer = all.iter().find(|run| run.journal.author.0[0] == 0).cloned().unwrap();
    let mut second = officer.clone();
    second.journal.author.0[0] = 1;
    second.entries.drain(..1);
    if let Some(entry) = second.entries.first_mut() {
        entry.application = AppRef::Is(first_of(&officer));
    }
    add("dua-perangkat", &[officer.clone(), second]);
    let mut secret = officer.clone();
    secret.journal.partition = Partition::NeedToKnow([5; 16]);
    add("rahasia", &[secret]);
    for (name, body) in super::seeds::recorded("entries_are_encoded") {
        if !name.contains("-body-") {
            continue;
        }
        let mut run = officer.clone();
        run.journal.author.0[0] = 3;
        run.journal.epoch = [9; 8];
        run.entries.truncate(1);
        if let Some(entry) = run.entries.first_mut() {
            entry.body = Some(body);
        }
        add(&format!("isi-{name}"), &[run]);
    }
    seeds.retain(|(name, _)| !(name.starts_with("isi-") && name.ends_with("-zstd")));
    seeds
}

/// The id of the application that a run begins, once its author is the first device.
fn first_of(run: &Run) -> EntryHash {
    let mut run = run.clone();
    let phone = world().phone_over(&MemoryStore::default());
    Pen::default().sign(&mut run, &*world().devices[0], &phone);
    header(&run.entries[0], &run.journal.id(), Head::EMPTY, None).unwrap()
}
