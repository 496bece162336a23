//! What the simulator has found, each told once and shortly, so that it stays found.

use std::collections::BTreeSet;

use loket_core::catalogue::Role;
use loket_core::identity::{PublicKey, SeededKey, Signer as _};
use loket_core::journal::body::{Body, CAUSE_LOST, Op, Value};
use loket_core::journal::{AttachmentHash, Partition};
use loket_core::replica::Replica;
use loket_core::replica::case::{Case, Standing};
use loket_core::replica::write::{Asked, Author, EPOCH, text};
use loket_core::store::Store;
use loket_core::store::memory::MemoryStore;
use loket_core::sync::message::Message;
use loket_core::sync::session::{Output, Session};
use loket_core::workflow::Event;
use loket_server::office::desk::DeskAct;

use crate::frames::{NOW, Pair, VILLAGE, runs_of};

fn village() -> Partition {
    VILLAGE.parse().unwrap()
}

fn sent(outputs: Vec<Output>) -> Vec<Vec<u8>> {
    let frames = outputs.into_iter().filter_map(|output| match output {
        Output::Send(frame) => Some(frame),
        _ => None,
    });
    frames.collect()
}

fn certify(pair: &mut Pair, key: PublicKey, place: Partition) {
    let dice = &mut pair.dice;
    let certify = |office: &mut loket_server::office::Office<MemoryStore>| {
        office.certify(key, Role::OperatorDesa, &[place], "Petugas", NOW, &mut |b| dice.fill(b))
    };
    pair.office.write(certify).unwrap();
}

fn batches(frames: &[Vec<u8>]) -> usize {
    frames.iter().filter(|frame| matches!(Message::from_bytes(frame), Ok(Message::Batch(_)))).count()
}

impl Pair {
    fn only(&self) -> Case {
        let mut found = Vec::new();
        let each = |partition, id, _| {
            found.push((partition, id));
            Ok(())
        };
        self.phone.for_each_application(each).unwrap();
        self.phone.case(&found[0].0, &found[0].1).unwrap()
    }

    fn edit(&mut self, ops: Vec<Op>) {
        let (case, dice) = (self.only(), &mut self.dice);
        let author = Author { signer: &self.key, epoch: [1; 8] };
        let edit = |replica: &mut Replica<MemoryStore>| {
            replica.edit(&author, case, ops, NOW, &mut |b| dice.fill(b))?;
            replica.seal(&author, village())
        };
        self.phone.transaction(edit).unwrap();
    }

    fn ask(&mut self, act: &str, freezes: bool) {
        let (case, dice) = (self.only(), &mut self.dice);
        let author = Author { signer: &self.key, epoch: [1; 8] };
        let asked = Asked { act: act.into(), freezes, reason: None, params: vec![] };
        let ask = |replica: &mut Replica<MemoryStore>| {
            replica.request(&author, &case, asked, NOW, &mut |b| dice.fill(b))?;
            replica.seal(&author, village())
        };
        self.phone.transaction(ask).unwrap();
    }

    fn office_case(&self) -> Case {
        let id = self.only().id;
        self.office.replica.case(&village(), &id).unwrap()
    }

    /// The office takes a frame; what it sends back.
    fn up(&self, session: &mut Session, frame: &[u8]) -> Vec<Output> {
        let library = self.office.library(&self.receipts, NOW);
        session.receive(frame, &library, &*self.office.signer()).unwrap()
    }

    /// Both sides up to where the caller has sent its proof.
    fn proven(&self) -> (Session, Session, Vec<u8>) {
        let ((mut caller, hello), mut answerer) = (self.calls(), self.answers());
        let welcome = sent(self.up(&mut answerer, &hello)).remove(0);
        let proof = sent(caller.receive(&welcome, &self.phone, &self.key).unwrap()).remove(0);
        (caller, answerer, proof)
    }

    /// As [`Pair::proven`] where the caller has news: it says at once what it has.
    fn proven_with_news(&self) -> (Session, Session, [Vec<u8>; 2]) {
        let ((mut caller, hello), mut answerer) = (self.calls(), self.answers());
        let welcome = sent(self.up(&mut answerer, &hello)).remove(0);
        let frames = sent(caller.receive(&welcome, &self.phone, &self.key).unwrap());
        (caller, answerer, frames.try_into().unwrap())
    }
}

#[test]
fn work_before_the_first_sync_stands_then_and_afterwards() {
    let mut pair = Pair::new();
    pair.work(2);
    pair.edit(vec![text("pekerjaan", "petani")]);
    assert!(pair.only().edits.iter().all(|edit| edit.standing == Standing::Applied));
    pair.record();
    assert_eq!(pair.only().document.heads(), pair.office_case().document.heads());
    assert_eq!(pair.office_case().document.registers()["pekerjaan"], "petani");
}

#[test]
fn a_role_that_does_not_edit_is_told_by_its_certificate() {
    let mut pair = Pair::new();
    pair.work(1);
    let (public, dice) = (loket_core::identity::Signer::public_key(&pair.key), &mut pair.dice);
    let certify = |office: &mut loket_server::office::Office<MemoryStore>| {
        office.certify(public, Role::LoketPengambilan, &[village()], "Petugas", NOW, &mut |b| dice.fill(b))
    };
    pair.office.write(certify).unwrap();
    pair.record();
    let judged = pair.phone.case_from_entries(&village(), &pair.only().id).unwrap();
    assert!(judged.edits.iter().all(|edit| matches!(edit.standing, Standing::Held(_))));
    assert_eq!(pair.only().document.heads(), pair.office_case().document.heads());
}

#[test]
fn what_is_written_while_the_office_says_same_is_sent() {
    let mut pair = Pair::new();
    pair.work(2);
    pair.record();
    let (mut caller, mut answerer, proof) = pair.proven();
    let same = sent(pair.up(&mut answerer, &proof)).remove(0);
    assert_eq!(Message::from_bytes(&same), Ok(Message::Same));
    pair.edit(vec![text("pekerjaan", "guru")]);
    let frames = sent(caller.receive(&same, &pair.phone, &pair.key).unwrap());
    assert_eq!(batches(&frames), 1);
}

#[test]
fn nothing_is_sent_before_both_know_what_the_other_has() {
    let mut pair = Pair::new();
    pair.work(2);
    pair.record();
    pair.edit(vec![text("pekerjaan", "guru")]);
    let (mut caller, mut answerer, [proof, have]) = pair.proven_with_news();
    let differ = sent(pair.up(&mut answerer, &proof)).remove(0);
    // News at the office, before the phone has said what it has.
    let news = BTreeSet::from([village(), Partition::Office]);
    let library = pair.office.library(&pair.receipts, NOW);
    assert!(answerer.poll(&library, Some(&news)).unwrap().is_empty());
    assert_eq!(caller.receive(&differ, &pair.phone, &pair.key).unwrap(), [], "it has said so already");
    let answer = sent(pair.up(&mut answerer, &have));
    assert_eq!(batches(&answer), 0, "the phone lacks nothing");
    let frames: Vec<_> = answer
        .iter()
        .flat_map(|frame| sent(caller.receive(frame, &pair.phone, &pair.key).unwrap()))
        .collect();
    assert_eq!(batches(&frames), 1);
}

#[test]
fn a_done_before_the_last_answer_settles_nothing() {
    let mut pair = Pair::new();
    pair.work(2);
    pair.record();
    pair.edit(vec![text("pekerjaan", "guru")]);
    let key = pair.key.public_key();
    certify(&mut pair, key, "33.12.08.2009".parse().unwrap());
    let (mut caller, mut answerer, [proof, have]) = pair.proven_with_news();
    let differ = sent(pair.up(&mut answerer, &proof)).remove(0);
    let second = sent(caller.receive(&differ, &pair.phone, &pair.key).unwrap()).remove(0);
    let hear = |frames: Vec<Vec<u8>>, caller: &mut Session| -> Vec<Vec<u8>> {
        let heard = frames.iter().map(|frame| caller.receive(frame, &pair.phone, &pair.key).unwrap());
        heard.flat_map(sent).collect()
    };
    let early = sent(pair.up(&mut answerer, &have));
    assert!(!early.iter().any(|frame| Message::from_bytes(frame) == Ok(Message::Done)));
    assert_eq!(hear(early, &mut caller), Vec::<Vec<u8>>::new());
    assert!(!caller.is_settled());
    let late = sent(pair.up(&mut answerer, &second));
    assert_eq!(batches(&late), 1, "the certificate");
    assert_eq!(late.last().map(|frame| Message::from_bytes(frame)), Some(Ok(Message::Done)));
    assert_eq!(batches(&hear(late, &mut caller)), 1, "the edit");
}

#[test]
fn nothing_is_sent_of_a_partition_before_a_hasty_caller_has_heard_of_it() {
    let mut pair = Pair::new();
    pair.work(2);
    pair.record();
    pair.edit(vec![text("pekerjaan", "guru")]);
    let key = pair.key.public_key();
    let other: Partition = "33.12.08.2009".parse().unwrap();
    certify(&mut pair, key, other);
    let (mut caller, mut answerer, [proof, have]) = pair.proven_with_news();
    let differ = sent(pair.up(&mut answerer, &proof)).remove(0);
    // News in the place that the caller is about to hear of, between its two words.
    certify(&mut pair, SeededKey::new(77).public_key(), other);
    let mut frames = pair.up(&mut answerer, &have);
    let second = sent(caller.receive(&differ, &pair.phone, &pair.key).unwrap()).remove(0);
    frames.extend(pair.up(&mut answerer, &second));
    for frame in sent(frames) {
        for output in caller.receive(&frame, &pair.phone, &pair.key).unwrap() {
            if let Output::Learn { runs, .. } = output {
                let learned = pair.phone.transaction(|replica| replica.learn(&runs)).unwrap();
                assert_eq!(learned.refused, []);
            }
        }
    }
    let certificate = pair.phone.certificate(&other, &SeededKey::new(77).author()).unwrap();
    assert!(certificate.is_some());
}

/// Two programs share a phone's folder, and one of them learns the newest receipt while the other has just said what it
/// has in terms of the one before.
#[test]
fn a_base_that_is_replaced_in_the_middle_of_a_session_holds_up_nobody() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    certify(&mut pair, SeededKey::new(77).public_key(), village());
    let (mut caller, mut answerer, proof) = pair.proven();
    let differ = sent(pair.up(&mut answerer, &proof)).remove(0);
    let have = sent(caller.receive(&differ, &pair.phone, &pair.key).unwrap()).remove(0);
    let mut down: std::collections::VecDeque<_> = sent(pair.up(&mut answerer, &have)).into();
    pair.record();
    while let Some(frame) = down.pop_front() {
        for answer in pair.phone_takes(&mut caller, &frame, |_| {}) {
            down.extend(pair.office_takes(&mut answerer, &answer, |_| {}));
        }
    }
    assert!(caller.is_settled() && answerer.is_settled());
}

#[test]
fn the_caller_is_answered_where_nothing_it_has_is_exchanged() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    let stray = |replica: &mut Replica<MemoryStore>| {
        let other: Partition = "33.12.08.2009".parse().unwrap();
        Ok(replica.store.put(&other, loket_core::store::Table::Meta, b"x", Some(b"y"))?)
    };
    pair.phone.transaction(stray).unwrap();
    let (mut caller, mut answerer, proof) = pair.proven();
    let differ = sent(pair.up(&mut answerer, &proof)).remove(0);
    let have = sent(caller.receive(&differ, &pair.phone, &pair.key).unwrap()).remove(0);
    for frame in sent(pair.up(&mut answerer, &have)) {
        caller.receive(&frame, &pair.phone, &pair.key).unwrap();
    }
    assert!(caller.is_settled());
}

#[test]
fn a_revoked_device_hears_no_entry_more_in_an_open_session_and_a_lost_one_nothing() {
    for (cause, hears) in [("dicabut", 1), (CAUSE_LOST, 0)] {
        let mut pair = Pair::new();
        pair.work(1);
        pair.record();
        let (_, mut answerer, proof) = pair.proven();
        pair.up(&mut answerer, &proof);
        assert!(answerer.is_open());
        let (author, dice) = (pair.key.author(), &mut pair.dice);
        let revoke = |office: &mut loket_server::office::Office<MemoryStore>| {
            office.revoke(&author, cause, &mut |b| dice.fill(b))
        };
        let (_, news) = pair.office.write(revoke).unwrap();
        assert!(news.contains(&village()));
        let library = pair.office.library(&pair.receipts, NOW);
        let frames = sent(answerer.poll(&library, Some(&news)).unwrap());
        assert_eq!(frames.len(), hears, "{cause}");
        let is_receipt = |frame: &Vec<u8>| matches!(Message::from_bytes(frame), Ok(Message::Receipts(_)));
        assert!(frames.iter().all(is_receipt));
    }
}

#[test]
fn submissions_that_wait_for_nothing_are_answered() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    // Names no edit at all.
    pair.ask("ajukan", false);
    pair.record();
    assert!(matches!(pair.office_case().record[0].kind, Event::Refused(_)));
    // Names an edit that does not count, since its device was revoked before it came.
    pair.edit(vec![text("pekerjaan", "guru")]);
    pair.ask("ajukan", true);
    let runs = vec![pair.run()];
    let (author, dice) = (loket_core::identity::Signer::author(&pair.key), &mut pair.dice);
    let revoke = |office: &mut loket_server::office::Office<MemoryStore>| {
        office.revoke(&author, "dicabut", &mut |b| dice.fill(b))
    };
    pair.office.write(revoke).unwrap();
    assert!(pair.ingest(runs).is_empty());
    let record = pair.office_case().record;
    assert_eq!(record.len(), 2);
    assert!(matches!(record[1].kind, Event::Refused(_)));
}

#[test]
fn word_of_a_scan_counts_whenever_its_edit_comes() {
    let mut pair = Pair::new();
    pair.work(1);
    let hash = AttachmentHash([4; 32]);
    let register = "lampiran/surat_kehilangan/1".to_owned();
    pair.edit(vec![Op { register, value: Value::Attachment(hash, 1000) }]);
    pair.record();
    let dice = &mut pair.dice;
    let arrived = |office: &mut loket_server::office::Office<MemoryStore>| {
        office.attachments_arrived(&[(village(), hash)], NOW, &mut |b| dice.fill(b))
    };
    pair.office.write(arrived).unwrap();
    let (office, other) = runs_of(&pair.office.replica, &village());
    for runs in [[office.clone(), other.clone()].concat(), [office, vec![]].concat()] {
        let mut fresh = Replica::open(MemoryStore::default(), pair.office.public_key()).unwrap();
        fresh.transaction(|replica| replica.learn(&runs)).unwrap();
        fresh.transaction(|replica| replica.learn(&other)).unwrap();
        let row = fresh.attachment(&village(), &hash).unwrap().unwrap();
        assert!(row.at_office && row.bytes == 1000);
    }
}

#[test]
fn corrections_follow_each_other_though_none_was_frozen() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    let (id, dice) = (pair.only().id, &mut pair.dice);
    let correct = |office: &mut loket_server::office::Office<MemoryStore>| {
        let staff = office.add_staff(Role::OperatorKecamatan, "Petugas", &[])?;
        for value in ["guru", "petani", "pedagang"] {
            let act = DeskAct {
                act: "tarik".into(),
                staff,
                reason: Some("x".into()),
                params: vec![("isian.pekerjaan".into(), value.into())],
            };
            // Whether the act itself may be done is not the point: its correction must never be in its own way.
            if let Err(error) = office.act(&village(), &id, act, NOW, &mut |b| dice.fill(b)) {
                assert!(!error.to_string().contains("dokumen"), "{error}");
            }
        }
        Ok(())
    };
    pair.office.write(correct).unwrap();
    assert!(pair.office_case().edits.iter().all(|edit| edit.standing == Standing::Applied));
}

#[test]
fn ends_of_a_certificate_count_together_in_whatever_order_they_come() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    let copy = pair.office.replica.store.clone();
    pair.edit(vec![text("pekerjaan", "guru")]);
    pair.record();
    let author = pair.key.author();
    let Pair { office, dice, .. } = &mut pair;
    office.write(|office| office.revoke(&author, "dicabut", &mut |b| dice.fill(b))).unwrap();
    let (first, _) = runs_of(&office.replica, &village());
    // Put back to the copy, it says so once more and knows less of the device.
    let mut restored =
        loket_server::office::Office::open(copy, office.signer(), &mut |b| dice.fill(b)).unwrap();
    restored.write(|office| office.begin_anew(NOW + 1, &mut |b| dice.fill(b))).unwrap();
    restored.write(|office| office.revoke(&author, "dicabut", &mut |b| dice.fill(b))).unwrap();
    let (mut second, _) = runs_of(&restored.replica, &village());
    second.retain(|run| first.iter().all(|before| before.journal != run.journal));
    // The second word comes before the certificate, or behind the first.
    let rows = [[&first, &second], [&second, &first]].map(|order| {
        let mut fresh = Replica::open(MemoryStore::default(), office.public_key()).unwrap();
        for runs in order {
            let learned = fresh.transaction(|replica| replica.learn(runs)).unwrap();
            assert!(learned.refused.is_empty(), "{:?}", learned.refused);
        }
        fresh.certificate(&village(), &author).unwrap().unwrap()
    });
    assert_eq!(rows[0], rows[1]);
    assert_eq!(rows[0].revoked.as_ref().map(Vec::len), Some(2));
}

#[test]
fn a_scan_that_is_there_is_told_of_by_every_edit_that_names_it() {
    let mut pair = Pair::new();
    pair.work(1);
    let hash = AttachmentHash([4; 32]);
    let scan = |copy: u32| Op {
        register: format!("lampiran/surat_kehilangan/{copy}"),
        value: Value::Attachment(hash, 1000),
    };
    pair.edit(vec![scan(1)]);
    pair.record();
    let dice = &mut pair.dice;
    let arrived = |office: &mut loket_server::office::Office<MemoryStore>| {
        office.attachments_arrived(&[(village(), hash)], NOW, &mut |b| dice.fill(b))
    };
    pair.office.write(arrived).unwrap();
    // The first edit may be destroyed one day: who comes then has to hear of it by the second.
    pair.edit(vec![scan(2)]);
    pair.record();
    let (office, _) = runs_of(&pair.office.replica, &village());
    let bodies = office.iter().flat_map(|run| &run.entries).filter_map(|entry| entry.body.as_ref());
    let told = bodies.filter_map(|bytes| match Body::from_bytes(bytes) {
        Ok(Body::HeldAttachments(held)) => Some(held.spans),
        _ => None,
    });
    let told: BTreeSet<_> = told.flatten().map(|(edit, _)| edit).collect();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_backup_that_holds_what_the_one_before_held_stops_no_receipt() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    let vector = pair.office.replica.vector(&village()).unwrap();
    pair.office.write(|office| office.backed_up(&village(), &vector, NOW)).unwrap();
    pair.record();
    pair.office.write(|office| office.backed_up(&village(), &vector, NOW + 1)).unwrap();

    // The phone knows of the first only, and the digests are equal all the same.
    let (mut caller, mut answerer, proof) = pair.proven();
    let same = sent(pair.up(&mut answerer, &proof)).remove(0);
    assert!(matches!(Message::from_bytes(&same), Ok(Message::Same)));
    caller.receive(&same, &pair.phone, &pair.key).unwrap();

    pair.edit(vec![text("pekerjaan", "petani")]);
    let news = BTreeSet::from([village()]);
    let batch = sent(caller.poll(&pair.phone, Some(&news)).unwrap()).remove(0);
    let answers =
        pair.office_takes(&mut answerer, &batch, |refused| assert!(refused.is_empty(), "{refused:?}"));
    for frame in answers {
        for output in caller.receive(&frame, &pair.phone, &pair.key).unwrap() {
            if let Output::Receipt(receipt) = output {
                assert!(pair.phone.transaction(|replica| replica.learn_receipt(&receipt)).unwrap());
            }
        }
    }
    let receipt = pair.phone.receipt(&village()).unwrap().unwrap();
    assert_eq!(receipt.vector, pair.phone.vector(&village()).unwrap());
    assert_eq!(receipt.backup_at, NOW + 1);
}

#[test]
fn a_restored_phone_that_hears_only_how_far_it_was_writes_on_in_another_journal() {
    let mut pair = Pair::new();
    let replica = &mut pair.phone;
    replica.transaction(|replica| replica.set_meta(EPOCH, Some(&[1; 8]))).unwrap();
    pair.work(1);
    pair.record();
    let copy = pair.phone.store.clone();
    pair.edit(vec![text("pekerjaan", "petani")]);
    pair.record();
    pair.phone = Replica::open(copy, pair.office.public_key()).unwrap();
    let epoch = |pair: &Pair| pair.phone.meta(EPOCH).unwrap();
    assert!(epoch(&pair).is_some());

    // The office says what it has; the entries that follow are lost on their way.
    let (mut caller, mut answerer, proof) = pair.proven();
    let mut up = vec![proof];
    while epoch(&pair).is_some() {
        let down: Vec<_> =
            up.drain(..).flat_map(|frame| pair.office_takes(&mut answerer, &frame, |_| {})).collect();
        assert!(!down.is_empty());
        let entries = |frame: &&Vec<u8>| matches!(Message::from_bytes(frame), Ok(Message::Batch(_)));
        for frame in down.iter().take_while(|frame| !entries(frame)) {
            up.extend(pair.phone_takes(&mut caller, frame, |_| {}));
        }
    }
    let journals = pair.phone.journals(&village()).unwrap();
    let own = journals.values().find(|row| row.journal.epoch == [1; 8]).unwrap();
    assert_eq!(own.head.seq, 2, "what was lost has not come");
}

#[test]
fn a_partition_that_is_opened_to_a_caller_between_its_proof_and_its_word_is_sent() {
    let mut pair = Pair::new();
    pair.work(1);
    pair.record();
    certify(&mut pair, SeededKey::new(77).public_key(), village());
    let (mut caller, mut answerer, proof) = pair.proven();
    let differ = sent(pair.up(&mut answerer, &proof)).remove(0);
    let (key, other): (_, Partition) = (pair.key.public_key(), "33.12.08.2009".parse().unwrap());
    certify(&mut pair, key, other);
    let news = BTreeSet::from([other]);
    let library = pair.office.library(&pair.receipts, NOW);
    assert_eq!(
        answerer.poll(&library, Some(&news)).unwrap(),
        [],
        "nothing is known yet of what the caller has"
    );
    let mut up = pair.phone_takes(&mut caller, &differ, |_| {});
    while let Some(frame) = up.pop() {
        for frame in pair.office_takes(&mut answerer, &frame, |_| {}) {
            up.extend(pair.phone_takes(&mut caller, &frame, |_| {}));
        }
    }
    assert!(pair.phone.certificate(&other, &pair.key.author()).unwrap().is_some());
}
