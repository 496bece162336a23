//! Who is who: played-again sessions, impostors, strangers, certificates that are over or of a device's own making. Each is
//! refused with its reason, and nothing comes in.

use std::collections::VecDeque;

use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::Partition;
use loket_core::journal::body::{Body, Certificate, NONCE, Revocation};
use loket_core::sync::message::ProtocolError;
use loket_core::sync::session::{Output, Session, SessionError};
use loket_server::office::verify::verify;

use crate::frames::{NOW, Pair, VILLAGE, signed};

/// Feeds recorded frames to the office's side of a new session; why it ended, and whether anything was to be learned.
fn played(pair: &Pair, session: &mut Session, frames: &[Vec<u8>]) -> (Option<ProtocolError>, bool) {
    let mut learns = false;
    for frame in frames {
        let library = pair.office.library(&pair.receipts, NOW);
        match session.receive(frame, &library, &*pair.office.signer()) {
            Ok(outputs) => learns |= outputs.iter().any(|output| matches!(output, Output::Learn { .. })),
            Err(SessionError::Protocol(error)) => return (Some(error), learns),
            Err(SessionError::Replica(error)) => panic!("{error}"),
        }
    }
    (None, learns)
}

#[test]
fn a_session_cannot_be_played_again() {
    let (mut recorded, mut before) = (Pair::new(), Pair::new());
    recorded.work(3);
    before.work(3);
    let [up, down] = recorded.record();
    // To the same challenge it fits: what follows shows that the challenge alone keeps it out.
    assert_eq!(played(&before, &mut before.answers(), &up), (None, true));
    let mut anew = Session::answer(before.office.public_key().author(), [9; 16]);
    let (ended, learns) = played(&before, &mut anew, &up);
    assert_eq!((ended, learns), (Some(ProtocolError::Signature), false));
    // And to a phone, the office's half.
    let (mut caller, _) = Session::call(before.key.author(), [9; 16]);
    let mut ends = down.iter().map(|frame| caller.receive(frame, &before.phone, &before.key));
    let error = ends.find_map(Result::err);
    assert!(matches!(error, Some(SessionError::Protocol(ProtocolError::Signature))), "{error:?}");
}

/// Lets a caller and an answerer with these keys talk; how the first of them ended it.
fn ended(
    pair: &Pair,
    caller: &SeededKey,
    office: &SeededKey,
    named: &SeededKey,
    now: i64,
) -> Option<ProtocolError> {
    let (mut calls, hello) = Session::call(caller.author(), [1; 16]);
    let mut answers = Session::answer(named.author(), [2; 16]);
    let (mut up, mut down) = (VecDeque::from([hello]), VecDeque::new());
    let sent = |outputs: Vec<Output>| {
        outputs.into_iter().filter_map(|output| match output {
            Output::Send(frame) => Some(frame),
            _ => None,
        })
    };
    loop {
        if let Some(frame) = up.pop_front() {
            let library = pair.office.library(&pair.receipts, now);
            match answers.receive(&frame, &library, office) {
                Ok(outputs) => down.extend(sent(outputs)),
                Err(SessionError::Protocol(error)) => return Some(error),
                Err(SessionError::Replica(error)) => panic!("{error}"),
            }
        } else if let Some(frame) = down.pop_front() {
            match calls.receive(&frame, &pair.phone, caller) {
                Ok(outputs) => up.extend(sent(outputs)),
                Err(SessionError::Protocol(error)) => return Some(error),
                Err(SessionError::Replica(error)) => panic!("{error}"),
            }
        } else {
            return None;
        }
    }
}

#[test]
fn impostors_strangers_and_those_whose_time_is_over_are_refused() {
    let mut pair = Pair::new();
    pair.work(1);
    let (office, phone) = (SeededKey::new(0), SeededKey::new(1));
    assert_eq!(ended(&pair, &phone, &office, &office, NOW), None);
    // Somebody in the office's place: under a name of their own, and under the office's.
    let impostor = SeededKey::new(77);
    assert!(ended(&pair, &phone, &impostor, &impostor, NOW).is_some());
    assert_eq!(ended(&pair, &phone, &impostor, &office, NOW), Some(ProtocolError::Signature));
    // A device that nobody certified, one under another's name, and one whose certificate is over.
    let stranger = SeededKey::new(3);
    assert!(ended(&pair, &stranger, &office, &office, NOW).is_some());
    assert!(ended(&pair, &phone, &office, &office, NOW + 3 * 366 * 24 * 3600).is_some());
}

#[test]
fn a_device_certifies_and_revokes_nobody() {
    let mut pair = Pair::new();
    let (key, friend, other) = (SeededKey::new(1), SeededKey::new(9), SeededKey::new(2));
    let place: Partition = VILLAGE.parse().unwrap();
    let certificate = Certificate {
        key: friend.public_key(),
        role: Role::OperatorDesa,
        partitions: vec![place],
        not_after: i64::MAX,
        seal: None,
        officer: "Siapa pun".into(),
    };
    let own = signed(&key, VILLAGE, Body::Certificate(certificate).to_bytes([1; NONCE]));
    pair.ingest(vec![own]);
    assert!(pair.office.replica.certificate(&place, &friend.author()).unwrap().is_none());
    let before = pair.office.replica.scope_of(&other.author()).unwrap();
    let revocation = Revocation { author: other.author(), last: vec![], cause: "dicabut".into() };
    let own = signed(&key, VILLAGE, Body::Revocation(revocation).to_bytes([2; NONCE]));
    pair.ingest(vec![own]);
    assert_eq!(pair.office.replica.scope_of(&other.author()).unwrap(), before);
    assert!(pair.office.replica.scope_of(&key.author()).unwrap().contains(&place), "and goes on itself");
    assert!(verify(&pair.office.replica).unwrap().faults.is_empty());
}
