//! The two numbers of the population register: a person's NIK and a family card's number.
//!
//! A NIK is `PPKKCC DDMMYY NNNN`: the region of *first registration*, the birth date (day + 40 for women) and a
//! serial number. It stays for life, whatever is corrected later, so almost nothing about it is an error: what
//! merely looks odd is a [`NikDoubt`], which an officer ticks off against the paper.

use std::fmt;

use jiff::civil::Date;

use crate::region::Regions;

/// Digits of a NIK and of a family card's number.
pub const DIGITS: usize = 16;
/// Added to the day of birth for women.
const FEMALE_DAY: u8 = 40;

/// A NIK whose hard rules hold. Compare and store it as text: leading zeros count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nik([u8; DIGITS]);

/// Why a text is no NIK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NikError {
    /// Not exactly 16 ASCII digits.
    #[error("NIK harus tepat 16 angka; salin lagi dari dokumen, atau kosongkan bila belum ada NIK")]
    NotSixteenDigits,
    /// The day is neither 01–31 nor 41–71.
    #[error("angka ke-7 dan ke-8 NIK (tanggal lahir) harus 01–31 atau 41–71; periksa lagi di dokumen")]
    Day,
    /// The month is not 01–12.
    #[error("angka ke-9 dan ke-10 NIK (bulan lahir) harus 01–12; periksa lagi di dokumen")]
    Month,
    /// The serial number is 0000.
    #[error("empat angka terakhir NIK tidak boleh 0000; periksa lagi di dokumen")]
    Serial,
}

/// What looks odd about a NIK and may be right nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NikDoubt {
    /// Its date is in no calendar, such as 31 February.
    ImpossibleDate,
    /// Its date differs from the birth date on the form.
    BirthDate,
    /// Its +40 differs from the sex on the form.
    Sex,
    /// Its region is not among those that the office knows (older codes stay valid for ever).
    Region,
}

impl NikDoubt {
    /// Last part of the warning's id, e.g. `wilayah` of `nik.wilayah`.
    pub fn id(&self) -> &'static str {
        match self {
            NikDoubt::ImpossibleDate => "tanggal",
            NikDoubt::BirthDate => "tanggal_lahir",
            NikDoubt::Sex => "jenis_kelamin",
            NikDoubt::Region => "wilayah",
        }
    }

    /// What is odd and what to do, in Indonesian, for the field that has this label.
    pub fn sentence(&self, label: &str) -> String {
        let odd = match self {
            NikDoubt::ImpossibleDate => "memuat tanggal yang tidak ada di kalender",
            NikDoubt::BirthDate => "berbeda dengan tanggal lahir yang diisi",
            NikDoubt::Sex => "berbeda dengan jenis kelamin yang diisi",
            NikDoubt::Region => "memuat kode wilayah yang tidak dikenal kantor ini",
        };
        format!("{label} {odd}. Cocokkan dengan dokumen, lalu tandai bila sudah sesuai.")
    }
}

impl Nik {
    /// Reads exactly 16 ASCII digits under the hard rules: day 01–31 or 41–71, month 01–12, serial not 0000.
    pub fn parse(text: &str) -> Result<Self, NikError> {
        let nik = Nik(sixteen_digits(text).ok_or(NikError::NotSixteenDigits)?);
        if !matches!(nik.pair::<6>(), 1..=31 | 41..=71) {
            return Err(NikError::Day);
        }
        if !matches!(nik.month(), 1..=12) {
            return Err(NikError::Month);
        }
        if nik.0.ends_with(b"0000") {
            return Err(NikError::Serial);
        }
        Ok(nik)
    }

    /// The 16 digits. Never put them into a log, an error or an SMS.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The six digits of the kecamatan of first registration.
    pub fn region(&self) -> &str {
        self.as_str().get(..6).unwrap_or_default()
    }

    /// Whether 40 is added to the day: the person was registered as a woman.
    pub fn female(&self) -> bool {
        self.pair::<6>() > FEMALE_DAY
    }

    /// Day of birth, 1–31, the 40 taken off.
    pub fn day(&self) -> u8 {
        let day = self.pair::<6>();
        if self.female() { day.saturating_sub(FEMALE_DAY) } else { day }
    }

    /// Month of birth, 1–12.
    pub fn month(&self) -> u8 {
        self.pair::<8>()
    }

    /// Year of birth, its last two digits; the century is not in a NIK.
    pub fn year_of_century(&self) -> u8 {
        self.pair::<10>()
    }

    /// What looks odd, given what else the form says. The century follows `birth` and is never guessed.
    pub fn doubts(&self, birth: Option<Date>, female: Option<bool>, regions: &Regions) -> Vec<NikDoubt> {
        let mut doubts = Vec::new();
        if !self.date_exists() {
            doubts.push(NikDoubt::ImpossibleDate);
        }
        if birth.is_some_and(|birth| !self.same_day(birth)) {
            doubts.push(NikDoubt::BirthDate);
        }
        if female.is_some_and(|female| female != self.female()) {
            doubts.push(NikDoubt::Sex);
        }
        if !regions.known_prefix(self.region()) {
            doubts.push(NikDoubt::Region);
        }
        doubts
    }

    fn same_day(&self, birth: Date) -> bool {
        let here = (i32::from(self.day()), i32::from(self.month()), i32::from(self.year_of_century()));
        here == (i32::from(birth.day()), i32::from(birth.month()), i32::from(birth.year()).rem_euclid(100))
    }

    /// Whether the date is in the calendar of some century: 29 February 00 is (2000), of 01 never.
    fn date_exists(&self) -> bool {
        let days = match self.month() {
            2 if self.year_of_century().is_multiple_of(4) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        self.day() <= days
    }

    /// The number in the two digits from `AT` on.
    fn pair<const AT: usize>(&self) -> u8 {
        match self.0.get(AT..AT.saturating_add(2)) {
            Some([tens, ones]) => (tens - b'0') * 10 + (ones - b'0'),
            _ => 0,
        }
    }
}

/// The number of a family card (*Kartu Keluarga*): 16 digits, and nothing else is certain about them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NomorKk([u8; DIGITS]);

/// The text is no number of a family card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nomor KK harus tepat 16 angka; salin lagi dari Kartu Keluarga")]
pub struct NotANomorKk;

impl NomorKk {
    /// Reads exactly 16 ASCII digits.
    pub fn parse(text: &str) -> Result<Self, NotANomorKk> {
        sixteen_digits(text).map(Self).ok_or(NotANomorKk)
    }

    /// The 16 digits. Never put them into a log, an error or an SMS.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn sixteen_digits(text: &str) -> Option<[u8; DIGITS]> {
    let digits: [u8; DIGITS] = text.as_bytes().try_into().ok()?;
    digits.iter().all(u8::is_ascii_digit).then_some(digits)
}

// Masked: these end up in logs and in failed assertions.
impl fmt::Debug for Nik {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nik(****************)")
    }
}

impl fmt::Debug for NomorKk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NomorKk(****************)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::type_complexity)]
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hard_rules() {
        let table: &[(&str, Result<(), NikError>)] = &[
            ("3312080101900001", Ok(())),
            ("3312083101900001", Ok(())),
            ("3312084101900001", Ok(())),
            ("3312087112909999", Ok(())),
            ("0012080101900001", Ok(())),
            ("3312083102900001", Ok(())),
            ("3312087102900001", Ok(())),
            ("9999990101900001", Ok(())),
            ("3312080001900001", Err(NikError::Day)),
            ("3312083201900001", Err(NikError::Day)),
            ("3312084001900001", Err(NikError::Day)),
            ("3312087201900001", Err(NikError::Day)),
            ("3312080100900001", Err(NikError::Month)),
            ("3312080113900001", Err(NikError::Month)),
            ("3312080101900000", Err(NikError::Serial)),
            ("", Err(NikError::NotSixteenDigits)),
            ("0", Err(NikError::NotSixteenDigits)),
            ("331208010190001", Err(NikError::NotSixteenDigits)),
            ("33120801019000011", Err(NikError::NotSixteenDigits)),
            ("3312080101 90001", Err(NikError::NotSixteenDigits)),
            ("٣٣١٢٠٨٠١", Err(NikError::NotSixteenDigits)),
        ];
        for (text, verdict) in table {
            assert_eq!(Nik::parse(text).map(|_| ()), *verdict, "{text}");
        }
    }

    #[test]
    fn soft_rules() {
        use NikDoubt::*;
        let regions = Regions::wonogiri();
        let may_1990 = Some(date(1990, 5, 1));
        let table: &[(&str, Option<Date>, Option<bool>, &[NikDoubt])] = &[
            ("3312080105900001", may_1990, Some(false), &[]),
            ("3312084105900001", may_1990, Some(true), &[]),
            ("3312084105900001", may_1990, None, &[]),
            ("3312080105900001", None, None, &[]),
            ("3312080205900001", may_1990, Some(false), &[BirthDate]),
            ("3312080105910001", may_1990, Some(false), &[BirthDate]),
            ("3312084105900001", may_1990, Some(false), &[Sex]),
            ("3312080105900001", may_1990, Some(true), &[Sex]),
            ("3312990105900001", may_1990, Some(false), &[Region]),
            ("9999990105900001", None, None, &[Region]),
            ("3312083102900001", None, None, &[ImpossibleDate]),
            ("3312087102900001", None, None, &[ImpossibleDate]),
            ("3312083104900001", None, None, &[ImpossibleDate]),
            ("3312082902010001", None, None, &[ImpossibleDate]),
            ("3312082902000001", Some(date(2000, 2, 29)), None, &[]),
            ("3312086902040001", Some(date(2004, 2, 29)), Some(true), &[]),
            // The century is the form's: 1925 and 2025 are both right for 25.
            ("3312080105250001", Some(date(1925, 5, 1)), None, &[]),
            ("3312080105250001", Some(date(2025, 5, 1)), None, &[]),
            ("9999997102900001", may_1990, Some(false), &[ImpossibleDate, BirthDate, Sex, Region]),
        ];
        for (text, birth, female, doubts) in table {
            assert_eq!(Nik::parse(text).unwrap().doubts(*birth, *female, &regions), *doubts, "{text}");
        }
    }

    #[test]
    fn digits_are_masked() {
        let nik = Nik::parse("3312084105900001").unwrap();
        let kk = NomorKk::parse("3312080105150003").unwrap();
        assert!(!format!("{nik:?}{kk:?}").contains(|c: char| c.is_ascii_digit()));
        assert_eq!((nik.as_str(), kk.as_str()), ("3312084105900001", "3312080105150003"));
        assert!(NomorKk::parse("331208010515000").is_err());
        assert!(NomorKk::parse("331208010515000x").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = Nik::parse(&text);
            let _ = NomorKk::parse(&text);
        }

        #[test]
        fn a_date_of_birth_agrees_with_its_nik(
            (year, month, day) in (1900i16..=2199, 1i8..=12, 1i8..=28), female: bool, serial in 1u16..=9999
        ) {
            let shown = day + if female { 40 } else { 0 };
            let text = format!("331208{shown:02}{month:02}{:02}{serial:04}", year % 100);
            let nik = Nik::parse(&text).unwrap();
            prop_assert_eq!(nik.doubts(Some(date(year, month, day)), Some(female), &Regions::wonogiri()), vec![]);
            prop_assert_eq!((nik.day(), nik.female()), (day as u8, female));
        }
    }
}
