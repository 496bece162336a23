//! What is typed into a field or a need, made into the one text that is stored.
//!
//! Documents hold text only; the kind says which text is valid. Two officers who type the same fact should store
//! the same bytes, so that no conflict arises from a space or a dash.

use jiff::civil::Date;

use crate::catalogue::{Choice, Kind};
use crate::nik::{Nik, NikError, NomorKk, NotANomorKk};
use crate::region;
use crate::telepon::{Telepon, TeleponError};

/// Longest name, in characters.
pub const MAX_NAMA: usize = 200;
/// Longest line of text, in characters.
pub const MAX_TEKS: usize = 500;
/// Longest remark, in characters.
pub const MAX_CATATAN: usize = 4000;
/// Longest text that is looked at, in bytes, whatever the kind.
pub const MAX_READ: usize = 32 << 10;
/// Years a date may have.
pub const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

/// Why a text is no value. Its words never repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing was typed.
    #[error("isian kosong tidak disimpan; tulis isinya, atau hapus isian ini bila memang tidak ada")]
    Empty,
    /// More characters than the kind allows.
    #[error("isian terlalu panjang; ringkas menjadi paling banyak {most} huruf")]
    TooLong {
        /// The most characters.
        most: usize,
    },
    /// It has characters that cannot be seen.
    #[error("isian memuat karakter yang tidak terlihat; hapus lalu ketik ulang isian ini")]
    Invisible,
    /// No NIK.
    #[error(transparent)]
    Nik(#[from] NikError),
    /// No number of a family card.
    #[error(transparent)]
    NomorKk(#[from] NotANomorKk),
    /// No phone number.
    #[error(transparent)]
    Telepon(#[from] TeleponError),
    /// Not in one of the shapes of a date.
    #[error("tanggal tidak dikenali; tulis tahun-bulan-hari, misalnya 2026-01-31, atau 31-01-2026")]
    DateShape,
    /// In no calendar.
    #[error("tanggal itu tidak ada di kalender; periksa hari dan bulannya")]
    NoSuchDate,
    /// Outside [`YEARS`].
    #[error("tahun harus antara 1900 dan 2200; periksa lagi tahunnya")]
    Year,
    /// None of the choices.
    #[error("pilihan tidak ada dalam daftar; pilih salah satu yang tersedia")]
    NoSuchChoice,
    /// Neither yes nor no.
    #[error("jawab dengan ya atau tidak")]
    YesOrNo,
    /// No whole number.
    #[error("isian harus bilangan bulat; tulis dengan angka saja")]
    WholeNumber,
    /// No region code.
    #[error("kode wilayah tidak dikenali; tulis misalnya 33.12.08.2002")]
    Region,
}

/// Reads what was typed for a field or need of this kind into the text that is stored. `options` and `many` count
/// for `pilihan` only. Reading a stored text gives the same text again.
pub fn parse(kind: Kind, options: &[Choice], many: bool, text: &str) -> Result<String, ValueError> {
    if text.len() > MAX_READ {
        return Err(ValueError::TooLong { most: most(kind) });
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(ValueError::Empty);
    }
    Ok(match kind {
        Kind::Nik => Nik::parse(&without_separators(text))?.as_str().to_owned(),
        Kind::NomorKk => NomorKk::parse(&without_separators(text))?.as_str().to_owned(),
        Kind::Telepon => Telepon::parse(text)?.as_str().to_owned(),
        Kind::Tanggal => date(text)?.to_string(),
        Kind::Nama | Kind::Teks => line(text, most(kind))?,
        Kind::Catatan => remark(text)?,
        Kind::Pilihan if many => several(options, text)?,
        Kind::Pilihan => choice(options, text).ok_or(ValueError::NoSuchChoice)?.id.clone(),
        Kind::YaTidak => yes_or_no(text)?.to_owned(),
        Kind::Bilangan => text.parse::<i64>().map_err(|_| ValueError::WholeNumber)?.to_string(),
        Kind::Wilayah => region_code(text).ok_or(ValueError::Region)?,
    })
}

/// Reads a stored date, `YYYY-MM-DD`; none where the text is no valid date.
pub fn stored_date(text: &str) -> Option<Date> {
    date(text).ok()
}

fn most(kind: Kind) -> usize {
    match kind {
        Kind::Nama => MAX_NAMA,
        Kind::Catatan => MAX_CATATAN,
        _ => MAX_TEKS,
    }
}

/// Numbers are written in groups; the groups are not part of them.
fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '.' | '-') && !c.is_whitespace()).collect()
}

/// `YYYY-MM-DD`, `DD-MM-YYYY` or `DD/MM/YYYY`; day and month may have one digit.
fn date(text: &str) -> Result<Date, ValueError> {
    let parts: Vec<&str> = text.split(['-', '/']).map(str::trim).take(4).collect();
    let digits = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(digits) {
        return Err(ValueError::DateShape);
    }
    let (year, month, day) = match parts.as_slice() {
        [year, month, day] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => (year, month, day),
        [day, month, year] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => (year, month, day),
        _ => return Err(ValueError::DateShape),
    };
    let year: i16 = year.parse().map_err(|_| ValueError::DateShape)?;
    if !YEARS.contains(&year) {
        return Err(ValueError::Year);
    }
    let month = month.parse().map_err(|_| ValueError::DateShape)?;
    let day = day.parse().map_err(|_| ValueError::DateShape)?;
    Date::new(year, month, day).map_err(|_| ValueError::NoSuchDate)
}

/// One line, white space collapsed.
fn line(text: &str, most: usize) -> Result<String, ValueError> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    check_text(line, most, |_| false)
}

/// Several lines, their ends made the same.
fn remark(text: &str) -> Result<String, ValueError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    check_text(text, MAX_CATATAN, |c| matches!(c, '\n' | '\t'))
}

fn check_text(text: String, most: usize, allowed: fn(char) -> bool) -> Result<String, ValueError> {
    if text.chars().any(|c| is_invisible(c) && !allowed(c)) {
        return Err(ValueError::Invisible);
    }
    if text.chars().count() > most { Err(ValueError::TooLong { most }) } else { Ok(text) }
}

/// Control characters, and those that turn or hide the text around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// By id, or else by label in any case.
fn choice<'a>(options: &'a [Choice], text: &str) -> Option<&'a Choice> {
    let text = text.trim();
    let lower = text.to_lowercase();
    let same = |other: &str| other.to_lowercase() == lower;
    options
        .iter()
        .find(|option| option.id == text)
        .or_else(|| options.iter().find(|option| same(&option.id)))
        .or_else(|| options.iter().find(|option| same(&option.label)))
}

/// Ids in the options' order, each once, joined by commas.
fn several(options: &[Choice], text: &str) -> Result<String, ValueError> {
    // A label may hold a comma itself.
    if let Some(only) = choice(options, text) {
        return Ok(only.id.clone());
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let chosen: Vec<&Choice> =
        parts.map(|part| choice(options, part).ok_or(ValueError::NoSuchChoice)).collect::<Result<_, _>>()?;
    let ids: Vec<&str> =
        options.iter().filter(|option| chosen.contains(option)).map(|o| o.id.as_str()).collect();
    if ids.is_empty() { Err(ValueError::Empty) } else { Ok(ids.join(",")) }
}

fn yes_or_no(text: &str) -> Result<&'static str, ValueError> {
    match text.to_lowercase().as_str() {
        "ya" | "y" | "true" | "1" => Ok("ya"),
        "tidak" | "t" | "false" | "0" => Ok("tidak"),
        _ => Err(ValueError::YesOrNo),
    }
}

/// The dotted code of any level; dots may be missing.
fn region_code(text: &str) -> Option<String> {
    let digits = without_separators(text);
    let mut dotted = String::new();
    for (at, digit) in digits.chars().take(11).enumerate() {
        if matches!(at, 2 | 4 | 6) {
            dotted.push('.');
        }
        dotted.push(digit);
    }
    region::is_code(&dotted).then_some(dotted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::type_complexity)]
    use proptest::prelude::*;

    use super::*;

    fn options() -> Vec<Choice> {
        [("nama", "Nama"), ("alamat", "Alamat"), ("status", "Status kawin, cerai"), ("A+", "A+")]
            .map(|(id, label)| Choice { id: id.into(), label: label.into() })
            .into()
    }

    #[test]
    fn canonical_text() {
        use Kind::*;
        let table: &[(Kind, &str, &str)] = &[
            (Nik, " 3312 0841 0590 0001 ", "3312084105900001"),
            (Nik, "33.12.08.410590.0001", "3312084105900001"),
            (NomorKk, "3312 0801 0515 0003", "3312080105150003"),
            (Telepon, "0812-0000-1234", "+6281200001234"),
            (Tanggal, "2026-01-31", "2026-01-31"),
            (Tanggal, "31-01-2026", "2026-01-31"),
            (Tanggal, "31/01/2026", "2026-01-31"),
            (Tanggal, "1/2/2026", "2026-02-01"),
            (Tanggal, "29-02-2024", "2024-02-29"),
            (Nama, "  Siti \t Wulandari\n", "Siti Wulandari"),
            (Nama, "Nur’aini D'Souza", "Nur’aini D'Souza"),
            (Teks, " Jl. Merapi  No. 3 ", "Jl. Merapi No. 3"),
            (Catatan, "satu\r\ndua\n", "satu\ndua"),
            (Pilihan, "alamat", "alamat"),
            (Pilihan, "ALAMAT", "alamat"),
            (Pilihan, "status kawin, cerai", "status"),
            (Pilihan, "a+", "A+"),
            (YaTidak, "Y", "ya"),
            (YaTidak, "false", "tidak"),
            (YaTidak, "1", "ya"),
            (YaTidak, "TIDAK", "tidak"),
            (Bilangan, "+007", "7"),
            (Bilangan, "-3", "-3"),
            (Wilayah, "33", "33"),
            (Wilayah, "3312", "33.12"),
            (Wilayah, "33.12.08", "33.12.08"),
            (Wilayah, "3312082002", "33.12.08.2002"),
            (Wilayah, "33.12.08.2002", "33.12.08.2002"),
        ];
        for (kind, typed, stored) in table {
            assert_eq!(parse(*kind, &options(), false, typed).as_deref(), Ok(*stored), "{kind:?} {typed}");
        }
    }

    #[test]
    fn refusals() {
        use Kind::*;
        let long = "a".repeat(MAX_CATATAN + 1);
        let huge = "1".repeat(MAX_READ + 1);
        let table: &[(Kind, &str, ValueError)] = &[
            (Nama, " \n ", ValueError::Empty),
            (Nik, "", ValueError::Empty),
            (Nik, "0", ValueError::Nik(NikError::NotSixteenDigits)),
            (Nik, "3312083201900001", ValueError::Nik(NikError::Day)),
            (NomorKk, "123", ValueError::NomorKk(NotANomorKk)),
            (Telepon, "abc", ValueError::Telepon(TeleponError::Shape)),
            (Tanggal, "31-02-2026", ValueError::NoSuchDate),
            (Tanggal, "29-02-2025", ValueError::NoSuchDate),
            (Tanggal, "2026-13-01", ValueError::NoSuchDate),
            (Tanggal, "2026-00-10", ValueError::NoSuchDate),
            (Tanggal, "1899-12-31", ValueError::Year),
            (Tanggal, "2201-01-01", ValueError::Year),
            (Tanggal, "01-01-26", ValueError::DateShape),
            (Tanggal, "2026-01-01-01", ValueError::DateShape),
            (Tanggal, "kemarin", ValueError::DateShape),
            (Tanggal, "2026--01", ValueError::DateShape),
            (Nama, &long, ValueError::TooLong { most: MAX_NAMA }),
            (Teks, &long, ValueError::TooLong { most: MAX_TEKS }),
            (Catatan, &long, ValueError::TooLong { most: MAX_CATATAN }),
            (Bilangan, &huge, ValueError::TooLong { most: MAX_TEKS }),
            (Nama, "Si\u{7}ti", ValueError::Invisible),
            (Teks, "a\u{202e}b", ValueError::Invisible),
            (Catatan, "a\u{0}b", ValueError::Invisible),
            (Pilihan, "umur", ValueError::NoSuchChoice),
            (Pilihan, "nama,alamat", ValueError::NoSuchChoice),
            (YaTidak, "mungkin", ValueError::YesOrNo),
            (Bilangan, "1.5", ValueError::WholeNumber),
            (Wilayah, "331", ValueError::Region),
            (Wilayah, "33120820021", ValueError::Region),
            (Wilayah, "09.01", ValueError::Region),
            (Wilayah, "Eromoko", ValueError::Region),
        ];
        for (kind, typed, error) in table {
            assert_eq!(parse(*kind, &options(), false, typed), Err(*error), "{kind:?}");
        }
    }

    #[test]
    fn several_choices() {
        let read = |text| parse(Kind::Pilihan, &options(), true, text);
        assert_eq!(read("alamat, nama,alamat,").as_deref(), Ok("nama,alamat"));
        assert_eq!(read("A+,Nama").as_deref(), Ok("nama,A+"));
        assert_eq!(read("Status kawin, cerai").as_deref(), Ok("status"));
        assert_eq!(read("nama,umur"), Err(ValueError::NoSuchChoice));
        assert_eq!(read(","), Err(ValueError::Empty));
    }

    const KINDS: [Kind; 11] = [
        Kind::Nik,
        Kind::NomorKk,
        Kind::Nama,
        Kind::Tanggal,
        Kind::Teks,
        Kind::Telepon,
        Kind::Pilihan,
        Kind::Wilayah,
        Kind::Bilangan,
        Kind::YaTidak,
        Kind::Catatan,
    ];

    proptest! {
        #[test]
        fn what_is_stored_is_read_the_same(
            text in "(\\PC|[0-9./,+-]|\n|\u{0}|nama|alamat|ya){0,40}", kind in 0..KINDS.len(), many: bool
        ) {
            if let Ok(stored) = parse(KINDS[kind], &options(), many, &text) {
                prop_assert_eq!(parse(KINDS[kind], &options(), many, &stored), Ok(stored));
            }
        }

        #[test]
        fn dates_come_back((y, m, d) in (1900i16..=2200, 1i8..=12, 1i8..=31)) {
            let shapes = [format!("{y}-{m:02}-{d:02}"), format!("{d:02}/{m:02}/{y}"), format!("{d}-{m}-{y}")];
            let stored = Date::new(y, m, d).map(|date| date.to_string()).map_err(|_| ValueError::NoSuchDate);
            for shape in shapes {
                prop_assert_eq!(parse(Kind::Tanggal, &[], false, &shape), stored.clone());
            }
        }
    }
}
