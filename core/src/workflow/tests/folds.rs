//! What a record amounts to: returns, detours, papers, spoiled cards, attachments that come later.

use super::*;
use crate::catalogue::{Papers, Site};

#[test]
fn a_returned_file_comes_back_as_a_new_revision() {
    let mut case = Case::new(fixture());
    case.act("ajukan");
    case.wish(
        bare("kembalikan_fo", Role::FrontOffice).with("tanda.kk", "buram").with_reason(Some("foto ulang")),
    );
    assert_eq!((case.state.code.as_str(), case.state.revision), ("DIKEMBALIKAN", 1));
    assert_eq!(case.state.marks, [("kk".to_owned(), "buram".to_owned())]);
    assert_eq!(case.state.last_reason.as_deref(), Some("foto ulang"));
    assert!(case.record.last().unwrap().params.is_empty(), "a mark is no parameter");
    case.edits += 1;
    case.act("ajukan");
    assert_eq!((case.state.code.as_str(), case.state.revision), ("ANTRI_FO", 2));
    assert_eq!(case.state.frozen.as_ref().unwrap().heads, [ChangeHash([2; 32])]);
    assert_eq!(case.state.done.keys().collect::<Vec<_>>(), ["ajukan"]);
    assert!(case.state.marks.is_empty());
}

#[test]
fn attachments_may_come_later() {
    let mut case = Case { attachments_complete: false, ..Case::new(fixture()) };
    case.act("ajukan");
    assert_eq!(
        (case.state.code.as_str(), &case.state.position),
        ("DIAJUKAN", &Position::AwaitingAttachments)
    );
    let office = Actor { who: Who::Office, role: Role::Admin };
    let mut released = case.clone();
    let arrival = case.ask(|view| complete(view, office, case.now)).unwrap();
    case.push(arrival.clone());
    assert_eq!((case.state.code.as_str(), case.state.complete), ("ANTRI_FO", true));
    assert_eq!(case.ask(|view| complete(view, office, case.now)), None);

    released.act(ACT_RELEASE);
    assert_eq!((released.state.code.as_str(), released.state.complete), ("ANTRI_FO", false));
    released.until("penunggalan").push(arrival.clone());
    assert_eq!((released.state.code.as_str(), released.state.complete), ("PENUNGGALAN", true));

    // An arrival for the revision before says nothing about this one.
    let mut again = case.clone();
    again.act("kembalikan_fo");
    again.edits += 1;
    again.attachments_complete = false;
    again.act("ajukan").push(arrival);
    assert_eq!((again.state.code.as_str(), again.state.complete), ("DIAJUKAN", false));
}

#[test]
fn waits_redos_and_detours_lead_where_the_file_says() {
    let mut case = Case::new(fixture());
    case.until("penunggalan").act("duplikat");
    assert_eq!((case.state.code.as_str(), case.state.afis.as_deref()), ("PENUNGGALAN", Some("GANDA")));
    case.act("perbaikan");
    assert_eq!(case.state.position, Position::Detour("perbaiki_input".into()));
    let frozen_before = case.state.frozen.clone();
    case.act("perbaiki_input");
    assert_eq!((case.state.code.as_str(), case.state.revision), ("PENUNGGALAN", 1));
    assert_ne!(case.state.frozen, frozen_before, "the office's correction is the version decided on");
    assert!(case.state.done.contains_key("periksa_fo"));
    case.act("ulang");
    assert_eq!(case.state.code, "ANTRI_FO");
    assert!(!case.state.done.contains_key("periksa_fo"), "what is to be done again is not done");
}

#[test]
fn a_spoiled_card_is_printed_anew() {
    let mut case = Case::new(fixture());
    case.until("cetak").wish(bare("cetak", Role::OperatorKecamatan).with("nomor_seri", "A1"));
    case.until("serah").act("cetak_ulang");
    assert_eq!((case.state.code.as_str(), case.state.card_serial.as_deref()), ("ANTRI_CETAK", None));
    case.wish(bare("cetak", Role::OperatorKecamatan).with("nomor_seri", "A2")).until("");
    assert_eq!(
        (case.state.spoiled.as_slice(), case.state.card_serial.as_deref()),
        (&["A1".to_owned()][..], Some("A2"))
    );
}

#[test]
fn papers_are_awaited_from_the_approval_on() {
    let mut case = Case::new(fixture());
    case.until("periksa_kasi");
    assert_eq!(case.state.papers, Papers::TidakPerlu);
    case.act("periksa_kasi");
    assert_eq!(case.state.papers, Papers::Belum);
    for (act, answer, papers, old_card) in [
        ("kirim_berkas", "", Papers::Dikirim, false),
        ("terima_berkas", "tidak_ada", Papers::Diterima, false),
        ("berkas_kurang", "", Papers::Kurang, false),
        ("kirim_berkas", "", Papers::Dikirim, false),
        ("terima_berkas", "ada", Papers::Diterima, true),
    ] {
        let wish = fill(&case.offer(act)).with("kartu_lama", answer);
        case.wish(wish);
        assert_eq!((case.state.papers, case.state.old_card), (papers, old_card), "{act}");
        assert_eq!(case.state.code, "ANTRI_CETAK");
    }
    // The old card is there, so the hand-over need not ask for it.
    case.until("serah");
    let wish = bare("serah", Role::OperatorDesa).with("penerima", "Contoh").with("hubungan", "keluarga");
    case.wish(wish);
    assert_eq!(case.state.code, "DIAMBIL");
}

#[test]
fn a_card_printed_where_it_is_collected_is_not_sent() {
    let mut service = fixture();
    service.pickup_site = Site::Kecamatan;
    let mut case = Case::new(service);
    case.until("cetak").act("cetak");
    assert_eq!(case.state.code, "SIAP_DIAMBIL");
    assert_eq!(
        case.decide(&bare("kirim_kartu", Role::OperatorKecamatan)),
        Err(Refusal::TindakanTidakDikenal)
    );
}

#[test]
fn decisions_that_do_not_fit_move_nothing_and_are_counted() {
    let mut case = Case::new(fixture());
    case.until("");
    let whole = case.record.clone();
    let end = case.state.clone();
    // Out of order, twice, or cut short: the fold stands.
    let reversed: Vec<_> = whole.iter().rev().cloned().collect();
    assert_eq!(state(&case.service, &reversed).code, "ANTRI_FO");
    let doubled: Vec<_> = whole.iter().flat_map(|decision| [decision.clone(), decision.clone()]).collect();
    let moved = |record: &[Decision]| State { contradictions: 0, ..state(&case.service, record) };
    assert_eq!(moved(&doubled), end);
    let acts = whole.iter().filter(|decision| decision.kind == Event::Done).count();
    assert!(state(&case.service, &doubled).contradictions > 0);
    assert!(state(&case.service, &doubled).contradictions <= acts);
    let twice: Vec<_> = whole.iter().chain(&whole).cloned().collect();
    assert_eq!(moved(&twice), end);
    assert_eq!(end.contradictions, 0);
}
