//! What a hostile peer can send: recorded frames that were altered in every way, and batches that claim what is
//! not theirs. Nothing panics, nothing is kept that an honest author did not sign, and each gets its reason.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signature, Signer};
use loket_core::journal::body::{Body, Destroyed, Edit, NONCE};
use loket_core::journal::run::{AppRef, Head, MAX_RUN, Run, RunError, WireEntry, signed_bytes};
use loket_core::journal::{
    ChangeHash, Content, EntryHash, HEADER_VERSION, Header, Journal, JournalId, MAX_DEVICE_BODY, Partition,
    body_hash, encode,
};
use loket_core::replica::learn::LearnError;
use loket_core::replica::write::{Author, Opening, text};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::memory::MemoryStore;
use loket_core::store::{Query, Store};
use loket_core::sync::message::{
    Batch, Have, MAX_BATCH, MAX_ENTRIES, MAX_FRAME, Message, PartitionDigest, ProtocolError,
};
use loket_core::sync::session::{MAX_HAVES, Output, Session, SessionError};
use loket_core::time::today;
use loket_core::workflow::{Actor, Decision, Event, Who};
use loket_server::office::library::Receipts;
use loket_server::office::verify::verify;
use loket_server::office::{Delivered, Delivery, Office};

use crate::sim::dice::Dice;

pub const NOW: i64 = 1_795_400_000;
pub const VILLAGE: &str = "33.12.08.2002";
const OTHER: &str = "33.12.08.2001";
/// Altered frames that each side is given.
const MUTATIONS: usize = 10_000;
/// Altered frames that one session is given, on after its first error.
const PER_SESSION: usize = 10;

/// An office and one phone, face to face.
pub struct Pair<S: Store = MemoryStore> {
    pub office: Office<S>,
    pub receipts: Receipts,
    pub phone: Replica<S>,
    pub key: SeededKey,
    pub dice: Dice,
}

impl Pair {
    pub fn new() -> Pair {
        let mut pair = Pair::open(MemoryStore::default(), MemoryStore::default());
        pair.certify(1, VILLAGE);
        pair.certify(2, OTHER);
        pair
    }
}

impl<S: Store> Pair<S> {
    /// On these stores, the office's and the phone's, as they are.
    pub fn open(office: S, phone: S) -> Pair<S> {
        let mut dice = Dice::new(1);
        let office = Office::open(office, Arc::new(SeededKey::new(0)), &mut |b| dice.fill(b)).unwrap();
        let phone = Replica::open(phone, office.public_key()).unwrap();
        Pair { office, receipts: Receipts::default(), phone, key: SeededKey::new(1), dice }
    }

    pub fn certify(&mut self, key: u64, place: &str) {
        let (public, place): (_, Partition) = (SeededKey::new(key).public_key(), place.parse().unwrap());
        let dice = &mut self.dice;
        let certify = |office: &mut Office<S>| {
            office.certify(public, Role::OperatorDesa, &[place], "Petugas", NOW, &mut |b| dice.fill(b))
        };
        self.office.write(certify).unwrap();
    }

    /// The officer begins an application and edits it a few times.
    pub fn work(&mut self, edits: u64) {
        let file = self.phone.catalogue().current("ktp-el-hilang", today(NOW)).unwrap();
        let author = Author { signer: &self.key, epoch: [1; 8] };
        let opening =
            Opening { file: &file, variant: None, place: VILLAGE.parse().unwrap(), number: "1", from: None };
        let dice = &mut self.dice;
        let work = |replica: &mut Replica<S>| {
            let fields = vec![text("alamat", "Dusun 0")];
            let mut case = replica.open_application(&author, &opening, fields, NOW, &mut |b| dice.fill(b))?;
            for n in 0..edits {
                let ops = vec![text("alamat", &format!("Dusun Contoh {n}"))];
                case = replica.edit(&author, case, ops, NOW, &mut |b| dice.fill(b))?;
                replica.seal(&author, case.partition)?;
            }
            Ok(())
        };
        self.phone.transaction(work).unwrap();
    }

    pub fn run(&self) -> Run {
        let author = Author { signer: &self.key, epoch: [1; 8] };
        let partition = VILLAGE.parse().unwrap();
        self.phone.run(&partition, &author.journal(partition).id(), 0, 1 << 20).unwrap().unwrap().run
    }

    pub fn calls(&self) -> (Session, Vec<u8>) {
        Session::call(self.key.author(), [1; 16])
    }

    pub fn answers(&self) -> Session {
        Session::answer(self.office.public_key().author(), [2; 16])
    }

    /// One whole session; the frames of each way, with the stores as they were before it.
    pub fn record(&mut self) -> [Vec<Vec<u8>>; 2] {
        self.converse(|refused| assert!(refused.is_empty(), "{refused:?}"))
    }

    /// [`Pair::record`] of a session in which the office may not take everything; who asks is told what.
    pub fn converse(&mut self, mut heard: impl FnMut(&[(JournalId, LearnError)])) -> [Vec<Vec<u8>>; 2] {
        let mut recorded = [Vec::new(), Vec::new()];
        let (mut caller, hello) = self.calls();
        let mut answerer = self.answers();
        let (mut up, mut down) = (VecDeque::from([hello]), VecDeque::new());
        loop {
            if let Some(frame) = up.pop_front() {
                down.extend(self.office_takes(&mut answerer, &frame, &mut heard));
                recorded[0].push(frame);
            } else if let Some(frame) = down.pop_front() {
                up.extend(self.phone_takes(&mut caller, &frame, |_| {}));
                recorded[1].push(frame);
            } else {
                return recorded;
            }
        }
    }

    /// The office takes a frame, and learns what it brings; what it answers. Who asks is told what it refused.
    pub fn office_takes(
        &mut self,
        session: &mut Session,
        frame: &[u8],
        mut heard: impl FnMut(&[(JournalId, LearnError)]),
    ) -> Vec<Vec<u8>> {
        let library = self.office.library(&self.receipts, NOW);
        let mut todo = VecDeque::from(session.receive(frame, &library, &*self.office.signer()).unwrap());
        let mut answers = Vec::new();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => answers.push(frame),
                Output::Learn { batch, runs } => {
                    let refused = self.ingest(runs);
                    heard(&refused);
                    let library = self.office.library(&self.receipts, NOW);
                    todo.extend(session.taken(batch, &refused, &library).unwrap());
                }
                _ => {}
            }
        }
        answers
    }

    /// The phone takes a frame, and learns what it brings; what it answers. Who asks is told what it refused.
    pub fn phone_takes(
        &mut self,
        session: &mut Session,
        frame: &[u8],
        mut heard: impl FnMut(&[(JournalId, LearnError)]),
    ) -> Vec<Vec<u8>> {
        let mut todo = VecDeque::from(session.receive(frame, &self.phone, &self.key).unwrap());
        let (ahead, me) = (session.take_ahead(), self.key.author());
        self.phone.transaction(|replica| replica.notice_ahead(&me, &ahead)).unwrap();
        let mut answers = Vec::new();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => answers.push(frame),
                Output::Learn { batch, runs } => {
                    let learned = self.phone.transaction(|replica| replica.learn(&runs)).unwrap();
                    heard(&learned.refused);
                    todo.extend(session.taken(batch, &learned.refused, &self.phone).unwrap());
                }
                Output::Receipt(receipt) => {
                    self.phone.transaction(|replica| replica.learn_receipt(&receipt)).unwrap();
                }
                Output::Taken { .. } | Output::Revoked(_) | Output::PeerDone => {}
            }
        }
        answers
    }

    pub fn ingest(&mut self, runs: Vec<Run>) -> Vec<(JournalId, LearnError)> {
        let group = [Delivery { author: self.key.author(), runs }];
        let dice = &mut self.dice;
        let (mut delivered, _) = self.office.ingest(&group, NOW, &mut |b| dice.fill(b)).unwrap();
        match delivered.pop() {
            Some(Delivered::Taken(refused)) => refused,
            other => panic!("{other:?}"),
        }
    }

    fn hashes(&self) -> BTreeSet<EntryHash> {
        hashes(&self.office.replica).union(&hashes(&self.phone)).copied().collect()
    }
}

/// A partition's entries: the office's, and the others'.
pub fn runs_of(replica: &Replica<MemoryStore>, partition: &Partition) -> (Vec<Run>, Vec<Run>) {
    let all = replica.journals(partition).unwrap();
    let runs = all.keys().map(|journal| replica.run(partition, journal, 0, 1 << 20).unwrap().unwrap().run);
    runs.partition(|run| run.journal.author == replica.office_author())
}

fn hashes<S: Store>(replica: &Replica<S>) -> BTreeSet<EntryHash> {
    let mut all = BTreeSet::new();
    for partition in replica.store.partitions().unwrap() {
        let entries = replica.store.entries(&partition, Query::After(0), usize::MAX).unwrap();
        all.extend(entries.into_iter().map(|(_, entry)| entry.hash));
    }
    all
}

/// Alters a frame; the others are there to take pieces from.
fn alter(dice: &mut Dice, frames: &[Vec<u8>], at: usize) -> Vec<u8> {
    let mut frame = frames[at].clone();
    match dice.below(9) {
        0 => return frames[dice.below(frames.len())].clone(),
        1 => frame.truncate(dice.below(frame.len())),
        2 => frame.extend((0..1 + dice.below(40)).map(|_| 0xff)),
        3 => {
            let from = frames[dice.below(frames.len())].clone();
            let (cut, start) = (dice.below(frame.len()), dice.below(from.len()));
            frame.truncate(cut);
            frame.extend(&from[start..]);
        }
        4 => {
            // A length of an array, text or bytes that is not there.
            let place = dice.below(frame.len());
            let huge = [*dice.pick(&[0x5b, 0x7b, 0x9b, 0xbb]), 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff];
            frame.splice(place..place, huge);
        }
        5 | 6 => return alter_runs(dice, &frame),
        _ => {
            for _ in 0..1 + dice.below(6) {
                let place = dice.below(frame.len());
                frame[place] = dice.next() as u8;
            }
        }
    }
    frame
}

/// Alters what is inside a batch and packs it again, since altered zstd seldom opens at all.
fn alter_runs(dice: &mut Dice, frame: &[u8]) -> Vec<u8> {
    let Ok(Message::Batch(batch)) = Message::from_bytes(frame) else {
        return (0..dice.below(200)).map(|_| dice.next() as u8).collect();
    };
    let mut plain = encode(&batch.unpack().unwrap());
    for _ in 0..1 + dice.below(4) {
        let place = dice.below(plain.len());
        plain[place] = if dice.chance(50) { plain[place] ^ 1 << dice.below(8) } else { dice.next() as u8 };
    }
    packed(batch.id, &plain, plain.len())
}

fn packed(id: u64, plain: &[u8], size: usize) -> Vec<u8> {
    let zstd = zstd::bulk::compress(plain, 1).unwrap();
    Message::Batch(Batch { id, dictionary: None, size: size as u32, zstd }).to_bytes()
}

/// Learns within a transaction that is taken back, and looks that nothing unknown came in.
fn only_known(replica: &mut Replica<MemoryStore>, runs: &[Run], known: &BTreeSet<EntryHash>) {
    let tried: Result<(), ReplicaError> = replica.transaction(|replica| {
        replica.learn(runs)?;
        assert!(hashes(replica).is_subset(known), "something that nobody signed was kept");
        Err(ReplicaError::NotFound)
    });
    assert!(matches!(tried, Err(ReplicaError::NotFound)), "{tried:?}");
}

/// Two pairs alike: what passed in one is replayed to the other.
fn pairs() -> (Pair, [Vec<Vec<u8>>; 2], BTreeSet<EntryHash>) {
    let (mut recorded, mut before) = (Pair::new(), Pair::new());
    recorded.work(6);
    before.work(6);
    let frames = recorded.record();
    assert!(
        frames
            .iter()
            .all(|frames| frames.iter().any(|f| matches!(Message::from_bytes(f), Ok(Message::Batch(_)))))
    );
    let known = recorded.hashes();
    (before, frames, known)
}

#[test]
fn altered_frames_end_a_session_of_the_office_or_change_nothing() {
    let (mut pair, [up, _], known) = pairs();
    let (mut dice, signer) = (Dice::new(2), pair.office.signer());
    let mut errors = 0;
    for _ in 0..MUTATIONS / PER_SESSION {
        let mut session = pair.answers();
        let honest = dice.below(up.len());
        for frame in &up[..honest] {
            let library = pair.office.library(&pair.receipts, NOW);
            session.receive(frame, &library, &*signer).unwrap();
        }
        for _ in 0..PER_SESSION {
            let frame = alter(&mut dice, &up, honest);
            let library = pair.office.library(&pair.receipts, NOW);
            match session.receive(&frame, &library, &*signer) {
                Ok(outputs) => {
                    for output in outputs {
                        if let Output::Learn { runs, .. } = output {
                            only_known(&mut pair.office.replica, &runs, &known);
                        }
                    }
                }
                Err(SessionError::Protocol(_)) => errors += 1,
                Err(SessionError::Replica(error)) => panic!("{error}"),
            }
        }
    }
    assert!(errors > MUTATIONS / 2, "{errors}");
}

#[test]
fn altered_frames_end_a_session_of_a_phone_or_change_nothing() {
    let (mut pair, [_, down], known) = pairs();
    let mut dice = Dice::new(3);
    let mut errors = 0;
    for _ in 0..MUTATIONS / PER_SESSION {
        let (mut session, _) = pair.calls();
        let honest = dice.below(down.len());
        for frame in &down[..honest] {
            session.receive(frame, &pair.phone, &pair.key).unwrap();
        }
        for _ in 0..PER_SESSION {
            let frame = alter(&mut dice, &down, honest);
            match session.receive(&frame, &pair.phone, &pair.key) {
                Ok(outputs) => {
                    for output in outputs {
                        match output {
                            Output::Learn { runs, .. } => only_known(&mut pair.phone, &runs, &known),
                            Output::Receipt(receipt) => assert!(genuine(&mut pair, &receipt)),
                            _ => {}
                        }
                    }
                }
                Err(SessionError::Protocol(_)) => errors += 1,
                Err(SessionError::Replica(error)) => panic!("{error}"),
            }
        }
    }
    assert!(errors > MUTATIONS / 2, "{errors}");
}

/// A receipt is kept only where the office signed just that.
fn genuine(pair: &mut Pair, receipt: &loket_core::journal::receipt::Receipt) -> bool {
    let office = pair.office.public_key();
    let mut kept = false;
    let tried: Result<(), ReplicaError> = pair.phone.transaction(|replica| {
        kept = replica.learn_receipt(receipt)?;
        Err(ReplicaError::NotFound)
    });
    tried.is_err() && (!kept || receipt.verifies(&office))
}

/// Offers runs to the office, which refuses them for this reason and keeps nothing of them.
#[track_caller]
fn refused(pair: &mut Pair, run: Run, reason: LearnError) {
    let before = hashes(&pair.office.replica);
    let id = run.journal.id();
    assert_eq!(pair.ingest(vec![run]), [(id, reason)]);
    assert_eq!(hashes(&pair.office.replica), before);
}

/// A run of one entry that its author really signed.
pub fn signed(key: &SeededKey, place: &str, body: Vec<u8>) -> Run {
    let journal = Journal { author: key.author(), partition: place.parse().unwrap(), epoch: [9; 8] };
    let header = Header {
        version: HEADER_VERSION,
        journal: journal.id(),
        seq: 1,
        prev: None,
        body_hash: body_hash(&body),
        application: None,
        extension: None,
    };
    let signature = key.sign(&signed_bytes(&journal.id(), &Head { seq: 1, hash: header.hash() })).unwrap();
    let entry = loket_core::journal::StoredEntry::new(header, Content::Present(body));
    Run { journal, first: 1, entries: vec![WireEntry::close(&entry, None)], signature, after: None }
}

fn some_body() -> Vec<u8> {
    let ops = vec![text("alamat", "Dusun 1")];
    Body::Edit(Edit { parents: vec![], change: ChangeHash([1; 32]), time: NOW, ops, staff: None })
        .to_bytes([0; NONCE])
}

#[test]
fn runs_that_do_not_hold_are_refused_with_their_reason() {
    let mut pair = Pair::new();
    pair.work(6);
    let whole = pair.run();

    let forged = Run { signature: Signature([7; 64]), ..whole.clone() };
    refused(&mut pair, forged, RunError::Signature.into());
    let other = SeededKey::new(2).sign(b"x").unwrap();
    refused(&mut pair, Run { signature: other, ..whole.clone() }, RunError::Signature.into());

    let mut altered = whole.clone();
    altered.entries[2].body.as_mut().unwrap()[20] ^= 1;
    refused(&mut pair, altered, RunError::Signature.into());

    refused(&mut pair, Run { first: 2, ..whole.clone() }, RunError::Gap.into());
    refused(&mut pair, Run { first: 0, ..whole.clone() }, RunError::Bounds.into());
    refused(&mut pair, Run { first: u64::MAX, ..whole.clone() }, RunError::Bounds.into());
    refused(&mut pair, Run { entries: vec![], ..whole.clone() }, RunError::Bounds.into());

    let mut nowhere = whole.clone();
    nowhere.entries[1].application = AppRef::Back(99);
    refused(&mut pair, nowhere, RunError::Reference.into());
    let mut ahead = whole.clone();
    ahead.entries[1].application = AppRef::Back(u64::MAX);
    refused(&mut pair, ahead, RunError::Reference.into());

    let many = vec![whole.entries[0].clone(); MAX_RUN + 1];
    refused(&mut pair, Run { entries: many, ..whole.clone() }, RunError::Bounds.into());

    // What nobody spoke against is taken.
    assert!(pair.ingest(vec![whole]).is_empty());
}

#[test]
fn every_branch_of_a_journal_stands_once_and_only_so_many_can_be() {
    let mut pair = Pair::new();
    // Fewer at an office than a replica can keep.
    pair.office.allowances.lines = usize::MAX;
    let key = SeededKey::new(1);
    let branch = |n: u8| {
        let body = Body::Destroyed(Destroyed { applications: vec![] });
        signed(&key, VILLAGE, body.to_bytes([n; NONCE]))
    };
    let partition: Partition = VILLAGE.parse().unwrap();
    let lines = |pair: &Pair| pair.office.replica.vector(&partition).unwrap().0.len();
    let (others, mine) = (lines(&pair), |pair: &Pair, others: usize| lines(pair) - others);
    assert!(pair.ingest(vec![branch(0)]).is_empty());
    assert_eq!(mine(&pair, others), 1);
    assert!(pair.ingest(vec![branch(1), branch(0)]).is_empty());
    let before = hashes(&pair.office.replica);
    assert!(pair.ingest(vec![branch(1)]).is_empty());
    assert_eq!((mine(&pair, others), hashes(&pair.office.replica)), (2, before));
    // A longer one whose signature speaks of another chain is none.
    let mut forged = branch(2);
    forged.entries.push(forged.entries[0].clone());
    refused(&mut pair, forged, RunError::Signature.into());
    let taken = (2..=u8::MAX).take_while(|n| pair.ingest(vec![branch(*n)]).is_empty()).count();
    assert_eq!(taken + 3, loket_core::replica::lines::MAX_LINES);
    refused(&mut pair, branch(200), RunError::Fork.into());
}

#[test]
fn strangers_and_oversize_bodies_are_refused() {
    let mut pair = Pair::new();
    refused(&mut pair, signed(&SeededKey::new(3), VILLAGE, some_body()), LearnError::UnknownAuthor);
    refused(&mut pair, signed(&SeededKey::new(2), VILLAGE, some_body()), LearnError::UnknownAuthor);
    refused(
        &mut pair,
        signed(&SeededKey::new(1), VILLAGE, vec![0; MAX_DEVICE_BODY + 1]),
        RunError::Bounds.into(),
    );
    assert!(pair.ingest(vec![signed(&SeededKey::new(1), VILLAGE, some_body())]).is_empty());
}

#[test]
fn nobody_but_the_office_leaves_a_body_out() {
    let mut pair = Pair::new();
    let whole = signed(&SeededKey::new(1), VILLAGE, some_body());
    let mut stripped = whole.clone();
    let hash = body_hash(stripped.entries[0].body.as_ref().unwrap());
    stripped.entries[0].body = None;
    refused(&mut pair, stripped.clone(), RunError::Bounds.into());
    stripped.entries[0].destroyed = Some(hash);
    refused(&mut pair, stripped, LearnError::Destroyed);
    assert!(pair.ingest(vec![whole]).is_empty());
}

/// A session of the office that has come to the point where it takes batches.
fn open(pair: &mut Pair) -> Session {
    let (mut caller, hello) = pair.calls();
    let (mut answerer, signer) = (pair.answers(), pair.office.signer());
    let library = pair.office.library(&pair.receipts, NOW);
    let mut frame = hello;
    while !answerer.is_open() {
        let Some(Output::Send(back)) = answerer.receive(&frame, &library, &*signer).unwrap().pop() else {
            panic!()
        };
        if answerer.is_open() {
            break;
        }
        let Some(Output::Send(next)) = caller.receive(&back, &pair.phone, &pair.key).unwrap().pop() else {
            panic!()
        };
        frame = next;
    }
    answerer
}

#[track_caller]
fn ends(pair: &mut Pair, frame: &[u8], with: ProtocolError) {
    let (mut session, signer) = (open(pair), pair.office.signer());
    let library = pair.office.library(&pair.receipts, NOW);
    match session.receive(frame, &library, &*signer) {
        Err(SessionError::Protocol(error)) => assert_eq!(error, with),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_foreign_partition_ends_the_session() {
    let mut pair = Pair::new();
    let run = signed(&SeededKey::new(2), OTHER, some_body());
    ends(&mut pair, &packed_runs(&[run]), ProtocolError::Unexpected);
    let mut run = signed(&SeededKey::new(1), VILLAGE, some_body());
    run.journal.partition = Partition::NeedToKnow([5; 16]);
    let honest = signed(&SeededKey::new(1), VILLAGE, some_body());
    // A new need-to-know partition may be opened by an editor; another's village may not, whatever comes with it.
    run.journal.partition = OTHER.parse().unwrap();
    ends(&mut pair, &packed_runs(&[honest, run]), ProtocolError::Unexpected);
}

fn packed_runs(runs: &[Run]) -> Vec<u8> {
    Message::Batch(Batch::pack(1, runs).unwrap()).to_bytes()
}

#[test]
fn bombs_and_false_sizes_end_the_session() {
    let mut pair = Pair::new();
    let bomb = vec![0; 200 << 20];
    let frame = packed(1, &bomb, MAX_BATCH);
    assert!(frame.len() < 100_000);
    ends(&mut pair, &frame, ProtocolError::Malformed);
    ends(&mut pair, &packed(1, &bomb, bomb.len()), ProtocolError::Malformed);
    let run = encode(&vec![signed(&SeededKey::new(1), VILLAGE, some_body())]);
    ends(&mut pair, &packed(1, &run, run.len() - 1), ProtocolError::Malformed);
    ends(&mut pair, &packed(1, &run, MAX_BATCH + 1), ProtocolError::Malformed);
    ends(&mut pair, &vec![0; MAX_FRAME + 1], ProtocolError::Malformed);
    let Ok(Message::Batch(mut batch)) = Message::from_bytes(&packed(1, &run, run.len())) else { panic!() };
    batch.dictionary = Some(1);
    ends(&mut pair, &Message::Batch(batch).to_bytes(), ProtocolError::Malformed);
}

#[test]
fn a_batch_of_many_runs_of_empty_entries_is_not_read() {
    let mut pair = Pair::new();
    let mut run = signed(&SeededKey::new(1), VILLAGE, some_body());
    run.entries = vec![WireEntry { body: None, ..run.entries[0].clone() }; MAX_RUN];
    let plain = encode(&vec![run.clone(); MAX_ENTRIES / MAX_RUN + 1]);
    assert!(plain.len() < MAX_BATCH);
    ends(&mut pair, &packed(1, &plain, plain.len()), ProtocolError::Malformed);
    let plain = encode(&vec![run; MAX_ENTRIES / MAX_RUN]);
    let Ok(Message::Batch(batch)) = Message::from_bytes(&packed(1, &plain, plain.len())) else { panic!() };
    assert_eq!(batch.unpack().unwrap().len(), MAX_ENTRIES / MAX_RUN);
}

#[test]
fn a_partition_is_named_once_and_a_peer_says_what_it_has_a_few_times() {
    let have = |place: &str| {
        let partition = place.parse().unwrap();
        Have { partition, base: Some((1, 0)), heads: vec![], backup_at: None }
    };
    let twice = Message::Have(vec![have(VILLAGE), have(OTHER), have(VILLAGE)]).to_bytes();
    assert_eq!(Message::from_bytes(&twice), Err(ProtocolError::Malformed));
    let digest = |place: &str| PartitionDigest { partition: place.parse().unwrap(), digest: [0; 32] };
    let twice = Message::Differ(vec![digest(VILLAGE), digest(VILLAGE)]).to_bytes();
    assert_eq!(Message::from_bytes(&twice), Err(ProtocolError::Malformed));

    let mut pair = Pair::new();
    let (mut session, signer) = (pair.answers(), pair.office.signer());
    let frames = pair.record();
    let library = pair.office.library(&pair.receipts, NOW);
    for frame in &frames[0][..2] {
        session.receive(frame, &library, &*signer).unwrap();
    }
    assert!(session.is_open());
    let once = Message::Have(vec![have(VILLAGE)]).to_bytes();
    for _ in 0..MAX_HAVES {
        session.receive(&once, &library, &*signer).unwrap();
    }
    let ended = session.receive(&once, &library, &*signer);
    assert!(matches!(ended, Err(SessionError::Protocol(ProtocolError::Unexpected))));
}

#[test]
fn after_a_run_that_was_not_taken_the_rest_of_its_journal_is_not_sent() {
    let mut pair = Pair::new();
    pair.work(6);
    pair.office.allowances.entries = 3;
    let frames = pair.converse(|refused| assert_eq!(refused.len(), 1));
    let sent = |frames: &[Vec<u8>]| {
        frames.iter().filter(|f| matches!(Message::from_bytes(f), Ok(Message::Batch(_)))).count()
    };
    assert_eq!(sent(&frames[0]), 1);
    assert!(pair.office.replica.all_named("1").unwrap().is_empty());
    // The next session offers it again.
    pair.office.allowances = Default::default();
    pair.record();
    assert_eq!(pair.office.replica.all_named("1").unwrap().len(), 1);
}

/// Found by the fuzz target `batch`: `verify` took it for an answer of the office.
#[test]
fn a_device_s_entry_in_the_shape_of_a_decision_answers_nothing() {
    let mut pair = Pair::new();
    pair.work(1);
    let key = SeededKey::new(1);
    let request = pair.phone.all_named("1").unwrap()[0].1;
    let decision = Decision {
        act: "tarik".into(),
        kind: Event::Done,
        request: Some(request),
        actor: Actor { who: Who::Office, role: Role::Admin },
        at: NOW,
        claimed_at: None,
        reason: None,
        marks: vec![],
        params: vec![],
        revision: 0,
        frozen: None,
        complete: false,
    };
    for (epoch, key) in [(1, &key), (2, &key)] {
        let mut run = signed(key, VILLAGE, Body::Decision(decision.clone()).to_bytes([epoch; NONCE]));
        run.journal.epoch = [epoch; 8];
        resign(&mut run, key);
        assert!(pair.ingest(vec![run]).is_empty());
    }
    let verified = verify(&pair.office.replica).unwrap();
    assert!(verified.faults.is_empty(), "{:?}", verified.faults);
}

/// Signs a run of one entry anew, after its journal was changed.
fn resign(run: &mut Run, key: &SeededKey) {
    let id = run.journal.id();
    let header = Header {
        version: HEADER_VERSION,
        journal: id,
        seq: 1,
        prev: None,
        body_hash: body_hash(run.entries[0].body.as_ref().unwrap()),
        application: None,
        extension: None,
    };
    run.signature = key.sign(&signed_bytes(&id, &Head { seq: 1, hash: header.hash() })).unwrap();
}

#[test]
fn a_run_of_a_million_empty_entries_is_not_read() {
    let mut pair = Pair::new();
    let mut run = signed(&SeededKey::new(1), VILLAGE, some_body());
    run.entries.clear();
    let mut plain = encode(&vec![run]);
    // The entries are the array before the signature (two bytes of length and 64 of itself).
    let at = plain.len() - 67;
    assert_eq!(plain[at], 0x80);
    let million = [&[0x9a, 0x00, 0x0f, 0x42, 0x40][..], &[0x81, 0x00].repeat(1_000_000)].concat();
    plain.splice(at..=at, million);
    assert!(plain.len() < MAX_BATCH);
    ends(&mut pair, &packed(1, &plain, plain.len()), ProtocolError::Malformed);
}
