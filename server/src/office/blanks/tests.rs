//! The ledger of blanks: told within bounds, by who keeps the stock, and counted once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::settings::DINAS;
use super::super::tests::{NOW, World};
use super::*;

const KECAMATAN: &str = "33.12.08";

fn keeper(world: &mut World, codes: &[&str]) -> StaffRow {
    let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
    let id =
        world.office.write(|office| office.add_staff(Role::OperatorKecamatan, "Petugas", &codes)).unwrap().0;
    super::super::look::Look::staff(&world.office.replica, id).unwrap()
}

fn tell(world: &mut World, staff: &StaffRow, site: &str, told: Told) -> Result<(), ReplicaError> {
    let World { office, dice, .. } = world;
    office.write(|office| office.tell_blanks(staff, site, "KIA", told, NOW, dice)).map(|(done, _)| done)
}

fn left(world: &World) -> i64 {
    let stocks = stocks(&world.office.replica).unwrap();
    stocks.iter().find(|stock| stock.site == KECAMATAN && stock.kind == "KIA").map_or(0, |stock| stock.left)
}

#[test]
fn a_stock_is_told_within_bounds_by_who_keeps_it() {
    let mut world = World::new();
    let staff = keeper(&mut world, &[KECAMATAN]);
    let from = || "Dinas".to_owned();
    tell(&mut world, &staff, KECAMATAN, Told::Came(10, from())).unwrap();
    tell(&mut world, &staff, KECAMATAN, Told::Spoiled("K1".into(), "sobek".into())).unwrap();
    assert_eq!(left(&world), 9);
    let wrong = [
        Told::Came(0, from()),
        Told::Came(-1, from()),
        Told::Came(MAX_DELIVERY + 1, from()),
        Told::Came(1, " ".into()),
        Told::Came(1, "x".repeat(MAX_TEXT + 1)),
        Told::Spoiled(" ".into(), from()),
        Told::Counted(-1, from()),
        Told::Counted(i64::MAX, from()),
    ];
    for told in wrong {
        let refused = tell(&mut world, &staff, KECAMATAN, told.clone());
        assert!(matches!(refused, Err(ReplicaError::Refused(_))), "{told:?}");
    }
    for site in [DINAS, "33.12.09", "33.12.99", "", "../x"] {
        assert!(tell(&mut world, &staff, site, Told::Came(1, from())).is_err(), "{site}");
    }
    let other = StaffRow { role: Role::FrontOffice, ..staff.clone() };
    assert!(tell(&mut world, &other, KECAMATAN, Told::Came(1, from())).is_err());
    assert_eq!(left(&world), 9);
    // What was counted is what there is.
    tell(&mut world, &staff, KECAMATAN, Told::Counted(7, "hitung akhir bulan".into())).unwrap();
    assert_eq!(left(&world), 7);
    let lines = ledger(&world.office.replica, KECAMATAN, "KIA", 10).unwrap();
    assert_eq!(lines.iter().map(|line| line.change).sum::<i64>(), left(&world));
    assert_eq!(ledger(&world.office.replica, KECAMATAN, "KIA", 2).unwrap().len(), 2);
    assert!(ledger(&world.office.replica, KECAMATAN, "KTP-el", 10).unwrap().is_empty());
}
