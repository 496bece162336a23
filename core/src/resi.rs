//! Tracking numbers of PT Pos Indonesia. There is no authoritative domestic format, so nothing about them is an
//! error: what looks odd is a doubt.

/// Length of a usual tracking number, in characters.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=20;
/// Weights of the eight digits of an international (UPU S10) number.
const WEIGHTS: [u32; 8] = [8, 6, 4, 2, 3, 5, 9, 7];

/// What looks odd about a tracking number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResiDoubt {
    /// Not 8 to 20 letters and digits.
    Format,
    /// It looks like an international number (`AA999999999ID`) whose check digit does not fit.
    CheckDigit,
}

impl ResiDoubt {
    /// What is odd and what to do, in Indonesian.
    pub fn sentence(&self) -> &'static str {
        match self {
            ResiDoubt::Format => {
                "Nomor resi biasanya 8 sampai 20 huruf dan angka; cocokkan lagi dengan resi dari kantor pos."
            }
            ResiDoubt::CheckDigit => {
                "Nomor resi tampaknya salah ketik; cocokkan lagi dengan resi dari kantor pos."
            }
        }
    }
}

/// The number as it is stored: upper case, without spaces.
pub fn normalise(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// What looks odd about a number as [`normalise`] gives it.
pub fn doubt(resi: &str) -> Option<ResiDoubt> {
    let usual = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if !LENGTH.contains(&resi.len()) || !resi.bytes().all(usual) {
        return Some(ResiDoubt::Format);
    }
    s10_digits(resi).filter(|(digits, check)| check_digit(digits) != *check).map(|_| ResiDoubt::CheckDigit)
}

/// The eight digits and the check digit of a number in the shape of UPU S10: two letters, nine digits, two
/// letters.
fn s10_digits(resi: &str) -> Option<([u32; 8], u32)> {
    let (service, rest) = resi.split_at_checked(2)?;
    let (digits, country) = rest.split_at_checked(9)?;
    let letters = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase());
    if country.len() != 2 || !letters(service) || !letters(country) {
        return None;
    }
    let digits: Vec<u32> = digits.chars().map(|c| c.to_digit(10)).collect::<Option<_>>()?;
    let (check, digits) = digits.split_last()?;
    Some((digits.try_into().ok()?, *check))
}

fn check_digit(digits: &[u32; 8]) -> u32 {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubts() {
        use ResiDoubt::*;
        let table = [
            // 4·8+7·6+3·4+1·2+2·3+4·5+8·9+2·7 = 200, 200 mod 11 = 2, 11 − 2 = 9.
            ("RR473124829ID", None),
            ("RR473124828ID", Some(CheckDigit)),
            ("RR473124289ID", Some(CheckDigit)),
            // Sum 0: 11 counts as 5. Sum 12 (1·8 + 1·4): 10 counts as 0.
            ("EE000000005ID", None),
            ("EE101000000ID", None),
            ("P2611230001234", None),
            ("12345678", None),
            ("1234567", Some(Format)),
            ("123456789012345678901", Some(Format)),
            ("RR47312-829ID", Some(Format)),
            ("", Some(Format)),
            // Not in the shape of S10: no check digit is looked for.
            ("RR4731248291D", None),
            ("RR473124829", None),
        ];
        for (resi, verdict) in table {
            assert_eq!(doubt(resi), verdict, "{resi}");
        }
        assert_eq!(normalise(" rr 473 124 829 id\n"), "RR473124829ID");
    }

    proptest! {
        #[test]
        fn any_text_has_a_verdict(text in "\\PC{0,40}") {
            let stored = normalise(&text);
            let _ = doubt(&stored);
            prop_assert!(!stored.contains(char::is_whitespace));
        }

        #[test]
        fn a_wrong_digit_is_noticed(digits in proptest::array::uniform8(0u32..10), at in 0usize..8, by in 1u32..10) {
            let text = |digits: &[u32; 8], check: u32| {
                let digits: String = digits.iter().map(u32::to_string).collect();
                format!("RR{digits}{check}ID")
            };
            let check = check_digit(&digits);
            prop_assert_eq!(doubt(&text(&digits, check)), None);
            let mut wrong = digits;
            wrong[at] = (wrong[at] + by) % 10;
            // Check digits 0 and 5 stand for two remainders each, so those may coincide.
            prop_assume!(!matches!(check, 0 | 5));
            prop_assert_eq!(doubt(&text(&wrong, check)), Some(ResiDoubt::CheckDigit));
        }
    }
}
