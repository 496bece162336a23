//! Vectors: bytes and hashes of every kind of entry and message, recorded. A change of any of these breaks old
//! phones, so it breaks a test first. A second implementation can check itself against the snapshots.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::Write as _;

use super::body::*;
use super::receipt::Receipt;
use super::run::{AppRef, Head, Run, WireEntry, signed_bytes};
use super::vector::{Vector, scope_digest};
use super::*;
use crate::application::Document;
use crate::catalogue::Role;
use crate::identity::{SealKey, SeededKey, Signer};
use crate::refusal::Refusal;
use crate::replica::write::text;
use crate::sync::message::{Batch, Common, Have, Hello, Message, PartitionDigest, Taken, Trail, VERSION};
use crate::workflow::{Actor, Decision, Event, Frozen, Who};

const NONCE_BYTES: [u8; NONCE] = *b"0123456789abcdef";
const TIME: i64 = 1_795_400_000;

fn village() -> Partition {
    "33.12.08.2002".parse().unwrap()
}

fn journal() -> Journal {
    Journal { author: SeededKey::new(1).author(), partition: village(), epoch: *b"epoch-01" }
}

fn opening() -> Edit {
    let ops = vec![
        text("_layanan", "ktp-el-hilang"),
        text("_nomor", "3312082002-26-79E7-0042J"),
        text("nama", "Contoh Fiktif"),
        Op {
            register: "lampiran/surat_kehilangan/1".into(),
            value: Value::Attachment(AttachmentHash([7; 32]), 400_000),
        },
    ];
    let change =
        Document::default().replay(&[], &actor(&journal().id(), &NONCE_BYTES), TIME, &ops, None).unwrap();
    Edit { parents: vec![], change, time: TIME, ops, staff: None }
}

fn remains(id: EntryHash, cause: &str) -> Remains {
    let office = Actor { who: Who::Office, role: Role::Admin };
    Remains {
        id,
        number: "3312082002-26-79E7-0042J".into(),
        service: "ktp-el-hilang".into(),
        version: "1".into(),
        variant: None,
        catalogue: [8; 32],
        place: Some(village()),
        record: vec![Decision {
            act: "ambil".into(),
            kind: Event::Done,
            request: None,
            actor: office,
            at: TIME + 90,
            claimed_at: None,
            reason: None,
            marks: vec![],
            params: vec![("nomor_seri".into(), "A1".into())],
            revision: 1,
            frozen: None,
            complete: true,
        }],
        last: vec![id],
        cause: cause.into(),
        staff: Some(2),
        reason: None,
        at: TIME + 120,
    }
}

fn bodies() -> Vec<(&'static str, Body)> {
    let device = SeededKey::new(1).public_key();
    let id = journal().id();
    let entry = EntryHash([3; 32]);
    let parents = vec![Parent::First, Parent::Back(2), Parent::Entry(entry)];
    let decision = Decision {
        act: "ajukan".into(),
        kind: Event::Done,
        request: Some(entry),
        actor: Actor { who: Who::Device(device.author()), role: Role::OperatorDesa },
        at: TIME + 60,
        claimed_at: Some(TIME),
        reason: Some("karena".into()),
        marks: vec![("kartu_keluarga".into(), "buram".into())],
        params: vec![("referensi_siak".into(), "S-1".into())],
        revision: 1,
        frozen: Some(Frozen { heads: vec![ChangeHash([5; 32])], attachments: vec![AttachmentHash([7; 32])] }),
        complete: true,
    };
    let refused = Decision {
        kind: Event::Refused(Refusal::MasihKurang("field/nik".into())),
        frozen: None,
        actor: Actor { who: Who::Staff(4), role: Role::FrontOffice },
        ..decision.clone()
    };
    vec![
        ("edit, the first of an application", Body::Edit(opening())),
        (
            "edit, with every kind of parent and value",
            Body::Edit(Edit {
                parents: parents.clone(),
                change: ChangeHash([5; 32]),
                time: TIME,
                ops: vec![text("rt", "007"), Op { register: "email".into(), value: Value::Clear }],
                staff: Some(4),
            }),
        ),
        (
            "request, a submission",
            Body::Request(Request {
                act: "ajukan".into(),
                parents,
                frozen: Some(frozen_digest(&[ChangeHash([5; 32])], &[AttachmentHash([7; 32])])),
                time: TIME,
                reason: None,
                params: vec![],
            }),
        ),
        ("decision, done", Body::Decision(decision)),
        ("decision, refused", Body::Decision(refused)),
        (
            "certificate",
            Body::Certificate(Certificate {
                seal: None,
                key: device,
                role: Role::OperatorDesa,
                partitions: vec![village(), Partition::NeedToKnow([9; 16])],
                not_after: TIME + 1000,
                officer: "Petugas Fiktif".into(),
            }),
        ),
        (
            "revocation",
            Body::Revocation(Revocation {
                author: device.author(),
                last: vec![(id, Head { seq: 7, hash: entry })],
                cause: "pindah".into(),
            }),
        ),
        ("adopt", Body::Adopt(Adopt { entries: vec![entry], staff: 2, reason: "beriktikad baik".into() })),
        ("held attachments", Body::HeldAttachments(HeldAttachments { spans: vec![(entry, 9)] })),
        ("destroyed", Body::Destroyed(Destroyed { applications: vec![remains(entry, "perintah")] })),
        (
            "office file",
            Body::OfficeFile(OfficeFile { kind: "layanan".into(), name: "x".into(), zstd: vec![1, 2, 3] }),
        ),
        ("office key", Body::OfficeKey(OfficeKey { key: device, since: TIME })),
        ("retired", Body::Retired(Retired { applications: vec![remains(entry, "selesai")] })),
    ]
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn entry(seq: u64, application: Option<EntryHash>, body: &Body) -> StoredEntry {
    let bytes = body.to_bytes(NONCE_BYTES);
    let header = Header {
        version: HEADER_VERSION,
        journal: journal().id(),
        seq,
        prev: (seq > 1).then_some(EntryHash([2; 32])),
        body_hash: body_hash(&bytes),
        application,
        extension: None,
    };
    StoredEntry::new(header, Content::Present(bytes))
}

#[test]
fn entries_are_encoded_and_hashed_as_recorded() {
    let mut lines = String::new();
    writeln!(lines, "journal {} id {}", hex(&encode(&journal())), journal().id()).unwrap();
    for (n, (name, body)) in bodies().iter().enumerate() {
        let entry = entry(n as u64 + 1, (n > 0).then_some(EntryHash([4; 32])), body);
        let Content::Present(bytes) = &entry.content else { continue };
        assert_eq!(Body::from_bytes(bytes).as_ref(), Ok(body));
        writeln!(lines, "{name}\n  body   {}", hex(bytes)).unwrap();
        writeln!(lines, "  header {}\n  hash   {}", hex(&entry.header.to_bytes()), entry.hash).unwrap();
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn a_run_opens_to_what_was_closed_and_its_bytes_are_as_recorded() {
    let key = SeededKey::new(1);
    let first = entry(1, None, &Body::Edit(opening()));
    let close = |entry: &StoredEntry| WireEntry::close(entry, None);
    let head = Head { seq: 1, hash: first.hash };
    let signature = key.sign(&signed_bytes(&journal().id(), &head)).unwrap();
    let run = Run { journal: journal(), first: 1, entries: vec![close(&first)], signature, after: None };
    assert_eq!(run.open(Head::EMPTY, &key.public_key(), |_| None).unwrap(), [first]);
    let behind = Run { first: 2, after: Some(head.hash), ..run.clone() };
    insta::assert_snapshot!(format!(
        "run {}\nbehind a fork {}\nline {}\nsigned {}",
        hex(&encode(&run)),
        hex(&encode(&behind)),
        journal().line(&head.hash),
        hex(&signed_bytes(&journal().id(), &head))
    ));
}

/// An entry of the office with the header that leads to its signature.
fn shown() -> Run {
    let entry = |body: Option<Vec<u8>>| WireEntry {
        application: AppRef::None,
        destroyed: body.is_none().then_some([7; 32]),
        body,
        version: None,
        extension: None,
    };
    let certificate = Body::Certificate(Certificate {
        key: SeededKey::new(2).public_key(),
        role: Role::OperatorDesa,
        partitions: vec![village()],
        not_after: TIME,
        officer: "Sri".into(),
        seal: Some(SealKey([4; 32])),
    });
    Run {
        journal: journal(),
        first: 3,
        entries: vec![entry(Some(certificate.to_bytes([9; NONCE]))), entry(None)],
        signature: SeededKey::new(1).sign(b"x").unwrap(),
        after: Some(EntryHash([2; 32])),
    }
}

#[test]
fn messages_are_encoded_as_recorded() {
    let id = journal().id();
    let head = Head { seq: 3, hash: EntryHash([3; 32]) };
    let signature = SeededKey::new(1).sign(b"x").unwrap();
    let vector = Vector([(id, head)].into());
    let mut receipt = Receipt {
        partition: village(),
        epoch: 1,
        number: 17,
        time: TIME,
        vector: vector.clone(),
        backup: Vector([(id, Head { seq: 2, hash: EntryHash([2; 32]) })].into()),
        backup_at: TIME - 60,
        held: vec![EntryHash([8; 32])],
        signature,
    };
    receipt.signature = SeededKey::new(1).sign(&receipt.signed_bytes()).unwrap();
    assert!(receipt.verifies(&SeededKey::new(1).public_key()));
    assert_eq!(receipt.close(None).open(None).as_ref(), Some(&receipt));
    let hello =
        Hello { version: VERSION, author: SeededKey::new(1).author(), nonce: [6; 16], certificate: None };
    let digest = scope_digest([(&village(), vector.digest())].into_iter());
    let messages = [
        Message::Hello(hello.clone()),
        Message::Welcome(hello, signature),
        Message::Proof(signature, digest),
        Message::Same,
        Message::Differ(vec![PartitionDigest { partition: village(), digest: vector.digest() }]),
        Message::Have(vec![Have {
            partition: village(),
            base: Some((1, 9)),
            heads: vec![(id, head)],
            backup_at: Some(TIME - 60),
        }]),
        Message::Batch(Batch { id: 1, dictionary: None, size: 9, zstd: vec![1, 2, 3] }),
        Message::Taken(Taken { batch: 1, refused: vec![(id, 4)] }),
        Message::Receipts(vec![receipt.close(None)]),
        Message::Done,
        Message::Error(3, "perangkat tidak terdaftar".into()),
        Message::Trail(Trail { partition: village(), line: id, heads: vec![head] }),
        Message::Common(Common { partition: village(), line: id, head }),
        Message::Revoked(Box::new(shown())),
        Message::Hello(Hello {
            version: VERSION,
            author: SeededKey::new(1).author(),
            nonce: [6; 16],
            certificate: Some(shown()),
        }),
    ];
    let mut lines = String::new();
    for message in messages {
        let bytes = message.to_bytes();
        assert_eq!(Message::from_bytes(&bytes).unwrap(), message);
        let name = format!("{message:?}");
        writeln!(lines, "{}\n  {}", name.split(['(', ' ']).next().unwrap(), hex(&bytes)).unwrap();
    }
    writeln!(lines, "receipt signed\n  {}", hex(&receipt.signed_bytes())).unwrap();
    insta::assert_snapshot!(lines);
}

#[test]
fn bodies_beyond_their_limits_or_cut_short_are_told_apart() {
    let many = Edit { ops: vec![text("rt", "1"); MAX_OPS + 1], ..opening() };
    assert_eq!(Body::from_bytes(&Body::Edit(many).to_bytes(NONCE_BYTES)), Err(BodyError::TooLarge));
    let long = Edit { ops: vec![text("rt", &"x".repeat(MAX_TEXT + 1))], ..opening() };
    assert_eq!(Body::from_bytes(&Body::Edit(long).to_bytes(NONCE_BYTES)), Err(BodyError::TooLarge));
    let bytes = Body::Edit(opening()).to_bytes(NONCE_BYTES);
    for cut in 0..bytes.len() {
        assert_eq!(Body::from_bytes(&bytes[..cut]), Err(BodyError::Unreadable), "cut at {cut}");
    }
}
