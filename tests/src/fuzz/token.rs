//! Everything that is read from text: tokens, codes, numbers, and what people type.
//!
//! The first byte says what the rest is. What is accepted is written in one way, which is read as the same.

use loket_core::attachment::token;
use loket_core::catalogue::{Choice, Kind, Role};
use loket_core::client::Address;
use loket_core::enrol::{Code, proves};
use loket_core::identity::Signer;
use loket_core::journal::body::Value;
use loket_core::journal::{EntryHash, Place};
use loket_core::nik::{Nik, NomorKk};
use loket_core::number::Number;
use loket_core::refusal::Refusal;
use loket_core::region::{Regions, is_code};
use loket_core::telepon::Telepon;
use loket_core::time::today;
use loket_core::{mask, resi, value};

use super::seeds::Seeds;
use super::world::{NOW, world};

/// Kinds of fields.
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
const PATH: &str = "/v1/attachments/33.12.08.2002/00";

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    let text = &*String::from_utf8_lossy(rest);
    match first % 12 {
        0 => token(text),
        1 => same(text, |text| text.parse::<Code>().ok(), Code::to_string),
        2 => same(text, |text| Number::parse(text).ok(), Number::to_string),
        3 => nik(text),
        4 => same(text, |text| Telepon::parse(text).ok(), |telepon| telepon.as_str().to_owned()),
        5 => {
            let stored = resi::normalise(text);
            assert_eq!(resi::normalise(&stored), stored);
            let _ = resi::doubt(&stored).map(|doubt| doubt.sentence());
        }
        6 => same(
            text,
            |text| text.parse::<Address>().ok(),
            |address| {
                let _ = (
                    address.host().len(),
                    address.port(),
                    address.http("/v1/x"),
                    address.websocket("/v1/sync"),
                );
                address.to_string()
            },
        ),
        7 => places(text),
        8 | 9 => values(text),
        10 => same(
            text,
            |text| Some(Refusal::from_text(text)),
            |refusal| {
                let _ = (refusal.rank(), refusal.sentence());
                refusal.as_text()
            },
        ),
        _ => {
            same(text, Role::parse, |role| role.as_str().to_owned());
            same(text, EntryHash::from_hex, EntryHash::to_hex);
            same(text, Value::parse_attachment, |(hash, bytes)| format!("{hash} {bytes}"));
            assert!(mask::name(text).is_ascii());
            let _ = proves(&blake3::hash(b"x"), text);
        }
    }
}

/// What is read is written so that the same is read again, and then written alike.
fn same<T: PartialEq>(text: &str, read: impl Fn(&str) -> Option<T>, write: impl Fn(&T) -> String) {
    let Some(value) = read(text) else { return };
    let written = write(&value);
    let again = read(&written).expect("what was written can be read");
    assert!(again == value, "read as something else");
    assert_eq!(write(&again), written);
}

fn token(text: &str) {
    let office = world().office_key.author();
    let key = |author: &loket_core::journal::AuthorId| {
        world().devices.iter().find(|device| device.author() == *author).map(|device| device.public_key())
    };
    if let Ok(author) = token::check(text, &office, PATH, NOW, key) {
        assert!(key(&author).is_some());
        assert!(token::check(text, &office, "/v1/attachments/33.12.08.2002/01", NOW, key).is_err());
        assert!(token::check(text, &author, PATH, NOW, key).is_err());
        assert!(token::check(text, &office, PATH, NOW + token::MAX_SECONDS, key).is_err());
    }
}

fn nik(text: &str) {
    same(text, |text| NomorKk::parse(text).ok(), |number| number.as_str().to_owned());
    same(text, |text| Nik::parse(text).ok(), |nik| nik.as_str().to_owned());
    if let Ok(nik) = Nik::parse(text) {
        assert!((1..=31).contains(&nik.day()) && (1..=12).contains(&nik.month()));
        for female in [None, Some(true), Some(false)] {
            for birth in [None, Some(today(NOW))] {
                for doubt in nik.doubts(birth, female, &Regions::default()) {
                    assert!(!doubt.sentence("NIK").contains(text), "a sentence repeats a NIK");
                }
            }
        }
    }
}

fn places(text: &str) {
    same(text, Place::parse, Place::to_string);
    if let Some(place) = Place::parse(text) {
        assert!(!place.kecamatan().is_village());
        let dotted = place.to_string();
        assert_eq!(is_code(&dotted), dotted.as_str() >= "11");
    }
    let _ = is_code(text);
}

fn values(text: &str) {
    let choice = |id: &str| Choice { id: id.into(), label: id.into() };
    let options = [choice("satu"), choice("dua"), choice("tiga")];
    for kind in KINDS {
        for many in [false, true] {
            same(text, |text| value::parse(kind, &options, many, text).ok(), Clone::clone);
        }
    }
    let _ = value::stored_date(text);
}

/// One of each, and a few that are nearly right.
pub fn seeds() -> Seeds {
    let token = token::make(&*world().devices[0], &world().office_key.author(), PATH, NOW).unwrap();
    let texts: [(u8, &str); 40] = [
        (0, &token),
        (0, "Loket AAAA"),
        (0, "Bearer AAAA"),
        (1, "008J-4CT4-ANK7-F24S-NAXW-SQFE"),
        (1, "oo8j 4ct4 ank7 f24s naxw sqfe"),
        (2, "3312082002-26-79E7-0042J"),
        (2, "331208-26-79E7-0042J"),
        (3, "3312084505800001"),
        (3, "3312080505800001"),
        (4, "0812 3456 7890"),
        (4, "+62 (0)271-123456"),
        (5, "P2311230000001"),
        (5, "EE 123 456 785 ID"),
        (6, "https://loket.contoh.go.id/v1/sync"),
        (6, "ws://[::1]:8080/x?a#b"),
        (7, "33.12.08.2002"),
        (7, "331208"),
        (8, "Sri Lestari"),
        (8, "31-01-2026"),
        (8, "2026-1-31"),
        (8, "29/02/2024"),
        (8, "satu, dua"),
        (8, "ya"),
        (8, "-0012"),
        (8, "33.12.08.2002"),
        (9, "3312 0845 0580 0001"),
        (9, "catatan\npanjang\r\n\u{200b}x"),
        (9, "e\u{301}"),
        (9, " x\u{a0}y "),
        (9, "dua,satu,dua"),
        (10, "masih_kurang:field/nik"),
        (10, "menunggu_data"),
        (10, "lain sekali:x:y"),
        (11, "operator-desa"),
        (11, "0707070707070707070707070707070707070707070707070707070707070707 400000"),
        (11, "0707070707070707070707070707070707070707070707070707070707070707"),
        (11, "Siti Wulandari"),
        (4, "021 1"),
        (6, "http://a:b@contoh"),
        (1, "0"),
    ];
    let seeds = texts.iter().enumerate();
    seeds.map(|(at, (kind, text))| (format!("{at:02}"), [&[*kind][..], text.as_bytes()].concat())).collect()
}
