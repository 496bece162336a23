//! Reading TOML, and saying in Indonesian what could not be read.

use toml::de::DeTable;

use super::Fault;
use super::lines::line_at;
use crate::catalogue::model::Service;

/// The most faults of writing that are told at once.
const MOST: usize = 20;

/// Reads a service.
///
/// # Errors
/// What could not be read: all faults of writing, or else the first word or key that the catalogue does not
/// know.
pub(super) fn parse(name: &str, text: &str) -> Result<Service, Vec<Fault>> {
    let (_, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().take(MOST).map(|error| writing(name, text, error)).collect());
    }
    toml::from_str(text).map_err(|error| vec![meaning(name, text, &error)])
}

fn line_of(text: &str, error: &toml::de::Error) -> usize {
    error.span().map_or(1, |span| line_at(text, span.start))
}

/// A fault in the way TOML is written.
fn writing(name: &str, text: &str, error: &toml::de::Error) -> Fault {
    let message = error.message();
    let has = |words: &str| message.contains(words);
    let (what, cure) = if has("duplicate key") {
        ("Kata kunci ditulis dua kali", "Hapus salah satunya")
    } else if has("string") || has("quote") {
        ("Tulisan tidak ditutup atau salah tanda kutip", "Apit tulisan dengan \" di awal dan di akhir")
    } else if has("array") {
        ("Daftar tidak ditutup dengan benar", "Tutup daftar dengan ] dan pisahkan isinya dengan koma")
    } else if has("inline table") {
        ("Kurung kurawal tidak ditutup dengan benar", "Tutup dengan } dan pisahkan isinya dengan koma")
    } else if has("table") || has("header") {
        ("Judul bagian salah tulis", "Tulis judul bagian sebagai [[nama]] atau [nama] pada baris sendiri")
    } else {
        ("Baris ini salah tulis", "Tulis sebagai kata_kunci = \"nilai\", satu pada tiap baris")
    };
    Fault::error(name, line_of(text, error), what.into(), cure.into())
}

/// A fault in what is said: a key or a word that the catalogue does not know, or lacks.
fn meaning(name: &str, text: &str, error: &toml::de::Error) -> Fault {
    let message = error.message();
    let ticked: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (first, known) = ticked.split_first().map_or(("", [].as_slice()), |(first, rest)| (*first, rest));
    let suggestion = |list: &str| match nearest(first, known) {
        Some(near) => format!("Apakah yang dimaksud `{near}`? {list}: {}", known.join(", ")),
        None => format!("{list}: {}", known.join(", ")),
    };
    let (what, cure) = if message.starts_with("unknown field") {
        (format!("Kata kunci `{first}` tidak dikenal di sini"), suggestion("Yang boleh"))
    } else if message.starts_with("unknown variant") {
        (format!("Kata \"{first}\" tidak dikenal di sini"), suggestion("Yang boleh"))
    } else if message.starts_with("missing field") {
        (format!("`{first}` belum ditulis"), format!("Tambahkan baris {first} = ... pada bagian ini"))
    } else if message.contains("untagged") {
        let cure = "Tulis sebagai \"pilihan\" atau { id = \"pilihan\", label = \"Kata untuk orang\" }";
        ("Pilihan salah tulis".to_owned(), cure.to_owned())
    } else if message.starts_with("invalid type") || message.starts_with("invalid value") {
        ("Jenis nilai tidak sesuai".to_owned(), expected(message))
    } else {
        let cure = "Bandingkan dengan bagian yang sama pada layanan lain";
        ("Bagian ini tidak dapat dibaca".to_owned(), cure.to_owned())
    };
    Fault::error(name, line_of(text, error), what, cure)
}

/// What serde expected, for somebody who writes TOML.
fn expected(message: &str) -> String {
    let expected = message.rsplit("expected ").next().unwrap_or_default();
    let cure = if expected.contains("string") {
        "Apit nilainya dengan tanda kutip: \"...\""
    } else if expected.contains("bool") {
        "Tulis true atau false tanpa tanda kutip"
    } else if expected.contains('u') && expected.contains("32") || expected.contains("16") {
        "Tulis bilangan bulat tanpa tanda kutip, tidak kurang dari nol"
    } else if expected.contains("sequence") {
        "Tulis sebagai daftar: [ ... ]"
    } else {
        "Tulis sebagai { kata_kunci = nilai }, seperti pada layanan lain"
    };
    cure.to_owned()
}

/// The known word that was probably meant: at most two letters away, or one of three letters.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let most = if word.chars().count() < 5 { 1 } else { 2 };
    let distance = |other: &&'k str| (apart(word, other), *other);
    known.iter().map(distance).filter(|(apart, _)| *apart <= most).min().map(|(_, other)| other)
}

/// How many letters have to be put, taken or changed to make one word of the other.
fn apart(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, one) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((other, up), diagonal) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((left + 1).min(up + 1).min(diagonal + usize::from(one != *other)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
