//! Phones and the office face to face, without a network: what a session costs and what comes of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::VecDeque;
use std::sync::Arc;

use loket_core::catalogue::Role;
use loket_core::identity::{SeededKey, Signer};
use loket_core::journal::body::{Body, HeldAttachments, Op, Value};
use loket_core::journal::{AttachmentHash, Partition};
use loket_core::replica::Replica;
use loket_core::replica::write::{Asked, Author, Opening, text};
use loket_core::store::memory::MemoryStore;
use loket_core::sync::session::{Output, Session};

use super::library::Receipts;
use super::{Delivery, Office};

pub(super) const NOW: i64 = 1_795_400_000;

fn dice(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut count = seed << 32;
    move |bytes| {
        count += 1;
        let mut reader = blake3::Hasher::new().update(&count.to_be_bytes()).finalize_xof();
        reader.fill(bytes);
    }
}

pub(super) struct Phone {
    pub(super) replica: Replica<MemoryStore>,
    pub(super) key: SeededKey,
    pub(super) epoch: [u8; 8],
}

pub(super) struct World {
    pub(super) office: Office<MemoryStore>,
    receipts: Receipts,
    pub(super) dice: Box<dyn FnMut(&mut [u8])>,
}

#[derive(Default, Debug)]
pub(super) struct Cost {
    up: usize,
    down: usize,
}

impl World {
    pub(super) fn new() -> World {
        let mut dice = dice(1);
        let office = Office::open(MemoryStore::default(), Arc::new(SeededKey::new(0)), &mut dice).unwrap();
        World { office, receipts: Receipts::default(), dice: Box::new(dice) }
    }

    pub(super) fn phone(&mut self, seed: u64, role: Role, codes: &[&str]) -> Phone {
        let key = SeededKey::new(seed);
        let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
        let partitions = self.office.expand(&codes).unwrap();
        let public = key.public_key();
        let dice = &mut *self.dice;
        self.office.write(|office| office.certify(public, role, &partitions, "Petugas", NOW, dice)).unwrap();
        let mut replica = Replica::open(MemoryStore::default(), self.office.public_key()).unwrap();
        let epoch = replica.transaction(|replica| replica.epoch(&mut dice_of(seed))).unwrap();
        Phone { replica, key, epoch }
    }

    pub(super) fn sync(&mut self, phone: &mut Phone) -> Cost {
        let mut cost = Cost::default();
        let (mut caller, hello) = Session::call(phone.key.author(), [1; 16]);
        let mut answerer = Session::answer(self.office.public_key().author(), [2; 16]);
        let (mut up, mut down) = (VecDeque::from([hello]), VecDeque::new());
        let signer = self.office.signer();
        while !up.is_empty() || !down.is_empty() {
            while let Some(frame) = up.pop_front() {
                cost.up += frame.len();
                let library = self.office.library(&self.receipts, NOW);
                let mut todo = VecDeque::from(answerer.receive(&frame, &library, &*signer).unwrap());
                while let Some(output) = todo.pop_front() {
                    match output {
                        Output::Send(frame) => down.push_back(frame),
                        Output::Learn { batch, runs } => {
                            let group = [Delivery { author: phone.key.author(), runs }];
                            let (delivered, _) = self.office.ingest(&group, NOW, &mut *self.dice).unwrap();
                            let super::Delivered::Taken(refused) = &delivered[0] else {
                                panic!("{delivered:?}")
                            };
                            assert!(refused.is_empty(), "{refused:?}");
                            let library = self.office.library(&self.receipts, NOW);
                            todo.extend(answerer.taken(batch, refused, &library).unwrap());
                        }
                        Output::Receipt(receipt) => {
                            let dice = &mut *self.dice;
                            let noticed = |office: &mut Office<_>| office.notice_receipt(&receipt, NOW, dice);
                            self.office.write(noticed).unwrap();
                        }
                        Output::Taken { .. } | Output::Revoked(_) | Output::PeerDone => {}
                    }
                }
            }
            while let Some(frame) = down.pop_front() {
                cost.down += frame.len();
                let mut todo = VecDeque::from(caller.receive(&frame, &phone.replica, &phone.key).unwrap());
                while let Some(output) = todo.pop_front() {
                    match output {
                        Output::Send(frame) => up.push_back(frame),
                        Output::Learn { batch, runs } => {
                            let learned = phone.replica.transaction(|replica| replica.learn(&runs)).unwrap();
                            assert!(learned.refused.is_empty(), "{:?}", learned.refused);
                            todo.extend(caller.taken(batch, &learned.refused, &phone.replica).unwrap());
                        }
                        Output::Receipt(receipt) => {
                            phone.replica.transaction(|replica| replica.learn_receipt(&receipt)).unwrap();
                        }
                        Output::Taken { refused } => assert!(refused.is_empty(), "{refused:?}"),
                        Output::Revoked(_) | Output::PeerDone => {}
                    }
                }
            }
        }
        assert!(caller.is_settled());
        cost
    }
}

pub(super) fn dice_of(seed: u64) -> impl FnMut(&mut [u8]) {
    dice(seed + 1000)
}

pub(super) fn people(n: usize) -> Vec<Op> {
    let mut dice = dice(n as u64 + 77);
    let mut draw = |most: usize| {
        let mut bytes = [0; 4];
        dice(&mut bytes);
        u32::from_be_bytes(bytes) as usize % most
    };
    let first =
        ["Sri", "Budi", "Wahyu", "Siti", "Joko", "Rini", "Agus", "Dewi", "Slamet", "Endang", "Tri", "Yanto"];
    let last =
        ["Lestari", "Santoso", "Nugroho", "Rahayu", "Wibowo", "Handayani", "Setiawan", "Purwanti", "Utomo"];
    let jobs = ["petani", "pedagang", "guru", "buruh harian lepas", "wiraswasta", "karyawan swasta"];
    let villages =
        ["Sidoharjo", "Ngadirojo", "Selogiri", "Wuryantoro", "Eromoko", "Pracimantoro", "Giritontro"];
    let (day, month, year) = (1 + draw(28), 1 + draw(12), 60 + draw(39));
    let mut number =
        |digits: usize| (0..digits).map(|_| char::from(b'0' + draw(10) as u8)).collect::<String>();
    let nik = format!("331208{day:02}{month:02}{year}{}", number(4));
    let kk = format!("331208{day:02}{month:02}05{}", number(4));
    let (mother, father) =
        (format!("331208{day:02}0145{}", number(4)), format!("331208{day:02}0240{}", number(4)));
    let (phone, paper) = (format!("+62812{}", number(8)), format!("KK {}", number(8)));
    let mut pick = |from: &[&str]| from[draw(from.len())].to_owned();
    let mut house = |count: &str| format!("Dusun {} No. {count}", pick(&villages));
    let (address, before, after) = (house(&nik[12..14]), house(&nik[13..15]), house(&nik[14..]));
    let mut ops = vec![
        text("nik", &nik),
        text("nama", &format!("{} {} {}", pick(&first), pick(&first), pick(&last))),
        text("nomor_kk", &kk),
        text("tempat_lahir", &pick(&villages)),
        text("tanggal_lahir", &format!("19{year}-{month:02}-{day:02}")),
        text("jenis_kelamin", "laki-laki"),
        text("agama", &pick(&["islam", "islam", "kristen", "katolik"])),
        text("status_perkawinan", &pick(&["kawin", "belum_kawin"])),
        text("pekerjaan", &pick(&jobs)),
        text("kewarganegaraan", "WNI"),
        text("nama_ibu", &format!("{} {}", pick(&first), pick(&last))),
        text("nik_ibu", &mother),
        text("nama_ayah", &format!("{} {}", pick(&first), pick(&last))),
        text("nik_ayah", &father),
        text("alamat", &address),
        text("rt", &pick(&["001", "002", "003", "004", "005", "006"])),
        text("rw", &pick(&["001", "002", "003", "004"])),
        text("desa", "33.12.08.2002"),
        text("kecamatan", "33.12.08"),
        text("kabupaten", "33.12"),
        text("provinsi", "33"),
        text("kode_pos", "57682"),
        text("telepon", &phone),
        text("setuju_sms", "ya"),
        text("perubahan", "alamat"),
        text("semula_alamat", &before),
        text("menjadi_alamat", &after),
        text("dasar_alamat", &paper),
        text("pelapor", "pemohon_sendiri"),
    ];
    for (at, requirement) in ["kartu_keluarga", "ktp_lama", "akta_kelahiran"].iter().enumerate() {
        let hash = AttachmentHash(blake3::derive_key("test scan", format!("{n}/{at}").as_bytes()));
        ops.push(Op {
            register: format!("lampiran/{requirement}/1"),
            value: Value::Attachment(hash, 390_000 + n as u64),
        });
    }
    ops
}

impl Phone {
    pub(super) fn author(&self) -> Author<'_> {
        Author { signer: &self.key, epoch: self.epoch }
    }
}

pub(super) fn open_many(phone: &mut Phone, count: usize) {
    let Phone { replica, key, epoch } = phone;
    let file = replica.catalogue().get("ktp-el-perubahan", "2026.1").unwrap();
    let author = Author { signer: key, epoch: *epoch };
    let place: Partition = "33.12.08.2002".parse().unwrap();
    replica
        .transaction(|replica| {
            for n in 0..count {
                let number = format!("3312082002-26-7K3Q-{n:04}-X");
                let opening = Opening { file: &file, variant: None, place, number: &number, from: None };
                replica.open_application(&author, &opening, people(n), NOW, &mut dice_of(n as u64))?;
            }
            replica.seal(&author, place)
        })
        .unwrap();
}

#[test]
fn sessions_cost_what_they_promise() {
    let mut world = World::new();
    let mut first = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut first);
    let json: usize = people(3).iter().map(|op| op.register.len() + op.value.text().unwrap().len() + 6).sum();
    open_many(&mut first, 1000);
    let push = world.sync(&mut first);
    let idle = world.sync(&mut first);
    let mut second = world.phone(2, Role::OperatorDesa, &["33.12.08.2002"]);
    let whole = world.sync(&mut second);
    world.sync(&mut first);

    let place: Partition = "33.12.08.2002".parse().unwrap();
    let list = first.replica.list(&first.key.author()).unwrap();
    assert_eq!(list.len(), 1000);
    let epoch = first.epoch;
    let author = Author { signer: &first.key, epoch };
    let ids: Vec<_> = list.iter().take(10).map(|listed| listed.id).collect();
    first
        .replica
        .transaction(|replica| {
            for (n, id) in ids.iter().enumerate() {
                let case = replica.case(&place, id)?;
                let fields = vec![
                    text("alamat", &format!("Jalan Baru {n}")),
                    text("rt", "009"),
                    text("pekerjaan", "nelayan"),
                ];
                replica.edit(&author, case, fields, NOW, &mut dice_of(90_000 + n as u64))?;
            }
            replica.seal(&author, place)
        })
        .unwrap();
    let ten = world.sync(&mut first);
    println!("json {json}, idle {idle:?}, ten {ten:?}, push {push:?}, first {whole:?}");
    assert!(idle.up + idle.down <= 600, "{idle:?}");
    assert!(ten.up + ten.down <= 2600, "{ten:?}");
    assert!(push.up + push.down <= 400_000, "{push:?}");
    assert!(whole.up + whole.down <= 450_000, "{whole:?}");
    let second_heads = second.replica.row(&place, &ids[0]).unwrap().unwrap().heads;
    assert_eq!(second_heads.len(), 1);
    assert!(super::verify::verify(&world.office.replica).unwrap().faults.is_empty());
}

/// Journals whose devices are gone stay in the vectors: that costs a few bytes each where something has changed, and
/// nothing where nothing has.
#[test]
fn journals_that_have_ended_cost_a_few_bytes() {
    const GONE: u64 = 100;
    let place = "33.12.08.2002".parse().unwrap();
    let costs = [0, GONE].map(|gone| {
        let mut world = World::new();
        let mut first = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
        for seed in 0..gone {
            let mut phone = world.phone(100 + seed, Role::OperatorDesa, &["33.12.08.2002"]);
            world.sync(&mut phone);
            open_many(&mut phone, 1);
            world.sync(&mut phone);
            let (author, dice) = (phone.key.author(), &mut *world.dice);
            world.office.write(|office| office.revoke(&author, "rusak", dice)).unwrap();
        }
        world.sync(&mut first);
        let idle = world.sync(&mut first);
        open_many(&mut first, 1);
        let one = world.sync(&mut first);
        let vector = world.office.replica.vector(&place).unwrap();
        (idle.up + idle.down, one.up + one.down, vector)
    });
    let [(idle, one, few), (idle_after, one_after, many)] = costs;
    assert_eq!(many.0.len() as u64, few.0.len() as u64 + GONE);
    let said: Vec<_> = many.0.iter().map(|(id, head)| (*id, head.seq, head.hash)).collect();
    let each = loket_core::journal::encode(&said).len() / said.len();
    println!("idle {idle} {idle_after}, one {one} {one_after}, a journal {each}");
    assert!(idle_after <= idle + 8, "{idle} {idle_after}");
    assert!(one_after <= one + 4 * GONE as usize, "{one} {one_after}");
    assert!(each <= 72, "{each}");
}

#[test]
fn a_request_is_answered_once_and_both_phones_hear_of_it() {
    let mut world = World::new();
    let mut first = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
    let mut second = world.phone(2, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut first);
    open_many(&mut first, 1);
    let listed = first.replica.list(&first.key.author()).unwrap().remove(0);
    let case = first.replica.case(&listed.partition, &listed.id).unwrap();
    let author = Author { signer: &first.key, epoch: first.epoch };
    first
        .replica
        .transaction(|replica| {
            let wish = Asked { act: "tarik".into(), freezes: false, reason: None, params: vec![] };
            replica.request(&author, &case, wish, NOW, &mut dice_of(5))?;
            replica.seal(&author, listed.partition)
        })
        .unwrap();
    world.sync(&mut first);
    world.sync(&mut second);
    for phone in [&first, &second] {
        let case = phone.replica.case(&listed.partition, &listed.id).unwrap();
        assert_eq!(case.record.len(), 1);
        assert_eq!(case.open_requests().count(), 0);
        assert!(phone.author().epoch == phone.epoch);
    }
}

#[test]
fn of_two_applications_with_one_number_the_later_gets_another() {
    let mut world = World::new();
    let mut phones = [1, 2].map(|seed| world.phone(seed, Role::OperatorDesa, &["33.12.08.2002"]));
    // The second works before its certificate has come: its edit waits for it, and then counts.
    world.sync(&mut phones[0]);
    for phone in &mut phones {
        open_many(phone, 1);
        world.sync(phone);
    }
    for phone in &mut phones {
        world.sync(phone);
        let list = phone.replica.list(&phone.key.author()).unwrap();
        let numbers: Vec<_> = list.iter().map(|listed| listed.row.number.clone()).collect();
        assert_eq!(numbers.len(), 2);
        assert_ne!(numbers[0], numbers[1]);
        for listed in &list {
            assert_eq!(phone.replica.need(&listed.row.number).unwrap().1, listed.id);
        }
    }
}

/// Writes one field of an application and sends it on its way.
fn write_field(phone: &mut Phone, id: &loket_core::journal::EntryHash, value: &str, seed: u64) {
    let place: Partition = "33.12.08.2002".parse().unwrap();
    let Phone { replica, key, epoch } = phone;
    let author = Author { signer: key, epoch: *epoch };
    replica
        .transaction(|replica| {
            let case = replica.case(&place, id)?;
            replica.edit(&author, case, vec![text("alamat", value)], NOW, &mut dice_of(seed))?;
            replica.seal(&author, place)
        })
        .unwrap();
}

/// What a phone wrote before it heard of the end of its certificate, as the office takes it in from a neighbour that
/// carries it.
fn carry(world: &mut World, from: &Phone) {
    let place: Partition = "33.12.08.2002".parse().unwrap();
    let line = from.author().journal(place).id();
    let after = world.office.replica.head(&place, &line).unwrap().seq;
    let run = from.replica.run(&place, &line, after, 1 << 20).unwrap().unwrap().run;
    let group = [Delivery { author: from.key.author(), runs: vec![run] }];
    let (delivered, _) = world.office.ingest(&group, NOW, &mut *world.dice).unwrap();
    let super::Delivered::Taken(refused) = &delivered[0] else { panic!("{delivered:?}") };
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn a_supervisor_adopts_or_discards_what_is_held() {
    use super::held::Verdict;
    use loket_core::replica::rules::Hold;
    let mut world = World::new();
    let mut phone = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut phone);
    open_many(&mut phone, 2);
    world.sync(&mut phone);
    let ids: Vec<_> =
        phone.replica.list(&phone.key.author()).unwrap().iter().map(|listed| listed.id).collect();
    let World { office, dice, .. } = &mut world;
    let (admin, clerk) = office
        .write(|office| {
            office.revoke(&phone.key.author(), "pindah", &mut **dice)?;
            Ok((
                office.add_staff(Role::Admin, "Penyelia", &[])?,
                office.add_staff(Role::FrontOffice, "FO", &[])?,
            ))
        })
        .unwrap()
        .0;
    for (n, (id, value)) in [(0, "Jalan Lama 1"), (0, "Jalan Lama 2"), (1, "Jalan Baru 1")].iter().enumerate()
    {
        write_field(&mut phone, &ids[*id], value, 70_000 + n as u64);
    }
    carry(&mut world, &phone);
    let World { office, dice, .. } = &mut world;
    let held = office.held().unwrap();
    assert_eq!(held.len(), 2, "{held:?}");
    let by = |id| held.iter().find(|one| one.application == ids[id]).unwrap().clone();
    let (first, second) = (by(0), by(1));
    assert_eq!((first.hold, first.cause.as_deref()), (Hold::NotPermitted, Some("pindah")));
    assert_eq!(first.descendants.iter().map(|one| one.hold).collect::<Vec<_>>(), [Hold::Ancestor]);
    assert!(second.descendants.is_empty());

    let name = |entry: &loket_core::journal::EntryHash| vec![entry.to_hex()[..12].to_owned()];
    let last = name(&first.descendants[0].entry);
    let verdict = Verdict { entries: &last, staff: clerk, reason: "dikerjakan sebelum tahu" };
    let refused = office.write(|office| office.adopt(&verdict, NOW, &mut **dice)).map(drop).unwrap_err();
    assert!(refused.to_string().contains("admin"), "{refused}");
    // The last one with its ancestors: both count, here and on the phone.
    let verdict = Verdict { staff: admin, ..verdict };
    let (adopted, touched) = office.write(|office| office.adopt(&verdict, NOW, &mut **dice)).unwrap();
    assert_eq!(adopted, [first.descendants[0].entry]);
    assert!(touched.contains(&first.partition));
    let case = office.replica.case(&first.partition, &ids[0]).unwrap();
    assert_eq!(case.document.registers()["alamat"], "Jalan Lama 2");

    let other = name(&second.entry);
    let verdict = Verdict { entries: &other, staff: admin, reason: "salah orang" };
    office.write(|office| office.discard(&verdict, NOW)).unwrap();
    assert!(office.held().unwrap().is_empty());
    assert_eq!(office.discarded(&second.entry).unwrap().unwrap().reason, "salah orang");
    let before = office.replica.case(&second.partition, &ids[1]).unwrap().document.registers();
    assert_ne!(before["alamat"], "Jalan Baru 1");
    // Discarded is not gone.
    office.write(|office| office.adopt(&verdict, NOW, &mut **dice)).unwrap();
    assert_eq!(office.discarded(&second.entry).unwrap(), None);
    let after = office.replica.case(&second.partition, &ids[1]).unwrap().document.registers();
    assert_eq!(after["alamat"], "Jalan Baru 1");
    assert!(super::verify::verify(&office.replica).unwrap().faults.is_empty());
}

#[test]
fn a_transferred_device_keeps_what_it_did_and_goes_on_elsewhere() {
    use loket_core::replica::rules::Hold;
    let (old, new): (Partition, Partition) =
        ("33.12.08.2002".parse().unwrap(), "33.12.08.2001".parse().unwrap());
    let mut world = World::new();
    let mut phone = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut phone);
    open_many(&mut phone, 1);
    world.sync(&mut phone);
    let id = phone.replica.list(&phone.key.author()).unwrap()[0].id;
    write_field(&mut phone, &id, "Jalan Sesudah 1", 80_000);
    let author = phone.key.author();
    let World { office, dice, .. } = &mut world;
    let before = office.replica.certificate(&old, &author).unwrap().unwrap().certificate;
    let codes = ["33.12.08.2001".to_owned()];
    let ((partitions, left), _) =
        office.write(|office| office.transfer(&author, &codes, NOW, &mut **dice)).unwrap();
    assert_eq!((partitions, left), (vec![new], vec![old]));
    let ended = office.replica.certificate(&old, &author).unwrap().unwrap();
    assert_eq!((ended.cause.as_str(), ended.revoked.map(|last| last.len())), ("pindah", Some(1)));
    let now = office.replica.certificate(&new, &author).unwrap().unwrap().certificate;
    assert_eq!((now.officer, now.role), (before.officer, before.role));
    assert!(now.not_after > before.not_after);
    // What it wrote before it knew comes all the same, and is receipted; of what others write there, it gets nothing.
    let mut neighbour = world.phone(2, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut neighbour);
    open_many(&mut neighbour, 1);
    world.sync(&mut neighbour);
    world.sync(&mut phone);
    let held = world.office.held().unwrap();
    assert_eq!(held.iter().map(|one| one.hold).collect::<Vec<_>>(), [Hold::NotPermitted]);
    assert_eq!(held[0].application, id);
    let receipt = phone.replica.receipt(&old).unwrap().unwrap();
    let mine = phone.replica.vector(&old).unwrap();
    assert!(mine.0.iter().all(|(line, head)| receipt.vector.head(line).seq >= head.seq));
    assert!(
        phone
            .replica
            .journals(&old)
            .unwrap()
            .values()
            .all(|row| row.journal.author != neighbour.key.author())
    );
    assert!(phone.replica.certificate(&new, &author).unwrap().is_some());
    assert!(super::verify::verify(&world.office.replica).unwrap().faults.is_empty());
}

#[test]
fn a_certificate_ends_once_when_its_time_is_over() {
    let mut world = World::new();
    let mut phone = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut phone);
    open_many(&mut phone, 1);
    world.sync(&mut phone);
    let (place, author): (Partition, _) = ("33.12.08.2002".parse().unwrap(), phone.key.author());
    let World { office, dice, .. } = &mut world;
    let over = NOW + super::people::CERTIFICATE_SECONDS;
    let mut expire = |now| office.write(|office| office.expire(None, now, &mut **dice)).unwrap().0;
    assert_eq!(expire(over - 1), (0, None));
    assert_eq!(expire(over), (1, None));
    assert_eq!(expire(over + 1), (0, None));
    let row = world.office.replica.certificate(&place, &author).unwrap().unwrap();
    assert_eq!(row.cause, "kedaluwarsa");
    // What the office held then counts on.
    assert!(world.office.held().unwrap().is_empty());
    let id = phone.replica.list(&author).unwrap()[0].id;
    assert!(!world.office.replica.case(&place, &id).unwrap().document.registers().is_empty());
}

#[test]
fn a_transferred_device_keeps_the_secret_applications_of_where_it_stays_for_as_long_as_its_place() {
    let mut world = World::new();
    let mut phone = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut phone);
    let file = phone.replica.catalogue().get("peristiwa-penting-lainnya", "2026.1").unwrap();
    let author = Author { signer: &phone.key, epoch: phone.epoch };
    let (place, number) = ("33.12.08.2002".parse().unwrap(), "3312082002-26-7K3Q-0001-X");
    let opening = Opening { file: &file, variant: None, place, number, from: None };
    let opened = phone.replica.transaction(|replica| {
        let case = replica.open_application(&author, &opening, Vec::new(), NOW, &mut dice_of(5))?;
        replica.seal(&author, case.partition)?;
        Ok(case.partition)
    });
    let secret = opened.unwrap();
    world.sync(&mut phone);
    let device = phone.key.author();
    let codes = ["33.12.08.2001".to_owned(), "33.12.08.2002".to_owned()];
    let World { office, dice, .. } = &mut world;
    let ((places, left), _) =
        office.write(|office| office.transfer(&device, &codes, NOW + 9, &mut **dice)).unwrap();
    assert_eq!((places.len(), left.len()), (2, 0));
    let until =
        |at: &Partition| office.replica.certificate(at, &device).unwrap().unwrap().certificate.not_after;
    assert_eq!(until(&secret), until(&place));
}

/// The office again, from an older copy of its store, restored when its clock showed `now`.
fn restored(world: &World, copy: &MemoryStore, now: i64) -> World {
    let mut dice = dice(u64::try_from(now).unwrap());
    let mut office = Office::open(copy.clone(), world.office.signer(), &mut dice).unwrap();
    office.write(|office| office.begin_anew(now, &mut dice)).unwrap();
    World { office, receipts: Receipts::default(), dice: Box::new(dice) }
}

#[test]
fn an_office_that_was_put_back_to_an_older_backup_hears_of_the_newer_one() {
    let mut world = World::new();
    let mut phone = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
    world.sync(&mut phone);
    open_many(&mut phone, 1);
    world.sync(&mut phone);
    let place: Partition = "33.12.08.2002".parse().unwrap();
    let copy = world.office.replica.store.clone();
    let vector = world.office.replica.vector(&place).unwrap();
    world.office.write(|office| office.backed_up(&place, &vector, NOW + 60)).unwrap();
    let newest = world.office.replica.store.clone();
    world.sync(&mut phone);
    for (copy, heard) in [(copy, Some(NOW + 60)), (newest, None)] {
        let mut restored = restored(&world, &copy, NOW + 7200);
        restored.sync(&mut phone);
        let healing = restored.office.healing().unwrap();
        assert_eq!(healing[0].newer_backup, heard);
    }
}

#[test]
fn an_office_restored_under_a_clock_that_is_behind_begins_beyond_what_its_phones_have_seen() {
    // In the same second, or earlier: its own entries of the lost epoch tell, or a receipt alone.
    for (earlier, writes) in [(0, true), (1, true), (3600, true), (1, false), (3600, false)] {
        let mut world = World::new();
        let mut phone = world.phone(1, Role::OperatorDesa, &["33.12.08.2002"]);
        world.sync(&mut phone);
        open_many(&mut phone, 1);
        world.sync(&mut phone);
        let copy = world.office.replica.store.clone();
        let place: Partition = "33.12.08.2002".parse().unwrap();
        let mut lost = restored(&world, &copy, NOW + 7200);
        lost.sync(&mut phone);
        if writes {
            let scans = Body::HeldAttachments(HeldAttachments { spans: Vec::new() });
            let World { office, dice, .. } = &mut lost;
            office.write(|office| office.append(place, None, &scans, &mut **dice)).unwrap();
            lost.sync(&mut phone);
        }
        let before = phone.replica.receipt(&place).unwrap().unwrap();
        assert_eq!(before.epoch, u64::try_from(NOW).unwrap() + 7200);
        let mut again = restored(&world, &copy, NOW + 7200 - earlier);
        again.sync(&mut phone);
        again.sync(&mut phone);
        let receipt = phone.replica.receipt(&place).unwrap().unwrap();
        assert!(
            receipt.is_newer_than(&before),
            "{earlier} {writes}: {} after {}",
            receipt.epoch,
            before.epoch
        );
        assert_eq!(receipt.vector, phone.replica.vector(&place).unwrap(), "{earlier} {writes}");
        // And it waits for its phones anew.
        assert!(again.office.heals(&place).unwrap());
        assert!(super::verify::verify(&again.office.replica).unwrap().faults.is_empty());
    }
}
