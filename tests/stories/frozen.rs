//! The office decides on exactly what was submitted: a later edit is a difference until the next revision.

use loket_tests::{KECAMATAN, Phone};
use serde_json::{Value, json};

use super::script::{Town, items, sound};

/// What stands frozen: revision, heads, fields, attachments.
fn frozen(shown: &Value) -> [Value; 4] {
    ["revision", "heads", "fields", "attachments"].map(|key| shown["submitted"][key].clone())
}

#[test]
fn an_edit_made_before_and_synced_after_waits_for_the_next_revision() {
    let town = Town::new();
    let application = town.begin("ktp-el-rusak", "");
    town.fill(&application);
    town.village.sync();
    let other = Phone::enrolled(&town.office, &town.server, "petugas-lapangan", KECAMATAN);
    other.sync();
    // Written before the submission, and carried to the office after it.
    other.run(&["set", &application.id, "pekerjaan=Nelayan"]);
    let before = town.village.run(&["show", &application.id]);
    assert_eq!(before["submitted"], Value::Null, "nothing is frozen yet");
    town.submit(&application);
    town.village.sync();
    let first = town.show(&application);
    assert_eq!(first["submitted"]["heads"], before["heads"], "it names the heads that the screen showed");
    assert_eq!(first["submitted"]["fields"], before["fields"]);
    assert_eq!(first["submitted"]["revision"], 1);

    other.sync();
    let late = town.show(&application);
    assert_eq!(frozen(&late), frozen(&first), "the frozen version stays");
    assert_eq!(late["fields"]["pekerjaan"], "Nelayan", "the current one goes on");
    assert_ne!(late["heads"], first["heads"]);
    let differences = items(&late["submitted"]["differences"]);
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(
        (&differences[0]["field"], &differences[0]["current"]),
        (&json!("pekerjaan"), &json!("Nelayan"))
    );
    assert_eq!(differences[0]["submitted"], first["fields"]["pekerjaan"]);

    // Decided on what was frozen; the phones see the same difference.
    for act in ["klaim_fo", "kembalikan_fo"] {
        town.act(&town.show(&application), &application, act, "front-office", &[]);
    }
    town.village.sync();
    let here = town.village.run(&["show", &application.id]);
    assert_eq!(frozen(&here), frozen(&first));
    assert_eq!(here["submitted"]["differences"], late["submitted"]["differences"]);

    town.fill(&application);
    assert_eq!(town.submit(&application)["revision"], 2);
    town.village.sync();
    let second = town.show(&application);
    assert_eq!((&second["revision"], &second["submitted"]["revision"]), (&json!(2), &json!(2)));
    assert_eq!(second["submitted"]["fields"]["pekerjaan"], "Nelayan", "the next revision takes it");
    assert_eq!(second["submitted"]["heads"], here["heads"]);
    assert_eq!(second["submitted"]["differences"], json!([]));
    // What is already submitted as it stands is not submitted again.
    assert!(!town.village.outcome(&["submit", &application.id]).success);
    sound(&town.office);
}
