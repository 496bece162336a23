//! One row per refusal, in order of precedence; the last column is the verdict. Each row is built so that every
//! refusal below it would apply as well, as far as one wish can be wrong in so many ways.

use super::*;
use crate::catalogue::Guard;
use crate::journal::EntryHash;

/// A case that waits for the hand-over, whose step asks for everything.
fn guarded(guards: Vec<Guard>) -> Case {
    let mut service = fixture();
    let serah = service.steps.last_mut().unwrap();
    serah.guards = guards;
    let mut case = Case::new(service);
    case.until("serah");
    case
}

fn serah() -> Wish {
    bare("serah", Role::LoketPengambilan)
        .with("penerima", "Contoh Satu")
        .with("hubungan", "sendiri")
        .with("kartu_lama", "diserahkan_sekarang")
}

fn code(case: &Case, wish: &Wish) -> String {
    match case.decide(wish) {
        Ok(decision) => format!("{:?}", decision.kind),
        Err(refusal) => refusal.as_text(),
    }
}

#[test]
fn refusals_come_in_order_of_precedence() {
    let draft = Case::new(fixture());
    let mut ended = draft.clone();
    ended.act("tarik");
    let mut wanting = Case { parents_known: false, conflicts: 2, ..draft.clone() };
    wanting.missing = vec![("field".into(), "nik".into()), ("requirement".into(), "kk".into())];
    let arrived = Case { parents_known: true, ..wanting.clone() };
    let conflicting = Case { missing: vec![], ..arrived.clone() };
    let mut returned = draft.clone();
    returned.act("ajukan").act("kembalikan_fo");
    returned.missing = arrived.missing.clone();
    let mut awaiting = Case { attachments_complete: false, ..draft.clone() };
    awaiting.act("ajukan");
    let mut queued = draft.clone();
    queued.act("ajukan");
    let mut validating = draft.clone();
    validating.until("periksa_kasi");

    let submit = || bare("ajukan", Role::OperatorDesa);
    let outside = |wish: Wish| Wish { place_ok: false, ..wish };
    let long = |wish: Wish| wish.with("catatan", &"x".repeat(MAX_VALUE + 1));
    let same_person = Wish {
        actor: Actor { who: Who::Staff(4), role: Role::FrontOffice },
        ..bare("periksa_kasi", Role::FrontOffice)
    };

    for (name, case, wish, verdict) in [
        ("ended, unknown", &ended, outside(bare("tidak_ada", Role::Admin)), "sudah_selesai"),
        ("ended", &ended, submit(), "sudah_selesai"),
        ("unknown", &draft, outside(bare("tidak_ada", Role::Admin)), "tindakan_tidak_dikenal"),
        ("role, place", &draft, outside(bare("ajukan", Role::FrontOffice)), "bukan_wewenang:ajukan"),
        ("role elsewhere", &draft, bare("serah", Role::KepalaDinas), "bukan_wewenang:serah"),
        ("outcome's own role", &draft, bare("ulang", Role::FrontOffice), "bukan_wewenang:ulang"),
        ("place, size", &draft, outside(long(submit())), "bukan_wilayah"),
        ("size, parents", &wanting, long(submit()), "terlalu_besar"),
        ("parents", &wanting, submit(), "menunggu_data"),
        ("parents, state", &Case { parents_known: false, ..queued.clone() }, submit(), "menunggu_data"),
        ("done already", &queued, submit(), "sudah_dilakukan:ajukan"),
        ("attachments", &awaiting, bare("periksa_fo", Role::FrontOffice), "lampiran_belum_lengkap"),
        (
            "attachments, return",
            &awaiting,
            bare("kembalikan_fo", Role::FrontOffice),
            "lampiran_belum_lengkap",
        ),
        ("too early", &queued, bare("cetak", Role::OperatorKecamatan), "belum_waktunya:ANTRI_FO"),
        ("papers too early", &queued, bare("kirim_berkas", Role::OperatorDesa), "belum_waktunya:ANTRI_FO"),
        ("nothing new, missing", &Case { edits: 1, ..returned.clone() }, submit(), "versi_usang"),
        (
            "an older version, missing",
            &Case { newer: false, edits: 9, ..returned.clone() },
            submit(),
            "versi_usang",
        ),
        ("missing, conflict", &arrived, submit(), "masih_kurang:field/nik"),
        ("conflict", &conflicting, submit(), "konflik_terbuka"),
        ("four eyes", &validating, same_person, "orang_yang_sama:periksa_fo"),
        ("other eyes", &validating, bare("periksa_kasi", Role::KasiPendaftaran), "Done"),
        ("reason", &queued, bare("kembalikan_fo", Role::FrontOffice), "alasan_wajib"),
        (
            "unlisted reason",
            &queued,
            bare("kembalikan_fo", Role::FrontOffice).with("sebab", "rusak"),
            "isian_tidak_sah:sebab",
        ),
        (
            "blank reason",
            &queued,
            bare("kembalikan_fo", Role::FrontOffice).with_reason(Some("  ")),
            "alasan_wajib",
        ),
        (
            "unknown mark",
            &queued,
            bare("kembalikan_fo", Role::FrontOffice).with("tanda.sim", "buram"),
            "tanda_tidak_dikenal",
        ),
        (
            "long mark",
            &queued,
            bare("kembalikan_fo", Role::FrontOffice).with("tanda.kk", &"x".repeat(201)),
            "tanda_tidak_dikenal",
        ),
        (
            "a mark is a reason",
            &queued,
            bare("kembalikan_fo", Role::FrontOffice).with("tanda.kk", "buram"),
            "Done",
        ),
        (
            "a listed reason is one",
            &queued,
            bare("kembalikan_fo", Role::FrontOffice).with("sebab", "kurang"),
            "Done",
        ),
        (
            "a mark is none for a cancellation",
            &validating,
            bare("batalkan", Role::KasiPendaftaran).with("tanda.kk", "buram"),
            "alasan_wajib",
        ),
        (
            "long reason",
            &queued,
            bare("kembalikan_fo", Role::FrontOffice).with_reason(Some(&"x".repeat(MAX_REASON + 1))),
            "terlalu_besar",
        ),
        (
            "a wait may go without",
            &{
                let mut c = draft.clone();
                c.until("penunggalan");
                c
            },
            bare("duplikat", Role::FrontOffice).with("status", "GANDA"),
            "Done",
        ),
        ("release needs one", &awaiting, bare(ACT_RELEASE, Role::FrontOffice), "alasan_wajib"),
    ] {
        assert_eq!(code(case, &wish), verdict, "{name}");
    }
}

#[test]
fn guards_come_in_order_of_precedence() {
    let done = || Guard::Done("berkas_kurang".into());
    let ready = guarded(vec![Guard::CardAtPickup, Guard::OldCard, Guard::PapersReceived, done()]);
    let papers = guarded(vec![Guard::CardAtPickup, Guard::OldCard, Guard::PapersReceived]);
    let card = guarded(vec![Guard::CardAtPickup, Guard::OldCard]);
    // The card is needed at the counter before it was even printed.
    let mut service = fixture();
    service.steps[1].guards = vec![Guard::CardAtPickup];
    let mut unprinted = Case::new(service);
    unprinted.act("ajukan");
    let empty = || bare("serah", Role::LoketPengambilan);

    for (name, case, wish, verdict) in [
        ("step", &ready, empty(), "langkah_belum_selesai:berkas_kurang"),
        ("papers", &papers, empty(), "berkas_belum_diterima"),
        ("old card", &card, empty(), "kartu_lama_belum_diserahkan"),
        ("card", &unprinted, bare("periksa_fo", Role::FrontOffice), "kartu_belum_di_loket"),
        ("need", &card, empty().with("kartu_lama", "bersama_berkas"), "isian_wajib:penerima"),
        (
            "need, in the file's order",
            &Case { surrender: false, ..card.clone() },
            empty(),
            "isian_wajib:penerima",
        ),
        (
            "no old card to surrender",
            &Case { surrender: false, ..card.clone() },
            Wish { params: serah().params[..2].to_vec(), ..serah() },
            "Done",
        ),
        ("wrong choice", &card, serah().with("hubungan", "tetangga"), "isian_tidak_sah:hubungan"),
        ("wrong date", &card, serah().with("tanggal", "2026-02-30"), "isian_tidak_sah:tanggal"),
        ("blank optional", &card, serah().with("tanggal", " "), "Done"),
        ("complete", &card, serah(), "Done"),
    ] {
        assert_eq!(code(case, &wish), verdict, "{name}");
    }
    let mut twice = serah();
    twice.params.push(("hubungan".into(), "keluarga".into()));
    assert_eq!(code(&card, &twice), "isian_tidak_sah:hubungan");
}

#[test]
fn printing_waits_for_the_papers_where_the_service_says_so() {
    let mut service = fixture();
    service.gate_print_on_paper = true;
    let mut case = Case::new(service);
    case.until("cetak");
    let print = bare("cetak", Role::OperatorKecamatan).with("nomor_seri", "A1");
    assert_eq!(code(&case, &print), "berkas_belum_diterima");
    assert!(
        available(&case.service, &case.state, Role::OperatorKecamatan)
            .iter()
            .all(|offer| offer.act != "cetak")
    );
    case.act("terima_berkas");
    assert_eq!(code(&case, &print), "Done");
}

#[test]
fn a_fact_that_does_not_fit_is_recorded_and_flagged() {
    let mut case = Case::new(fixture());
    case.act("ajukan");
    let fact = |act: &str, role| Wish { fact: true, ..bare(act, role) };
    for (name, wish, verdict) in [
        ("too early", fact("cetak", Role::OperatorKecamatan), Ok(Refusal::BelumWaktunya("ANTRI_FO".into()))),
        (
            "papers too early",
            fact("kirim_berkas", Role::OperatorDesa),
            Ok(Refusal::BelumWaktunya("ANTRI_FO".into())),
        ),
        ("judgement", fact("kembalikan_fo", Role::FrontOffice), Err(Refusal::AlasanWajib)),
        ("role", fact("cetak", Role::FrontOffice), Err(Refusal::BukanWewenang("cetak".into()))),
        ("unknown", fact("cetak_dua", Role::OperatorKecamatan), Err(Refusal::TindakanTidakDikenal)),
        ("place", Wish { place_ok: false, ..fact("serah", Role::OperatorDesa) }, Err(Refusal::BukanWilayah)),
        (
            "size",
            fact("cetak", Role::OperatorKecamatan).with("x", &"x".repeat(2001)),
            Err(Refusal::TerlaluBesar),
        ),
    ] {
        let expected = verdict.map(Event::Contradiction);
        assert_eq!(case.decide(&wish).map(|decision| decision.kind), expected, "{name}");
    }
    let before = case.state.clone();
    case.wish(fact("cetak", Role::OperatorKecamatan).with("nomor_seri", "A1"));
    assert_eq!(case.state, State { contradictions: 1, ..before });
    case.until("");
    case.wish(fact("serah", Role::OperatorDesa));
    assert_eq!(case.record.last().unwrap().kind, Event::Contradiction(Refusal::SudahSelesai));
    let mut incomplete = Case::new(fixture());
    incomplete.until("serah").wish(fact("serah", Role::OperatorDesa).with("kartu_lama", "bersama_berkas"));
    let kind = &incomplete.record.last().unwrap().kind;
    assert_eq!(*kind, Event::Contradiction(Refusal::IsianWajib("penerima".into())));
}

#[test]
fn a_request_is_answered_once_and_the_refusal_stays_in_the_record() {
    let mut case = Case::new(fixture());
    let request = Some(EntryHash([1; 32]));
    let wish = Wish { request, ..bare("cetak", Role::OperatorKecamatan) };
    let refused = case.ask(|view| answer(view, &wish, 5)).unwrap();
    assert_eq!(refused.kind, Event::Refused(Refusal::BelumWaktunya("DRAF".into())));
    assert_eq!((refused.request, refused.at, refused.revision), (request, 5, 0));
    let before = case.state.clone();
    case.push(refused);
    assert_eq!(case.state, before);
    let again = Wish { fact: true, ..wish.clone() };
    assert_eq!(case.decide(&again), Err(Refusal::SudahDijawab));
    assert_eq!(case.ask(|view| answer(view, &again, 6)), None);
    let next = Wish { request: Some(EntryHash([2; 32])), ..again };
    assert!(case.ask(|view| answer(view, &next, 7)).is_some());
}

#[test]
fn values_fit_their_kinds() {
    let need = |kind, many| Need {
        id: "x".into(),
        label: "x".into(),
        kind,
        options: ["a", "b", "c"]
            .map(|id| crate::catalogue::Choice { id: id.into(), label: id.into() })
            .to_vec(),
        many,
        required: true,
    };
    for (kind, many, value, verdict) in [
        (Kind::Nik, false, "3312084502900003", true),
        (Kind::Nik, false, "331208450290003", false),
        (Kind::Nik, false, "33120845029000O3", false),
        (Kind::NomorKk, false, "0000000000000000", true),
        (Kind::Tanggal, false, "2024-02-29", true),
        (Kind::Tanggal, false, "2025-02-29", false),
        (Kind::Tanggal, false, "29-02-2024", false),
        (Kind::Tanggal, false, "2024-02-29T10:00", false),
        (Kind::Telepon, false, "0812-0000-0000", true),
        (Kind::Telepon, false, "+62 812 0000 000", true),
        (Kind::Telepon, false, "delapan", false),
        (Kind::Pilihan, false, "a", true),
        (Kind::Pilihan, false, "a,b", false),
        (Kind::Pilihan, true, "a,c", true),
        (Kind::Pilihan, true, "c,a", true),
        (Kind::Pilihan, true, "a,a", false),
        (Kind::Pilihan, true, "a,", false),
        (Kind::Wilayah, false, "33.12.08.2002", true),
        (Kind::Wilayah, false, "33..12", false),
        (Kind::Bilangan, false, "-12", true),
        (Kind::Bilangan, false, "1.5", false),
        (Kind::YaTidak, false, "ya", true),
        (Kind::YaTidak, false, "mungkin", false),
        (Kind::Teks, false, "?? -- ??", true),
        (Kind::Nama, false, " ", false),
    ] {
        assert_eq!(need_fits(&need(kind, many), value), verdict, "{kind:?} {value}");
    }
}
