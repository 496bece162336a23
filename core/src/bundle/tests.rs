#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

const KEY: [u8; 32] = [7; 32];

fn packed(items: &[Item]) -> Vec<u8> {
    let key = OpenKey::new(KEY);
    let mut packer = Packer::begin(Vec::new(), &key.seal_key(), AuthorId([1; 32]), 5).unwrap();
    items.iter().for_each(|item| packer.put(item).unwrap());
    packer.finish().unwrap()
}

fn unpacked(bytes: &[u8], key: &OpenKey) -> Result<Vec<Item>, BundleError> {
    let mut unpacker = Unpacker::open(bytes, key)?;
    let mut items = Vec::new();
    while let Some(item) = unpacker.item()? {
        items.push(item);
    }
    assert!(unpacker.item()?.is_none());
    Ok(items)
}

fn some() -> Vec<Item> {
    vec![
        Item::Batch(Batch::pack(1, &[]).unwrap()),
        Item::Receipts(Vec::new()),
        Item::Scan(AttachmentHash([9; 32]), PIECE as u64 + 3),
        Item::Piece(vec![1; PIECE]),
        Item::Piece(vec![2; 3]),
    ]
}

#[test]
fn what_is_packed_is_what_is_unpacked() {
    let bytes = packed(&some());
    let items = unpacked(&bytes, &OpenKey::new(KEY)).unwrap();
    assert_eq!(items[0], Item::From(AuthorId([1; 32]), 5));
    assert_eq!(items[1..], some()[..]);
    assert!(!bytes.windows(16).any(|window| window == [1; 16]), "nothing shows");
    // Packed twice it is another file.
    assert_ne!(packed(&some()), bytes);
    assert_eq!(format!("{:?}", OpenKey::new(KEY)), "OpenKey");
}

#[test]
fn items_are_encoded_as_recorded() {
    let items = [
        Item::From(AuthorId([1; 32]), 5),
        Item::Batch(Batch { id: 1, dictionary: None, size: 9, zstd: vec![1, 2, 3] }),
        Item::Receipts(Vec::new()),
        Item::Scan(AttachmentHash([9; 32]), 70_000),
        Item::Piece(vec![1, 2, 3]),
        Item::End(5),
    ];
    let lines: Vec<String> = items.iter().map(|item| data_encoding::HEXLOWER.encode(&encode(item))).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn for_anybody_else_it_is_useless() {
    let refused = unpacked(&packed(&some()), &OpenKey::new([8; 32]));
    assert!(matches!(refused, Err(BundleError::NotForHere)));
    for other in [&b""[..], b"halo", b"LOKETBD\x02 dari versi lain yang belum ada di sini"] {
        assert!(matches!(unpacked(other, &OpenKey::new(KEY)), Err(BundleError::NotABundle)));
    }
}

#[test]
fn a_cut_anywhere_is_noticed_and_any_changed_byte_too() {
    let bytes = packed(&[Item::Piece(vec![3; 100])]);
    for end in MAGIC.len()..bytes.len() {
        assert!(matches!(unpacked(&bytes[..end], &OpenKey::new(KEY)), Err(BundleError::Cut)), "{end}");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(unpacked(&changed, &OpenKey::new(KEY)).is_err(), "{at}");
    }
    // Records that were taken out or moved.
    let long = packed(&some());
    let record = 2 + usize::from(u16::from_be_bytes([long[56], long[57]]));
    let without = [&long[..56], &long[56 + record..]].concat();
    assert!(unpacked(&without, &OpenKey::new(KEY)).is_err());
}

#[test]
fn what_no_bundle_may_hold_is_not_read() {
    for item in [Item::Piece(vec![0; PIECE + 1]), Item::End(7), Item::From(AuthorId([1; 32]), 5)] {
        let refused = unpacked(&packed(&[item]), &OpenKey::new(KEY));
        assert!(matches!(refused, Err(BundleError::Strange)));
    }
}
