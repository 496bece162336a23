//! The stages through which an entry goes, each alone: `cargo bench -p loket-core --all-features`.

#![allow(missing_docs, reason = "the macros below write public functions")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that fails has nothing to tell"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use loket_core::application::Document;
use loket_core::catalogue::{Catalogue, Role, ServiceFile};
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::body::Certificate;
use loket_core::journal::run::{Head, Run};
use loket_core::journal::vector::{Vector, scope_digest};
use loket_core::journal::{Body, ChangeHash, EntryHash, JournalId, Partition, Place};
use loket_core::replica::Replica;
use loket_core::replica::write::{Author, Opening, text};
use loket_core::store::memory::MemoryStore;
use loket_core::store::sqlite::{Durability, SqliteStore};
use loket_core::store::{Store, Table};

#[path = "../../examples/load/src/people.rs"]
mod people;

const VILLAGE: &str = "33.12.08.2002";
const NOW: i64 = 1_795_400_000;
/// Applications of one run.
const RUN: usize = 20;

fn dice(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

fn village() -> Partition {
    VILLAGE.parse().unwrap()
}

fn file() -> Arc<ServiceFile> {
    Catalogue::builtin().get(people::SERVICE, "2026.1").unwrap()
}

fn open_applications<S: Store>(replica: &mut Replica<S>, author: &Author<'_>, seeds: std::ops::Range<usize>) {
    let file = file();
    replica
        .transaction(|replica| {
            for seed in seeds {
                let number = format!("3312082002-26-7K3Q-{seed:05}-X");
                let place = village();
                let opening = Opening { file: &file, variant: None, place, number: &number, from: None };
                let ops = people::fields(seed as u64, VILLAGE);
                replica.open_application(author, &opening, ops, NOW, &mut dice)?;
            }
            replica.seal(author, village())
        })
        .unwrap();
}

/// A run of new applications, as a phone sends it.
fn run(key: &SeededKey, epoch: [u8; 8]) -> Run {
    let author = Author { signer: key, epoch };
    let mut replica = Replica::open(MemoryStore::default(), SeededKey::new(0).public_key()).unwrap();
    open_applications(&mut replica, &author, 0..RUN);
    replica.run(&village(), &author.journal(village()).id(), 0, 1 << 20).unwrap().unwrap().run
}

/// A store in a file where the device of this key is certified.
fn certified(path: &std::path::Path, key: &SeededKey) -> Replica<SqliteStore> {
    let office = SeededKey::new(0);
    let store = SqliteStore::open(path, Durability::Power).unwrap();
    let mut replica = Replica::open(store, office.public_key()).unwrap();
    let author = Author { signer: &office, epoch: [1; 8] };
    let certificate = Body::Certificate(Certificate {
        seal: None,
        key: key.public_key(),
        role: Role::OperatorDesa,
        partitions: vec![village()],
        not_after: NOW,
        officer: "Petugas fiktif".into(),
    });
    replica.transaction(|replica| replica.append(&author, village(), None, &certificate, [0; 16])).unwrap();
    replica
}

fn verify(c: &mut Criterion) {
    let key = SeededKey::new(1);
    let run = run(&key, [7; 8]);
    let mut group = c.benchmark_group("verify");
    group.throughput(Throughput::Elements(RUN as u64));
    group.bench_function("a run of 20", |b| {
        b.iter(|| black_box(&run).open(Head::EMPTY, &key.public_key(), |_| None).unwrap());
    });
    group.finish();
}

/// A document of so many edits, the change before the last, and the last.
fn document(edits: usize) -> (Document, ChangeHash, ChangeHash) {
    let mut document = Document::default();
    let mut heads = Vec::new();
    let mut last = [ChangeHash([0; 32]); 2];
    for edit in 0..edits {
        let mut ops = vec![text("alamat", &format!("Dusun Krajan No. {edit}"))];
        if edit == 0 {
            ops = people::fields(0, VILLAGE);
        }
        // Each edit has an actor of its own.
        let actor = (edit as u128).to_be_bytes();
        let change = document.replay(&heads, &actor, NOW + edit as i64, &ops, None).unwrap();
        heads = vec![change];
        last = [last[1], change];
    }
    (document, last[0], last[1])
}

fn replay(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    let fields = people::fields(1, VILLAGE);
    let first = Document::default().replay(&[], &[4; 16], NOW, &fields, None).unwrap();
    group.bench_function("an application's first edit", |b| {
        b.iter(|| {
            let mut document = Document::default();
            document.replay(&[], &[4; 16], NOW, black_box(&fields), Some(first)).unwrap()
        });
    });
    let ops = [text("rt", "011"), text("rw", "012"), text("pekerjaan", "nelayan")];
    for edits in [20, 200, 500] {
        let (document, before, head) = document(edits);
        for (name, parent) in [("at the heads", head), ("forked", before)] {
            group.bench_function(BenchmarkId::new(name, edits), |b| {
                let replay = |mut document: Document| {
                    document.replay(&[parent], &[5; 16], NOW, black_box(&ops), None).unwrap();
                    document
                };
                b.iter_batched(|| document.clone(), replay, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

fn learn(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let key = SeededKey::new(1);
    let mut replica = certified(&dir.path().join("learn.db"), &key);
    let mut group = c.benchmark_group("learn");
    group.throughput(Throughput::Elements(RUN as u64)).sample_size(20);
    let next_run = || {
        let mut epoch = [0; 8];
        dice(&mut epoch);
        run(&key, epoch)
    };
    group.bench_function("20 new applications, durable", |b| {
        let learn = |run: Run| {
            let learned = replica.transaction(|replica| replica.learn(&[run])).unwrap();
            assert_eq!(learned.entries, RUN);
        };
        b.iter_batched(next_run, learn, BatchSize::PerIteration);
    });
    group.finish();
}

fn commit(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(dir.path().join("commit.db"), Durability::Power).unwrap();
    let mut count = 0u64;
    let mut group = c.benchmark_group("commit");
    for rows in [1, 500] {
        group.throughput(Throughput::Elements(rows));
        group.bench_function(BenchmarkId::new("rows of 100 bytes, durable", rows), |b| {
            b.iter(|| {
                store.begin().unwrap();
                for _ in 0..rows {
                    count += 1;
                    let key = blake3::hash(&count.to_be_bytes());
                    store.put(&village(), Table::Application, key.as_bytes(), Some(&[7; 100])).unwrap();
                }
                store.finish(true).unwrap();
            });
        });
    }
    group.finish();
}

fn open(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phone.db");
    let key = SeededKey::new(1);
    let mut replica = certified(&path, &key);
    let author = Author { signer: &key, epoch: [7; 8] };
    for start in (0..10_000).step_by(500) {
        open_applications(&mut replica, &author, start..start + 500);
    }
    replica.store.checkpoint().unwrap();
    drop(replica);
    let office = SeededKey::new(0).public_key();
    c.bench_function("open a phone's store of 10,000 and list 50", |b| {
        b.iter(|| {
            let store = SqliteStore::open(&path, Durability::Power).unwrap();
            let replica = Replica::open(store, office).unwrap();
            assert_eq!(replica.list_after(&key.author(), None, 50).unwrap().len(), 50);
        });
    });
}

fn digest(c: &mut Criterion) {
    let head = |n: u32| Head { seq: n.into(), hash: EntryHash(*blake3::hash(&n.to_be_bytes()).as_bytes()) };
    let journals: BTreeMap<JournalId, Head> =
        (0..20u32).map(|n| (JournalId(*blake3::hash(&n.to_le_bytes()).as_bytes()), head(n))).collect();
    let vector = Vector(journals);
    let partitions: Vec<Partition> =
        (1..=30).map(|n| Partition::Place(Place::parse(&format!("33.12.08.20{n:02}")).unwrap())).collect();
    c.bench_function("digest of 30 villages of 20 journals", |b| {
        b.iter(|| scope_digest(partitions.iter().map(|partition| (partition, black_box(&vector).digest()))));
    });
}

criterion_group!(stages, verify, replay, learn, commit, open, digest);
criterion_main!(stages);
