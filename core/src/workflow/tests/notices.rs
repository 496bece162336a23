//! Which notifications are due, and their words.

use super::*;
use crate::catalogue::{Notification, NotifyAt, Privacy};

fn due(case: &Case) -> Vec<(String, String, u32, usize)> {
    let due = notifications(&case.service, &case.record);
    due.into_iter().map(|due| (due.id, due.event, due.revision, due.decision_index)).collect()
}

fn row(id: &str, event: &str, revision: u32, index: usize) -> (String, String, u32, usize) {
    (id.into(), event.into(), revision, index)
}

#[test]
fn the_document_is_told_of_when_it_can_be_collected() {
    let mut case = Case::new(fixture());
    case.until("");
    let acts: Vec<_> = case.record.iter().map(|decision| decision.act.clone()).collect();
    let at = |act: &str| acts.iter().position(|known| *known == act).unwrap();
    assert_eq!(
        due(&case),
        [row("N1", "periksa_kasi", 1, at("periksa_kasi")), row("N3", "cetak", 1, at("terima_kartu"))]
    );
    case.service.notify_at = NotifyAt::Cetak;
    assert_eq!(due(&case)[1], row("N3", "cetak", 1, at("cetak")));
    case.service.notify_at = NotifyAt::Siap;
    case.service.pickup_site = case.service.print_site;
    case.record.retain(|decision| !decision.act.ends_with("_kartu"));
    assert_eq!(due(&case)[1], row("N3", "cetak", 1, at("cetak")));
}

#[test]
fn a_second_return_is_told_and_a_second_print_is_not() {
    let mut case = Case::new(fixture());
    case.act("ajukan").wish(bare("kembalikan_fo", Role::FrontOffice).with_reason(Some("lihat catatan")));
    case.edits += 1;
    case.act("ajukan").wish(bare("kembalikan_fo", Role::FrontOffice).with("sebab", "kurang"));
    case.edits += 1;
    case.act("ajukan").until("serah").act("cetak_ulang").until("");
    let told: Vec<_> =
        due(&case).into_iter().map(|(id, event, revision, _)| format!("{id} {event} {revision}")).collect();
    assert_eq!(told, ["N2 kembalikan_fo 1", "N2 kembalikan_fo 2", "N1 periksa_kasi 3", "N3 cetak 3"]);
    let causes: Vec<_> =
        notifications(&case.service, &case.record).into_iter().map(|due| due.sebab).collect();
    assert_eq!(
        causes,
        [None, Some("berkas belum lengkap".to_owned()), None, None],
        "free words stay at the desk"
    );
}

#[test]
fn refusals_and_contradictions_tell_nobody() {
    let mut case = Case::new(fixture());
    case.act("ajukan");
    let fact = Wish { fact: true, ..bare("cetak", Role::OperatorKecamatan) };
    case.wish(fact);
    let refused = case.ask(|view| answer(view, &bare("kembalikan_fo", Role::FrontOffice), 9)).unwrap();
    case.push(refused);
    assert_eq!(due(&case), []);
}

#[test]
fn texts_are_masked_and_plain() {
    let mut service = fixture();
    let vars = Vars {
        nomor: "3312-26-A",
        tempat: "Kec. “Baturetno” – loket",
        sebab: None,
        nama: "Siti  Aminah {nomor}",
    };
    let notification = service.notifications[2].clone();
    let words = text(&service, &notification, &vars);
    assert_eq!(words, "Layanan Uji S*** A***** ****** (3312-26-A) siap di Kec. \"Baturetno\" - loket.");
    assert!(septets(&words).is_some());
    service.privacy = Privacy::PerluTahu;
    assert!(text(&service, &notification, &vars).starts_with("permohonan S***"));
    let returned = service.notifications[1].clone();
    assert_eq!(text(&service, &returned, &vars), "Permohonan 3312-26-A dikembalikan: hubungi petugas.");
    let odd = Notification { text: "{nomor} {lain} {belum".into(), ..returned };
    assert_eq!(text(&service, &odd, &vars), "3312-26-A  ");
}

#[test]
fn septets_and_parts_are_counted() {
    for (words, count, parts) in [
        (String::new(), Some(0), 1),
        ("Gratis.".into(), Some(7), 1),
        ("[€]".into(), Some(6), 1),
        ("a".repeat(160), Some(160), 1),
        ("a".repeat(161), Some(161), 2),
        ("a".repeat(307), Some(307), 3),
        ("”".into(), None, 1),
        ("“".repeat(71), None, 2),
    ] {
        assert_eq!((septets(&words), sms_parts(&words)), (count, parts), "{words}");
    }
}

#[test]
fn every_text_of_the_catalogue_is_one_sms() {
    for service in services() {
        for notification in &service.notifications {
            let causes = service.reasons.iter().map(|reason| Some(reason.sms.as_str())).chain([None]);
            for sebab in causes {
                let vars = Vars {
                    nomor: "33.12.08.2002-26-AB12-0001-X",
                    tempat: "Kecamatan Baturetno",
                    sebab,
                    nama: "Contoh Nama Tiga",
                };
                let words = text(&service, notification, &vars);
                assert!(septets(&words).is_some_and(|count| count <= 160), "{}: {words}", service.service);
            }
        }
    }
}

#[test]
fn an_applicant_whom_no_message_reached_is_called_once() {
    let mut case = Case::new(fixture());
    case.act("ajukan").wish(bare("kembalikan_fo", Role::FrontOffice).with("sebab", "kurang"));
    let called = || bare(ACT_TOLD, Role::OperatorDesa);
    let refused = case.ask(|view| decide(view, &called(), 9));
    assert_eq!(refused, Err(Refusal::BelumWaktunya("DIKEMBALIKAN".into())), "nobody has to be called");

    let unreached = |event: &str, doubtful: bool| Unreached {
        id: "N2".into(),
        event: event.into(),
        revision: 1,
        doubtful,
    };
    let noted = |unreached: &Unreached| Decision {
        act: "sms_gagal".into(),
        kind: Event::Unreached,
        params: unreached.params(),
        request: None,
        ..own_event()
    };
    let before = case.state.clone();
    case.push(noted(&unreached("kembalikan_fo", true)));
    case.push(noted(&unreached("kembalikan_fo", false)));
    case.push(noted(&unreached("berkas_kurang", false)));
    assert_eq!(case.state.unreached, [unreached("kembalikan_fo", false), unreached("berkas_kurang", false)]);
    assert_eq!((&case.state.code, &case.state.done), (&before.code, &before.done), "nothing moves");
    assert_eq!(due(&case), due(&case), "and nothing more is due");

    // The office takes back one of them, an officer answers for the rest; after the end as well.
    let one = Decision {
        act: ACT_TOLD.into(),
        kind: Event::Done,
        params: unreached("berkas_kurang", false).params(),
        ..own_event()
    };
    case.push(one);
    assert_eq!(case.state.unreached, [unreached("kembalikan_fo", false)]);
    case.wish(bare("tarik", Role::OperatorDesa));
    assert!(case.state.fin);
    assert!(
        available(&case.service, &case.state, Role::OperatorDesa).iter().any(|offer| offer.act == ACT_TOLD)
    );
    assert!(available(&case.service, &case.state, Role::KepalaDinas).is_empty());
    case.wish(called());
    assert_eq!(case.state.unreached, []);
    assert!(available_all(&case.service, &case.state).is_empty());
}

/// A line of the office's own.
fn own_event() -> Decision {
    Decision {
        act: String::new(),
        kind: Event::Complete,
        request: None,
        actor: Actor { who: Who::Office, role: Role::Admin },
        at: 9,
        claimed_at: None,
        reason: None,
        marks: Vec::new(),
        params: Vec::new(),
        revision: 1,
        frozen: None,
        complete: false,
    }
}
