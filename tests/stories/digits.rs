//! Six digits on both sides: a device comes in only once somebody has read its screen to the office.

use std::time::Duration;

use loket_tests::{Office, Phone, Running, VILLAGE, eventually};

const SOON: Duration = Duration::from_secs(30);

/// An enrolment that waits, and the digits that its phone shows.
fn waiting(phone: &Phone, url: &str, code: &str) -> (Running, String) {
    let said = phone.path().join("kata");
    let mut command = phone.command();
    command.args(["enroll", "--url", url, "--code", code]);
    let enrolling = Running::start_into(command, &said);
    let digits = eventually("the digits are shown", SOON, || {
        let text = std::fs::read_to_string(&said).ok()?;
        let (_, rest) = text.split_once("bacakan angka ")?;
        rest.get(..6).map(str::to_owned)
    });
    (enrolling, digits)
}

fn invited(office: &Office) -> String {
    let asked = ["invite", "--role", "operator-desa", "--partition", VILLAGE, "--confirm"];
    office.run(&asked)["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_device_whose_digits_were_compared_comes_in_and_nobody_who_stole_its_code() {
    let office = Office::new();
    let server = office.serve();
    let (phone, code) = (Phone::unknown(), invited(&office));
    let (mut enrolling, digits) = waiting(&phone, server.url(), &code);
    assert!(phone.fails(&["list"]).contains("belum terdaftar"));
    // Whoever else knows the code is not let in beside it, and has other digits.
    let thief = Phone::unknown();
    let refused = thief.fails(&["enroll", "--url", server.url(), "--code", &code]);
    assert!(refused.contains("tidak berlaku"), "{refused}");
    let wrong = if digits == "000000" { "111111" } else { "000000" };
    assert!(office.fails(&["confirm", wrong]).contains("angka itu"));
    let spoken = format!("{} {}", &digits[..3], &digits[3..]);
    assert!(!office.run(&["confirm", &spoken])["officer"].as_str().unwrap().is_empty());
    eventually("the phone is let in", SOON, || (!enrolling.runs()).then_some(()));
    assert!(enrolling.kill().success);
    assert_eq!(phone.run(&["list"]).as_array().unwrap().len(), 0);
    assert!(office.fails(&["confirm", &digits]).contains("angka itu"), "once is enough");
    assert!(server.stop());
}

#[test]
fn after_a_few_wrong_digits_nobody_who_waits_is_let_in() {
    let office = Office::new();
    let server = office.serve();
    let (phone, code) = (Phone::unknown(), invited(&office));
    let (mut enrolling, digits) = waiting(&phone, server.url(), &code);
    for _ in 0..5 {
        let wrong = if digits == "000000" { "111111" } else { "000000" };
        office.fails(&["confirm", wrong]);
    }
    assert!(office.fails(&["confirm", &digits]).contains("kode baru"));
    eventually("the phone is told", SOON, || (!enrolling.runs()).then_some(()));
    assert!(!enrolling.kill().success);
    assert!(server.stop());
}
