//! Headers and bodies of entries, and the replay of edits that can be read.
//!
//! The first byte says what the rest is: a header, or bodies of edits of one application, each behind two bytes of
//! its length (little-endian; `ffff` takes the rest).

use loket_core::application::{Document, ReplayError};
use loket_core::journal::body::{Body, Edit, MAX_OPS, MAX_PARENTS, MAX_REGISTER, MAX_TEXT, NONCE, Value};
use loket_core::journal::{ChangeHash, Header, Journal, JournalId, MAX_BODY, actor, encode};
use loket_core::refusal::Refusal;

use super::seeds::{self, Seeds};
use super::world::{village, world};

/// Edits that are replayed one after another.
const MAX_EDITS: usize = 32;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    match first % 4 {
        0 => header(rest),
        1 => {
            // What an entry may hold is checked before it is read.
            body(rest.get(..MAX_BODY).unwrap_or(rest));
        }
        2 => replay(rest),
        _ => journal(rest),
    }
}

fn header(bytes: &[u8]) {
    let Ok(header) = minicbor::decode::<Header>(bytes) else { return };
    let written = header.to_bytes();
    let again: Header = minicbor::decode(&written).expect("what was written can be read");
    assert_eq!(again, header);
    assert_eq!(again.hash(), header.hash());
    assert_eq!(again.to_bytes(), written);
}

fn journal(bytes: &[u8]) {
    let Ok(journal) = minicbor::decode::<Journal>(bytes) else { return };
    let again: Journal = minicbor::decode(&encode(&journal)).expect("what was written can be read");
    assert_eq!((again, again.id()), (journal, journal.id()));
    assert_eq!(journal.partition.to_string().parse(), Ok(journal.partition));
}

fn body(bytes: &[u8]) -> Option<Edit> {
    let body = Body::from_bytes(bytes).ok()?;
    let nonce = bytes[..NONCE].try_into().unwrap();
    let written = body.to_bytes(nonce);
    assert_eq!(Body::from_bytes(&written).as_ref(), Ok(&body));
    assert_eq!(body.to_bytes(nonce), written);
    match body {
        Body::Edit(edit) => {
            assert!(edit.ops.len() <= MAX_OPS && edit.parents.len() <= MAX_PARENTS);
            for op in &edit.ops {
                assert!(op.register.len() <= MAX_REGISTER);
                match &op.value {
                    Value::Text(text) => assert!(text.len() <= MAX_TEXT),
                    Value::Attachment(hash, size) => {
                        let text = op.value.text().expect("an attachment is text");
                        assert_eq!(Value::parse_attachment(&text), Some((*hash, *size)));
                    }
                    Value::Clear => assert_eq!(op.value.text(), None),
                }
            }
            Some(edit)
        }
        Body::Decision(decision) => {
            if let loket_core::workflow::Event::Refused(refusal) = &decision.kind {
                assert_eq!(&Refusal::from_text(&refusal.as_text()), refusal);
                let _ = refusal.sentence();
            }
            let file = world().phone_over(&world().phone).catalogue().files().next().cloned().unwrap();
            let _ = loket_core::workflow::state(&file.service, &[decision]);
            None
        }
        _ => None,
    }
}

/// Edits on two replicas: whatever they say, both arrive at the same hashes, and a wrong hash changes nothing.
fn replay(mut bytes: &[u8]) {
    let (mut one, mut other) = (Document::default(), Document::default());
    let mut changes: Vec<ChangeHash> = Vec::new();
    for n in 0..MAX_EDITS {
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else { break };
        let length = usize::from(u16::from_le_bytes(*length));
        let (piece, rest) = rest.split_at(length.min(rest.len()));
        bytes = rest;
        let Some(edit) = body(piece) else { continue };
        // The parents it can have are those that came before; which, its own parents choose.
        let at: Vec<ChangeHash> = match changes.len() {
            0 => Vec::new(),
            count => edit.parents.iter().map(|p| changes[encode(p).len() * 7 % count]).collect(),
        };
        let journal = JournalId([u8::try_from(n % 3).unwrap(); 32]);
        let actor = actor(&journal, piece.get(..NONCE).unwrap_or_default());
        let before = one.heads();
        match one.replay(&at, &actor, edit.time, &edit.ops, None) {
            Ok(change) => {
                let wrong = Some(ChangeHash([9; 32]));
                let refused = other.replay(&at, &actor, edit.time, &edit.ops, wrong);
                assert_eq!(refused, Err(ReplayError::Hash));
                assert_eq!(other.heads(), before);
                assert_eq!(other.replay(&at, &actor, edit.time, &edit.ops, Some(change)), Ok(change));
                changes.push(change);
            }
            Err(error) => {
                assert_eq!(one.heads(), before);
                assert_eq!(other.replay(&at, &actor, edit.time, &edit.ops, None), Err(error));
            }
        }
    }
    assert_eq!(one.heads(), other.heads());
    assert_eq!(one.registers(), other.registers());
    let _ = one.conflicts();
    let Some(saved) = one.save() else { return };
    let saved = Document::load(&saved).expect("what was saved can be loaded");
    assert_eq!((saved.heads(), saved.registers()), (one.heads(), one.registers()));
}

/// Recorded headers and bodies, and the edits of an application one after another.
pub fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    for (name, bytes) in seeds::recorded("entries_are_encoded") {
        let kind = if name.contains("-header-") {
            0
        } else if name.contains("-body-") {
            1
        } else {
            3
        };
        seeds.push((name, [&[kind][..], &bytes].concat()));
    }
    let phone = world().phone_over(&world().phone);
    let runs = super::world::runs(&phone, &village());
    let mut edits = vec![2];
    for body in runs.iter().flat_map(|run| &run.entries).filter_map(|entry| entry.body.as_ref()) {
        edits.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
        edits.extend(body);
    }
    seeds.push(("perubahan".into(), edits));
    seeds
}
