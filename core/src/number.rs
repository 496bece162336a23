//! The registration number (*nomor pendaftaran*): given on the phone, offline, read aloud and typed again.
//!
//! `3312082002-26-79E7-0042J` is the village, the year, the device, the device's counter and a check character.
//! Its letters are Crockford's base 32 (no I, L, O, U), so that nothing looks or sounds like something else. The
//! number is a label: two devices whose codes collide are told apart by the office's decision.

use std::fmt;
use std::str::FromStr;

use crate::journal::partition::Place;

/// Digits and letters without confusable ones, in the order of their values.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Longest text of a number, in characters.
pub const MAX_TEXT: usize = 24;
/// Longest text that is read at all, in bytes: room for the separators people add.
const MAX_READ: usize = 80;
/// Years that two digits can tell.
pub const YEARS: std::ops::RangeInclusive<i16> = 2000..=2099;
/// Counters up to here are four decimal digits; above, a letter and three characters.
const DECIMAL: u32 = 10_000;
/// Letters of the alphabet, and what the three characters after one can count.
const LETTERS: u32 = 22;
const AFTER_LETTER: u32 = 32 * 32 * 32;
/// Highest counter of one device in one place and year.
pub const MAX_COUNTER: u32 = DECIMAL + LETTERS * AFTER_LETTER - 1;
/// Number of device codes: 20 bits.
pub const DEVICE_CODES: u32 = 1 << 20;

/// A registration number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    place: Place,
    year: i16,
    device: u32,
    counter: u32,
}

/// Why there is no number, or the text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text has another shape.
    #[error("nomor pendaftaran tidak dikenali; tulis seperti 3312082002-26-79E7-0042J")]
    Shape,
    /// The check character is not that of the rest.
    #[error("nomor pendaftaran salah ketik; cocokkan lagi setiap huruf dan angkanya")]
    Check,
    /// The year is not within [`YEARS`].
    #[error("tahun nomor pendaftaran di luar 2000–2099; periksa tanggal di perangkat ini")]
    Year,
    /// The counter is above [`MAX_COUNTER`].
    #[error("nomor pendaftaran perangkat ini untuk tahun ini sudah habis; pakai perangkat lain")]
    Exhausted,
}

impl Number {
    /// The number of the `counter`th application of this place, year and device. Of `device` (from the hash of
    /// the author's key) the lowest 20 bits are used.
    pub fn new(place: Place, year: i16, device: u32, counter: u32) -> Result<Self, NumberError> {
        if !YEARS.contains(&year) {
            return Err(NumberError::Year);
        }
        if counter > MAX_COUNTER {
            return Err(NumberError::Exhausted);
        }
        Ok(Self { place, year, device: device % DEVICE_CODES, counter })
    }

    /// Reads a number leniently: any case; spaces, dashes and dots anywhere; O for 0, I and L for 1.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        if text.len() > MAX_READ {
            return Err(NumberError::Shape);
        }
        let plain: Option<String> = text
            .chars()
            .filter(|c| !matches!(c, '-' | '.' | '–' | '_') && !c.is_whitespace())
            .map(letter)
            .collect();
        let plain = plain.ok_or(NumberError::Shape)?;
        let body = plain.len().checked_sub(1).ok_or(NumberError::Shape)?;
        let (head, check) = plain.split_at(body);
        let number = Self::from_plain(head).ok_or(NumberError::Shape)?;
        if check_character(head).is_some_and(|right| check.chars().eq([right])) {
            Ok(number)
        } else {
            Err(NumberError::Check)
        }
    }

    /// The village (or kecamatan counter) that gave it.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The year in which it was given.
    pub fn year(&self) -> i16 {
        self.year
    }

    /// The device's code, 20 bits.
    pub fn device(&self) -> u32 {
        self.device
    }

    /// The device's counter.
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// All characters but the check character, without separators: 20 for a village, 16 for a kecamatan.
    fn from_plain(plain: &str) -> Option<Self> {
        let (place, rest) = plain.split_at_checked(plain.len().checked_sub(10)?)?;
        let (year, rest) = rest.split_at_checked(2)?;
        let (device, counter) = rest.split_at_checked(4)?;
        let decimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !decimal(place) || !decimal(year) {
            return None;
        }
        let (place, year) = (Place::parse(place)?, YEARS.start() + year.parse::<i16>().ok()?);
        Self::new(place, year, from_base32(device)?, counter_from(counter)?).ok()
    }

    fn head(&self) -> [String; 4] {
        let year = format!("{:02}", self.year - YEARS.start());
        [self.place.digits(), year, to_base32::<4>(self.device), counter_text(self.counter)]
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.head();
        f.write_str(&head.join("-"))?;
        check_character(&head.concat()).map_or(Ok(()), |check| write!(f, "{check}"))
    }
}

impl FromStr for Number {
    type Err = NumberError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The character of the alphabet that is meant.
fn letter(typed: char) -> Option<char> {
    let meant = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    value(meant).map(|_| meant)
}

fn value(letter: char) -> Option<u8> {
    let at = ALPHABET.iter().position(|c| char::from(*c) == letter)?;
    u8::try_from(at).ok()
}

fn character(value: u32) -> char {
    usize::try_from(value % 32).ok().and_then(|at| ALPHABET.get(at)).map_or('0', |c| char::from(*c))
}

fn to_base32<const WIDTH: u32>(number: u32) -> String {
    (0..WIDTH).rev().map(|at| character(number >> (5 * at))).collect()
}

fn from_base32(text: &str) -> Option<u32> {
    text.chars().try_fold(0u32, |sum, c| Some(sum.checked_mul(32)? + u32::from(value(c)?)))
}

/// Four characters: `0042`, `9999`, then `A000`, `A001`, … in base 32. They sort as they count.
fn counter_text(counter: u32) -> String {
    match counter.checked_sub(DECIMAL) {
        None => format!("{counter:04}"),
        Some(above) => {
            let first = character(10 + above / AFTER_LETTER);
            format!("{first}{}", to_base32::<3>(above % AFTER_LETTER))
        }
    }
}

fn counter_from(text: &str) -> Option<u32> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let letter = u32::from(value(text.chars().next()?)?).checked_sub(10)?;
    Some(DECIMAL + letter * AFTER_LETTER + from_base32(text.get(1..)?)?)
}

/// The check character over GF(32): each place weighs a different power of a generator of order 31, and the
/// weighted sum of all characters, this one included, is zero. So a single wrong character is always noticed,
/// and so is any swap of two, near or far, because no two weights are equal within 31 places. (The usual
/// mod 37,36 scheme would need I, L and O and misses some swaps.)
fn check_character(plain: &str) -> Option<char> {
    let sum = plain.chars().try_fold(0u8, |sum, c| Some(times_generator(sum) ^ value(c)?))?;
    Some(character(times_generator(sum).into()))
}

/// Times x in GF(2)[x] / (x⁵ + x² + 1).
fn times_generator(element: u8) -> u8 {
    let shifted = element << 1;
    if shifted & 0b10_0000 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::type_complexity)]
    use proptest::prelude::*;

    use super::*;

    fn village() -> Place {
        Place::parse("33.12.08.2002").unwrap()
    }

    fn samples() -> Vec<Number> {
        let kecamatan = Place::parse("33.12.08").unwrap();
        let mut samples = Vec::new();
        for place in [village(), kecamatan, Place::parse("96.71.05.1001").unwrap()] {
            for (device, counter) in
                [(0, 0), (0xF_FFFF, MAX_COUNTER), (0x3_A5C7, 42), (0x9_0D1E, 9_999), (77, 10_000)]
            {
                samples.push(Number::new(place, 2026, device, counter).unwrap());
            }
        }
        samples
    }

    #[test]
    fn shape() {
        let number = Number::new(village(), 2026, 0x3_A5C7, 42).unwrap();
        let text = number.to_string();
        assert!(text.starts_with("3312082002-26-79E7-0042"), "{text}");
        assert_eq!(text.len(), MAX_TEXT);
        let kecamatan = Number::new(village().kecamatan(), 2026, 0x3_A5C7, 42).unwrap().to_string();
        assert!(kecamatan.starts_with("331208-26-79E7-0042") && kecamatan.len() == 20, "{kecamatan}");
    }

    #[test]
    fn recorded() {
        // A change of alphabet, layout or check would make numbers on paper unreadable.
        let recorded: Vec<String> = samples().iter().map(Number::to_string).collect();
        assert_eq!(recorded, RECORDED);
    }

    const RECORDED: [&str; 15] = [
        "3312082002-26-0000-0000X",
        "3312082002-26-ZZZZ-ZZZZY",
        "3312082002-26-79E7-0042J",
        "3312082002-26-J38Y-9999P",
        "3312082002-26-002D-A0004",
        "331208-26-0000-00000",
        "331208-26-ZZZZ-ZZZZ3",
        "331208-26-79E7-0042F",
        "331208-26-J38Y-9999B",
        "331208-26-002D-A000S",
        "9671051001-26-0000-0000A",
        "9671051001-26-ZZZZ-ZZZZ9",
        "9671051001-26-79E7-00425",
        "9671051001-26-J38Y-99991",
        "9671051001-26-002D-A000K",
    ];

    #[test]
    fn lenient_reading() {
        let number = Number::new(village(), 2010, 1, 10).unwrap();
        let text = number.to_string();
        let shapes = [
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            text.replace('0', "o"),
            text.replace('0', "O").replace('1', "I"),
            text.replace('1', "l"),
            format!("  {} ", text.replacen("3312082002", "33.12.08.2002", 1)),
        ];
        for shape in shapes {
            assert_eq!(Number::parse(&shape), Ok(number), "{shape}");
        }
        assert_eq!(text.parse(), Ok(number));
    }

    #[test]
    fn refusals() {
        let text = samples()[2].to_string();
        let long = format!("{text}{}", "-".repeat(MAX_READ));
        let cut = text.get(1..).unwrap();
        for wrong in
            ["", "X", "-", "12345", "halo dunia", "3312082002-26-7U3A-0042X", &long, cut, &format!("{text}0")]
        {
            assert_eq!(Number::parse(wrong), Err(NumberError::Shape), "{wrong}");
        }
        assert_eq!(Number::new(village(), 1999, 0, 0), Err(NumberError::Year));
        assert_eq!(Number::new(village(), 2100, 0, 0), Err(NumberError::Year));
        assert_eq!(Number::new(village(), 2026, 0, MAX_COUNTER + 1), Err(NumberError::Exhausted));
    }

    #[test]
    fn every_single_substitution_is_noticed() {
        for number in samples() {
            let text: Vec<char> = number.to_string().chars().collect();
            for at in (0..text.len()).filter(|at| text[*at] != '-') {
                for other in ALPHABET.iter().map(|c| char::from(*c)).filter(|c| *c != text[at]) {
                    let mut wrong = text.clone();
                    wrong[at] = other;
                    let wrong: String = wrong.into_iter().collect();
                    assert!(Number::parse(&wrong).is_err(), "{wrong} for {number}");
                }
            }
        }
    }

    #[test]
    fn every_transposition_is_noticed() {
        for number in samples() {
            let text: Vec<char> = number.to_string().chars().filter(|c| *c != '-').collect();
            for from in 0..text.len() {
                for to in from + 1..text.len() {
                    if text[from] == text[to] {
                        continue;
                    }
                    let mut wrong = text.clone();
                    wrong.swap(from, to);
                    let wrong: String = wrong.into_iter().collect();
                    assert!(Number::parse(&wrong).is_err(), "{wrong} for {number}");
                }
            }
        }
    }

    #[test]
    fn weights_differ() {
        let powers: std::collections::BTreeSet<u8> =
            std::iter::successors(Some(1u8), |power| Some(times_generator(*power))).take(31).collect();
        assert_eq!(powers.len(), 31);
    }

    #[test]
    fn counters_sort_as_they_count() {
        let around =
            [0, 1, 9_998, 9_999, 10_000, 10_001, 10_032, 42_767, 42_768, MAX_COUNTER - 1, MAX_COUNTER];
        let texts: Vec<String> = around.iter().map(|n| counter_text(*n)).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts[4], "A000");
        assert_eq!(texts[10], "ZZZZ");
        for (text, counter) in texts.iter().zip(around) {
            assert_eq!(counter_from(text), Some(counter));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|[0-9A-Z-]){0,90}") {
            if let Ok(number) = Number::parse(&text) {
                prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
            }
        }

        #[test]
        fn numbers_come_back(
            village in 1_100_000_000u64..=9_699_999_999, year in 2000i16..=2099, device in 0..DEVICE_CODES,
            counter in 0..=MAX_COUNTER
        ) {
            let place = Place::parse(&village.to_string()).unwrap();
            let number = Number::new(place, year, device, counter).unwrap();
            let text = number.to_string();
            prop_assert!(text.len() <= MAX_TEXT);
            prop_assert_eq!(Number::parse(&text), Ok(number));
            prop_assert_eq!((number.place(), number.year(), number.device(), number.counter()),
                (place, year, device, counter));
        }
    }
}
