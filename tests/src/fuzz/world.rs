//! An office and a phone in memory, made once, on which the targets run without leaving a trace.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock};

use loket_core::catalogue::Role;
use loket_core::identity::{CannotSign, PublicKey, SeededKey, Signature, Signer};
use loket_core::journal::run::Run;
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::write::{Asked, Author, Opening, text};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::memory::MemoryStore;
use loket_core::store::{Query, Store};
use loket_core::sync::session::{Output, Session};
use loket_core::time::today;
use loket_server::office::library::Receipts;
use loket_server::office::{Delivered, Delivery, Office};

/// The time of everything here.
pub const NOW: i64 = 1_795_400_000;
/// The village of everything here.
pub const VILLAGE: &str = "33.12.08.2002";
/// Signatures that a key remembers.
const MAX_REMEMBERED: usize = 4096;

/// SplitMix64: small, fast, and the same on every machine.
pub struct Rng(u64);

impl Rng {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `most` (which is above 0).
    pub fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.draw() % most as u64).unwrap()
    }

    /// A random byte.
    pub fn byte(&mut self) -> u8 {
        self.draw().to_le_bytes()[0]
    }

    /// Fills with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.byte());
    }
}

/// A seeded key that signs the same message once: a fuzzer asks for the same signatures a million times.
pub struct Remembering {
    key: SeededKey,
    public: PublicKey,
    made: Mutex<HashMap<Vec<u8>, Signature>>,
}

impl Remembering {
    /// The key of this seed.
    pub fn new(seed: u64) -> Self {
        let key = SeededKey::new(seed);
        let public = key.public_key();
        Self { key, public, made: Mutex::default() }
    }
}

impl Signer for Remembering {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, CannotSign> {
        let mut made = self.made.lock().unwrap();
        if let Some(signature) = made.get(message) {
            return Ok(*signature);
        }
        if made.len() >= MAX_REMEMBERED {
            made.clear();
        }
        let signature = self.key.sign(message)?;
        made.insert(message.to_vec(), signature);
        Ok(signature)
    }
}

/// What the targets run on.
pub struct World {
    /// The office's key.
    pub office_key: Arc<Remembering>,
    /// Keys of three devices: an officer of the village, another, and one whose role edits nothing.
    pub devices: [Arc<Remembering>; 3],
    /// The office before the phone called.
    pub office: MemoryStore,
    /// The phone before it called.
    pub phone: MemoryStore,
    /// Frames of one whole session: the phone's, and the office's.
    pub frames: [Vec<Vec<u8>>; 2],
    /// The office after that.
    pub office_after: MemoryStore,
    /// Every entry that anybody wrote.
    pub known: BTreeSet<EntryHash>,
}

/// The village.
pub fn village() -> Partition {
    VILLAGE.parse().unwrap()
}

/// The world, made once.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

impl World {
    fn new() -> World {
        let office_key = Arc::new(Remembering::new(0));
        let devices = [1, 2, 3].map(|seed| Arc::new(Remembering::new(seed)));
        let mut rng = Rng::new(1);
        let mut office =
            Office::open(MemoryStore::default(), office_key.clone(), &mut |b| rng.fill(b)).unwrap();
        let roles = [Role::OperatorDesa, Role::OperatorDesa, Role::LoketPengambilan];
        for (device, role) in devices.iter().zip(roles) {
            let certify = |office: &mut Office<MemoryStore>| {
                let key = device.public_key();
                office.certify(key, role, &[village()], "Petugas", NOW, &mut |b| rng.fill(b))
            };
            office.write(certify).unwrap();
        }
        let mut phone = Replica::open(MemoryStore::default(), office.public_key()).unwrap();
        work(&mut phone, &devices[0], &mut rng);
        let (office_before, phone_before) = (office.replica.store.clone(), phone.store.clone());
        let frames = converse(&mut office, &mut phone, &devices[0], &mut rng);
        let known = entries(&office.replica).union(&entries(&phone)).copied().collect();
        World {
            office_key,
            devices,
            office: office_before,
            phone: phone_before,
            frames,
            office_after: office.replica.store.clone(),
            known,
        }
    }

    /// An office over a copy of this store.
    pub fn office_over(&self, store: &MemoryStore) -> Office<MemoryStore> {
        Office::open(store.clone(), self.office_key.clone(), &mut |b| b.fill(7)).unwrap()
    }

    /// A phone over a copy of this store.
    pub fn phone_over(&self, store: &MemoryStore) -> Replica<MemoryStore> {
        Replica::open(store.clone(), self.office_key.public_key()).unwrap()
    }

    /// The office's side of a session.
    pub fn answers(&self) -> Session {
        Session::answer(self.office_key.author(), [2; 16])
    }

    /// The phone's side of a session.
    pub fn calls(&self) -> Session {
        Session::call(self.devices[0].author(), [1; 16]).0
    }
}

/// The officer begins an application, edits it, and submits it.
fn work(phone: &mut Replica<MemoryStore>, key: &Arc<Remembering>, rng: &mut Rng) {
    let file = phone.catalogue().current("ktp-el-hilang", today(NOW)).unwrap();
    let author = Author { signer: &**key, epoch: [1; 8] };
    let opening = Opening { file: &file, variant: None, place: village(), number: "1", from: None };
    let mut dice = |bytes: &mut [u8]| rng.fill(bytes);
    phone
        .transaction(|replica| {
            let fields = vec![text("alamat", "Dusun 0"), text("nama", "Contoh Fiktif")];
            let mut case = replica.open_application(&author, &opening, fields, NOW, &mut dice)?;
            for n in 0..3 {
                let ops = vec![text("alamat", &format!("Dusun Contoh {n}"))];
                case = replica.edit(&author, case, ops, NOW, &mut dice)?;
                replica.seal(&author, case.partition)?;
            }
            let reason = Some("keliru".into());
            let asked = Asked { act: "tarik".into(), freezes: false, reason, params: vec![] };
            replica.request(&author, &case, asked, NOW, &mut dice)?;
            replica.seal(&author, village())
        })
        .unwrap();
}

/// One whole session; the frames of each way.
fn converse(
    office: &mut Office<MemoryStore>,
    phone: &mut Replica<MemoryStore>,
    key: &Arc<Remembering>,
    rng: &mut Rng,
) -> [Vec<Vec<u8>>; 2] {
    let (receipts, signer) = (Receipts::default(), office.signer());
    let (mut caller, hello) = Session::call(key.author(), [1; 16]);
    let mut answerer = Session::answer(office.public_key().author(), [2; 16]);
    let (mut recorded, mut up, mut down) =
        ([Vec::new(), Vec::new()], VecDeque::from([hello]), VecDeque::new());
    loop {
        if let Some(frame) = up.pop_front() {
            let library = office.library(&receipts, NOW);
            let mut todo = VecDeque::from(answerer.receive(&frame, &library, &*signer).unwrap());
            recorded[0].push(frame);
            while let Some(output) = todo.pop_front() {
                match output {
                    Output::Send(frame) => down.push_back(frame),
                    Output::Learn { batch, runs } => {
                        let group = [Delivery { author: key.author(), runs }];
                        let (delivered, _) = office.ingest(&group, NOW, &mut |b| rng.fill(b)).unwrap();
                        let Delivered::Taken(refused) = &delivered[0] else { panic!("{delivered:?}") };
                        let library = office.library(&receipts, NOW);
                        todo.extend(answerer.taken(batch, refused, &library).unwrap());
                    }
                    _ => {}
                }
            }
        } else if let Some(frame) = down.pop_front() {
            let mut todo = VecDeque::from(caller.receive(&frame, &*phone, &**key).unwrap());
            recorded[1].push(frame);
            while let Some(output) = todo.pop_front() {
                match output {
                    Output::Send(frame) => up.push_back(frame),
                    Output::Learn { batch, runs } => {
                        let learned = phone.transaction(|replica| replica.learn(&runs)).unwrap();
                        todo.extend(caller.taken(batch, &learned.refused, &*phone).unwrap());
                    }
                    Output::Receipt(receipt) => {
                        phone.transaction(|replica| replica.learn_receipt(&receipt)).unwrap();
                    }
                    Output::Taken { .. } | Output::Revoked(_) | Output::PeerDone => {}
                }
            }
        } else {
            assert!(caller.is_settled());
            return recorded;
        }
    }
}

/// Every entry of a replica.
pub fn entries(replica: &Replica<MemoryStore>) -> BTreeSet<EntryHash> {
    let mut all = BTreeSet::new();
    for partition in replica.store.partitions().unwrap() {
        let entries = replica.store.entries(&partition, Query::After(0), usize::MAX).unwrap();
        all.extend(entries.into_iter().map(|(_, entry)| entry.hash));
    }
    all
}

/// Every run of a partition, the office's first.
pub fn runs(replica: &Replica<MemoryStore>, partition: &Partition) -> Vec<Run> {
    let all = replica.journals(partition).unwrap();
    let from_first = |line| Some(replica.run(partition, line, 0, 1 << 20).unwrap()?.run);
    let mut runs: Vec<Run> = all.keys().filter_map(from_first).collect();
    runs.sort_by_key(|run| run.journal.author != replica.office_author());
    runs
}

/// Does something in a transaction that is then taken back.
pub fn undone(
    replica: &mut Replica<MemoryStore>,
    work: impl FnOnce(&mut Replica<MemoryStore>) -> Result<(), ReplicaError>,
) {
    let tried: Result<(), ReplicaError> = replica.transaction(|replica| {
        work(replica)?;
        Err(ReplicaError::NotFound)
    });
    assert!(matches!(tried, Err(ReplicaError::NotFound)), "{tried:?}");
}
