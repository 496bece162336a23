#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::type_complexity)]

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const SERVICE: &str = r#"
service = "contoh"
version = "2026.1"
valid_from = "2026-01-01"
title = "Contoh"
ref = "S0"
subject = "dewasa"
privacy = "biasa"
print_site = "kecamatan"
pickup_site = "kecamatan"
paper_site = "kecamatan"
notify_at = "siap"
retention_days = { phone = 30, office = 365 }
service_time_hours = 24
variants = [{ id = "satu", title = "Satu" }, { id = "dua", title = "Dua" }]
fields = [
  { id = "nik", label = "NIK", kind = "nik", required = true },
  { id = "nama", label = "Nama lengkap", kind = "nama", required = true },
  { id = "tanggal_lahir", label = "Tanggal lahir", kind = "tanggal" },
  { id = "jenis_kelamin", label = "Jenis kelamin", kind = "pilihan", options = ["laki-laki", "perempuan"] },
  { id = "desa", label = "Desa", kind = "wilayah" },
  { id = "telepon", label = "Telepon", kind = "telepon" },
  { id = "perubahan", label = "Data yang berubah", kind = "pilihan", many = true, options = ["nama", "status"] },
  { id = "nama_baru", label = "Nama baru", kind = "nama", required = true, when = { contains = { field = "perubahan", value = "nama" } } },
  { id = "khusus_dua", label = "Khusus dua", kind = "teks", required = true, variants = ["dua"] },
  { id = "pelapor_nik", label = "NIK pelapor", kind = "nik" },
  { id = "nomor_surat", label = "Nomor surat", kind = "teks", required = true, requirement = "surat" },
  { id = "nomor_akta", label = "Nomor akta", kind = "teks", required = true, requirement = "akta" },
  { id = "ada_perubahan", label = "Ada perubahan", kind = "pilihan", options = ["tidak", "ya"] },
  { id = "catatan", label = "Catatan", kind = "catatan" },
]
groups = [{ id = "bukti", title = "Bukti", least = 1, most = 1, when = { contains = { field = "perubahan", value = "status" } } }]
warnings = [{ id = "usia", sentence = "Belum 17 tahun.", when = { age_below = { field = "tanggal_lahir", years = 17 } } }]
blocks = [{ id = "kk", sentence = "Perbarui KK dahulu.", when = { equals = { field = "ada_perubahan", value = "ya" } } }]
requirements = [
  { id = "surat", ref = "1", title = "Surat", obligation = "must", capture = "original", papers = [{ forms = ["C"] }, { forms = ["OS"] }] },
  { id = "foto", ref = "2", title = "Foto", obligation = "must", capture = "original", variants = ["dua"] },
  { id = "kartu", ref = "3", title = "Kartu lama", obligation = "if_avail", capture = "original", surrender = true },
  { id = "permohonan", ref = "4", title = "Permohonan", obligation = "must", capture = "none" },
  { id = "buku", ref = "5", title = "Buku nikah", obligation = "one_of", group = "bukti", capture = "original" },
  { id = "akta", ref = "6", title = "Akta", obligation = "one_of", group = "bukti", capture = "original" },
]
states = []
steps = []
withdraw = { act = "tarik", label = "Tarik", roles = [], until = "ajukan" }
"#;

/// A form that a test fills, with everything it refers to.
struct Case {
    service: Service,
    variant: &'static str,
    registers: BTreeMap<String, String>,
    conflicts: BTreeSet<String>,
    here: bool,
    regions: Regions,
}

impl Case {
    fn new() -> Self {
        let mut case = Case {
            service: toml::from_str(SERVICE).unwrap(),
            variant: "satu",
            registers: BTreeMap::new(),
            conflicts: BTreeSet::new(),
            here: true,
            regions: Regions::wonogiri(),
        };
        case.set("nik", "3312080105900001").set("nama", "Sari Wibowo").set("nomor_surat", "1");
        case.attach("surat", 1).tick("asli.surat");
        case
    }

    fn set(&mut self, register: &str, value: &str) -> &mut Self {
        self.registers.insert(register.into(), value.into());
        self
    }

    fn attach(&mut self, requirement: &str, n: u32) -> &mut Self {
        let hash = blake3::hash(format!("{requirement}{n}").as_bytes()).to_hex();
        self.set(&format!("lampiran/{requirement}/{n}"), &format!("{hash} 1024"))
    }

    fn tick(&mut self, id: &str) -> &mut Self {
        let state = self.with(warnings).into_iter().find(|state| state.id == id).unwrap();
        self.set(&format!("periksa/{id}"), &state.fingerprint)
    }

    fn with<T>(&self, ask: impl Fn(&Form<'_>) -> T) -> T {
        let here = |_: &AttachmentHash| self.here;
        ask(&Form {
            service: &self.service,
            variant: Some(self.variant),
            registers: &self.registers,
            conflicts: &self.conflicts,
            attachments_here: &here,
            today: date(2026, 11, 20),
            regions: &self.regions,
        })
    }

    fn missing(&self) -> Vec<(What, String)> {
        self.with(missing).into_iter().map(|one| (one.what, one.id)).collect()
    }

    fn raised(&self) -> Vec<(String, bool)> {
        self.with(warnings).into_iter().map(|one| (one.id, one.ticked)).collect()
    }
}

fn one(what: What, id: &str) -> Vec<(What, String)> {
    vec![(what, id.to_owned())]
}

/// A change of a complete form, and all that is missing after it.
type Row = (fn(&mut Case), &'static [(What, &'static str)]);

#[test]
fn what_is_missing() {
    use What::*;
    let table: &[Row] = &[
        (|_| {}, &[]),
        (|c| _ = c.registers.remove("nama"), &[(Field, "nama")]),
        (|c| _ = c.set("nama", ""), &[(Field, "nama")]),
        (|c| _ = c.set("nik", "0"), &[(Field, "nik")]),
        (|c| _ = c.set("desa", "entah"), &[(Field, "desa")]),
        (|c| _ = c.set("perubahan", "nama"), &[(Field, "nama_baru")]),
        (|c| _ = c.set("perubahan", "nama").set("nama_baru", "Sari"), &[]),
        (|c| c.variant = "dua", &[(Field, "khusus_dua"), (Requirement, "foto")]),
        (|c| _ = c.set("ada_perubahan", "ya"), &[(Field, "ada_perubahan")]),
        (|c| _ = c.set("ada_perubahan", "tidak"), &[]),
        // A paper, and the field that describes it.
        (|c| _ = c.registers.remove("lampiran/surat/1"), &[(Requirement, "surat")]),
        (|c| _ = c.set("lampiran/surat/1", "bukan sidik"), &[(Requirement, "surat")]),
        (
            |c| {
                c.registers.remove("lampiran/surat/1");
                c.registers.remove("nomor_surat");
                c.set("abaikan/surat", "sudah ada");
            },
            &[],
        ),
        (|c| _ = c.registers.remove("nomor_surat"), &[(Field, "nomor_surat")]),
        // A group reports the member it prefers; the other one will do; an override too.
        (|c| _ = c.set("perubahan", "status"), &[(Requirement, "buku")]),
        (|c| _ = c.set("perubahan", "status").attach("buku", 1), &[]),
        (|c| _ = c.set("perubahan", "status").attach("akta", 1), &[(Field, "nomor_akta")]),
        (|c| _ = c.set("perubahan", "status").set("abaikan/buku", "hilang"), &[]),
        (
            |c| _ = c.set("perubahan", "status").attach("buku", 1).attach("akta", 1).set("nomor_akta", "2"),
            &[(Warning, "bukti.terlalu_banyak")],
        ),
        // Conflicts count where the register is asked.
        (|c| _ = c.conflicts.insert("nama".into()), &[(Conflict, "nama")]),
        (|c| _ = c.conflicts.insert("nama_baru".into()), &[]),
        (
            |c| _ = c.conflicts.insert("lampiran/surat/1".into()),
            &[(Conflict, "lampiran/surat/1"), (Warning, "asli.surat")],
        ),
        (|c| _ = c.conflicts.insert("lampiran/foto/1".into()), &[]),
        (|c| c.here = false, &[(Attachment, "surat")]),
    ];
    for (at, (change, expected)) in table.iter().enumerate() {
        let mut case = Case::new();
        change(&mut case);
        let expected: Vec<_> = expected.iter().map(|(what, id)| (*what, (*id).to_owned())).collect();
        assert_eq!(case.missing(), expected, "row {at}");
    }
}

#[test]
fn what_is_warned_of() {
    let table: &[(&[(&str, &str)], &[&str])] = &[
        (&[], &[]),
        (&[("tanggal_lahir", "1990-05-01"), ("jenis_kelamin", "laki-laki")], &[]),
        (&[("tanggal_lahir", "1990-05-02")], &["nik.tanggal_lahir"]),
        (&[("jenis_kelamin", "perempuan")], &["nik.jenis_kelamin"]),
        (&[("nik", "9999990105900001")], &["nik.wilayah"]),
        (&[("nik", "3312083102900001")], &["nik.tanggal"]),
        // Another person's NIK is not held against the applicant's birth and sex.
        (&[("pelapor_nik", "9999994105700001"), ("jenis_kelamin", "laki-laki")], &["pelapor_nik.wilayah"]),
        (&[("telepon", "+62273321000")], &["telepon.bukan_seluler"]),
        (&[("telepon", "+6281200001234")], &[]),
        (&[("desa", "33.12.08.2002")], &[]),
        (&[("desa", "33.11.08.2002")], &["desa.wilayah"]),
        (&[("desa", "33.12.08")], &["desa.wilayah"]),
        (&[("tanggal_lahir", "2009-11-21"), ("nik", "3312082111090001")], &["usia"]),
        (&[("tanggal_lahir", "2009-11-20"), ("nik", "3312082011090001")], &[]),
    ];
    for (set, expected) in table {
        let mut case = Case::new();
        for (register, value) in *set {
            case.set(register, value);
        }
        let expected: Vec<_> = expected.iter().map(|id| (What::Warning, (*id).to_owned())).collect();
        assert_eq!(case.missing(), expected, "{set:?}");
        for (_, id) in expected {
            case.tick(&id);
        }
        assert_eq!(case.missing(), [], "ticked {set:?}");
    }
}

#[test]
fn a_tick_lapses_with_its_values() {
    let mut case = Case::new();
    case.set("jenis_kelamin", "perempuan").tick("nik.jenis_kelamin");
    assert_eq!(case.missing(), []);
    case.set("nama", "Sari");
    assert_eq!(case.missing(), [], "another field leaves the tick");
    case.set("nik", "3312080105900002");
    assert_eq!(case.missing(), one(What::Warning, "nik.jenis_kelamin"));
    case.set("nik", "3312080105900001");
    assert_eq!(case.missing(), []);
    case.attach("surat", 2);
    assert_eq!(case.missing(), one(What::Warning, "asli.surat"), "another scan asks for the original again");
    let state = case.with(warnings).into_iter().find(|state| state.id == "asli.surat").unwrap();
    assert!(state.fingerprint.len() == 16 && state.fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn a_change_of_sex_is_expected_where_only_few_may_know() {
    let mut case = Case::new();
    case.set("jenis_kelamin", "perempuan");
    assert!(case.raised().iter().any(|(id, _)| id == "nik.jenis_kelamin"));
    case.service.privacy = crate::catalogue::Privacy::PerluTahu;
    assert!(case.raised().iter().all(|(id, _)| id != "nik.jenis_kelamin"));
    assert_eq!(case.missing(), []);
}

#[test]
fn an_old_card_is_surrendered_where_it_is_asked_or_given() {
    let mut case = Case::new();
    assert!(!case.with(surrender_applies), "only if available, and not attached");
    case.attach("kartu", 1);
    assert!(case.with(surrender_applies));
    case.set("abaikan/kartu", "salah pindai");
    assert!(!case.with(surrender_applies));
    let mut case = Case::new();
    case.service.requirements[2].obligation = Obligation::Must;
    assert!(case.with(surrender_applies));
    case.service.requirements[2].variants = vec!["dua".into()];
    assert!(!case.with(surrender_applies));
}

#[test]
fn attachments_are_named_in_order() {
    let mut case = Case::new();
    case.attach("kartu", 10)
        .attach("kartu", 2)
        .set("lampiran/kartu/x", "00 1")
        .set("lampiran/lain/1", "00 1");
    let named: Vec<_> = case.with(attachments).into_iter().map(|a| (a.requirement, a.n, a.bytes)).collect();
    let expected = [("surat", 1), ("kartu", 2), ("kartu", 10)].map(|(id, n)| (id.to_owned(), n, 1024));
    assert_eq!(named, expected);
}

#[test]
fn sentences_never_repeat_a_value() {
    let mut case = Case::new();
    case.set("nik", "33120801059000").set("pelapor_nik", "9999990105900001").set("nama", "Rahasia\u{7}");
    case.set("telepon", "+62273321000").set("jenis_kelamin", "lainnya");
    let found = case.with(missing);
    assert_eq!(found.len(), 5);
    for one in found {
        for value in ["3312", "9999", "Rahasia", "+62273", "lainnya"] {
            assert!(!one.sentence.contains(value), "{}", one.sentence);
        }
    }
}

/// Every service that ships, empty, for each variant: required fields and papers are reported, and by ids that
/// the service knows.
#[test]
fn shipped_services_report_what_they_ask() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue")).unwrap();
    let mut seen = 0;
    for file in files {
        let mut case = Case::new();
        case.registers.clear();
        case.service = toml::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        let first = case.service.variants.first().map_or(String::new(), |variant| variant.id.clone());
        case.variant = first.leak();
        let found = case.missing();
        assert!(found.contains(&(What::Field, "nama".into())), "{}", case.service.service);
        assert!(found.iter().any(|(what, _)| *what == What::Requirement), "{}", case.service.service);
        for (what, id) in &found {
            let known = match what {
                What::Field => case.service.fields.iter().any(|field| field.id == *id),
                What::Requirement => case.service.requirements.iter().any(|paper| paper.id == *id),
                _ => false,
            };
            assert!(known, "{} {what:?} {id}", case.service.service);
        }
        seen += 1;
    }
    assert_eq!(seen, 9);
}

/// A script that knows only `missing` and the fields' kinds gets every shipped service complete.
#[test]
fn shipped_services_can_be_completed_by_following_missing() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let variants: Vec<String> = toml::from_str::<Service>(&text)
            .unwrap()
            .variants
            .into_iter()
            .map(|variant| variant.id)
            .collect();
        for variant in variants.iter().map(String::as_str).chain(variants.is_empty().then_some("")) {
            let mut case = Case::new();
            case.registers.clear();
            case.service = toml::from_str(&text).unwrap();
            case.variant = variant.to_owned().leak();
            for _ in 0..200 {
                let Some((what, id)) = case.missing().into_iter().next() else { break };
                match what {
                    What::Field => _ = case.set(&id.clone(), &answer(&case.service, &id)),
                    What::Requirement => _ = case.attach(&id, 1),
                    What::Warning => _ = case.tick(&id),
                    other => panic!("{other:?} {id}"),
                }
            }
            assert_eq!(case.missing(), [], "{} {variant}", case.service.service);
        }
    }
}

fn answer(service: &Service, id: &str) -> String {
    let field = service.fields.iter().find(|field| field.id == id).unwrap();
    match field.kind {
        Kind::Nik => "3312080105900001".into(),
        Kind::NomorKk => "3312080105150003".into(),
        Kind::Tanggal => "1990-05-01".into(),
        Kind::Telepon => "+6281200001234".into(),
        Kind::Pilihan => field.options[0].id.clone(),
        Kind::Wilayah => "33.12.08.2002".into(),
        Kind::Bilangan => "1".into(),
        Kind::YaTidak => "ya".into(),
        Kind::Nama | Kind::Teks | Kind::Catatan => "Contoh".into(),
    }
}

proptest! {
    #[test]
    fn any_registers_have_an_answer(
        registers in proptest::collection::btree_map(
            "nik|nama|desa|perubahan|tanggal_lahir|(lampiran|periksa|abaikan)/(surat|buku|asli.surat)/?[0-9]{0,3}|\\PC{0,12}",
            "\\PC{0,20}|[0-9a-f]{64} [0-9]{1,21}|nama,status|3312080105900001|[0-9-]{10}",
            0..12,
        ),
        conflicts in proptest::collection::btree_set("nik|nama|lampiran/surat/1", 0..3),
    ) {
        let mut case = Case::new();
        case.registers = registers;
        case.conflicts = conflicts;
        let unticked = case.raised().iter().filter(|(_, ticked)| !ticked).count();
        let found = case.missing();
        prop_assert_eq!(found.iter().filter(|(what, _)| *what == What::Warning).count(), unticked);
        let _ = case.with(surrender_applies);
    }
}
