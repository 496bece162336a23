//! Fairness of the one who writes: a device that never stops sending is served in turn, like everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::body::{Body, Destroyed, NONCE};
use loket_core::journal::run::{Head, Run, WireEntry, signed_bytes};
use loket_core::journal::{
    Content, EntryHash, HEADER_VERSION, Header, Journal, Partition, StoredEntry, body_hash,
};
use loket_server::config::now;
use loket_server::ingest::Writer;
use loket_server::office::Delivery;
use loket_server::office::admission::Allowances;

use super::{Office, VILLAGE};

/// Sessions in which greedy devices send without end: two of each of two devices.
const GREEDY: usize = 4;
/// Deliveries of the honest one.
const HONEST: usize = 100;
/// Entries of each run of the greedy ones.
const ENTRIES: usize = 50;

/// A device's next run: chained and signed, of entries that nobody can read.
struct Pen {
    key: SeededKey,
    journal: Journal,
    at: Head,
}

impl Pen {
    fn new(seed: u64, epoch: u8) -> Self {
        let key = SeededKey::new(seed);
        let partition: Partition = VILLAGE.parse().unwrap();
        let journal = Journal { author: key.author(), partition, epoch: [epoch; 8] };
        Self { key, journal, at: Head::EMPTY }
    }

    fn run(&mut self, entries: usize) -> Run {
        let (first, id) = (self.at.seq + 1, self.journal.id());
        let entries = (0..entries)
            .map(|_| {
                let body = Body::Destroyed(Destroyed { applications: vec![] }).to_bytes([0; NONCE]);
                let header = Header {
                    version: HEADER_VERSION,
                    journal: id,
                    seq: self.at.seq + 1,
                    prev: (self.at.seq > 0).then_some(self.at.hash),
                    body_hash: body_hash(&body),
                    application: Some(EntryHash([1; 32])),
                    extension: None,
                };
                let entry = StoredEntry::new(header, Content::Present(body));
                self.at = Head { seq: self.at.seq + 1, hash: entry.hash };
                WireEntry::close(&entry, None)
            })
            .collect();
        let signature = self.key.sign(&signed_bytes(&id, &self.at)).unwrap();
        Run { journal: self.journal, first, entries, signature, after: None }
    }

    async fn deliver(&mut self, writer: &Writer, entries: usize) {
        let delivery = Delivery { author: self.key.author(), runs: vec![self.run(entries)] };
        assert!(writer.deliver(delivery).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_without_end_waits_for_its_turn() {
    let started = Office::start().await;
    let Office { folder, server, _dir } = started;
    server.stop().await.unwrap();
    let mut office = folder.office().unwrap();
    office.allowances = Allowances { entries: u64::MAX, bytes: u64::MAX, ..Allowances::default() };
    for seed in 1..=3 {
        let key = SeededKey::new(seed).public_key();
        let place = [VILLAGE.parse().unwrap()];
        office
            .write(|office| {
                office.certify(key, Role::OperatorDesa, &place, "Petugas", now(), &mut |b| b.fill(seed as u8))
            })
            .unwrap();
    }
    let (writer, thread) = Writer::start(office).unwrap();
    let (stop, delivered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let greedy: Vec<_> = (0..GREEDY)
        .map(|n| {
            let (writer, stop, delivered) = (writer.clone(), Arc::clone(&stop), Arc::clone(&delivered));
            tokio::spawn(async move {
                let mut pen = Pen::new(2 + n as u64 % 2, n as u8);
                while !stop.load(Ordering::Relaxed) {
                    pen.deliver(&writer, ENTRIES).await;
                    delivered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut pen = Pen::new(1, 1);
    let mut before_me = 0;
    for _ in 0..HONEST {
        let before = delivered.load(Ordering::Relaxed);
        pen.deliver(&writer, 1).await;
        before_me += delivered.load(Ordering::Relaxed) - before;
    }
    stop.store(true, Ordering::Relaxed);
    for one in greedy {
        one.await.unwrap();
    }
    // Who waits stands behind what each of the others has in the queue already, and one that is being written: two of
    // each, and one more that is told of before we are.
    assert!(before_me <= HONEST * GREEDY * 3, "{before_me} deliveries of others before {HONEST} of ours");
    assert!(delivered.load(Ordering::Relaxed) > 0, "nobody was greedy");
    writer.stop().await;
    thread.join().unwrap().unwrap();
}
