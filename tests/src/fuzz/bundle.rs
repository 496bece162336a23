//! Bundles: any bytes as a file, and any items in one that is well sealed.
//!
//! The first byte says whether the rest is the file, or the items that a stranger sealed to this phone.

use loket_core::bundle::{BundleError, Item, OpenKey, Packer, Taker, Unpacker, take};
use loket_core::identity::Signer;
use loket_core::journal::receipt::WireReceipt;
use loket_core::journal::run::Run;
use loket_core::journal::{AttachmentHash, AuthorId, encode};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::memory::MemoryStore;
use loket_core::sync::message::{Batch, Message};

use super::seeds::Seeds;
use super::world::{NOW, entries, world};

const KEY: [u8; 32] = [7; 32];
/// Items of one input.
const MAX_ITEMS: usize = 64;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    if first.is_multiple_of(2) {
        // Without the key's secret nobody seals: all that such a file may give is an error.
        assert!(unpacked(rest).is_err() || rest.starts_with(b"LOKETBD"));
    } else {
        let items = items(rest);
        let _ = unpacked(&sealed(&items));
    }
}

fn sealed(items: &[Item]) -> Vec<u8> {
    let by = world().devices[1].author();
    let mut packer = Packer::begin(Vec::new(), &OpenKey::new(KEY).seal_key(), by, NOW).unwrap();
    items.iter().for_each(|item| drop(packer.put(item)));
    packer.finish().unwrap()
}

fn items(bytes: &[u8]) -> Vec<Item> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut items = Vec::new();
    while items.len() < MAX_ITEMS
        && let Ok(item) = decoder.decode()
    {
        items.push(item);
    }
    items
}

fn unpacked(bytes: &[u8]) -> Result<(), Trouble> {
    let mut taking = Taking { replica: world().phone_over(&world().phone), at: 0 };
    let taken = take(Unpacker::open(bytes, &OpenKey::new(KEY))?, &mut taking);
    // Whatever it held: nothing is here that nobody wrote.
    assert!(entries(&taking.replica).is_subset(&world().known));
    taken
}

#[derive(Debug)]
struct Trouble;

impl From<BundleError> for Trouble {
    fn from(error: BundleError) -> Self {
        assert!(!error.to_string().is_empty());
        Trouble
    }
}

impl From<ReplicaError> for Trouble {
    fn from(error: ReplicaError) -> Self {
        panic!("{error}");
    }
}

struct Taking {
    replica: Replica<MemoryStore>,
    /// Where the scan is that is being taken in.
    at: u64,
}

impl Taker for Taking {
    type Error = Trouble;

    fn packed(&mut self, _: AuthorId, _: i64) -> Result<(), Trouble> {
        Ok(())
    }

    fn runs(&mut self, runs: Vec<Run>) -> Result<(), Trouble> {
        self.replica.transaction(|replica| replica.learn(&runs))?;
        Ok(())
    }

    fn receipts(&mut self, receipts: Vec<WireReceipt>) -> Result<(), Trouble> {
        for receipt in receipts.iter().filter_map(|receipt| receipt.open(None)) {
            self.replica.transaction(|replica| replica.learn_receipt(&receipt))?;
        }
        Ok(())
    }

    fn wants(&mut self, hash: &AttachmentHash, size: u64) -> Result<Option<u64>, Trouble> {
        self.at = u64::from(hash.0[0]).min(size);
        Ok(Some(self.at).filter(|_| hash.0[1].is_multiple_of(2)))
    }

    fn piece(&mut self, _: &AttachmentHash, size: u64, offset: u64, bytes: &[u8]) -> Result<u64, Trouble> {
        assert_eq!(offset, self.at, "a piece goes on where the last one ended");
        self.at += bytes.len() as u64;
        assert!(self.at <= size, "more than the scan has");
        Ok(self.at)
    }
}

/// What an honest phone packs, whole and in parts.
pub fn seeds() -> Seeds {
    let mut seeds: Seeds = vec![
        ("kosong".into(), vec![0]),
        ("bukan".into(), b"\x00halo".to_vec()),
        ("pembuka".into(), [b"\x00LOKETBD\x01", &[7; 48][..]].concat()),
    ];
    let mut batches: Vec<Batch> = Vec::new();
    for frame in world().frames.iter().flatten() {
        if let Ok(Message::Batch(batch)) = Message::from_bytes(frame) {
            batches.push(batch);
        }
    }
    let scan = |first: u8, bytes: &[u8]| {
        let hash = AttachmentHash(std::array::from_fn(|at| if at == 0 { first } else { 0 }));
        [Item::Scan(hash, bytes.len() as u64), Item::Piece(bytes.to_vec())]
    };
    let mut add = |name: &str, items: &[Item]| {
        let bytes: Vec<u8> = items.iter().flat_map(encode).collect();
        seeds.push((name.into(), [vec![1], bytes].concat()));
    };
    let entries: Vec<Item> = batches.into_iter().map(Item::Batch).collect();
    add("entri", &entries);
    add("lampiran", &scan(0, &[5; 300]));
    add("lampiran-lanjutan", &scan(100, &[5; 300]));
    add("lampiran-lebih", &[&scan(0, &[5; 3])[..], &[Item::Piece(vec![6; 9])]].concat());
    add("potongan-saja", &[Item::Piece(vec![6; 9])]);
    add("tanda-terima", &[Item::Receipts(Vec::new())]);
    add("akhir-awal", &[Item::End(1)]);
    add("semua", &[entries, scan(3, &[9; 99]).to_vec()].concat());
    seeds
}
