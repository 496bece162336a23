//! What the worst document costs that one device can make within its limits. Not part of `tests/run`, since it measures
//! and promises nothing: `cargo test --release -p loket-tests worst -- --ignored --nocapture`.

use std::time::Instant;

use loket_core::application::Document;
use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::body::{Body, Edit, NONCE, Parent};
use loket_core::journal::run::{Head, Run, WireEntry, signed_bytes};
use loket_core::journal::{
    ChangeHash, Content, EntryHash, HEADER_VERSION, Header, Journal, StoredEntry, actor, body_hash,
};
use loket_core::replica::case::Standing;
use loket_core::replica::rules::MAX_EDITS;
use loket_core::replica::write::text;
use loket_server::office::admission::JOURNALS;
use loket_server::office::{Delivered, Delivery};

use crate::frames::{NOW, Pair, VILLAGE};

/// One of the device's journals, in which it edits somebody's application without looking at what others do.
struct Line {
    key: SeededKey,
    journal: Journal,
    at: Head,
    /// The document as this line alone knows it.
    document: Document,
    last: ChangeHash,
    count: usize,
}

impl Line {
    fn edit(&mut self, application: EntryHash) -> WireEntry {
        let id = self.journal.id();
        let ops = vec![text("alamat", &format!("Dusun {} {}", self.journal.epoch[0], self.count))];
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&self.at.seq.to_be_bytes());
        let change = self.document.replay(&[self.last], &actor(&id, &nonce), NOW, &ops, None).unwrap();
        let parents = if self.count == 0 { vec![Parent::First] } else { vec![Parent::Back(1)] };
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
        (self.last, self.count) = (change, self.count + 1);
        WireEntry::close(&entry, None)
    }

    fn run(&mut self, application: EntryHash, edits: usize) -> Run {
        let first = self.at.seq + 1;
        let entries = (0..edits).map(|_| self.edit(application)).collect();
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

#[test]
#[ignore = "measures"]
fn the_worst_document_of_one_device() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    let key = SeededKey::new(9).public_key();
    let place = [VILLAGE.parse().unwrap()];
    pair.office
        .write(|office| office.certify(key, Role::OperatorDesa, &place, "Petugas", NOW, &mut |b| b.fill(3)))
        .unwrap();
    let run = pair.run();
    let application = pair.phone.all_named("1").unwrap()[0].1;
    let base = pair.office.replica.case(&place[0], &application).unwrap().document;
    // From the application's first edit alone.
    let first = pair.office.replica.case(&place[0], &application).unwrap().edits[0].edit.clone().unwrap();
    let start = base.at(&[first.change]).unwrap();
    let mut lines: Vec<Line> = (0..JOURNALS)
        .map(|n| Line {
            key: SeededKey::new(9),
            journal: Journal {
                author: key.author(),
                partition: run.journal.partition,
                epoch: [u8::try_from(n).unwrap(); 8],
            },
            at: Head::EMPTY,
            document: start.clone(),
            last: first.change,
            count: 0,
        })
        .collect();
    println!("edits  a delivery of {}  one more edit     reading it", MAX_EDITS - 1);
    let mut edits = 0;
    for line in &mut lines {
        let bulk = line.run(application, MAX_EDITS - 1);
        let took = deliver(&mut pair, 9, vec![bulk]);
        let last = line.run(application, 1);
        let single = deliver(&mut pair, 9, vec![last]);
        edits += MAX_EDITS;
        let before = Instant::now();
        let case = pair.office.replica.case(&place[0], &application).unwrap();
        let read = before.elapsed().as_secs_f64() * 1000.0;
        assert!(case.edits.iter().all(|edit| edit.standing == Standing::Applied));
        println!("{edits:5}  {took:14.0} ms  {single:10.1} ms  {read:10.1} ms");
    }
}
