//! A draft that nobody touches is taken back, and only that.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use loket_core::catalogue::Role;
use loket_core::replica::write::{Asked, Author, text};

use super::super::tests::{NOW, Phone, World, dice_of, open_many};
use super::*;

const VILLAGE: &str = "33.12.08.2002";
const DAY: i64 = 24 * 3600;
/// What the services say where they say nothing.
const UNTOUCHED: i64 = 180 * DAY;

fn village() -> Partition {
    VILLAGE.parse().unwrap()
}

impl World {
    fn end_drafts(&mut self, now: i64) -> Ended {
        let dice = &mut *self.dice;
        self.office.write(|office| office.end_drafts(now, dice)).unwrap().0
    }

    fn row(&self, id: &EntryHash) -> ApplicationRow {
        self.office.replica.row(&village(), id).unwrap().unwrap()
    }
}

fn drafts(phone: &Phone, world: &World) -> Vec<EntryHash> {
    let all = phone.replica.list(&phone.author().signer.public_key().author()).unwrap();
    all.into_iter().map(|listed| listed.id).filter(|id| world.row(id).revision == 0).collect()
}

#[test]
fn a_draft_that_nobody_touches_is_taken_back() {
    let mut world = World::new();
    let mut phone = world.phone(1, Role::OperatorDesa, &[VILLAGE]);
    world.sync(&mut phone);
    open_many(&mut phone, 2);
    world.sync(&mut phone);
    let drafts = drafts(&phone, &world);
    assert_eq!(drafts.len(), 2);
    assert_eq!(world.end_drafts(NOW + UNTOUCHED - 1), Ended::default());

    // One of them is worked on meanwhile, by a phone whose clock says that it was years ago.
    let case = phone.replica.case(&village(), &drafts[0]).unwrap();
    let Phone { replica, key, epoch } = &mut phone;
    let author = Author { signer: key, epoch: *epoch };
    let edit = vec![text("alamat", "Dusun Krajan 4")];
    replica
        .transaction(|replica| {
            replica.edit(&author, case, edit, 1000, &mut dice_of(5))?;
            replica.seal(&author, village())
        })
        .unwrap();
    world.sync(&mut phone);
    assert_eq!(world.end_drafts(NOW + UNTOUCHED), Ended { looked: 2, ended: 1 });
    assert_eq!(world.end_drafts(NOW + UNTOUCHED), Ended::default());
    let ended = world.row(&drafts[1]);
    assert!(ended.fin && !world.row(&drafts[0]).fin);
    assert_eq!((ended.state.as_str(), ended.queue), ("DIBATALKAN", None));
    let case = world.office.replica.case(&village(), &drafts[1]).unwrap();
    assert_eq!(case.record.last().unwrap().act, "gugur");
    assert_eq!(
        case.record.last().unwrap().reason.as_deref(),
        Some("tidak diajukan, dan tidak disentuh selama 180 hari")
    );
    // From here on it is retained as any other.
    assert_eq!(crate::office::retention::counted(&world.office.replica, 9).unwrap().len(), 1);

    world.sync(&mut phone);
    assert!(phone.replica.row(&village(), &drafts[1]).unwrap().unwrap().fin, "the phone hears of it");
    // Nobody touched the other one since either.
    assert_eq!(world.end_drafts(NOW + 2 * UNTOUCHED - 1), Ended::default());
    assert_eq!(world.end_drafts(NOW + 2 * UNTOUCHED), Ended { looked: 1, ended: 1 });
}

#[test]
fn what_has_ended_is_no_draft() {
    let mut world = World::new();
    let mut phone = world.phone(1, Role::OperatorDesa, &[VILLAGE]);
    world.sync(&mut phone);
    open_many(&mut phone, 1);
    world.sync(&mut phone);
    let id = drafts(&phone, &world)[0];
    assert_eq!(world.row(&id).queue.unwrap()[0], DRAFTS);
    let case = phone.replica.case(&village(), &id).unwrap();
    let Phone { replica, key, epoch } = &mut phone;
    let author = Author { signer: key, epoch: *epoch };
    let wish = Asked { act: "tarik".into(), freezes: false, reason: None, params: vec![] };
    replica
        .transaction(|replica| {
            replica.request(&author, &case, wish, NOW, &mut dice_of(6))?;
            replica.seal(&author, village())
        })
        .unwrap();
    world.sync(&mut phone);
    assert_eq!(world.row(&id).queue, None);
    assert_eq!(world.end_drafts(NOW + 9 * UNTOUCHED), Ended::default());
    assert_eq!(world.office.replica.case(&village(), &id).unwrap().record.len(), 1);
}
