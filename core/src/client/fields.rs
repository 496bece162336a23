//! From what is typed to operations: names of registers and canonical values.

use crate::catalogue::{Kind, Service};
use crate::journal::body::{MAX_OPS, Op, Value};
use crate::replica::ReplicaError;
use crate::replica::write::text;
use crate::value;

/// Names that an error suggests.
const NEAR: usize = 3;
/// So many names are listed in full where none is near.
const FEW: usize = 12;
/// Bytes of values that one edit may carry, below what a body holds.
const MAX_EDIT_BYTES: usize = 48 << 10;
/// Registers below this hold remarks, which are added and never rewritten.
const REMARKS: &str = "catatan";

/// The operation that puts `typed` into a field, as `set` takes it; an empty text clears. `random` names a remark.
pub fn operation(service: &Service, field: &str, typed: &str, random: [u8; 8]) -> Result<Op, ReplicaError> {
    let typed = typed.trim();
    if let Some(id) = field.strip_prefix("abaikan.").or_else(|| field.strip_prefix("abaikan/")) {
        known_requirement(service, id)?;
        return filled(format!("abaikan/{id}"), typed, |note| value::parse(Kind::Teks, &[], false, note));
    }
    if field.starts_with("lampiran/") && typed.is_empty() {
        return Ok(Op { register: field.to_owned(), value: Value::Clear });
    }
    let known = service.field(field).ok_or_else(|| unknown_field(service, field))?;
    if known.kind == Kind::Catatan && known.id == REMARKS {
        if typed.is_empty() {
            return Err(ReplicaError::refused("catatan hanya dapat ditambah: tulis catatan baru"));
        }
        let register = format!("{REMARKS}/{}", data_encoding::HEXLOWER.encode(&random));
        return filled(register, typed, |note| value::parse(Kind::Catatan, &[], false, note));
    }
    filled(field.to_owned(), typed, |typed| value::parse(known.kind, &known.options, known.many, typed))
}

fn filled(
    register: String,
    typed: &str,
    parse: impl FnOnce(&str) -> Result<String, value::ValueError>,
) -> Result<Op, ReplicaError> {
    if typed.is_empty() {
        return Ok(Op { register, value: Value::Clear });
    }
    let name = register.split_once('/').map_or(register.as_str(), |(name, _)| name).to_owned();
    let value = parse(typed).map_err(|error| ReplicaError::refused(format!("{name}: {error}")))?;
    Ok(text(&register, &value))
}

/// Refuses a requirement that the service does not have, naming near ones.
pub fn known_requirement(service: &Service, id: &str) -> Result<(), ReplicaError> {
    if service.requirement(id).is_some() {
        return Ok(());
    }
    let all = service.requirements.iter().map(|requirement| requirement.id.as_str());
    Err(unknown("persyaratan", id, all))
}

fn unknown_field(service: &Service, field: &str) -> ReplicaError {
    unknown(
        "isian",
        field,
        service.fields.iter().filter(|field| field.desk.is_none()).map(|field| field.id.as_str()),
    )
}

/// "There is no such …", with the names that come nearest, or all of a few.
pub(super) fn unknown<'a>(what: &str, name: &str, all: impl Iterator<Item = &'a str>) -> ReplicaError {
    let all: Vec<&str> = all.collect();
    let near = near(name, all.iter().copied());
    let hint = match (near.is_empty(), all.len()) {
        (false, _) => format!("; mungkin maksudnya {}", near.join(", ")),
        (true, 0) => "; di sini tidak ada yang dapat disebut".to_owned(),
        (true, 1..=FEW) => format!("; pilih salah satu: {}", all.join(", ")),
        (true, _) => String::new(),
    };
    // Names are ids of the catalogue; what was typed may be anything, so only a short plain word is repeated.
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphabetic() || b"_-./".contains(&b));
    let name = if plain { format!(" \"{name}\"") } else { String::new() };
    ReplicaError::refused(format!("{what}{name} tidak dikenal{hint}"))
}

fn near<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut ranked: Vec<(usize, &str)> = all
        .map(|other| {
            let part = !name.is_empty() && (other.contains(&name) || name.contains(other));
            (if part { 1 } else { distance(&name, other) }, other)
        })
        .filter(|(distance, other)| *distance <= 2.max(other.len() / 3))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(NEAR).map(|(_, other)| other).collect()
}

/// Edit distance (Levenshtein), of texts that are cut to 40 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(40).enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (pair, to) in row.windows(2).zip(&b) {
            let [diagonal, above] = pair else { continue };
            left = (left + 1).min(above + 1).min(diagonal + usize::from(from != *to));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// Refuses more than one entry can carry.
pub fn check_size(ops: &[Op]) -> Result<(), ReplicaError> {
    // Reserved registers of a first edit stand beside these.
    let room = MAX_OPS.saturating_sub(16);
    let bytes: usize =
        ops.iter().map(|op| op.register.len() + op.value.text().map_or(0, |text| text.len())).sum();
    if ops.len() > room || bytes > MAX_EDIT_BYTES {
        return Err(ReplicaError::refused(format!(
            "terlalu banyak isian sekaligus: paling banyak {room} isian atau {} KB, simpan bertahap",
            MAX_EDIT_BYTES >> 10
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalogue::Catalogue;

    fn service() -> std::sync::Arc<crate::catalogue::ServiceFile> {
        let day = jiff::civil::Date::constant(2026, 11, 23);
        Catalogue::builtin().current("ktp-el-hilang", day).unwrap()
    }

    fn op(field: &str, typed: &str) -> Result<Op, String> {
        operation(&service().service, field, typed, [1; 8]).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_typed_becomes_registers() {
        assert_eq!(op("nama", " Sri  Wahyuni ").unwrap(), text("nama", "Sri Wahyuni"));
        assert_eq!(op("nama", "").unwrap(), Op { register: "nama".into(), value: Value::Clear });
        assert_eq!(op("tanggal_lahir", "31-1-1990").unwrap(), text("tanggal_lahir", "1990-01-31"));
        assert_eq!(op("catatan", "Datang lagi").unwrap(), text("catatan/0101010101010101", "Datang lagi"));
        let note = text("abaikan/surat_kehilangan", "sudah di berkas");
        assert_eq!(op("abaikan.surat_kehilangan", "sudah di berkas").unwrap(), note);
        assert_eq!(op("abaikan/surat_kehilangan", "sudah di berkas").unwrap(), note);
        assert_eq!(op("lampiran/surat_kehilangan/1", "").unwrap().value, Value::Clear);
    }

    #[test]
    fn what_does_not_fit_is_said_without_repeating_it() {
        assert!(op("nmaa", "x").unwrap_err().contains("nama"));
        assert!(op("abaikan.surat_hilang", "x").unwrap_err().contains("surat_kehilangan"));
        assert!(op("_nomor", "1").is_err());
        assert!(op("lampiran/surat_kehilangan/1", "x").is_err());
        assert!(op("catatan", " ").is_err());
        let wrong = op("nik", "331208123").unwrap_err();
        assert!(wrong.starts_with("nik: ") && !wrong.contains("331208123"), "{wrong}");
        let typed = op("3312081234567890", "x").unwrap_err();
        assert!(!typed.contains("3312081234567890"), "{typed}");
    }

    #[test]
    fn distances() {
        for (a, b, far) in
            [("", "", 0), ("nama", "nama", 0), ("nmaa", "nama", 2), ("", "abc", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }

    #[test]
    fn an_edit_has_its_limits() {
        let many: Vec<Op> = (0..MAX_OPS).map(|n| text(&format!("r{n}"), "x")).collect();
        assert!(check_size(&many).is_err());
        assert!(check_size(many.get(..200).unwrap()).is_ok());
        let large: Vec<Op> = (0..20).map(|n| text(&format!("r{n}"), &"x".repeat(4000))).collect();
        assert!(check_size(&large).is_err());
    }
}
