//! Phones that meet without a network: sessions between neighbours, each with the office's word alone to go by. A seeded
//! village of phones of which one sees the office, and every way in which somebody is not who they should be.

use std::collections::VecDeque;
use std::sync::Arc;

use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::body::CAUSE_LOST;
use loket_core::journal::run::Run;
use loket_core::journal::{AuthorId, Partition};
use loket_core::replica::Replica;
use loket_core::replica::list::Mark;
use loket_core::replica::neighbour::{Neighbour, Shown};
use loket_core::replica::write::{Author, Opening, text};
use loket_core::store::Store;
use loket_core::store::memory::MemoryStore;
use loket_core::sync::Library;
use loket_core::sync::message::ProtocolError;
use loket_core::sync::session::{Bond, Output, Session, SessionError};
use loket_core::time::today;
use loket_server::office::library::{OfficeLibrary, Receipts};
use loket_server::office::{Delivered, Delivery, Office};

use crate::frames::{NOW, VILLAGE};
use crate::sim::dice::Dice;

/// Villages that are simulated; `LOKET_SEEDS` for a longer campaign.
const SEEDS: u64 = 60;
const OTHER: &str = "33.12.08.2001";
/// More rounds of meetings than any chain of four phones needs.
const ROUNDS: usize = 12;
const LINE: [u8; 32] = [7; 32];

/// A phone.
struct Phone {
    key: SeededKey,
    replica: Replica<MemoryStore>,
    /// Applications it has begun.
    begun: u32,
}

/// An office and its phones.
struct Village {
    office: Office<MemoryStore>,
    receipts: Receipts,
    phones: Vec<Phone>,
    dice: Dice,
    now: i64,
}

/// One side of a conversation: takes a frame, tells what to send.
trait Side {
    fn take(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, SessionError>;
}

struct Neighbourly<'a> {
    phone: &'a mut Phone,
    session: Session,
    shown: Shown,
    now: i64,
}

impl Side for Neighbourly<'_> {
    fn take(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, SessionError> {
        let Self { phone, session, shown, now } = self;
        let me = phone.key.author();
        let library = Neighbour { replica: &phone.replica, me, now: *now, shown };
        let mut todo = VecDeque::from(session.receive(frame, &library, &phone.key)?);
        let mut frames = Vec::new();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => frames.push(frame),
                Output::Learn { batch, runs } => {
                    let learned = phone.replica.transaction(|replica| replica.learn(&runs))?;
                    assert!(learned.refused.is_empty(), "{:?}", learned.refused);
                    let library = Neighbour { replica: &phone.replica, me, now: *now, shown };
                    todo.extend(session.taken(batch, &learned.refused, &library)?);
                }
                Output::Receipt(receipt) => {
                    phone.replica.transaction(|replica| replica.learn_receipt(&receipt))?;
                }
                Output::Taken { refused } => assert!(refused.is_empty(), "{refused:?}"),
                Output::Revoked(_) | Output::PeerDone => {}
            }
        }
        Ok(frames)
    }
}

struct Calling<'a> {
    phone: &'a mut Phone,
    session: Session,
}

impl Side for Calling<'_> {
    fn take(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, SessionError> {
        let Self { phone, session } = self;
        let mut todo = VecDeque::from(session.receive(frame, &phone.replica, &phone.key)?);
        let mut frames = Vec::new();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => frames.push(frame),
                Output::Learn { batch, runs } => {
                    let learned = phone.replica.transaction(|replica| replica.learn(&runs))?;
                    assert!(learned.refused.is_empty(), "{:?}", learned.refused);
                    todo.extend(session.taken(batch, &learned.refused, &phone.replica)?);
                }
                Output::Receipt(receipt) => {
                    phone.replica.transaction(|replica| replica.learn_receipt(&receipt))?;
                }
                Output::Taken { .. } | Output::Revoked(_) | Output::PeerDone => {}
            }
        }
        Ok(frames)
    }
}

struct Answering<'a> {
    office: &'a mut Office<MemoryStore>,
    receipts: &'a Receipts,
    dice: &'a mut Dice,
    device: AuthorId,
    session: Session,
    now: i64,
}

impl Side for Answering<'_> {
    fn take(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, SessionError> {
        let Self { office, receipts, dice, device, session, now } = self;
        let library: OfficeLibrary<'_, _> = office.library(receipts, *now);
        let mut todo = VecDeque::from(session.receive(frame, &library, &*office.signer())?);
        let mut frames = Vec::new();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => frames.push(frame),
                Output::Learn { batch, runs } => {
                    let group = [Delivery { author: *device, runs }];
                    let (mut delivered, _) = office.ingest(&group, *now, &mut |bytes| dice.fill(bytes))?;
                    let Some(Delivered::Taken(refused)) = delivered.pop() else { panic!("not taken") };
                    assert!(refused.is_empty(), "{refused:?}");
                    todo.extend(session.taken(batch, &refused, &office.library(receipts, *now))?);
                }
                _ => {}
            }
        }
        Ok(frames)
    }
}

/// Lets two sides talk, the first frame to the second side, until nothing more is said or so many frames went over.
fn talk(
    caller: &mut impl Side,
    answerer: &mut impl Side,
    hello: Vec<u8>,
    most: usize,
) -> Result<(), SessionError> {
    let (mut up, mut down) = (VecDeque::from([hello]), VecDeque::new());
    for _ in 0..most {
        if let Some(frame) = up.pop_front() {
            down.extend(answerer.take(&frame)?);
        } else if let Some(frame) = down.pop_front() {
            up.extend(caller.take(&frame)?);
        } else {
            break;
        }
    }
    Ok(())
}

fn bond(phone: &Phone, expected: Option<AuthorId>) -> Bond {
    let certificate = phone.replica.certificate_run(&phone.key.author()).unwrap();
    Bond { line: Some(LINE), certificate, expected }
}

impl Village {
    /// Phones with keys 1, 2, …, all of which have met the office once, one after the other.
    fn new(seed: u64, phones: usize) -> Self {
        let mut dice = Dice::new(seed);
        let key = Arc::new(SeededKey::new(0));
        let office =
            Office::open(MemoryStore::default(), key, &mut |bytes: &mut [u8]| dice.fill(bytes)).unwrap();
        let mut village =
            Village { office, receipts: Receipts::default(), phones: Vec::new(), dice, now: NOW };
        for number in 0..phones {
            village.enrol(1 + number as u64, VILLAGE);
            village.sync(number, usize::MAX);
        }
        village
    }

    fn certify(&mut self, key: &SeededKey, place: &str, now: i64) {
        let (public, place): (_, Partition) = (key.public_key(), place.parse().unwrap());
        let dice = &mut self.dice;
        let certify = |office: &mut Office<MemoryStore>| {
            office.certify(public, Role::OperatorDesa, &[place], "Petugas", now, &mut |b| dice.fill(b))
        };
        self.office.write(certify).unwrap();
    }

    fn enrol(&mut self, key: u64, place: &str) {
        let key = SeededKey::new(key);
        self.certify(&key, place, self.now);
        let replica = Replica::open(MemoryStore::default(), self.office.public_key()).unwrap();
        self.phones.push(Phone { key, replica, begun: 0 });
    }

    fn nonce(&mut self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.dice.fill(&mut nonce);
        nonce
    }

    fn sync(&mut self, number: usize, most: usize) {
        let nonces = [self.nonce(), self.nonce()];
        let now = self.now;
        let phone = &mut self.phones[number];
        let (session, hello) = Session::call(phone.key.author(), nonces[0]);
        let mut answering = Answering {
            session: Session::answer(self.office.public_key().author(), nonces[1]),
            device: phone.key.author(),
            office: &mut self.office,
            receipts: &self.receipts,
            dice: &mut self.dice,
            now,
        };
        talk(&mut Calling { phone, session }, &mut answering, hello, most).unwrap();
    }

    /// Two phones meet; the first calls.
    fn meet(&mut self, one: usize, other: usize, most: usize) -> Result<(), SessionError> {
        let nonces = [self.nonce(), self.nonce()];
        let now = self.now;
        let [caller, answerer] = self.phones.get_disjoint_mut([one, other]).unwrap();
        let bonds = [bond(caller, Some(answerer.key.author())), bond(answerer, None)];
        let [first, second] = bonds;
        let (session, hello) = Session::call_bound(caller.key.author(), nonces[0], first);
        let answers = Session::answer_bound(answerer.key.author(), nonces[1], second);
        let mut calls = Neighbourly { phone: caller, session, shown: Shown::default(), now };
        let mut answers = Neighbourly { phone: answerer, session: answers, shown: Shown::default(), now };
        talk(&mut calls, &mut answers, hello, most)?;
        if most == usize::MAX {
            assert!(calls.session.is_settled() && answers.session.is_settled());
        }
        Ok(())
    }

    /// The officer of a phone begins an application, or goes on with one of the village's.
    fn work(&mut self, number: usize) {
        let place: Partition = VILLAGE.parse().unwrap();
        let (now, dice) = (self.now, &mut self.dice);
        let phone = &mut self.phones[number];
        let author = Author { signer: &phone.key, epoch: [1; 8] };
        let mut known = Vec::new();
        phone
            .replica
            .for_each_application(|partition, id, _| {
                known.push((partition, id));
                Ok(())
            })
            .unwrap();
        let begins = known.is_empty() || dice.chance(30);
        phone.begun += u32::from(begins);
        let name = format!("{number}-{}", phone.begun);
        let file = phone.replica.catalogue().current("ktp-el-hilang", today(now)).unwrap();
        let chosen = if begins { None } else { Some(*dice.pick(&known)) };
        let value = format!("Dusun {}", dice.below(1000));
        let work = |replica: &mut Replica<MemoryStore>| {
            let draw = &mut |bytes: &mut [u8]| dice.fill(bytes);
            let fields = vec![text("alamat", &value)];
            match chosen {
                None => {
                    let opening = Opening { file: &file, variant: None, place, number: &name, from: None };
                    replica.open_application(&author, &opening, fields, now, draw)?;
                }
                Some((partition, id)) => {
                    let case = replica.case(&partition, &id)?;
                    replica.edit(&author, case, fields, now, draw)?;
                }
            }
            replica.seal(&author, place)
        };
        phone.replica.transaction(work).unwrap();
    }

    /// Whether the office and all phones have the same, and every phone knows that its work has arrived.
    fn is_home(&self) -> bool {
        let place: Partition = VILLAGE.parse().unwrap();
        let office = self.office.replica.vector(&place).unwrap();
        self.phones.iter().all(|phone| {
            let receipt = phone.replica.receipt(&place).unwrap();
            let own = phone.replica.vector(&place).unwrap();
            own == office && receipt.is_some_and(|receipt| receipt.vector.covers_all(&own))
        })
    }
}

/// A day of one village: the last phone alone sees the office, the others only each other, in any order, and most of
/// what they begin is cut.
fn a_day(seed: u64) {
    let phones = 4;
    let mut village = Village::new(seed, phones);
    for _ in 0..village.dice.range(10, 40) {
        village.now += 600;
        let cut = if village.dice.chance(60) { village.dice.below(12) } else { usize::MAX };
        match village.dice.below(10) {
            0..5 => {
                let number = village.dice.below(phones);
                village.work(number);
            }
            5..9 => {
                let one = village.dice.below(phones);
                let other = (one + 1 + village.dice.below(phones - 1)) % phones;
                village.meet(one, other, cut).unwrap();
            }
            _ => village.sync(phones - 1, cut),
        }
    }
    // From here on nothing is cut; still nobody decides who meets whom.
    for _ in 0..ROUNDS {
        let mut pairs: Vec<(usize, usize)> =
            (0..phones).flat_map(|one| (0..one).map(move |other| (one, other))).collect();
        village.dice.shuffle(&mut pairs);
        for (one, other) in pairs.into_iter().take(3) {
            village.meet(one, other, usize::MAX).unwrap();
        }
        village.sync(phones - 1, usize::MAX);
        if village.is_home() {
            break;
        }
    }
    let mut chain = vec![(0, 1), (1, 2), (2, 3)];
    for (one, other) in chain.clone() {
        village.meet(one, other, usize::MAX).unwrap();
    }
    village.sync(phones - 1, usize::MAX);
    chain.reverse();
    for (one, other) in chain {
        village.meet(other, one, usize::MAX).unwrap();
    }
    assert!(village.is_home(), "seed {seed}: not all is home");
}

#[test]
fn work_reaches_the_office_and_receipts_come_home_in_any_order_of_meetings() {
    let seeds = std::env::var("LOKET_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    (0..seeds).for_each(a_day);
}

#[test]
fn an_officer_sees_that_another_phone_carries_the_work() {
    let mut village = Village::new(1, 2);
    village.work(0);
    let place: Partition = VILLAGE.parse().unwrap();
    let mark = |village: &Village| {
        let phone = &village.phones[0];
        phone.replica.list(&phone.key.author()).unwrap()[0].mark
    };
    assert_eq!(mark(&village), Mark::Phone);
    village.meet(0, 1, usize::MAX).unwrap();
    let phone = &mut village.phones[0];
    let me = phone.key.author();
    phone.replica.transaction(|replica| replica.note_carried(&place, &me)).unwrap();
    assert_eq!(mark(&village), Mark::Carried);
    village.sync(1, usize::MAX);
    village.meet(1, 0, usize::MAX).unwrap();
    assert_eq!(mark(&village), Mark::Office);
}

fn refusal(result: Result<(), SessionError>) -> ProtocolError {
    match result {
        Err(SessionError::Protocol(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_is_not_to_be_met_is_refused_with_the_reason() {
    // A device of another village.
    let mut village = Village::new(1, 2);
    village.enrol(3, OTHER);
    village.sync(2, usize::MAX);
    assert_eq!(refusal(village.meet(2, 0, usize::MAX)), ProtocolError::Elsewhere);
    // One whose time is over.
    village.now += 3 * 366 * 24 * 3600;
    assert_eq!(refusal(village.meet(1, 0, usize::MAX)), ProtocolError::Expired);
    // One that was revoked, as the other has heard; one that has heard nothing yet cannot know.
    let mut village = Village::new(1, 3);
    let gone = village.phones[0].key.author();
    let dice = &mut village.dice;
    let revoke = |office: &mut Office<MemoryStore>| office.revoke(&gone, CAUSE_LOST, &mut |b| dice.fill(b));
    village.office.write(revoke).unwrap();
    village.meet(0, 2, usize::MAX).unwrap();
    village.sync(1, usize::MAX);
    assert_eq!(refusal(village.meet(0, 1, usize::MAX)), ProtocolError::Revoked);
    // And the word spreads among phones that never see the office.
    village.meet(1, 2, usize::MAX).unwrap();
    assert_eq!(refusal(village.meet(0, 2, usize::MAX)), ProtocolError::Revoked);
}

/// How a meeting ends between the village's first phone, which answers, and somebody who calls with this key and shows
/// this.
fn ended(village: &mut Village, key: u64, shows: Option<Run>, line: [u8; 32]) -> Option<ProtocolError> {
    let now = village.now;
    // With all that the second phone knows.
    let store = village.phones[1].replica.store.clone();
    let replica = Replica::open(store, village.office.public_key()).unwrap();
    let mut caller = Phone { key: SeededKey::new(key), replica, begun: 0 };
    let phone = &mut village.phones[0];
    let answers = bond(phone, None);
    let answerer = Session::answer_bound(phone.key.author(), [2; 16], answers);
    let mut answers = Neighbourly { phone, session: answerer, shown: Shown::default(), now };
    let bond = Bond { line: Some(line), certificate: shows, expected: None };
    let (session, hello) = Session::call_bound(caller.key.author(), [1; 16], bond);
    let mut calls = Neighbourly { phone: &mut caller, session, shown: Shown::default(), now };
    match talk(&mut calls, &mut answers, hello, 4) {
        Err(SessionError::Protocol(error)) => Some(error),
        Err(error) => panic!("{error}"),
        Ok(()) => None,
    }
}

#[test]
fn certificates_are_nobody_else_s_and_lines_nobody_s_to_pass_on() {
    let mut village = Village::new(1, 2);
    let (mine, theirs) = (2, 99);
    let me = village.phones[1].key.author();
    let shown = village.phones[1].replica.certificate_run(&me).unwrap().unwrap();
    assert_eq!(
        shown.entries.iter().filter(|entry| entry.body.is_some()).count(),
        1,
        "and nothing else of the office's"
    );
    assert_eq!(ended(&mut village, mine, Some(shown.clone()), LINE), None);
    // None, another's, and one under the name of another whose key is not there.
    assert_eq!(ended(&mut village, mine, None, LINE), Some(ProtocolError::Certificate));
    assert_eq!(ended(&mut village, theirs, Some(shown.clone()), LINE), Some(ProtocolError::Certificate));
    // Somebody has a line with each of the two, and passes on what they say.
    assert_eq!(ended(&mut village, mine, Some(shown.clone()), [8; 32]), Some(ProtocolError::Signature));
    // One of another office, one that was altered, one whose signature is another's.
    let mut elsewhere = Village::new(2, 0);
    elsewhere.office = {
        let dice = &mut elsewhere.dice;
        let key = Arc::new(SeededKey::new(50));
        Office::open(MemoryStore::default(), key, &mut |bytes: &mut [u8]| dice.fill(bytes)).unwrap()
    };
    elsewhere.enrol(99, VILLAGE);
    elsewhere.sync(0, usize::MAX);
    let foreign = elsewhere.phones[0].replica.certificate_run(&SeededKey::new(theirs).author()).unwrap();
    assert!(foreign.is_some());
    assert_eq!(ended(&mut village, theirs, foreign, LINE), Some(ProtocolError::Certificate));
    let alter = |alter: &mut dyn FnMut(&mut Run)| {
        let mut run = shown.clone();
        alter(&mut run);
        Some(run)
    };
    let altered = [
        alter(&mut |run| run.signature.0[40] ^= 1),
        alter(&mut |run| run.first += 1),
        alter(&mut |run| run.after = None),
        alter(&mut |run| run.journal.author = me),
        alter(&mut |run| {
            let body = run.entries[0].body.as_mut().unwrap();
            let at = body.len() - 1;
            body[at] ^= 1;
        }),
        alter(&mut |run| run.entries.clear()),
    ];
    for run in altered {
        assert_eq!(ended(&mut village, mine, run, LINE), Some(ProtocolError::Certificate));
    }
}

#[test]
fn a_device_is_lost_by_the_office_s_newest_word_alone() {
    let mut village = Village::new(1, 2);
    let key = SeededKey::new(1);
    let me = key.author();
    let dice = &mut village.dice;
    let revoke = |office: &mut Office<MemoryStore>| office.revoke(&me, CAUSE_LOST, &mut |b| dice.fill(b));
    village.office.write(revoke).unwrap();
    village.sync(1, usize::MAX);
    let word = village.phones[1].replica.loss_run(&me).unwrap().unwrap();
    let [lost, other] = village.phones.get_disjoint_mut([0, 1]).unwrap();
    assert!(lost.replica.is_lost(&word, &me).unwrap());
    assert!(!other.replica.is_lost(&word, &other.key.author()).unwrap(), "it is about another");
    let mut altered = word.clone();
    altered.signature.0[7] ^= 1;
    assert!(!lost.replica.is_lost(&altered, &me).unwrap(), "only the office says so");
    // Found again, and certified anew: the old word is somebody's who has not heard of that.
    village.certify(&key, VILLAGE, NOW + 1);
    village.sync(0, usize::MAX);
    assert!(!village.phones[0].replica.is_lost(&word, &me).unwrap());
}

#[test]
fn who_answers_in_the_place_of_another_is_found_out() {
    let mut village = Village::new(1, 3);
    let now = village.now;
    let absent = village.phones[2].key.author();
    let [caller, answerer] = village.phones.get_disjoint_mut([0, 1]).unwrap();
    let first = bond(caller, Some(absent));
    let second = bond(answerer, None);
    let (session, hello) = Session::call_bound(caller.key.author(), [1; 16], first);
    let answers = Session::answer_bound(answerer.key.author(), [2; 16], second);
    let mut calls = Neighbourly { phone: caller, session, shown: Shown::default(), now };
    let mut answers = Neighbourly { phone: answerer, session: answers, shown: Shown::default(), now };
    assert_eq!(refusal(talk(&mut calls, &mut answers, hello, usize::MAX)), ProtocolError::Impostor);
}

#[test]
fn a_need_to_know_partition_goes_to_nobody_but_the_office() {
    let mut village = Village::new(1, 2);
    let now = village.now;
    let secret = Partition::NeedToKnow([5; 16]);
    let phone = &village.phones[0];
    let shown = Shown::default();
    let library = Neighbour { replica: &phone.replica, me: phone.key.author(), now, shown: &shown };
    let peer = village.phones[1].key.author();
    let run = village.phones[1].replica.certificate_run(&peer).unwrap();
    assert!(library.key(&peer, run.as_ref()).unwrap().is_ok());
    let scope = library.scope(&peer).unwrap();
    assert_eq!(scope.into_iter().collect::<Vec<_>>(), [Partition::Office, VILLAGE.parse().unwrap()]);
    assert!(!library.admits(&peer, &secret).unwrap());
    // Also where its certificate names it.
    let (public, dice) = (village.phones[1].key.public_key(), &mut village.dice);
    let certify = |office: &mut Office<MemoryStore>| {
        office.certify(public, Role::OperatorDesa, &[secret], "Petugas", now, &mut |b| dice.fill(b))
    };
    village.office.write(certify).unwrap();
    village.sync(1, usize::MAX);
    village.meet(1, 0, usize::MAX).unwrap();
    assert!(!village.phones[0].replica.store.partitions().unwrap().contains(&secret));
}
