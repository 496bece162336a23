//! Deciding conditions: pure, from the fields' values and a civil date.

use jiff::civil::Date;

use super::line::VARIANT;
use super::model::{Age, Condition, Service};

/// Reads a field's register by id: its one value, or none where it is empty or open to conflict.
pub type Values<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Condition {
    /// Whether this holds for these values on this civil date (Asia/Jakarta; of the submission, or today for a
    /// draft). An age cannot be known without a valid date of birth: then neither `age_below` nor
    /// `age_at_least` holds.
    pub fn holds(&self, values: &Values<'_>, today: Date) -> bool {
        match self {
            Condition::AgeBelow(age) => years(age, values, today).is_some_and(|years| years < age.years),
            Condition::AgeAtLeast(age) => years(age, values, today).is_some_and(|years| years >= age.years),
            Condition::Equals(want) => values(&want.field).is_some_and(|value| value == want.value),
            Condition::Contains(want) => {
                values(&want.field).is_some_and(|value| value.split(',').any(|one| one == want.value))
            }
            Condition::All(parts) => parts.iter().all(|part| part.holds(values, today)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(values, today)),
            Condition::Not(part) => !part.holds(values, today),
        }
    }

    /// The condition in Indonesian words, with the labels of the service's fields and choices.
    pub fn words(&self, service: &Service) -> String {
        let label = |id: &str| match service.field(id) {
            Some(field) => field.label.clone(),
            None if id == VARIANT => "Varian".to_owned(),
            None => id.to_owned(),
        };
        let value = |id: &str, value: &str| {
            let choice =
                service.field(id).and_then(|field| field.options.iter().find(|choice| choice.id == value));
            let variant = service.variants.iter().find(|variant| id == VARIANT && variant.id == value);
            let words = choice.map(|choice| &choice.label).or(variant.map(|variant| &variant.title));
            words.map_or_else(|| value.to_owned(), String::clone)
        };
        let list = |parts: &[Condition], between: &str| {
            let words: Vec<String> = parts.iter().map(|part| part.inner_words(service)).collect();
            words.join(between)
        };
        match self {
            Condition::AgeBelow(age) => format!("usia di bawah {} tahun", age.years),
            Condition::AgeAtLeast(age) => format!("usia {} tahun atau lebih", age.years),
            Condition::Equals(want) => {
                format!("{} = {}", label(&want.field), value(&want.field, &want.value))
            }
            Condition::Contains(want) => {
                format!("{} mencakup {}", label(&want.field), value(&want.field, &want.value))
            }
            Condition::All(parts) => list(parts, " dan "),
            Condition::Any(parts) => list(parts, " atau "),
            Condition::Not(part) => format!("bukan {}", part.inner_words(service)),
        }
    }

    /// As `words`, in brackets where it is a list inside another condition.
    fn inner_words(&self, service: &Service) -> String {
        match self {
            Condition::All(parts) | Condition::Any(parts) if parts.len() > 1 => {
                format!("({})", self.words(service))
            }
            _ => self.words(service),
        }
    }
}

fn years(age: &Age, values: &Values<'_>, today: Date) -> Option<i16> {
    values(&age.field).and_then(|text| parse_date(&text)).map(|birth| years_old(birth, today))
}

/// Completed years of age on a civil date; negative before birth. A birthday on 29 February falls on 1 March
/// in common years.
pub fn years_old(birth: Date, today: Date) -> i16 {
    let before_birthday = (today.month(), today.day()) < (birth.month(), birth.day());
    today.year().saturating_sub(birth.year()).saturating_sub(i16::from(before_birthday))
}

/// Reads a civil date written exactly `YYYY-MM-DD`; none where it is written otherwise or does not exist.
pub fn parse_date(text: &str) -> Option<Date> {
    let shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if shaped { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::catalogue::FieldValue;

    fn age_at_least(years: i16) -> Condition {
        Condition::AgeAtLeast(Age { field: "tanggal_lahir".into(), years })
    }

    fn born(text: &'static str) -> impl Fn(&str) -> Option<String> {
        move |field: &str| (field == "tanggal_lahir").then(|| text.to_owned())
    }

    #[test]
    fn the_day_before_the_17th_birthday_is_still_16() {
        let of_age = age_at_least(17);
        let below = Condition::AgeBelow(Age { field: "tanggal_lahir".into(), years: 17 });
        for (today, expected) in
            [(date(2026, 8, 16), false), (date(2026, 8, 17), true), (date(2026, 8, 18), true)]
        {
            assert_eq!(of_age.holds(&born("2009-08-17"), today), expected, "{today}");
            assert_eq!(below.holds(&born("2009-08-17"), today), !expected, "{today}");
        }
    }

    #[test]
    fn a_leap_day_birthday_falls_on_the_first_of_march_in_common_years() {
        let birth = date(2008, 2, 29);
        assert_eq!(years_old(birth, date(2025, 2, 28)), 16);
        assert_eq!(years_old(birth, date(2025, 3, 1)), 17);
        assert_eq!(years_old(birth, date(2024, 2, 28)), 15);
        assert_eq!(years_old(birth, date(2024, 2, 29)), 16);
    }

    #[test]
    fn without_a_date_of_birth_no_age_is_known() {
        let today = date(2026, 1, 1);
        let below = Condition::AgeBelow(Age { field: "tanggal_lahir".into(), years: 17 });
        assert!(!below.holds(&|_: &str| None, today));
        assert!(!age_at_least(0).holds(&|_: &str| None, today));
        assert!(!age_at_least(0).holds(&born("2009-02-30"), today));
    }

    #[test]
    fn a_choice_is_found_whole_among_many() {
        let contains =
            |value: &str| Condition::Contains(FieldValue { field: "perubahan".into(), value: value.into() });
        let values = |_: &str| Some("nama,status_perkawinan".to_owned());
        let today = date(2026, 1, 1);
        assert!(contains("nama").holds(&values, today));
        assert!(!contains("status").holds(&values, today));
        assert!(!Condition::Not(Box::new(contains("nama"))).holds(&values, today));
        assert!(Condition::All(vec![]).holds(&values, today));
        assert!(!Condition::Any(vec![]).holds(&values, today));
    }

    #[test]
    fn dates_are_written_in_one_way_only() {
        assert_eq!(parse_date("2026-02-28"), Some(date(2026, 2, 28)));
        for wrong in ["2026-02-29", "20260228", "2026-2-28", "2026-02-28T00:00", "", "٢٠٢٦-٠٢"] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }
}
