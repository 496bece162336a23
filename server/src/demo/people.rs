//! Fictional people: a valid value for every field of the catalogue, by its kind alone.

use std::collections::BTreeMap;

use loket_core::catalogue::{Choice, Field, Kind, Need, Service, Subject};

use super::{VILLAGE, this_year};

const GIVEN: [&str; 8] = ["Sekar", "Bagas", "Wulan", "Damar", "Ratri", "Pandu", "Laras", "Bayu"];
const FAMILY: [&str; 6] = ["Fiktiwati", "Rekaan", "Contoso", "Umpamawan", "Misalkan", "Andaikata"];

/// The fields of a fictional person for a service: what is required, and a phone that may be written to.
pub fn fields(service: &Service, variant: Option<&str>, seed: usize) -> Vec<(String, String)> {
    let year = match (service.subject, variant) {
        (Subject::Anak, Some(variant)) if variant.ends_with("0-5") => this_year() - 3,
        (Subject::Anak, Some("usia-5")) => this_year() - 5,
        (Subject::Anak, _) => this_year() - 9,
        (Subject::Dewasa, _) => 1988,
    };
    let birth = format!("{year}-01-{:02}", 2 + seed % 20);
    let known = BTreeMap::from([
        ("nik", format!("331208{:02}01{:02}{:04}", 2 + seed % 20, year % 100, 1 + seed)),
        ("tanggal_lahir", birth),
        ("desa", VILLAGE.to_owned()),
        ("telepon", format!("+6281200000{:03}", seed % 1000)),
        ("setuju_sms", "ya".to_owned()),
        ("status_perkawinan", "belum_kawin".to_owned()),
        ("pekerjaan", "petani".to_owned()),
    ]);
    let asked = service.fields_for(variant).into_iter();
    let wanted = asked
        .filter(|field| field.when.is_none())
        .filter(|field| field.required || known.contains_key(field.id.as_str()));
    wanted
        .map(|field| {
            (field.id.clone(), known.get(field.id.as_str()).cloned().unwrap_or_else(|| of_field(field, seed)))
        })
        .collect()
}

/// A valid value of a field.
pub fn of_field(field: &Field, seed: usize) -> String {
    of_kind(field.kind, &field.options, seed)
}

/// A valid value of what an act has to be told: the straight line's where there is a choice.
pub fn of_need(need: &Need, seed: usize) -> String {
    of_kind(need.kind, &need.options, seed)
}

fn of_kind(kind: Kind, options: &[Choice], seed: usize) -> String {
    match kind {
        Kind::Nik => format!("33120841{:02}{:02}{:04}", 1 + seed % 12, 60 + seed % 30, 1 + seed % 9999),
        Kind::NomorKk => format!("331208{:02}0115{:04}", 1 + seed % 28, 1 + seed % 9999),
        Kind::Nama => {
            let pick =
                |from: &[&str], n: usize| from.get(n % from.len()).copied().unwrap_or_default().to_owned();
            format!("{} {}", pick(&GIVEN, seed), pick(&FAMILY, seed / 3))
        }
        Kind::Tanggal => format!("{}-01-15", this_year()),
        Kind::Teks => format!("REKAAN-{seed:04}"),
        Kind::Telepon => format!("+6281200000{:03}", seed % 1000),
        Kind::Pilihan => options.first().map(|choice| choice.id.clone()).unwrap_or_default(),
        Kind::Wilayah => VILLAGE.to_owned(),
        Kind::Bilangan => "1".to_owned(),
        Kind::YaTidak => "ya".to_owned(),
        Kind::Catatan => "Berkas rekaan untuk demo.".to_owned(),
    }
}
