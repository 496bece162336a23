//! What the worst document costs that one device can make within its limits. What measures is not part of `tests/run`:
//! `cargo test --release -p loket-tests worst -- --ignored --nocapture`.

use std::time::Instant;

use loket_core::application::{Branches, Document};
use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::body::{Body, Edit, NONCE, Parent};
use loket_core::journal::run::{Head, Run, WireEntry, signed_bytes};
use loket_core::journal::{
    ChangeHash, Content, EntryHash, HEADER_VERSION, Header, Journal, StoredEntry, actor, body_hash,
};
use loket_core::replica::case::{CaseEdit, Standing};
use loket_core::replica::rules::{Hold, MAX_EDITS};
use loket_core::replica::write::text;
use loket_server::office::admission::JOURNALS;
use loket_server::office::{Delivered, Delivery};

use crate::frames::{NOW, Pair, VILLAGE};

/// The document as its maker knows it.
struct All {
    document: Document,
    branches: Branches,
}

/// One of the device's journals, in which it edits somebody's application without looking at what others do.
struct Line {
    key: SeededKey,
    journal: Journal,
    at: Head,
    last: ChangeHash,
    /// Its last entry; none before its first.
    entry: Option<EntryHash>,
    count: usize,
}

impl Line {
    /// One more edit, which looks at another line's last one too, if it is told one.
    fn edit(
        &mut self,
        all: &mut All,
        application: EntryHash,
        other: Option<(EntryHash, ChangeHash)>,
    ) -> WireEntry {
        let id = self.journal.id();
        let ops = vec![text("alamat", &format!("Dusun {} {}", self.journal.epoch[0], self.count))];
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&self.at.seq.to_be_bytes());
        let (mut at, mut parents) = match self.count {
            0 => (vec![self.last], vec![Parent::First]),
            _ => (vec![self.last], vec![Parent::Back(1)]),
        };
        if let Some((entry, change)) = other {
            at.push(change);
            parents.push(Parent::Entry(entry));
        }
        let actor = actor(&id, &nonce);
        let change = all.document.replay_along(&mut all.branches, &at, &actor, NOW, &ops, None).unwrap();
        let body = Body::Edit(Edit { parents, change, time: NOW, ops, staff: None }).to_bytes(nonce);
        let header = Header {
            version: HEADER_VERSION,
            journal: id,
            seq: self.at.seq + 1,
            prev: (self.at.seq > 0).then_some(self.at.hash),
            body_hash: body_hash(&body),
            application: Some(application),
            extension: None,
        };
        let entry = StoredEntry::new(header, Content::Present(body));
        self.at = Head { seq: self.at.seq + 1, hash: entry.hash };
        (self.last, self.count, self.entry) = (change, self.count + 1, Some(entry.hash));
        WireEntry::close(&entry, None)
    }

    /// Signs entries that end here.
    fn sign(&self, entries: Vec<WireEntry>) -> Run {
        let first = self.at.seq + 1 - entries.len() as u64;
        let signature = self.key.sign(&signed_bytes(&self.journal.id(), &self.at)).unwrap();
        Run { journal: self.journal, first, entries, signature, after: None }
    }
}

fn deliver(pair: &mut Pair, author: u64, runs: Vec<Run>) -> f64 {
    let group = [Delivery { author: SeededKey::new(author).author(), runs }];
    let start = Instant::now();
    let (delivered, _) = pair.office.ingest(&group, NOW, &mut |b| b.fill(4)).unwrap();
    assert!(matches!(&delivered[0], Delivered::Taken(refused) if refused.is_empty()), "{delivered:?}");
    start.elapsed().as_secs_f64() * 1000.0
}

/// An office, an application, and the lines of one device that edits it.
fn bench() -> (Pair, EntryHash, All, Vec<Line>) {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    let key = SeededKey::new(9).public_key();
    let place = [VILLAGE.parse().unwrap()];
    pair.office
        .write(|office| office.certify(key, Role::OperatorDesa, &place, "Petugas", NOW, &mut |b| b.fill(3)))
        .unwrap();
    let application = pair.phone.all_named("1").unwrap()[0].1;
    let case = pair.office.replica.case(&place[0], &application).unwrap();
    // From the application's first edit alone.
    let first = case.edits[0].edit.clone().unwrap();
    let partition = place[0];
    let line = |n: usize| Line {
        key: SeededKey::new(9),
        journal: Journal { author: key.author(), partition, epoch: [u8::try_from(n).unwrap(); 8] },
        at: Head::EMPTY,
        last: first.change,
        entry: None,
        count: 0,
    };
    let lines = (0..JOURNALS).map(line).collect();
    (pair, application, All { document: case.document, branches: Branches::default() }, lines)
}

fn told(pair: &Pair, application: EntryHash, edits: usize, what: &str, took: f64) {
    let before = Instant::now();
    let case = pair.office.replica.case(&VILLAGE.parse().unwrap(), &application).unwrap();
    let read = before.elapsed().as_secs_f64() * 1000.0;
    assert!(case.edits.iter().all(|edit| edit.standing == Standing::Applied));
    println!("{edits:5} edits, {what}: taken in {took:.0} ms, read {read:.0} ms");
}

#[test]
#[ignore = "measures"]
fn the_worst_document_of_lines_that_look_at_nobody() {
    let (mut pair, application, mut all, mut lines) = bench();
    for (n, line) in lines.iter_mut().enumerate() {
        let entries = (1..MAX_EDITS).map(|_| line.edit(&mut all, application, None)).collect();
        let took = deliver(&mut pair, 9, vec![line.sign(entries)]);
        let edits = (n + 1) * MAX_EDITS;
        told(&pair, application, edits - 1, "the last 499 at once", took);
        let entries = vec![line.edit(&mut all, application, None)];
        let took = deliver(&mut pair, 9, vec![line.sign(entries)]);
        told(&pair, application, edits, "the last one", took);
    }
}

/// Every edit takes over another line's last one, so that none can be replayed before that, and none stands where the
/// document does; each line comes as a whole.
fn look_at_each_other(lines: &mut [Line], all: &mut All, application: EntryHash, rounds: usize) -> Vec<Run> {
    let count = lines.len();
    let mut entries: Vec<Vec<WireEntry>> = lines.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        // All look at what the others had before this round, so that nobody stands where the document does.
        let before: Vec<_> = lines.iter().map(|line| Some((line.entry?, line.last))).collect();
        for n in 0..count {
            let other = before[(n + 1) % count];
            entries[n].push(lines[n].edit(all, application, other));
        }
    }
    lines.iter().zip(entries).map(|(line, entries)| line.sign(entries)).collect()
}

#[test]
#[ignore = "measures"]
fn the_worst_document_of_lines_that_look_at_each_other() {
    let (mut pair, application, mut all, mut lines) = bench();
    for part in 1..=2 {
        let rounds = MAX_EDITS / lines.len() / 2;
        let runs = look_at_each_other(&mut lines, &mut all, application, rounds);
        let took = deliver(&mut pair, 9, runs);
        told(&pair, application, part * rounds * lines.len(), "half of what may be, at once", took);
    }
}

/// What one device can make of one application by several journals is no more than by one, as soon as they build on each
/// other.
#[test]
fn edits_of_several_journals_count_together() {
    let (mut pair, application, mut all, mut lines) = bench();
    let rounds = MAX_EDITS / lines.len() + 2 * lines.len();
    let runs = look_at_each_other(&mut lines, &mut all, application, rounds);
    deliver(&mut pair, 9, runs);
    let case = pair.office.replica.judged_case(&VILLAGE.parse().unwrap(), &application).unwrap();
    let applied = case.edits.iter().filter(|edit| edit.standing == Standing::Applied).count();
    // What a line had last is known to the line furthest from it as many rounds later as there are lines.
    assert!((MAX_EDITS..MAX_EDITS + lines.len() * lines.len()).contains(&applied), "{applied}");
    let held = |edit: &&CaseEdit| edit.standing == Standing::Held(Hold::TooMany);
    assert!(case.edits.iter().filter(held).count() > 0);
    assert!(case.edits.iter().all(|edit| edit.standing != Standing::Waiting));
}
