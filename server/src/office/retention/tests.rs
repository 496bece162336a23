//! Ended applications leave the phones once a backup holds them, and everything once their time is over.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use loket_core::catalogue::Role;
use loket_core::journal::body::Value;
use loket_core::journal::{Content, EntryHash, Partition};
use loket_core::replica::Replica;
use loket_core::replica::list::Mark;
use loket_core::replica::retention::MAX_UNLINKED;
use loket_core::replica::write::{Asked, text};
use loket_core::store::memory::MemoryStore;
use loket_core::store::{Query, Store, Table};

use super::super::tests::{NOW, Phone, World, dice_of, open_many, people};
use super::super::verify::verify;
use super::*;

const VILLAGE: &str = "33.12.08.2002";
/// As the service's file has it.
const ON_PHONES: i64 = 30 * DAY;
const AT_THE_OFFICE: i64 = 1825 * DAY;

fn village() -> Partition {
    VILLAGE.parse().unwrap()
}

impl Phone {
    fn ids(&self) -> Vec<EntryHash> {
        let mut all = self.replica.list(&self.author_id()).unwrap();
        all.sort_by(|a, b| a.row.number.cmp(&b.row.number));
        all.iter().map(|listed| listed.id).collect()
    }

    fn author_id(&self) -> loket_core::journal::AuthorId {
        use loket_core::identity::Signer;
        self.key.public_key().author()
    }

    fn withdraw(&mut self, id: &EntryHash) {
        let case = self.replica.case(&village(), id).unwrap();
        let author = loket_core::replica::write::Author { signer: &self.key, epoch: self.epoch };
        let wish = Asked {
            act: "tarik".into(),
            freezes: false,
            reason: Some("pindah rumah ke Contohrejo".into()),
            params: vec![],
        };
        self.replica
            .transaction(|replica| {
                replica.request(&author, &case, wish, NOW, &mut dice_of(u64::from(id.0[0])))?;
                replica.seal(&author, village())
            })
            .unwrap();
    }

    fn edit(&mut self, id: &EntryHash, address: &str) {
        let case = self.replica.case(&village(), id).unwrap();
        let author = loket_core::replica::write::Author { signer: &self.key, epoch: self.epoch };
        let seed = u64::from(id.0[1]) + self.key_number();
        self.replica
            .transaction(|replica| {
                replica.edit(&author, case, vec![text("alamat", address)], NOW, &mut dice_of(seed))?;
                replica.seal(&author, village())
            })
            .unwrap();
    }

    fn key_number(&self) -> u64 {
        u64::from(self.author_id().0[0]) << 8
    }

    fn sweep(&mut self) -> usize {
        self.replica.transaction(|replica| replica.sweep(&village())).unwrap()
    }
}

impl World {
    fn retain(&mut self, now: i64) -> Retained {
        let dice = &mut *self.dice;
        let mut all = Retained::default();
        loop {
            let (done, _) = self.office.write(|office| office.retain(now, dice)).unwrap();
            all.retired += done.retired;
            all.destroyed += done.destroyed;
            if done.jobs == 0 {
                return all;
            }
        }
    }

    fn back_up(&mut self, at: i64) {
        let vector = self.office.replica.vector(&village()).unwrap();
        self.office.write(|office| office.backed_up(&village(), &vector, at)).unwrap();
    }

    /// All scans have come.
    pub(in crate::office) fn scans_arrive(&mut self, ids: &[EntryHash]) {
        let mut arrived = Vec::new();
        for id in ids {
            let case = self.office.replica.case(&village(), id).unwrap();
            for op in case.edits.iter().flat_map(|edit| &edit.edit.as_ref().unwrap().ops) {
                if let Value::Attachment(hash, _) = op.value {
                    arrived.push((village(), hash));
                }
            }
        }
        let dice = &mut *self.dice;
        self.office.write(|office| office.attachments_arrived(&arrived, NOW, dice)).unwrap();
    }

    fn sound(&self) {
        let verified = verify(&self.office.replica).unwrap();
        assert!(verified.faults.is_empty(), "{:?}", verified.faults);
    }
}

fn bodies(replica: &Replica<MemoryStore>, id: &EntryHash) -> usize {
    let entries = replica.store.entries(&village(), Query::Application(id), 1000).unwrap();
    assert!(!entries.is_empty());
    entries.iter().filter(|(_, entry)| matches!(entry.content, Content::Present(_))).count()
}

/// Three applications of the first phone, withdrawn and answered, their scans at the office; both phones know it.
fn ended() -> (World, Phone, Phone, Vec<EntryHash>) {
    let mut world = World::new();
    let mut first = world.phone(1, Role::OperatorDesa, &[VILLAGE]);
    let mut second = world.phone(2, Role::OperatorDesa, &[VILLAGE]);
    world.sync(&mut first);
    world.sync(&mut second);
    open_many(&mut first, 3);
    let ids = first.ids();
    world.sync(&mut first);
    world.scans_arrive(&ids);
    world.sync(&mut second);
    for id in &ids {
        first.withdraw(id);
    }
    world.sync(&mut first);
    assert!(ids.iter().all(|id| world.office.replica.row(&village(), id).unwrap().unwrap().fin));
    (world, first, second, ids)
}

#[test]
fn an_ended_application_leaves_the_phones_once_a_backup_holds_it() {
    let (mut world, mut first, mut second, ids) = ended();
    assert_eq!(counted(&world.office.replica, 9).unwrap().len(), 3);
    assert_eq!(world.retain(NOW + ON_PHONES - 1), Retained::default());
    // No backup: nothing leaves anywhere, and it is looked at again.
    assert_eq!(world.retain(NOW + ON_PHONES).retired, 0);
    world.back_up(NOW + 1);
    assert_eq!(world.retain(NOW + ON_PHONES).retired, 0);
    assert_eq!(world.retain(NOW + ON_PHONES + AGAIN).retired, 3);
    assert_eq!(world.retain(NOW + ON_PHONES + 9 * AGAIN).retired, 0);

    // The second phone has not heard of the end, and an edit of its own nobody has seen.
    second.edit(&ids[0], "Dusun Terlambat 9");
    for phone in [&mut first, &mut second] {
        world.sync(phone);
    }
    assert_eq!(first.sweep(), 3);
    assert_eq!(second.sweep(), 2, "what no backup holds stays");
    assert!(bodies(&second.replica, &ids[0]) > 0);
    assert!(bodies(&world.office.replica, &ids[0]) > 2, "the office keeps all of it, the late edit too");
    // That edit has no copy but the office's, so the other phone keeps it until a backup does.
    world.sync(&mut first);
    assert_eq!(first.sweep(), 0);
    assert_eq!(bodies(&first.replica, &ids[0]), 1);
    world.back_up(NOW + 2);
    for phone in [&mut first, &mut second] {
        world.sync(phone);
        phone.sweep();
        for id in &ids {
            assert_eq!(bodies(&phone.replica, id), 0);
            let row = phone.replica.row(&village(), id).unwrap().unwrap();
            assert!(
                row.gone && row.fin && row.state == "DIBATALKAN_PEMOHON" && row.person.is_none(),
                "{row:?}"
            );
            assert!(row.number.starts_with("3312082002"), "{row:?}");
        }
    }
    let late = second.replica.late(&village(), &ids[0], &second.author_id()).unwrap();
    assert_eq!((late.edits, late.requests), (1, 0));
    assert_eq!(first.replica.list(&first.author_id()).unwrap()[0].mark, Mark::Decided);

    // Who joins now gets headers, and what stays.
    let mut third = world.phone(3, Role::OperatorDesa, &[VILLAGE]);
    world.sync(&mut third);
    assert_eq!(third.ids().len(), 3);
    for id in &ids {
        assert_eq!(bodies(&third.replica, id), 0);
        let case = third.replica.case(&village(), id).unwrap();
        assert_eq!(case.state().unwrap().code, "DIBATALKAN_PEMOHON");
        assert_eq!(case.record[0].reason, None, "free words do not stay");
    }
    open_many(&mut third, 1);
    world.sync(&mut third);
    world.sync(&mut first);
    assert_eq!(first.ids().len(), 4, "work goes on beside it");
    let document = world.office.replica.case(&village(), &ids[1]).unwrap().document;
    assert!(document.register("nik").is_some());
    world.sound();
}

#[test]
fn what_is_destroyed_is_nowhere_and_what_comes_later_is_dropped() {
    let (mut world, mut first, mut second, ids) = ended();
    let hash = people(0).iter().find_map(|op| match op.value {
        Value::Attachment(hash, _) => Some(hash),
        _ => None,
    });
    let hash = hash.unwrap();
    second.edit(&ids[0], "Dusun Terlambat 9");
    assert_eq!(world.retain(NOW + AT_THE_OFFICE).destroyed, 3);
    let office = &world.office.replica;
    for id in &ids {
        assert_eq!(bodies(office, id), 0);
        assert!(office.store.get(&village(), Table::Document, id.as_bytes()).unwrap().is_none());
        let case = office.case(&village(), id).unwrap();
        assert_eq!(case.state().unwrap().code, "DIBATALKAN_PEMOHON");
        assert!(case.document.registers().is_empty());
    }
    assert!(office.attachment(&village(), &hash).unwrap().is_none());
    let jobs = office.store.scan(&village(), Table::Job, b"sms/", None, 9).unwrap();
    assert!(
        jobs.is_empty()
            && office.store.scan(&Partition::Office, Table::Person, &[], None, 9).unwrap().is_empty()
    );
    assert_eq!(office.unlinked().unwrap().len(), 9.min(MAX_UNLINKED));
    world.sound();

    // An old phone brings what it wrote before it heard: taken, receipted, dropped, and its officer told.
    world.sync(&mut second);
    world.sync(&mut first);
    assert_eq!(bodies(&world.office.replica, &ids[0]), 0);
    for phone in [&first, &second] {
        assert!(ids.iter().all(|id| bodies(&phone.replica, id) == 0));
        assert!(phone.replica.list(&phone.author_id()).unwrap().iter().all(|one| one.mark == Mark::Decided));
    }
    let late = second.replica.late(&village(), &ids[0], &second.author_id()).unwrap();
    assert_eq!((late.edits, late.requests), (1, 0));
    let late = first.replica.late(&village(), &ids[0], &first.author_id()).unwrap();
    assert_eq!((late.edits, late.requests), (0, 0));
    // A new phone joins after that, and one that was restored from before it.
    let mut third = world.phone(3, Role::OperatorDesa, &[VILLAGE]);
    world.sync(&mut third);
    assert!(ids.iter().all(|id| bodies(&third.replica, id) == 0));
    world.sync(&mut second);
    world.sound();
}

#[test]
fn a_scan_that_another_application_names_stays() {
    let (mut world, mut first, _, ids) = ended();
    open_many(&mut first, 1);
    world.sync(&mut first);
    let shared = first.ids().into_iter().find(|id| !ids.contains(id)).unwrap();
    world.retain(NOW + AT_THE_OFFICE);
    for hash in people(0).iter().filter_map(|op| match op.value {
        Value::Attachment(hash, _) => Some(hash),
        _ => None,
    }) {
        let namings = world.office.replica.namings(&village(), &hash).unwrap();
        assert_eq!(namings, [(shared, shared)]);
        assert!(world.office.replica.attachment(&village(), &hash).unwrap().unwrap().here);
    }
    assert_eq!(world.office.replica.unlinked().unwrap().len(), 6);
    world.sync(&mut first);
    assert_eq!(first.replica.unlinked().unwrap().len(), 6);
    world.sound();
}

#[test]
fn destroying_is_ordered_by_an_admin_of_what_has_ended() {
    let (mut world, mut first, _, ids) = ended();
    open_many(&mut first, 1);
    world.sync(&mut first);
    let open = first.ids().into_iter().find(|id| !ids.contains(id)).unwrap().to_hex();
    let dice = &mut *world.dice;
    let mut staff = |role, places: &[String]| {
        world.office.write(|office| office.add_staff(role, "Petugas", places)).unwrap().0
    };
    let (admin, front) = (staff(Role::Admin, &[]), staff(Role::FrontOffice, &[]));
    let name = ids[0].to_hex();
    let mut order = |name: &str, staff, reason: &str, dice: &mut Dice<'_>| {
        let ordered = world.office.write(|office| office.destroy(name, staff, reason, NOW, dice));
        ordered.map(|(remains, _)| remains).map_err(|error| error.to_string())
    };
    assert!(order(&name, front, "permintaan pemilik data", dice).unwrap_err().contains("admin"));
    assert!(order(&name, admin, " ", dice).unwrap_err().contains("alasan"));
    assert!(order(&open, admin, "permintaan pemilik data", dice).unwrap_err().contains("belum selesai"));
    let remains = order(&name, admin, "permintaan pemilik data", dice).unwrap();
    assert_eq!((remains.cause.as_str(), remains.staff), ("perintah", Some(admin)));
    assert!(order(&name, admin, "permintaan pemilik data", dice).unwrap_err().contains("sudah dimusnahkan"));
    world.sync(&mut first);
    assert_eq!(bodies(&first.replica, &ids[0]), 0);
    world.sound();
}
