//! Phones that meet on a network of their own, in some worlds: sessions between neighbours, most of them cut.

use std::collections::VecDeque;

use loket_core::identity::Signer;
use loket_core::replica::neighbour::{Neighbour, Shown};
use loket_core::sync::message::ProtocolError;
use loket_core::sync::session::{Bond, Output, Session, SessionError};

use super::invariants;
use super::world::{Event, World};

/// Seeds of one in so many worlds let phones meet; the others go on as they were when they were remembered.
const ONE_IN: u64 = 3;
/// Frames after which a meeting that is cut is cut at the latest.
const MOST_FRAMES: usize = 14;

/// One side of a meeting.
struct Side {
    phone: usize,
    session: Session,
    shown: Shown,
}

/// Whether phones meet in the world of a seed.
pub fn meets(seed: u64) -> bool {
    seed % ONE_IN == ONE_IN - 1
}

impl World {
    /// Two phones meet, if they can.
    pub fn meet(&mut self) -> Result<(), String> {
        if !self.faulty {
            return Ok(());
        }
        let next = self.dice.range(60_000, 1_800_000);
        self.after(next, Event::Meet);
        let one = self.dice.below(self.phones.len());
        let other = (one + 1 + self.dice.below(self.phones.len() - 1)) % self.phones.len();
        for phone in [one, other] {
            if self.phones[phone].awake {
                self.seal(phone)?;
            }
        }
        if ![one, other].into_iter().all(|phone| self.phones[phone].awake && self.is_certified(phone)) {
            return Ok(());
        }
        self.note(format!("phones {one} and {other} meet"));
        self.count("meetings");
        let most = if self.dice.chance(50) { self.dice.below(MOST_FRAMES) } else { usize::MAX };
        self.hold(one, other, most)?;
        for phone in [one, other] {
            self.after(1, Event::Seal(phone));
        }
        Ok(())
    }

    fn is_certified(&self, phone: usize) -> bool {
        let p = &self.phones[phone];
        p.replica.certificate_run(&p.author).is_ok_and(|run| run.is_some())
    }

    fn hold(&mut self, one: usize, other: usize, most: usize) -> Result<(), String> {
        let mut nonces = [[0; 16]; 2];
        nonces.iter_mut().for_each(|nonce| self.dice.fill(nonce));
        let bond = |world: &World, phone: usize, expected| {
            let p = &world.phones[phone];
            let certificate = p.replica.certificate_run(&p.author).ok().flatten();
            Bond { line: Some([3; 32]), certificate, expected }
        };
        let expected = Some(self.phones[other].author);
        let (caller, hello) =
            Session::call_bound(self.phones[one].author, nonces[0], bond(self, one, expected));
        let answerer = Session::answer_bound(self.phones[other].author, nonces[1], bond(self, other, None));
        let mut caller = Side { phone: one, session: caller, shown: Shown::default() };
        let mut answerer = Side { phone: other, session: answerer, shown: Shown::default() };
        let (mut up, mut down) = (VecDeque::from([hello]), VecDeque::new());
        for _ in 0..most {
            let (side, frames, answers) = match (up.pop_front(), &mut up, &mut down) {
                (Some(frame), _, down) => (&mut answerer, frame, down),
                (None, up, down) => match down.pop_front() {
                    Some(frame) => (&mut caller, frame, up),
                    None => return Ok(()),
                },
            };
            match self.takes(side, &frames)? {
                Some(more) => answers.extend(more),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// A frame arrives at one of the two; what it answers, nothing where the meeting ends.
    fn takes(&mut self, side: &mut Side, frame: &[u8]) -> Result<Option<Vec<Vec<u8>>>, String> {
        let (phone, now) = (side.phone, self.seconds());
        let p = &mut self.phones[phone];
        let library = Neighbour { replica: &p.replica, me: p.author, now, shown: &side.shown };
        let received = side.session.receive(frame, &library, &p.key);
        let (ahead, me) = (side.session.take_ahead(), p.key.author());
        if let Err(error) = p.replica.transaction(|replica| replica.notice_ahead(&me, &ahead)) {
            return self.phone_failed(phone, "noticing", &error).map(|()| None);
        }
        let mut todo = match received {
            Ok(outputs) => VecDeque::from(outputs),
            Err(SessionError::Protocol(
                refused @ (ProtocolError::Revoked | ProtocolError::Expired | ProtocolError::Elsewhere),
            )) => {
                self.count(&format!("not met: {refused:?}"));
                return Ok(None);
            }
            Err(error) => return Err(format!("a meeting of honest phones ended: {error}")),
        };
        let mut frames = Vec::new();
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => frames.push(frame),
                Output::Learn { batch, runs } => {
                    if self.dice.chance(2) {
                        self.crash(phone);
                        return Ok(None);
                    }
                    let p = &mut self.phones[phone];
                    let learned = match p.replica.transaction(|replica| replica.learn(&runs)) {
                        Ok(learned) => learned,
                        Err(error) => {
                            return self.phone_failed(phone, "learning", &error).map(|()| None);
                        }
                    };
                    if !learned.refused.is_empty() {
                        return Err(format!("phone {phone} refused a neighbour's: {:?}", learned.refused));
                    }
                    let library = Neighbour { replica: &p.replica, me: p.author, now, shown: &side.shown };
                    let more = side.session.taken(batch, &learned.refused, &library);
                    todo.extend(more.map_err(|error| format!("taken: {error}"))?);
                }
                Output::Receipt(receipt) => {
                    let p = &mut self.phones[phone];
                    match p.replica.transaction(|replica| replica.learn_receipt(&receipt)) {
                        Ok(true) => invariants::receipt(self, &receipt)?,
                        Ok(false) => {}
                        Err(error) => return self.phone_failed(phone, "a receipt", &error).map(|()| None),
                    }
                }
                Output::Taken { refused } if refused.is_empty() => {}
                Output::Taken { refused } => return Err(format!("a neighbour did not take {refused:?}")),
                Output::Revoked(_) | Output::PeerDone => {}
            }
        }
        Ok(Some(frames))
    }
}
