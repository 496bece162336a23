//! Vectors, their differences, receipts and partitions.
//!
//! The first byte says what the rest is: two lists of heads, a receipt with the one before it, or a partition.

use loket_core::identity::Signer;
use loket_core::journal::receipt::{Receipt, WireReceipt};
use loket_core::journal::run::Head;
use loket_core::journal::vector::{Vector, scope_digest};
use loket_core::journal::{JournalId, Partition, encode};

use super::seeds::{self, Seeds};
use super::world::world;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    match first % 3 {
        0 => differences(rest),
        1 => receipts(rest),
        _ => partition(rest),
    }
}

/// The digest says the same as the vector: equal for equal ones only.
fn same(a: &Vector, b: &Vector) {
    assert_eq!(a.digest() == b.digest(), a == b);
}

fn differences(bytes: &[u8]) {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut vectors = [Vector::default(), Vector::default()];
    for vector in &mut vectors {
        let Ok(heads) = decoder.decode::<Vec<(JournalId, Head)>>() else { break };
        assert_eq!(minicbor::decode::<Vec<(JournalId, Head)>>(&encode(&heads)).unwrap(), heads);
        *vector = vector.with(&heads);
        assert_eq!(vector.with(&heads), *vector, "differences that were applied change nothing more");
    }
    let [a, b] = &vectors;
    for (from, to) in [(a, b), (b, a), (&Vector::default(), a), (a, &Vector::default()), (a, a)] {
        let differences = to.since(from);
        assert_eq!(from.with(&differences), *to);
        assert_eq!(differences.is_empty(), from == to);
        same(from, to);
    }
    for (journal, head) in &a.0 {
        assert!(head.seq > 0 && a.covers(journal, head.seq) && a.head(journal) == *head);
    }
    assert!(a.covers_all(a) && a.covers_all(&Vector::default()));
    assert_eq!(
        a.covers_all(b) && b.covers_all(a),
        a.0.len() == b.0.len() && b.0.iter().all(|(j, h)| a.head(j).seq == h.seq)
    );
}

fn receipts(bytes: &[u8]) {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut have: Option<Receipt> = None;
    for _ in 0..4 {
        let Ok(wire) = decoder.decode::<WireReceipt>() else { return };
        assert_eq!(minicbor::decode::<WireReceipt>(&encode(&wire)).unwrap(), wire);
        let Some(receipt) = wire.open(have.as_ref()) else {
            assert!(wire.base.is_some(), "a whole receipt needs no other");
            continue;
        };
        assert!(receipt.vector.0.values().chain(receipt.backup.0.values()).all(|head| head.seq > 0));
        for base in [None, have.as_ref()] {
            assert_eq!(receipt.close(base).open(base).as_ref(), Some(&receipt));
        }
        assert!(!receipt.is_newer_than(&receipt));
        let signed = receipt.verifies(&world().office_key.public_key());
        assert_eq!(
            signed,
            receipt.close(None).open(None).unwrap().verifies(&world().office_key.public_key())
        );
        have = Some(receipt);
    }
}

fn partition(bytes: &[u8]) {
    if let Some(partition) = Partition::from_bytes(bytes) {
        assert_eq!(partition.to_bytes(), bytes);
        assert_eq!(partition.to_string().parse(), Ok(partition));
        assert_eq!(minicbor::decode::<Partition>(&encode(&partition)).unwrap(), partition);
        let one = scope_digest([(&partition, [1; 32])].into_iter());
        assert_ne!(one, scope_digest([(&partition, [2; 32])].into_iter()));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(partition) = text.parse::<Partition>()
    {
        assert_eq!(partition.to_string().parse(), Ok(partition));
        assert_eq!(Partition::from_bytes(&partition.to_bytes()), Some(partition));
    }
}

/// Recorded receipts and vectors, and what a session exchanged.
pub fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let messages = seeds::recorded("messages_are_encoded");
    for (name, bytes) in &messages {
        // Inside the message's two arrays and the array of receipts or of what somebody has.
        if name.starts_with("receipts-") && bytes[..2] == [0x82, 0x08] {
            seeds.push(("tanda-terima".into(), [&[1][..], &bytes[4..], &bytes[4..]].concat()));
        }
    }
    let head = |n: u8| {
        (JournalId([n; 32]), Head { seq: u64::from(n) * 3, hash: loket_core::journal::EntryHash([n; 32]) })
    };
    let lists =
        [vec![], vec![head(1)], vec![head(1), head(2)], vec![head(3), (JournalId([1; 32]), Head::EMPTY)]];
    for (n, list) in lists.iter().enumerate() {
        for (m, other) in lists.iter().enumerate() {
            seeds.push((format!("selisih-{n}-{m}"), [&[0][..], &encode(list), &encode(other)].concat()));
        }
    }
    for (name, text) in [
        ("kantor", "kantor"),
        ("desa", "33.12.08.2002"),
        ("kecamatan", "33.12.08"),
        ("rahasia", "rahasia-000102030405060708090a0b0c0d0e0f"),
    ] {
        let partition: Partition = text.parse().unwrap();
        seeds.push((format!("wilayah-{name}"), [&[2][..], &partition.to_bytes()].concat()));
        seeds.push((format!("wilayah-teks-{name}"), [&[2][..], text.as_bytes()].concat()));
    }
    seeds
}
