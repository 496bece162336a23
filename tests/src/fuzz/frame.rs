//! Frames at a live session, in every phase of either side.
//!
//! The first byte says which side and after how many honest frames; then come frames, each behind two bytes of its
//! length (little-endian), of which `ffff` takes the rest.

use std::cell::RefCell;

use loket_core::replica::Replica;
use loket_core::store::memory::MemoryStore;
use loket_core::sync::Library;
use loket_core::sync::message::{MAX_FRAME, Message};
use loket_core::sync::session::{Output, Session, SessionError};
use loket_server::config::limits::OUTGOING;
use loket_server::office::Office;
use loket_server::office::library::Receipts;

use super::seeds::{self, Seeds};
use super::world::{NOW, entries, undone, world};

/// Most frames of one input that are looked at.
const MAX_FRAMES: usize = 16;
/// Says that the input is for the phone's side.
const PHONE: u8 = 0x80;

thread_local! {
    static SIDES: RefCell<Sides> = RefCell::new(Sides::new());
}

struct Sides {
    office: Office<MemoryStore>,
    phone: Replica<MemoryStore>,
    receipts: Receipts,
    /// Honest frames that each side can hear without keeping what they bring.
    honest: [usize; 2],
}

impl Sides {
    fn new() -> Self {
        let office = world().office_over(&world().office);
        let phone = world().phone_over(&world().phone);
        let mut sides = Sides { office, phone, receipts: Receipts::default(), honest: [0, 0] };
        let (mut answerer, mut caller) = (world().answers(), world().calls());
        let signer = sides.office.signer();
        let up = world().frames[0].iter().take_while(|frame| {
            let library = sides.office.library(&sides.receipts, NOW);
            answerer.receive(frame, &library, &*signer).is_ok()
        });
        let up = up.count();
        let down = world().frames[1]
            .iter()
            .take_while(|frame| caller.receive(frame, &sides.phone, &*world().devices[0]).is_ok());
        sides.honest = [up, down.count()];
        assert!(answerer.is_open() && caller.is_open(), "honest frames open both sides");
        sides
    }
}

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    SIDES.with_borrow_mut(|sides| {
        if first & PHONE == 0 {
            at_office(sides, usize::from(first), &frames_of(rest));
        } else {
            at_phone(sides, usize::from(first & !PHONE), &frames_of(rest));
        }
    });
}

fn frames_of(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length));
        let (frame, rest) = rest.split_at(length.min(rest.len()));
        frames.push(frame);
        bytes = rest;
        if frames.len() >= MAX_FRAMES {
            break;
        }
    }
    frames
}

fn at_office(sides: &mut Sides, honest: usize, frames: &[&[u8]]) {
    let Sides { office, receipts, honest: known, .. } = sides;
    let signer = office.signer();
    let mut session = world().answers();
    let recorded = &world().frames[0];
    for frame in &recorded[..honest.min(known[0])] {
        let library = office.library(receipts, NOW);
        session.receive(frame, &library, &*signer).expect("an honest frame");
    }
    for frame in frames {
        read_again(frame);
        let received = session.receive(frame, &office.library(receipts, NOW), &*signer);
        let Some(outputs) = judged(received) else { return };
        let learned = only_known(&mut office.replica, &outputs);
        for (batch, refused) in learned {
            let library = office.library(receipts, NOW);
            taken(&mut session, batch, &refused, &library);
        }
    }
}

fn at_phone(sides: &mut Sides, honest: usize, frames: &[&[u8]]) {
    let Sides { phone, honest: known, .. } = sides;
    let key = &*world().devices[0];
    let mut session = world().calls();
    let recorded = &world().frames[1];
    for frame in &recorded[..honest.min(known[1])] {
        session.receive(frame, &*phone, key).expect("an honest frame");
    }
    for frame in frames {
        read_again(frame);
        let Some(outputs) = judged(session.receive(frame, &*phone, key)) else { return };
        for output in &outputs {
            if let Output::Receipt(receipt) = output {
                let office = *phone.office_key();
                undone(phone, |replica| {
                    let kept = replica.learn_receipt(receipt)?;
                    assert!(!kept || receipt.verifies(&office), "a receipt that the office did not sign");
                    Ok(())
                });
            }
        }
        for (batch, refused) in only_known(phone, &outputs) {
            taken(&mut session, batch, &refused, &*phone);
        }
    }
}

/// What can be read is read again from what it is written as.
fn read_again(frame: &[u8]) {
    if let Ok(message) = Message::from_bytes(frame) {
        let bytes = message.to_bytes();
        assert!(bytes.len() <= frame.len() + 1024, "what is written is not much longer than what was read");
        assert_eq!(Message::from_bytes(&bytes).as_ref(), Ok(&message));
    }
}

/// The outputs, none where the session has ended; this side's own failure is nobody's doing but ours.
fn judged(received: Result<Vec<Output>, SessionError>) -> Option<Vec<Output>> {
    let outputs = match received {
        Ok(outputs) => outputs,
        Err(error @ SessionError::Protocol(_)) => {
            assert!(Message::from_bytes(&Session::farewell(&error)).is_ok());
            return None;
        }
        Err(SessionError::Replica(error)) => panic!("a frame made this side fail: {error}"),
    };
    let mut bytes = 0;
    for output in &outputs {
        if let Output::Send(frame) = output {
            assert!(frame.len() <= MAX_FRAME && Message::from_bytes(frame).is_ok());
            bytes += frame.len();
        }
    }
    assert!(bytes <= OUTGOING, "one frame is answered with {bytes} bytes");
    Some(outputs)
}

type Learned = Vec<(u64, Vec<(loket_core::journal::JournalId, loket_core::replica::learn::LearnError)>)>;

/// Learns what a frame brought, looks that nothing unknown came in, and takes it back.
fn only_known(replica: &mut Replica<MemoryStore>, outputs: &[Output]) -> Learned {
    let mut all = Vec::new();
    for output in outputs {
        let Output::Learn { batch, runs } = output else { continue };
        undone(replica, |replica| {
            let learned = replica.learn(runs)?;
            assert!(entries(replica).is_subset(&world().known), "something that nobody signed was kept");
            all.push((*batch, learned.refused));
            Ok(())
        });
    }
    all
}

fn taken(
    session: &mut Session,
    batch: u64,
    refused: &[(loket_core::journal::JournalId, loket_core::replica::learn::LearnError)],
    library: &impl Library,
) {
    judged(session.taken(batch, refused, library)).expect("taking ends no session");
}

fn input(side: u8, honest: usize, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut input = vec![side | u8::try_from(honest).unwrap()];
    for frame in frames {
        let length = u16::try_from(frame.len()).unwrap_or(u16::MAX);
        input.extend(length.to_le_bytes());
        input.extend(frame);
    }
    input
}

/// Every honest frame where it belongs, the rest of the session after it, and the recorded messages in each phase.
pub fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    for (side, word, frames) in [(0, "kantor", &world().frames[0]), (PHONE, "hp", &world().frames[1])] {
        for at in 0..frames.len() {
            seeds.push((format!("{word}-{at}"), input(side, at, &frames[at..=at])));
        }
        seeds.push((format!("{word}-semua"), input(side, 0, frames)));
        for (name, message) in seeds::recorded("messages_are_encoded") {
            let open = frames.len();
            seeds.push((format!("{word}-terbuka-{name}"), input(side, open, &[message])));
        }
    }
    seeds
}
