//! Names of regions, by the codes of the Ministry of Home Affairs (Kemendagri), never those of the statistics
//! office.
//!
//! A phone carries its own kabupaten only: province, kabupaten, its kecamatan and villages.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use crate::journal::partition::Place;

/// Most regions of one list: the nation has 91,555 at all four levels.
pub const MAX_REGIONS: usize = 100_000;
/// Longest list, in bytes.
pub const MAX_BYTES: usize = 8 << 20;
/// Longest name, in bytes.
pub const MAX_NAME: usize = 200;

/// Wonogiri's regions; `core/data/README.md` names source and licence.
const WONOGIRI: &str = include_str!("../data/wilayah-33.12.csv");

/// Regions with their names, by dotted code. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Regions {
    names: Arc<BTreeMap<Box<str>, Box<str>>>,
}

/// A list of regions cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "daftar wilayah tidak terbaca di baris {line}: tulis kode,nama (mis. 33.12.08,Eromoko), tiap kode sekali"
)]
pub struct RegionError {
    /// The line, from 1; 0 where the whole list is too large.
    pub line: usize,
}

impl Regions {
    /// Reads lines of `code,name`: dotted codes of all four levels in any order, each once. A first line
    /// `code,name` and empty lines are passed over; names may stand in double quotes.
    pub fn parse(text: &str) -> Result<Self, RegionError> {
        if text.len() > MAX_BYTES {
            return Err(RegionError { line: 0 });
        }
        let mut names = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let wrong = RegionError { line: at + 1 };
            let line = line.trim();
            if line.is_empty() || (at == 0 && line == "code,name") {
                continue;
            }
            let (code, name) = line.split_once(',').ok_or(wrong)?;
            let name = unquoted(name.trim()).ok_or(wrong)?;
            let fits = is_code(code) && !name.is_empty() && name.len() <= MAX_NAME;
            if !fits || names.len() >= MAX_REGIONS || names.insert(code.into(), name.into()).is_some() {
                return Err(wrong);
            }
        }
        Ok(Regions { names: Arc::new(names) })
    }

    /// Kabupaten Wonogiri (`33.12`), the demonstration office: 25 kecamatan and 294 villages. Read once.
    pub fn wonogiri() -> Self {
        static ONCE: OnceLock<Regions> = OnceLock::new();
        // A test reads the shipped file, so the empty list never stands in for it.
        ONCE.get_or_init(|| Self::parse(WONOGIRI).unwrap_or_default()).clone()
    }

    /// How many regions there are, of all levels.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a region of any level, by its dotted code, e.g. `33.12.08.2002`.
    pub fn name(&self, code: &str) -> Option<&str> {
        self.names.get(code).map(AsRef::as_ref)
    }

    /// The kecamatan, by code.
    pub fn kecamatan(&self) -> Vec<(Place, &str)> {
        self.places("").filter(|(place, _)| !place.is_village()).collect()
    }

    /// The villages of a kecamatan, by code; a village gives those of its kecamatan.
    pub fn villages_of(&self, place: Place) -> Vec<(Place, &str)> {
        self.places(&format!("{}.", place.kecamatan())).collect()
    }

    /// Whether this kecamatan or village is in the list.
    pub fn contains(&self, place: Place) -> bool {
        self.names.contains_key(place.to_string().as_str())
    }

    /// Whether six undotted digits, as a NIK begins with them, are a kecamatan of the list.
    pub fn known_prefix(&self, digits: &str) -> bool {
        digits.len() == 6 && Place::parse(digits).is_some_and(|place| self.contains(place))
    }

    /// Kecamatan and villages whose codes begin so.
    fn places<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (Place, &'a str)> {
        let prefix = prefix.to_owned();
        self.names
            .range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded))
            .take_while(move |(code, _)| code.starts_with(&prefix))
            .filter_map(|(code, name)| Some((Place::parse(code)?, name.as_ref())))
    }
}

/// Whether the text is a dotted code: `PP`, `PP.KK`, `PP.KK.CC` or `PP.KK.CC.VVVV`, of a province from 11 on.
pub fn is_code(text: &str) -> bool {
    let widths = [2, 2, 2, 4];
    let parts: Vec<&str> = text.split('.').take(widths.len() + 1).collect();
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    parts.len() <= widths.len()
        && parts.iter().zip(widths).all(|(part, width)| part.len() == width && digits(part))
        && text >= "11"
}

/// The text, freed of the double quotes around it and of doubled ones in it; none where they do not pair.
fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let inner = rest.strip_suffix('"')?;
    let plain = inner.replace("\"\"", "\u{0}");
    (!plain.contains('"') && !inner.contains('\u{0}')).then(|| plain.replace('\u{0}', "\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::type_complexity)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wonogiri_is_complete() {
        let regions = Regions::parse(WONOGIRI).unwrap();
        assert_eq!(regions, Regions::wonogiri());
        assert_eq!(regions.len(), 1 + 1 + 25 + 294);
        assert_eq!(regions.kecamatan().len(), 25);
        let villages: Vec<_> =
            regions.kecamatan().into_iter().flat_map(|(place, _)| regions.villages_of(place)).collect();
        assert_eq!(villages.len(), 294);
        let kelurahan = villages.iter().filter(|(place, _)| place.digits().as_bytes()[6] == b'1').count();
        assert_eq!((kelurahan, villages.len() - kelurahan), (43, 251));
        assert_eq!(regions.name("33"), Some("Jawa Tengah"));
        assert_eq!(regions.name("33.12"), Some("Kabupaten Wonogiri"));
        assert_eq!(regions.name("33.12.08"), Some("Eromoko"));
    }

    #[test]
    fn places_are_found() {
        let regions = Regions::parse(
            "33.12.08,Eromoko\r\n33.12.08.2002,Satu\n33.12.08.2001,\"Dua, Tiga\"\n\n33.12.09,Wuryantoro\n33.12.09.1001,Empat\n",
        )
        .unwrap();
        let eromoko = Place::parse("33.12.08").unwrap();
        let village = Place::parse("33.12.08.2002").unwrap();
        let names = |place| regions.villages_of(place).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names(eromoko), ["Dua, Tiga", "Satu"]);
        assert_eq!(names(village), ["Dua, Tiga", "Satu"]);
        assert!(regions.contains(village) && regions.contains(eromoko));
        assert!(!regions.contains(Place::parse("33.12.08.2003").unwrap()));
        assert!(regions.known_prefix("331208"));
        for unknown in ["331210", "33.12.08", "3312082002", "", "33120"] {
            assert!(!regions.known_prefix(unknown), "{unknown}");
        }
        assert_eq!(regions.name("3312082002"), None);
    }

    #[test]
    fn wrong_lists_name_the_line() {
        let too_many: String = (0..=MAX_REGIONS)
            .map(|n| {
                format!("{}.{:02}.{:02}.{:04},D\n", 11 + n / 50_000, n / 1000 % 50, n / 500 % 2, n % 500)
            })
            .collect();
        let table = [
            ("code,name\n33;Jawa Tengah\n".to_owned(), 2),
            ("33,Jawa Tengah\n33,Jawa Tengah\n".to_owned(), 2),
            ("33,Jawa Tengah\n\n33.1,Salah\n".to_owned(), 3),
            ("33.12.08.20021,Salah".to_owned(), 1),
            ("33.12.08.2002.1,Salah".to_owned(), 1),
            ("10,Bukan provinsi".to_owned(), 1),
            ("33,".to_owned(), 1),
            ("33,\"Jawa".to_owned(), 1),
            (format!("33,{}", "a".repeat(MAX_NAME + 1)), 1),
            (" ".repeat(MAX_BYTES + 1), 0),
            (too_many, MAX_REGIONS + 1),
        ];
        for (text, line) in table {
            let start: String = text.chars().take(40).collect();
            assert_eq!(Regions::parse(&text), Err(RegionError { line }), "{start}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_read_or_refused(text in "(\\PC|[0-9.,\"\n\r\u{0}]){0,80}") {
            let _ = Regions::parse(&text);
        }

        #[test]
        fn names_come_back(name in "[A-Za-z][A-Za-z ,\"]{0,20}[a-z]") {
            let list = format!("33,\"{}\"", name.replace('"', "\"\""));
            let regions = Regions::parse(&list).unwrap();
            prop_assert_eq!(regions.name("33"), Some(name.as_str()));
        }
    }
}
