//! Phone numbers, stored as E.164 (`+628…`).

use std::fmt;

/// Fewest digits after 62 of a mobile number.
const MOBILE_LEAST: usize = 9;
/// Most digits after 62. Operators may lengthen their numbers: [`Telepon::parse_within`] takes another bound.
pub const MOST: usize = 12;
/// Fewest digits after 62 of a landline: area code and subscriber.
const LANDLINE_LEAST: usize = 7;
/// Longest text that is read at all, in bytes.
const MAX_READ: usize = 60;

/// An Indonesian phone number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Telepon(String);

/// Why a text is no phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TeleponError {
    /// It has other characters than digits, `+`, spaces, dots, dashes and brackets, or begins like no number.
    #[error("nomor telepon tidak dikenali; tulis nomor Indonesia, misalnya diawali 08 atau +62")]
    Shape,
    /// Too few or too many digits.
    #[error("panjang nomor telepon tidak wajar; periksa lagi setiap angkanya")]
    Length,
}

impl Telepon {
    /// Reads `08…`, `62…`, `+62…`, `8…` (mobile) and `0…` (landline), with spaces, dots, dashes and brackets
    /// anywhere.
    pub fn parse(text: &str) -> Result<Self, TeleponError> {
        Self::parse_within(text, MOST)
    }

    /// [`Telepon::parse`] with another bound on the digits after 62.
    pub fn parse_within(text: &str, most: usize) -> Result<Self, TeleponError> {
        if text.len() > MAX_READ {
            return Err(TeleponError::Length);
        }
        let text: String = text
            .chars()
            .filter(|c| !matches!(c, '.' | '-' | '(' | ')' | '/') && !c.is_whitespace())
            .collect();
        let national = national(&text).ok_or(TeleponError::Shape)?;
        // "+62 (0)812…" is often written; no area code begins with 0.
        let national = national.strip_prefix('0').unwrap_or(national);
        if !national.bytes().all(|b| b.is_ascii_digit()) || national.starts_with(['0', '1']) {
            return Err(TeleponError::Shape);
        }
        let least = if national.starts_with('8') { MOBILE_LEAST } else { LANDLINE_LEAST };
        if !(least..=most).contains(&national.len()) {
            return Err(TeleponError::Length);
        }
        Ok(Self(format!("+62{national}")))
    }

    /// E.164, e.g. `+628…`. Never put it into a log or an error.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a landline, which cannot receive an SMS: a doubt for the officer to look at.
    pub fn is_landline(&self) -> bool {
        !self.0.starts_with("+628")
    }
}

/// What follows the country code or the trunk 0.
fn national(text: &str) -> Option<&str> {
    if let Some(international) = text.strip_prefix('+') {
        return international.strip_prefix("62");
    }
    if let Some(national) = text.strip_prefix("0062").or_else(|| text.strip_prefix("62")) {
        return Some(national);
    }
    text.strip_prefix('0').or_else(|| text.starts_with('8').then_some(text))
}

// Masked: it ends up in logs and in failed assertions.
impl fmt::Debug for Telepon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telepon(+62…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::type_complexity)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shapes() {
        use TeleponError::*;
        let mobile = "+6281200001234";
        let table: &[(&str, Result<&str, TeleponError>)] = &[
            ("081200001234", Ok(mobile)),
            ("81200001234", Ok(mobile)),
            ("6281200001234", Ok(mobile)),
            ("+6281200001234", Ok(mobile)),
            ("006281200001234", Ok(mobile)),
            ("+62 (0)812-0000-1234", Ok(mobile)),
            (" 0812.0000.1234 ", Ok(mobile)),
            ("0812000012", Ok("+62812000012")),
            ("081200001", Err(Length)),
            ("0812000012345", Ok("+62812000012345")),
            ("08120000123456", Err(Length)),
            ("(0273) 321000", Ok("+62273321000")),
            ("021-50000000", Ok("+622150000000")),
            ("0273", Err(Length)),
            ("+60123456789", Err(Shape)),
            ("12345678901", Err(Shape)),
            ("110", Err(Shape)),
            ("0812 abc 1234", Err(Shape)),
            ("0812+0001234", Err(Shape)),
            ("٠٨١٢٠٠٠٠١٢٣٤", Err(Shape)),
            ("+", Err(Shape)),
            ("", Err(Shape)),
            ("62", Err(Length)),
            ("0", Err(Length)),
        ];
        for (text, verdict) in table {
            let read = Telepon::parse(text);
            assert_eq!(read.as_ref().map(Telepon::as_str), verdict.as_ref().map(|s| *s), "{text}");
        }
        assert!(Telepon::parse_within("08120000123456", 13).is_ok());
    }

    #[test]
    fn landlines_are_told_apart() {
        assert!(Telepon::parse("0273 321000").unwrap().is_landline());
        assert!(!Telepon::parse("0812 0000 1234").unwrap().is_landline());
    }

    #[test]
    fn digits_are_masked() {
        assert!(!format!("{:?}", Telepon::parse("081200001234").unwrap()).contains("8120"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|[0-9+() -]){0,70}") {
            if let Ok(number) = Telepon::parse(&text) {
                prop_assert_eq!(Telepon::parse(number.as_str()), Ok(number));
            }
        }
    }
}
