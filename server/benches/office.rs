//! What the office does with a group of deliveries, durable at its end: `cargo bench -p loket-server`.

#![allow(missing_docs, reason = "the macros below write public functions")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails has nothing to tell")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loket_core::catalogue::{Catalogue, Role};
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::Partition;
use loket_core::replica::Replica;
use loket_core::replica::write::{Asked, Author, Opening};
use loket_core::store::memory::MemoryStore;
use loket_core::store::sqlite::{Durability, SqliteStore};
use loket_server::config::dice;
use loket_server::office::{Delivered, Delivery, Office};

#[path = "../../examples/load/src/people.rs"]
mod people;

const VILLAGE: &str = "33.12.08.2002";
const NOW: i64 = 1_795_400_000;
/// Deliveries of a group, and applications of a delivery.
const GROUP: usize = 10;
const EACH: usize = 20;

/// An office on a file, and a device that it certified.
fn office(path: &std::path::Path, device: &SeededKey) -> Office<SqliteStore> {
    let store = SqliteStore::open(path, Durability::Power).unwrap();
    let mut office = Office::open(store, Arc::new(SeededKey::new(0)), &mut dice).unwrap();
    let (key, home) = (device.public_key(), [VILLAGE.parse().unwrap()]);
    office
        .write(|office| office.certify(key, Role::OperatorDesa, &home, "Petugas fiktif", NOW, &mut dice))
        .unwrap();
    office
}

/// What a device sends: new applications, or, where `submitted`, those first and then the wish to submit each.
fn deliveries(device: &SeededKey, submitted: bool) -> [Vec<Delivery>; 2] {
    let file = Catalogue::builtin().get(people::SERVICE, "2026.1").unwrap();
    let place: Partition = VILLAGE.parse().unwrap();
    let mut sent = [Vec::new(), Vec::new()];
    for number in 0..GROUP {
        let mut epoch = [0; 8];
        dice(&mut epoch);
        let author = Author { signer: device, epoch };
        let journal = author.journal(place).id();
        let mut replica = Replica::open(MemoryStore::default(), SeededKey::new(0).public_key()).unwrap();
        let mut opened = Vec::new();
        let mut cut = |replica: &mut Replica<MemoryStore>, after, at: usize| {
            replica.transaction(|replica| replica.seal(&author, place)).unwrap();
            let runs = vec![replica.run(&place, &journal, after, 1 << 20).unwrap().unwrap().run];
            sent.get_mut(at).unwrap().push(Delivery { author: device.author(), runs });
        };
        for seed in 0..EACH {
            let label = format!("3312082002-26-7K3Q-{:05}-X", number * EACH + seed);
            let opening = Opening { file: &file, variant: None, place, number: &label, from: None };
            let ops = people::fields((number * EACH + seed) as u64, VILLAGE);
            let case = replica
                .transaction(|replica| replica.open_application(&author, &opening, ops, NOW, &mut dice))
                .unwrap();
            opened.push(case);
        }
        cut(&mut replica, 0, 0);
        if submitted {
            for case in &opened {
                let wish = Asked { act: "ajukan".into(), freezes: true, reason: None, params: vec![] };
                replica
                    .transaction(|replica| replica.request(&author, case, wish, NOW, &mut dice).map(|_| ()))
                    .unwrap();
            }
            cut(&mut replica, EACH as u64, 1);
        }
    }
    sent
}

fn take(office: &mut Office<SqliteStore>, group: &[Delivery]) {
    let (delivered, _) = office.ingest(group, NOW, &mut dice).unwrap();
    assert!(delivered.iter().all(|one| matches!(one, Delivered::Taken(refused) if refused.is_empty())));
}

fn stages(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let device = SeededKey::new(1);
    let mut group = c.benchmark_group("office");
    group.throughput(Throughput::Elements((GROUP * EACH) as u64)).sample_size(10);
    let mut one = office(&dir.path().join("ingest.db"), &device);
    group.bench_function("take in 10 deliveries of 20 new applications", |b| {
        b.iter_batched(
            || deliveries(&device, false),
            |[new, _]| take(&mut one, &new),
            BatchSize::PerIteration,
        );
    });
    let mut other = office(&dir.path().join("decide.db"), &device);
    group.bench_function("decide on 200 submissions", |b| {
        // The wishes are timed alone: what they are about is taken in before.
        b.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let [new, wishes] = deliveries(&device, true);
                take(&mut other, &new);
                let start = Instant::now();
                take(&mut other, &wishes);
                took += start.elapsed();
            }
            took
        });
    });
    group.finish();
}

criterion_group!(office_stages, stages);
criterion_main!(office_stages);
