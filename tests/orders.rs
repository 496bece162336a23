//! One application by three authors with conflicts, learned in every causal order and in pieces of any size:
//! always the same document.

use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::body::Op;
use loket_core::journal::run::{Run, RunError};
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::Replica;
use loket_core::replica::case::{Case, Standing};
use loket_core::replica::learn::LearnError;
use loket_core::replica::write::{Author, Opening, text};
use loket_core::store::memory::MemoryStore;
use loket_core::time::today;
use loket_server::office::Office;
use proptest::prelude::*;
use std::sync::Arc;

const NOW: i64 = 1_795_400_000;
const AUTHORS: usize = 3;
const VILLAGE: &str = "33.12.08.2002";
/// Registers that the authors fight over.
const REGISTERS: [&str; 3] = ["alamat", "pekerjaan", "nama"];

type Phone = Replica<MemoryStore>;

/// What one author does next.
#[derive(Debug, Clone)]
enum Step {
    /// Puts a value, or clears the register.
    Write { author: usize, register: usize, value: Option<u8> },
    /// Learns all that another has.
    Hear { author: usize, from: usize },
    /// Its phone is put back to an older copy and goes on from there.
    Restore { author: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0..AUTHORS, 0..REGISTERS.len(), proptest::option::weighted(0.85, 0u8..6))
        .prop_map(|(author, register, value)| Step::Write { author, register, value });
    let hear = (0..AUTHORS, 0..AUTHORS).prop_map(|(author, from)| Step::Hear { author, from });
    let restore = (0..AUTHORS).prop_map(|author| Step::Restore { author });
    proptest::collection::vec(prop_oneof![12 => write, 4 => hear, 1 => restore], 3..24)
}

struct Authors {
    keys: Vec<SeededKey>,
    phones: Vec<Phone>,
    /// A copy of each phone's store from when it last heard something.
    copies: Vec<MemoryStore>,
    partition: Partition,
    id: EntryHash,
    /// The office's entries: the certificates.
    office: Vec<Run>,
    office_key: loket_core::identity::PublicKey,
    count: u64,
}

impl Authors {
    /// Three phones that know each other's certificates and an application of the first.
    fn new() -> Authors {
        let mut count = 0;
        let partition: Partition = VILLAGE.parse().unwrap();
        let keys: Vec<SeededKey> = (1..=AUTHORS as u64).map(SeededKey::new).collect();
        let mut office =
            Office::open(MemoryStore::default(), Arc::new(SeededKey::new(0)), &mut |b| draw(&mut count, b))
                .unwrap();
        for key in &keys {
            let certify = |office: &mut Office<MemoryStore>| {
                let dice = &mut |b: &mut [u8]| draw(&mut count, b);
                office.certify(key.public_key(), Role::OperatorDesa, &[partition], "Petugas", NOW, dice)
            };
            office.write(certify).unwrap();
        }
        let office_key = office.public_key();
        let runs = runs(&office.replica, &partition);
        let phones = keys.iter().map(|_| fresh(office_key, &runs)).collect();
        let id = EntryHash([0; 32]);
        let copies = vec![MemoryStore::default(); AUTHORS];
        let mut authors = Authors { keys, phones, copies, partition, id, office: runs, office_key, count };
        authors.open();
        authors
    }

    fn open(&mut self) {
        let file = self.phones[0].catalogue().current("ktp-el-hilang", today(NOW)).unwrap();
        let opening = Opening { file: &file, variant: None, place: self.partition, number: "1", from: None };
        let (key, count) = (&self.keys[0], &mut self.count);
        let open = |replica: &mut Phone| {
            let author = Author { signer: key, epoch: replica.epoch(&mut |b| draw(count, b))? };
            let ops = vec![text("alamat", "Dusun 0")];
            let case = replica.open_application(&author, &opening, ops, NOW, &mut |b| draw(count, b))?;
            replica.seal(&author, case.partition)?;
            Ok(case.id)
        };
        self.id = self.phones[0].transaction(open).unwrap();
        self.copies[0] = self.phones[0].store.crashed();
        for other in 1..AUTHORS {
            self.hear(other, 0);
        }
    }

    fn hear(&mut self, author: usize, from: usize) {
        let runs = runs(&self.phones[from], &self.partition);
        let learned = self.phones[author].transaction(|replica| replica.learn(&runs)).unwrap();
        assert!(learned.refused.is_empty(), "{:?}", learned.refused);
        if runs.len().is_multiple_of(2) {
            self.copies[author] = self.phones[author].store.crashed();
        }
    }

    /// What it had written since goes on standing where others have heard of it.
    fn restore(&mut self, author: usize) {
        self.phones[author] = Replica::open(self.copies[author].clone(), self.office_key).unwrap();
    }

    fn write(&mut self, who: usize, op: Op) {
        let (partition, id, time) = (self.partition, self.id, NOW + self.count as i64);
        let (key, count) = (&self.keys[who], &mut self.count);
        let write = |replica: &mut Phone| {
            let author = Author { signer: key, epoch: replica.epoch(&mut |b| draw(count, b))? };
            let case = replica.case(&partition, &id)?;
            replica.edit(&author, case, vec![op], time, &mut |b| draw(count, b))?;
            replica.seal(&author, partition)
        };
        self.phones[who].transaction(write).unwrap();
    }

    fn walk(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Hear { author, from } => self.hear(*author, *from),
                Step::Restore { author } => self.restore(*author),
                Step::Write { author, register, value } => {
                    let name = REGISTERS[*register];
                    let op = match value {
                        Some(value) => text(name, &format!("Nilai {value}")),
                        None => Op { register: name.into(), value: loket_core::journal::body::Value::Clear },
                    };
                    self.write(*author, op);
                }
            }
        }
    }
}

fn draw(count: &mut u64, bytes: &mut [u8]) {
    *count += 1;
    blake3::Hasher::new().update(&count.to_be_bytes()).finalize_xof().fill(bytes);
}

fn fresh(office: loket_core::identity::PublicKey, runs: &[Run]) -> Phone {
    let mut replica = Replica::open(MemoryStore::default(), office).unwrap();
    replica.transaction(|replica| replica.learn(runs)).unwrap();
    replica
}

/// All that a replica has of a partition, in the shortest runs that the signatures allow.
fn runs(replica: &Phone, partition: &Partition) -> Vec<Run> {
    let mut runs = Vec::new();
    for (journal, row) in replica.journals(partition).unwrap() {
        let mut after = row.fork.map_or(0, |(_, seq)| seq);
        while after < row.head.seq {
            let run = replica.run(partition, &journal, after, 1).unwrap().unwrap().run;
            after += run.entries.len() as u64;
            runs.push(run);
        }
    }
    runs
}

/// What everybody has to agree on.
fn seen(case: &Case) -> impl PartialEq + std::fmt::Debug + use<> {
    let standings: std::collections::BTreeMap<_, _> =
        case.edits.iter().map(|edit| (edit.hash, format!("{:?}", edit.standing))).collect();
    (case.document.heads(), case.document.registers(), case.document.conflicts(), standings)
}

/// Learns runs in the drawn order, in transactions of the drawn sizes; what comes too early comes again.
fn learn_in_order(authors: &Authors, all: &[Run], order: &[u32], sizes: &[usize]) -> Phone {
    let mut replica = fresh(authors.office_key, &authors.office);
    let mut waiting: Vec<(u32, &Run)> =
        all.iter().enumerate().map(|(i, run)| (order[i % order.len()], run)).collect();
    // A stable sort by drawn keys: any interleaving of the journals may come of it.
    waiting.sort_by_key(|(key, _)| *key);
    let mut waiting: Vec<&Run> = waiting.into_iter().map(|(_, run)| run).collect();
    let mut sizes = sizes.iter().cycle();
    while !waiting.is_empty() {
        let (mut early, mut taken) = (Vec::new(), 0);
        let mut rest = &waiting[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            rest = later;
            let group: Vec<Run> = now.iter().map(|run| (*run).clone()).collect();
            let learned = replica.transaction(|replica| replica.learn(&group)).unwrap();
            assert!(learned.refused.iter().all(|(_, error)| *error == LearnError::Run(RunError::Gap)));
            taken += learned.entries;
            // A forked journal may have been refused one run and taken another: what is there comes again harmlessly.
            let gaps: Vec<_> = learned.refused.iter().map(|(journal, _)| *journal).collect();
            early.extend(now.iter().filter(|run| gaps.contains(&run.journal.id())));
        }
        assert!(early.is_empty() || taken > 0, "nothing more is taken");
        waiting = early;
    }
    replica
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_causal_order_gives_the_same_document(
        steps in steps(),
        order in proptest::collection::vec(any::<u32>(), 1..64),
        sizes in proptest::collection::vec(1usize..9, 1..5),
    ) {
        let mut authors = Authors::new();
        authors.walk(&steps);
        for from in 1..AUTHORS {
            authors.hear(0, from);
        }
        let whole = authors.phones[0].case(&authors.partition, &authors.id).unwrap();
        prop_assert!(whole.edits.iter().all(|edit| edit.standing == Standing::Applied));
        let all: Vec<Run> = runs(&authors.phones[0], &authors.partition)
            .into_iter()
            .filter(|run| authors.keys.iter().any(|key| key.author() == run.journal.author))
            .collect();
        let other = learn_in_order(&authors, &all, &order, &sizes);
        let learned = other.case(&authors.partition, &authors.id).unwrap();
        prop_assert_eq!(seen(&learned), seen(&whole));
        let again = other.case_from_entries(&authors.partition, &authors.id).unwrap();
        prop_assert_eq!(seen(&again), seen(&whole));
    }
}

#[test]
fn concurrent_values_stand_until_somebody_chooses() {
    let mut authors = Authors::new();
    authors.walk(&[
        Step::Write { author: 0, register: 0, value: Some(1) },
        Step::Write { author: 1, register: 0, value: Some(2) },
        Step::Write { author: 2, register: 0, value: Some(3) },
        Step::Hear { author: 0, from: 1 },
        Step::Hear { author: 0, from: 2 },
    ]);
    let case = |authors: &Authors| authors.phones[0].case(&authors.partition, &authors.id).unwrap();
    let conflicts = case(&authors).document.conflicts();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].values.len(), 3);
    authors.write(0, text("alamat", "Nilai 2"));
    assert!(case(&authors).document.conflicts().is_empty());
}
