//! Sign-in: what opens a session, what locks, what ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use loket_core::catalogue::Role;

use super::super::tests::{NOW, World};
use super::*;

const SALT: [u8; 16] = [3; 16];
const SECRET_OF: [u8; SECRET] = [5; SECRET];

struct Desk {
    world: World,
    staff: u32,
}

fn code(now: i64, staff: u32) -> String {
    factor(&SECRET_OF, staff).unwrap().generate(now as u64).to_string()
}

impl Desk {
    fn new() -> Desk {
        let mut world = World::new();
        let hash = hash_password("kata sandi panjang", &SALT).unwrap();
        let (staff, _) = world
            .office
            .write(|office| {
                let staff = office.add_staff(Role::FrontOffice, "Petugas Depan", &[])?;
                office.set_access(staff, hash, SECRET_OF)?;
                Ok(staff)
            })
            .unwrap();
        Desk { world, staff }
    }

    fn try_in(&mut self, password: bool, code: &str, token: u8, now: i64) -> SignedIn {
        let claim = Claim { staff: self.staff, password, code, token: [token; 32] };
        self.world.office.write(|office| office.sign_in(&claim, now)).unwrap().0
    }

    fn is_in(&self, token: u8, now: i64) -> bool {
        self.world.office.replica.session(&[token; 32], now).unwrap().is_some()
    }
}

#[test]
fn a_password_is_known_by_its_hash_alone() {
    let row = AccessRow {
        password: hash_password("kata sandi panjang", &SALT).unwrap(),
        secret: SECRET_OF,
        step: 0,
        failures: 0,
        locked: 0,
    };
    assert!(row.password.starts_with("$argon2id$"));
    assert!(is_password(Some(&row), "kata sandi panjang"));
    assert!(!is_password(Some(&row), "kata sandi panjanG"));
    assert!(!is_password(None, "kata sandi panjang"));
    assert!(PasswordHash::new(NOBODY).is_ok(), "who is unknown takes as long");
    assert!(hash_password("pendek", &SALT).is_err());
    assert!(hash_password(&"a".repeat(201), &SALT).is_err());
}

#[test]
fn both_factors_are_asked_and_a_code_is_good_once() {
    let mut desk = Desk::new();
    let right = code(NOW, desk.staff);
    assert_eq!(desk.try_in(false, &right, 1, NOW), SignedIn::Wrong);
    assert_eq!(desk.try_in(true, "000000", 1, NOW), SignedIn::Wrong);
    assert_eq!(desk.try_in(true, "", 1, NOW), SignedIn::Wrong);
    assert!(!desk.is_in(1, NOW));
    assert_eq!(desk.try_in(true, &right, 1, NOW), SignedIn::Open);
    assert!(desk.is_in(1, NOW));
    assert_eq!(desk.try_in(true, &right, 2, NOW + 1), SignedIn::Wrong);
    let nobody = Claim { staff: 99, password: true, code: &right, token: [9; 32] };
    let (done, _) = desk.world.office.write(|office| office.sign_in(&nobody, NOW)).unwrap();
    assert_eq!(done, SignedIn::Wrong);
}

#[test]
fn failures_in_a_row_lock_for_a_while() {
    let mut desk = Desk::new();
    for _ in 1..MAX_FAILURES {
        assert_eq!(desk.try_in(false, "000000", 1, NOW), SignedIn::Wrong);
    }
    let until = NOW + LOCK_SECONDS;
    assert_eq!(desk.try_in(false, "000000", 1, NOW), SignedIn::Locked(until));
    let right = code(NOW + 60, desk.staff);
    assert_eq!(desk.try_in(true, &right, 1, NOW + 60), SignedIn::Locked(until), "the right one neither");
    let right = code(until, desk.staff);
    assert_eq!(desk.try_in(true, &right, 1, until), SignedIn::Open);
}

#[test]
fn sessions_end() {
    let mut desk = Desk::new();
    let mut now = NOW;
    for token in 1..=6 {
        now += 60;
        let right = code(now, desk.staff);
        assert_eq!(desk.try_in(true, &right, token, now), SignedIn::Open);
    }
    assert!(!desk.is_in(1, now), "the oldest makes room");
    assert!(desk.is_in(2, now) && desk.is_in(6, now));
    desk.world.office.write(|office| office.sign_out(&[2; 32])).unwrap();
    assert!(!desk.is_in(2, now));
    assert!(desk.is_in(3, now + IDLE_SECONDS - 181) && !desk.is_in(3, now + IDLE_SECONDS));
    for hour in 1..13 {
        let at = now + hour * (IDLE_SECONDS - 60);
        desk.world.office.write(|office| office.see_session(&[6; 32], at)).unwrap();
    }
    assert!(!desk.is_in(6, now + SESSION_SECONDS), "however busy");
    let (swept, _) = desk.world.office.write(|office| office.sweep_sessions(now + SESSION_SECONDS)).unwrap();
    assert_eq!(swept, 4);
    let right = code(now + 60, desk.staff);
    assert_eq!(desk.try_in(true, &right, 8, now + 60), SignedIn::Open);
    let hash = hash_password("kata sandi yang baru", &SALT).unwrap();
    let staff = desk.staff;
    desk.world.office.write(|office| office.set_access(staff, hash, SECRET_OF)).unwrap();
    assert!(!desk.is_in(8, now + 60), "a new password ends what the old one opened");
}
