//! What the published procedure says of the services, as tables, against what their files say.
//!
//! The places of printing, collecting and posting differ from service to service in ways that look like
//! slips and are not ours to mend, so they stand here once more, literally.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use super::*;

/// Every service whose file is present.
fn services() -> Vec<Service> {
    [
        include_bytes!("../../catalogue/ktp-el-baru.toml").as_slice(),
        include_bytes!("../../catalogue/ktp-el-perubahan.toml"),
        include_bytes!("../../catalogue/ktp-el-hilang.toml"),
        include_bytes!("../../catalogue/ktp-el-rusak.toml"),
        include_bytes!("../../catalogue/kia-baru.toml"),
        include_bytes!("../../catalogue/kia-perubahan.toml"),
        include_bytes!("../../catalogue/kia-hilang.toml"),
        include_bytes!("../../catalogue/kia-rusak.toml"),
        include_bytes!("../../catalogue/peristiwa-penting-lainnya.toml"),
    ]
    .into_iter()
    .map(|bytes| toml::from_slice(bytes).unwrap())
    .collect()
}

/// One row of the table of places, as words, with the ways in which a step first refuses.
struct Row {
    reference: &'static str,
    service: &'static str,
    /// Where the card is printed, collected, and the papers posted to.
    sites: [&'static str; 3],
    /// The act that queues the card for printing, and who does it.
    queued: &'static str,
    /// Who prints.
    printed: &'static str,
    /// What tells that it is ready.
    told: &'static str,
    /// The first refusal of each step that has one, with its kind.
    refusals: &'static [&'static str],
}

const RETURNS: [&str; 2] = ["kembalikan_fo return N2", "kembalikan_kasi return N2"];

/// Family B: queued by the Front Office, printed and collected at the kecamatan.
const fn card(reference: &'static str, service: &'static str) -> Row {
    Row {
        reference,
        service,
        sites: ["kecamatan", "kecamatan", "kecamatan"],
        queued: "antri_cetak front-office",
        printed: "operator-kecamatan",
        told: "N3",
        refusals: &RETURNS,
    }
}

/// Family C: queued by the kecamatan's barcode; printed and collected as given.
const fn child(
    reference: &'static str,
    service: &'static str,
    print: &'static str,
    printed: &'static str,
    pickup: &'static str,
) -> Row {
    Row {
        reference,
        service,
        sites: [print, pickup, "kecamatan"],
        queued: "cetak_barcode operator-kecamatan",
        printed,
        told: "N4",
        refusals: &RETURNS,
    }
}

const MATRIX: [Row; 9] = [
    Row {
        reference: "S1",
        service: "ktp-el-baru",
        sites: ["kecamatan", "kecamatan", "-"],
        queued: "-",
        printed: "operator-kecamatan",
        told: "-",
        refusals: &["batalkan_penunggalan cancel -"],
    },
    card("S2", "ktp-el-perubahan"),
    card("S3", "ktp-el-hilang"),
    card("S4", "ktp-el-rusak"),
    child("S5", "kia-baru", "kecamatan", "operator-kecamatan", "kecamatan"),
    child("S6", "kia-perubahan", "kecamatan", "operator-kecamatan", "desa"),
    child("S7", "kia-hilang", "desa", "operator-desa", "kecamatan"),
    child("S8", "kia-rusak", "kecamatan", "operator-kecamatan", "desa"),
    Row {
        reference: "S9",
        service: "peristiwa-penting-lainnya",
        sites: ["dinas", "dinas", "dinas"],
        queued: "-",
        printed: "bagian-produksi",
        told: "N8",
        refusals: &[
            "batalkan_fo cancel N5",
            "batalkan_kasi cancel N5",
            "batalkan_loket cancel N5",
            "batalkan_produksi cancel N7",
            "tolak_ttd redo -",
            "tolak_tanda_tangan redo -",
        ],
    },
];

/// The word with which a value of a closed list stands in a file.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

fn word_or_dash<T: serde::Serialize>(value: Option<&T>) -> String {
    value.map_or_else(|| "-".to_owned(), word)
}

fn step<'a>(service: &'a Service, act: &str) -> Option<&'a Step> {
    service.steps.iter().find(|step| step.act == act)
}

/// What tells that the card is ready. It stands with the printing; `notify_at` says that it is sent when the
/// card can be collected, which is later where the card travels.
fn told(service: &Service) -> String {
    assert_eq!(service.notify_at, NotifyAt::Siap, "{}", service.service);
    let later = service.steps.iter().skip_while(|step| step.act != "cetak").skip(1);
    assert_eq!(later.filter(|step| step.notify.is_some()).count(), 0, "{}: told twice", service.service);
    step(service, "cetak").unwrap().notify.clone().unwrap_or_else(|| "-".to_owned())
}

/// First refusals up to the printing; after it only the card itself can be refused.
fn refusals(service: &Service) -> Vec<String> {
    let until = service.steps.iter().position(|step| step.act == "cetak").unwrap();
    let outcome = |step: &Step| {
        let first = step.outcomes.first()?;
        let kind = format!("{:?}", first.kind).to_lowercase();
        Some(format!("{} {kind} {}", first.act, first.notify.as_deref().unwrap_or("-")))
    };
    service.steps[..until].iter().filter_map(outcome).collect()
}

#[test]
fn the_places_are_those_of_the_procedure() {
    for service in services() {
        let row = MATRIX.iter().find(|row| row.service == service.service).unwrap();
        let id = &service.service;
        assert_eq!(service.reference, row.reference);
        let sites = [
            word(&service.print_site),
            word(&service.pickup_site),
            word_or_dash(service.paper_site.as_ref()),
        ];
        assert_eq!(sites, row.sites, "{id}: sites");
        let queued = ["antri_cetak", "cetak_barcode"].iter().find_map(|act| step(&service, act));
        let queued = queued.map_or("-".to_owned(), |step| format!("{} {}", step.act, word(&step.roles[0])));
        assert_eq!(queued, row.queued, "{id}: queued");
        let cetak = step(&service, "cetak").unwrap();
        assert_eq!(cetak.roles.iter().map(word).collect::<Vec<_>>(), [row.printed], "{id}: printed");
        assert_eq!(cetak.site, service.print_site, "{id}: printed where");
        assert_eq!(step(&service, "serah").unwrap().site, service.pickup_site, "{id}: handed over where");
        assert_eq!(told(&service), row.told, "{id}: told");
        assert_eq!(refusals(&service), row.refusals, "{id}: refusals");
    }
}

#[test]
fn the_line_has_the_states_of_its_family() {
    let filed = ["DRAF", "ANTRI_FO", "DIVERIFIKASI_FO", "INPUT_SIAK"];
    let changed = ["UBAH_DATA"];
    let approved = ["ANTRI_VALIDATOR", "DISETUJUI"];
    let printed = ["ANTRI_CETAK"];
    let transport = ["DICETAK", "DIKIRIM_KE_LOKET"];
    let signed = ["ANTRI_PRODUKSI", "PENGAJUAN_TTD", "TTD_DIVALIDASI", "DITANDATANGANI"];
    let counter = ["SIAP_DIAMBIL"];
    for service in services() {
        let travels = service.print_site != service.pickup_site;
        let waits: Vec<&str> = service
            .steps
            .iter()
            .filter(|step| travels || !["kirim_kartu", "terima_kartu"].contains(&step.act.as_str()))
            .map(|step| step.waits.as_str())
            .collect();
        let expected: Vec<&str> = match service.reference.as_str() {
            "S1" => vec!["DRAF", "PEREKAMAN", "PENUNGGALAN", "SIAP_CETAK", "DICETAK"],
            "S2" => [&filed[..], &changed, &approved, &printed, &counter].concat(),
            "S9" => [&filed[..], &approved, &signed, &counter].concat(),
            _ if travels => [&filed[..], &approved, &printed, &transport, &counter].concat(),
            _ => [&filed[..], &approved, &printed, &counter].concat(),
        };
        assert_eq!(waits, expected, "{}", service.service);
        assert_eq!(service.steps.last().unwrap().done.as_deref(), Some("DIAMBIL"));
        assert_eq!(step(&service, "cetak").unwrap().done.as_deref(), Some("DICETAK"));
    }
}

/// The table of requirements: number, id, obligation, variants, papers, and `!` where it is surrendered.
const REQUIREMENTS: [(&str, &[&str]); 7] = [
    ("S1", &["1.1 kartu_keluarga must - C", "1.2 permohonan_cetak must - O", "A34 surat_kuasa must - -"]),
    (
        "S3",
        &[
            "3.1 fotokopi_ktp one_of - C",
            "3.1 kartu_keluarga one_of - C",
            "3.2 surat_kehilangan must - O",
            "A34 surat_kuasa must - -",
        ],
    ),
    ("S4", &["4.1 kartu_keluarga must - C", "4.2 ktp_rusak must - O!", "A34 surat_kuasa must - -"]),
    (
        "S5",
        &[
            "5.1 akta_kelahiran must - C+OS",
            "5.2 kartu_keluarga must - C",
            "5.3 foto_anak must usia-5-17 2P",
            "A34 surat_kuasa must - -",
        ],
    ),
    (
        "S6",
        &[
            "6.1 kia_lama must usia-5 O!",
            "A23 kia_lama_bila_ada if_avail data-lain O",
            "6.2 kartu_keluarga must - C",
            "6.3 foto_anak must usia-5 2P",
            "A23 foto_anak_bila_ada if_avail data-lain 2P",
            "6.4 ktp_orang_tua must data-lain C",
            "6.5 akta_kelahiran must data-lain C",
            "A34 surat_kuasa must - -",
        ],
    ),
    (
        "S7",
        &[
            "7.1 surat_kehilangan must - O",
            "7.2 fotokopi_kia if_avail - C",
            "7.3 akta_kelahiran must - C",
            "7.4 kartu_keluarga must - C",
            "A24 foto_anak if_avail - 2P",
            "A34 surat_kuasa must - -",
        ],
    ),
    (
        "S8",
        &[
            "8.1 kia_rusak must - O!",
            "8.2 akta_kelahiran must - C",
            "8.3 kartu_keluarga must - C",
            "A24 foto_anak if_avail - 2P",
            "A34 surat_kuasa must - -",
        ],
    ),
];

fn dash_if_empty(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn line(requirement: &Requirement) -> String {
    let paper = |paper: &Paper| {
        let forms: Vec<String> = paper.forms.iter().map(word).collect();
        let count = if paper.count == 1 { String::new() } else { paper.count.to_string() };
        format!("{count}{}", forms.join("/"))
    };
    let papers = dash_if_empty(requirement.papers.iter().map(paper).collect::<Vec<_>>().join("+"));
    let variants = dash_if_empty(requirement.variants.join("/"));
    let surrendered = if requirement.surrender { "!" } else { "" };
    let obligation = word(&requirement.obligation);
    format!("{} {} {obligation} {variants} {papers}{surrendered}", requirement.reference, requirement.id)
}

#[test]
fn the_papers_are_those_of_the_procedure() {
    let services = services();
    for (reference, expected) in REQUIREMENTS {
        let service = services.iter().find(|service| service.reference == reference).unwrap();
        let found: Vec<String> = service.requirements.iter().map(line).collect();
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn a_card_is_given_up_exactly_where_one_is_asked_for() {
    for service in services() {
        let asked = service.requirements.iter().any(|requirement| requirement.surrender);
        let serah = step(&service, "serah").unwrap();
        assert_eq!(serah.guards.contains(&Guard::OldCard), asked, "{}: guard", service.service);
        let need = serah.needs.iter().find(|need| need.id == "kartu_lama");
        assert_eq!(need.is_some(), asked, "{}: need", service.service);
        // The second variant of S6 need not have an old card: there the guard decides.
        let required = need.is_some_and(|need| need.required);
        assert_eq!(required, asked && service.reference != "S6", "{}: required", service.service);
    }
}

/// Fields that every service asks, in this order, and whether submission needs them of an adult.
const COMMON: [(&str, bool); 32] = [
    ("nik", true),
    ("nama", true),
    ("nomor_kk", true),
    ("tempat_lahir", true),
    ("tanggal_lahir", true),
    ("jenis_kelamin", true),
    ("golongan_darah", false),
    ("agama", true),
    ("status_perkawinan", true),
    ("hubungan_keluarga", false),
    ("pendidikan", false),
    ("pekerjaan", true),
    ("kewarganegaraan", true),
    ("nama_ibu", false),
    ("nik_ibu", false),
    ("nama_ayah", false),
    ("nik_ayah", false),
    ("alamat", true),
    ("rt", true),
    ("rw", true),
    ("desa", true),
    ("kecamatan", false),
    ("kabupaten", false),
    ("provinsi", false),
    ("kode_pos", false),
    ("telepon", false),
    ("setuju_sms", false),
    ("email", false),
    ("pelapor", false),
    ("pelapor_nama", true),
    ("pelapor_nik", false),
    ("pelapor_hubungan", true),
];

#[test]
fn the_common_fields_are_the_same_in_every_service() {
    let mut seen: BTreeMap<String, (Kind, String, Vec<Choice>, Option<u32>)> = BTreeMap::new();
    for service in services() {
        let id = &service.service;
        let leading: Vec<&str> =
            service.fields.iter().take(COMMON.len()).map(|field| field.id.as_str()).collect();
        assert_eq!(leading, COMMON.map(|(field, _)| field), "{id}");
        assert!(service.fields.iter().any(|field| field.id == "catatan"), "{id}");
        for (field, (name, required)) in service.fields.iter().zip(COMMON) {
            let spared = service.subject == Subject::Anak
                && (name == "pekerjaan" || (name == "nik" && id.as_str() == "kia-baru"));
            assert_eq!(field.required, required && !spared, "{id}: {name}");
            let shape = (field.kind, field.label.clone(), field.options.clone(), field.siak);
            let first = seen.entry(name.to_owned()).or_insert_with(|| shape.clone());
            assert_eq!(*first, shape, "{id}: {name}");
        }
    }
}
