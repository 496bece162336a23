//! All nine services, in every variant, along their whole line and through every branch of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::script::{AT_KECAMATAN, Application, SERVICES, Town, items, scan, sound, text, texts};
use super::walk::{Walk, lead};

/// What the published procedure says of a service: who prints and hands over, where; whom the applicant hears
/// from; and the states it is seen in.
struct Line {
    service: &'static str,
    /// Role and place of printing.
    printed: (&'static str, &'static str),
    /// Role and place of the hand-over.
    collected: (&'static str, &'static str),
    /// Where the papers are posted to.
    papers: Option<&'static str>,
    /// SMS, in order.
    told: &'static [&'static str],
    /// States between the desks and the end.
    states: &'static [&'static str],
}

/// States of the desks, the same for all but the first service.
const DESKS: [&str; 5] = ["DRAF", "ANTRI_FO", "DIVERIFIKASI_FO", "INPUT_SIAK", "ANTRI_VALIDATOR"];
const KEC: (&str, &str) = ("operator-kecamatan", "kecamatan");
const COUNTER: (&str, &str) = ("loket-pengambilan", "kecamatan");
const VILLAGE_COUNTER: (&str, &str) = ("loket-pengambilan", "desa");

/// The table of prints, pickups and papers (3.4), literally.
const LINES: [Line; 9] = [
    Line {
        service: "ktp-el-baru",
        printed: KEC,
        collected: KEC,
        papers: None,
        told: &[],
        states: &["DRAF", "PEREKAMAN", "PENUNGGALAN", "SIAP_CETAK", "DICETAK", "DIAMBIL"],
    },
    Line {
        service: "ktp-el-perubahan",
        printed: KEC,
        collected: COUNTER,
        papers: Some("kecamatan"),
        told: &["N1", "N3"],
        states: &["DISETUJUI", "ANTRI_CETAK", "SIAP_DIAMBIL", "DIAMBIL"],
    },
    Line {
        service: "ktp-el-hilang",
        printed: KEC,
        collected: COUNTER,
        papers: Some("kecamatan"),
        told: &["N1", "N3"],
        states: &["DISETUJUI", "ANTRI_CETAK", "SIAP_DIAMBIL", "DIAMBIL"],
    },
    Line {
        service: "ktp-el-rusak",
        printed: KEC,
        collected: COUNTER,
        papers: Some("kecamatan"),
        told: &["N1", "N3"],
        states: &["DISETUJUI", "ANTRI_CETAK", "SIAP_DIAMBIL", "DIAMBIL"],
    },
    Line {
        service: "kia-baru",
        printed: KEC,
        collected: COUNTER,
        papers: Some("kecamatan"),
        told: &["N1", "N4"],
        states: &["DISETUJUI", "ANTRI_CETAK", "SIAP_DIAMBIL", "DIAMBIL"],
    },
    Line {
        service: "kia-perubahan",
        printed: KEC,
        collected: VILLAGE_COUNTER,
        papers: Some("kecamatan"),
        told: &["N1", "N4"],
        states: &["DISETUJUI", "ANTRI_CETAK", "DICETAK", "DIKIRIM_KE_LOKET", "SIAP_DIAMBIL", "DIAMBIL"],
    },
    Line {
        service: "kia-hilang",
        printed: ("operator-desa", "desa"),
        collected: COUNTER,
        papers: Some("kecamatan"),
        told: &["N1", "N4"],
        states: &["DISETUJUI", "ANTRI_CETAK", "DICETAK", "DIKIRIM_KE_LOKET", "SIAP_DIAMBIL", "DIAMBIL"],
    },
    Line {
        service: "kia-rusak",
        printed: KEC,
        collected: VILLAGE_COUNTER,
        papers: Some("kecamatan"),
        told: &["N1", "N4"],
        states: &["DISETUJUI", "ANTRI_CETAK", "DICETAK", "DIKIRIM_KE_LOKET", "SIAP_DIAMBIL", "DIAMBIL"],
    },
    Line {
        service: "peristiwa-penting-lainnya",
        printed: ("bagian-produksi", "dinas"),
        collected: ("loket-pengambilan", "dinas"),
        papers: Some("dinas"),
        told: &["N6", "N8"],
        states: &[
            "DISETUJUI",
            "ANTRI_PRODUKSI",
            "PENGAJUAN_TTD",
            "TTD_DIVALIDASI",
            "DITANDATANGANI",
            "SIAP_DIAMBIL",
            "DIAMBIL",
        ],
    },
];

impl Line {
    fn of(service: &str) -> &'static Line {
        LINES.iter().find(|line| line.service == service).unwrap()
    }

    /// All states on the way, the desks' included.
    fn way(&self) -> Vec<&'static str> {
        match self.service {
            AT_KECAMATAN => self.states.to_vec(),
            "ktp-el-perubahan" => {
                let (head, tail) = DESKS.split_at(4);
                [head, &["UBAH_DATA"], tail, self.states].concat()
            }
            _ => [&DESKS, self.states].concat(),
        }
    }
}

/// Ids of what the applicant was told, in order.
fn told(shown: &Value) -> Vec<String> {
    texts(&shown["notifications"], Some("id"))
}

fn file_all(town: &Town) -> Vec<Application> {
    let each = SERVICES.iter().flat_map(|service| {
        town.variants(service).into_iter().map(move |variant| (*service, variant)).collect::<Vec<_>>()
    });
    each.map(|(service, variant)| {
        let application = town.begin(service, &variant);
        town.fill(&application);
        application
    })
    .collect()
}

#[test]
fn every_service_goes_its_whole_way() {
    let town = Town::new();
    let offered: BTreeSet<String> =
        texts(&town.village.run(&["services"]), Some("service")).into_iter().collect();
    assert_eq!(offered, SERVICES.map(str::to_owned).into());
    let mut walks: Vec<Walk> = file_all(&town).into_iter().map(Walk::straight).collect();
    assert!(walks.len() > SERVICES.len(), "two services have variants");
    town.sync();
    lead(&town, &mut walks);

    for walk in &walks {
        let (service, end) = (walk.application.service.as_str(), &walk.end);
        let line = Line::of(service);
        assert_eq!(walk.states, line.way(), "{service}");
        assert_eq!(end["state"], "DIAMBIL", "{service}");
        assert_eq!(end["variant"].as_str().unwrap_or_default(), walk.application.variant);
        assert_eq!(end["revision"], 1, "{service}");
        assert_eq!(told(end), line.told, "{service}");
        for sms in items(&end["notifications"]) {
            assert!(!text(sms, "state").is_empty(), "{service}: {sms}");
        }
        let places = (&end["print_site"], &end["pickup_site"], &end["paper_site"]);
        assert_eq!(
            places,
            (&json!(line.printed.1), &json!(line.collected.1), &json!(line.papers)),
            "{service}"
        );
        assert_eq!(items(&end["missing"]).len(), 0, "{service}");
        assert_eq!(items(&end["available"]).len(), 0, "{service}: a closed file offers nothing");
        follows_its_steps(&town, walk);
    }
    let verified = sound(&town.office);
    assert_eq!(verified["applications"], walks.len());
    on_the_phones_too(&town, &walks);
}

/// What was done is the straight line that the catalogue shows, each act by the role it names.
fn follows_its_steps(town: &Town, walk: &Walk) {
    let service = walk.application.service.as_str();
    let steps = town.line(service);
    assert_eq!(walk.acts, steps.iter().map(|(act, _)| act.clone()).collect::<Vec<_>>(), "{service}");
    let role = |act: &str| steps.iter().find(|(one, _)| one == act).map(|(_, role)| role.as_str());
    let line = Line::of(service);
    assert_eq!((role("cetak"), role("serah")), (Some(line.printed.0), Some(line.collected.0)), "{service}");
    let queued_by = role("antri_cetak").or(role("cetak_barcode"));
    let expected = match service {
        AT_KECAMATAN | "peristiwa-penting-lainnya" => None,
        _ if service.starts_with("ktp") => Some("front-office"),
        _ => Some("operator-kecamatan"),
    };
    assert_eq!(queued_by, expected, "{service}: who starts the print queue");
    let record = items(&walk.end["record"]);
    for (act, role) in &steps {
        let done = record.iter().find(|line| line["act"] == json!(act));
        let done = done.unwrap_or_else(|| panic!("{service}: {act} is not in the record"));
        assert_eq!(done["role"], json!(role), "{service}: {act}");
        assert!(!text(done, "by").is_empty() && !text(done, "at").is_empty(), "{done}");
    }
}

/// Phones end up with what the office has.
fn on_the_phones_too(town: &Town, walks: &[Walk]) {
    let listed = town.village.run(&["list"]);
    for walk in walks.iter().filter(|walk| walk.application.service != AT_KECAMATAN) {
        let id = &walk.application.id;
        let row = items(&listed).iter().find(|row| row["id"] == json!(id)).expect("in the list");
        assert_eq!((&row["state"], &row["mark"]), (&json!("DIAMBIL"), &json!("decided")), "{row}");
        let here = town.village.run(&["show", id]);
        for key in ["number", "fields", "heads", "submitted", "revision", "final"] {
            assert_eq!(here[key], walk.end[key], "{}: {key}", walk.application.service);
        }
    }
}

/// The ways off the line that come back to it, as the catalogue lists them, and those it does not list because
/// a step has several.
fn detours(town: &Town, service: &str) -> Vec<(String, String)> {
    let steps = items(&town.service(service)["steps"]).iter();
    let mut all: Vec<(String, String)> = steps
        .filter(|step| !step["on_refusal"].is_null() && step["on_refusal"]["kind"] != "cancel")
        .map(|step| (text(step, "act").to_owned(), text(&step["on_refusal"], "act").to_owned()))
        .collect();
    let more: &[(&str, &str)] = match service {
        AT_KECAMATAN => &[("penunggalan", "gagal_rekam"), ("penunggalan", "duplikat")],
        "peristiwa-penting-lainnya" => &[("periksa_produksi", "perbaikan_input")],
        _ => &[],
    };
    all.extend(more.iter().map(|(at, act)| ((*at).to_owned(), (*act).to_owned())));
    all
}

#[test]
fn every_refusal_leads_back_to_the_line() {
    let town = Town::new();
    let mut walks: Vec<Walk> = SERVICES
        .iter()
        .map(|service| {
            let application = town.begin(service, &town.variants(service)[0]);
            town.fill(&application);
            Walk::through(application, &detours(&town, service))
        })
        .collect();
    town.sync();
    lead(&town, &mut walks);
    for walk in &walks {
        let service = walk.application.service.as_str();
        for (_, refusal) in detours(&town, service) {
            assert!(walk.acts.contains(&refusal), "{service}: {refusal} was never done");
        }
        let returns = walk.acts.iter().filter(|act| act.starts_with("kembalikan_")).count();
        assert_eq!(walk.end["state"], "DIAMBIL", "{service}");
        assert_eq!(walk.end["revision"], 1 + returns, "{service}");
        match service {
            AT_KECAMATAN => assert_eq!(told(&walk.end), Vec::<String>::new()),
            "peristiwa-penting-lainnya" => corrected(walk),
            _ => returned_twice(walk),
        }
    }
    sound(&town.office);
}

/// Returned by the Front Office and by the Kasi: marked, told each time, and resubmitted.
fn returned_twice(walk: &Walk) {
    let (service, end) = (walk.application.service.as_str(), &walk.end);
    let record = items(&end["record"]);
    for act in ["kembalikan_fo", "kembalikan_kasi"] {
        let line = record.iter().find(|line| line["act"] == act).expect("returned");
        let marks = line["marks"].as_object().unwrap();
        assert!(!marks.is_empty(), "{service}: a return marks what is wrong: {line}");
    }
    assert!(walk.states.contains(&"DIKEMBALIKAN".to_owned()), "{:?}", walk.states);
    let told = told(end);
    assert_eq!(told.iter().filter(|id| *id == "N2").count(), 2, "{service}: {told:?}");
    assert!(texts(&end["notices"], Some("id")).contains(&"N2".to_owned()), "the operator is told as well");
    // Once per (application, event, revision), though the second revision reached the Kasi, not the end.
    assert_eq!(told.iter().filter(|id| *id == "N1").count(), 1, "{service}: {told:?}");
    assert_eq!(end["fields"]["alamat"], "Dusun Perbaikan 2", "{service}");
    assert_eq!(end["submitted"]["revision"], 3, "{service}");
}

/// Sent back to production by everybody who may, and its input mended by the office.
fn corrected(walk: &Walk) {
    let passed = |state: &str| walk.states.iter().filter(|one| *one == state).count();
    assert!(walk.states.contains(&"PERBAIKAN_INPUT".to_owned()), "{:?}", walk.states);
    // From the counter, from the correction, from the Kasi, from the head.
    assert_eq!(passed("ANTRI_PRODUKSI"), 4, "{:?}", walk.states);
    assert_eq!(walk.end["fields"]["alamat"], "Dusun Pembetulan");
    assert_eq!(walk.end["revision"], 1, "a correction is no revision of the village");
    assert!(told(&walk.end).starts_with(&["N6".to_owned()]), "{:?}", told(&walk.end));
}

#[test]
fn the_ninth_service_is_cancelled_at_four_desks_and_the_first_at_one() {
    let town = Town::new();
    let ninth = "peristiwa-penting-lainnya";
    let gates = [
        ("periksa_fo", "batalkan_fo", "N5"),
        ("periksa_kasi", "batalkan_kasi", "N5"),
        ("terima_berkas_dinas", "batalkan_loket", "N5"),
        ("periksa_produksi", "batalkan_produksi", "N7"),
    ];
    let steps = items(&town.service(ninth)["steps"]);
    let mut walks = Vec::new();
    for (at, act, notify) in gates {
        let step = steps.iter().find(|step| step["act"] == at).unwrap();
        let refusal = &step["on_refusal"];
        assert_eq!((&refusal["act"], &refusal["notify"]), (&json!(act), &json!(notify)));
        assert_eq!((&refusal["kind"], &refusal["to"]), (&json!("cancel"), &json!("DIBATALKAN")));
        let application = town.begin(ninth, "");
        town.fill(&application);
        walks.push(Walk::through(application, &[(at.into(), act.into())]));
    }
    let first = town.begin(AT_KECAMATAN, "");
    town.fill(&first);
    walks.push(Walk::through(first, &[("penunggalan".into(), "batalkan_penunggalan".into())]));
    town.sync();
    lead(&town, &mut walks);
    for (walk, (_, act, notify)) in walks.iter().zip(gates) {
        assert_eq!((&walk.end["state"], &walk.end["final"]), (&json!("DIBATALKAN"), &json!(true)), "{act}");
        assert_eq!(told(&walk.end).last().map(String::as_str), Some(notify), "{act}");
        let line = items(&walk.end["record"]).last().unwrap().clone();
        assert_eq!(line["act"], act);
        assert!(!line["reason"].is_null() || !line["params"]["sebab"].is_null(), "no cause: {line}");
    }
    let first = &walks[4].end;
    assert_eq!(first["state"], "DIBATALKAN");
    assert_eq!(told(first), Vec::<String>::new(), "the first service sends no SMS");
}

#[test]
fn an_applicant_may_withdraw_until_the_data_go_to_siak() {
    let town = Town::new();
    let apply = |service: &str| {
        let application = town.begin(service, &town.variants(service)[0]);
        town.fill(&application);
        application
    };
    let (draft, queued, returned, late) =
        (apply("ktp-el-hilang"), apply("kia-baru"), apply("ktp-el-rusak"), apply("kia-hilang"));
    let recorded = apply(AT_KECAMATAN);
    for application in [&queued, &returned, &late, &recorded] {
        town.submit(application);
    }
    town.sync();
    for (act, more) in [("klaim_fo", None), ("kembalikan_fo", Some(&returned)), ("periksa_fo", Some(&late))] {
        for application in more.map_or(vec![&returned, &late], |only| vec![only]) {
            town.act(&town.show(application), application, act, "front-office", &[]);
        }
    }
    town.act(&town.show(&recorded), &recorded, "rekam", "operator-kecamatan", &[]);
    town.sync();
    let before = [(&draft, "DRAF"), (&queued, "ANTRI_FO"), (&returned, "DIKEMBALIKAN")];
    for (application, state) in before {
        let shown = town.show(application);
        assert_eq!(shown["state"], state);
        town.act(&shown, application, "tarik", "operator-desa", &[]);
    }
    town.act(&town.show(&recorded), &recorded, "tarik", "operator-kecamatan", &[]);
    let refused = town.village.outcome(&["act", &late.id, "tarik"]);
    town.sync();
    for application in [&draft, &queued, &returned, &recorded] {
        let shown = town.show(application);
        let state = (&shown["state"], &shown["final"]);
        assert_eq!(state, (&json!("DIBATALKAN_PEMOHON"), &json!(true)), "{}", application.service);
        let phone = town.home(&application.service).run(&["show", &application.id]);
        assert_eq!(phone["state"], "DIBATALKAN_PEMOHON", "{}", application.service);
    }
    // Too late: the phone says so at once, or the office at the sync.
    let shown = town.show(&late);
    assert_eq!(shown["state"], "INPUT_SIAK");
    let answered = texts(&shown["record"], Some("outcome")).contains(&"ditolak".to_owned());
    assert!(!refused.success || answered, "{shown}");
}

#[test]
fn papers_travel_beside_the_line() {
    let town = Town::new();
    let application = town.begin("ktp-el-rusak", "");
    town.fill(&application);
    town.sync();
    // The applicant is told to post them once the Kasi has approved.
    lead(&town, &mut [Walk::before("antri_cetak", application.clone())]);
    let track = [
        ("kirim_berkas", "operator-desa", "dikirim"),
        ("berkas_kurang", "operator-kecamatan", "kurang"),
        ("kirim_berkas", "operator-desa", "dikirim"),
        ("terima_berkas", "operator-kecamatan", "diterima"),
        ("berkas_kurang", "operator-kecamatan", "kurang"),
        ("bebaskan_berkas", "operator-kecamatan", "dibebaskan"),
    ];
    for (act, role, papers) in track {
        let shown = town.show(&application);
        let mut args = vec!["act", &application.id, act];
        let set = town.offer(&shown, &application, act, role);
        set.iter()
            .filter(|pair| !pair.starts_with("kartu_lama"))
            .for_each(|pair| args.extend(["--set", pair]));
        if ["berkas_kurang", "bebaskan_berkas"].contains(&act) {
            args.extend(["--reason", "lihat catatan petugas"]);
        }
        town.phone(role).unwrap().run(&args);
        town.sync();
        let shown = town.show(&application);
        assert_eq!((&shown["papers"], &shown["state"]), (&json!(papers), &json!("DISETUJUI")), "{act}");
    }
    let shown = town.show(&application);
    assert!(
        texts(&shown["notices"], Some("id")).contains(&"BERKAS_KURANG".to_owned()),
        "{}",
        shown["notices"]
    );
    let acts: BTreeSet<String> = texts(&shown["record"], Some("act")).into_iter().collect();
    assert!(track.iter().all(|(act, _, _)| acts.contains(*act)), "{acts:?}");
}

#[test]
fn no_card_is_handed_over_before_the_old_one_is_recorded() {
    let town = Town::new();
    // Surrendered at the counter, or with the posted papers.
    let (now, posted) = (town.begin("ktp-el-rusak", ""), town.begin("kia-perubahan", "usia-5"));
    let mut walks = [&now, &posted].map(|one| Walk::before("serah", one.clone()));
    for walk in &walks {
        town.fill(&walk.application);
    }
    town.sync();
    lead(&town, &mut walks);
    for application in [&now, &posted] {
        assert_eq!(town.show(application)["state"], "SIAP_DIAMBIL", "{}", application.service);
        let refusal = serah(&town, application, false);
        assert!(refusal.is_err_and(|sentence| sentence.contains("kartu_lama")), "{}", application.service);
    }
    let set = ["kartu_lama=ada"];
    town.act(&town.show(&posted), &posted, "terima_berkas", "operator-kecamatan", &set);
    town.sync();
    for (application, told_now) in [(&posted, false), (&now, true)] {
        serah(&town, application, told_now).unwrap();
        assert_eq!(town.show(application)["state"], "DIAMBIL", "{}", application.service);
    }
}

/// Hands over, with or without a word on the old card: the state after, or the sentence of the refusal.
fn serah(town: &Town, application: &Application, old_card: bool) -> Result<(), String> {
    let set = town.offer(&town.show(application), application, "serah", "loket-pengambilan");
    let mut args = vec!["act", &application.number, "serah", "--as", &town.staff["loket-pengambilan"]];
    let told = set.iter().filter(|pair| old_card || !pair.starts_with("kartu_lama="));
    told.for_each(|pair| args.extend(["--set", pair]));
    let outcome = town.office.outcome(&args);
    if outcome.success { Ok(()) } else { Err(outcome.refusal().to_owned()) }
}

#[test]
fn a_spoiled_card_is_printed_again_and_scans_stay_legible() {
    let town = Town::new();
    let application = town.begin("kia-rusak", "");
    town.fill(&application);
    let more = scan(town.office.path(), "halaman kedua");
    let attached = town.village.run(&["attach", &application.id, "kartu_keluarga", more.to_str().unwrap()]);
    assert_eq!(text(&attached, "hash").len(), 64);
    let spoiled = [("serah".to_owned(), "cetak_ulang".to_owned())];
    let mut walks = vec![Walk::through(application, &spoiled)];
    town.sync();
    lead(&town, &mut walks);
    let end = &walks[0].end;
    assert_eq!(walks[0].acts.iter().filter(|act| *act == "cetak").count(), 2, "{:?}", walks[0].acts);
    let family: Vec<_> =
        items(&end["attachments"]).iter().filter(|one| one["requirement"] == "kartu_keluarga").collect();
    assert_eq!(family.len(), 2, "more than one file to a requirement: {}", end["attachments"]);
    assert!(items(&end["attachments"]).iter().all(|one| one["complete"] == true), "{}", end["attachments"]);
    assert_eq!(items(&end["submitted"]["attachments"]).len(), items(&end["attachments"]).len());
}
