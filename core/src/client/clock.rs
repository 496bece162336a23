//! The phone's clock, and what the office said of the time.
//!
//! A phone that lay without a battery wakes up years ago. What the office has told last is a time that is over, so the
//! phone's clock counts from there on at the least: services stay open, ages are right, and numbers carry the right
//! year. Order never depends on it.

use super::{ClientError, Phone, now};
use crate::time::jakarta;

/// By how much a clock may be behind before somebody is told, in seconds: a day.
const TOLERANCE: i64 = 24 * 3600;

/// The newest time that the office has told this phone; 0 before any.
pub(super) fn told(phone: &Phone) -> Result<i64, ClientError> {
    let mut newest = 0;
    for partition in phone.replica.scope_of(&phone.author())? {
        newest = newest.max(phone.replica.receipt(&partition)?.map_or(0, |receipt| receipt.time));
    }
    Ok(newest)
}

impl Phone {
    /// The time, in seconds since 1970: by the device's clock, and never before what the office has told.
    pub(crate) fn now(&self) -> i64 {
        now().max(self.told)
    }

    /// What the officer should know of a clock that is behind.
    pub fn clock_warning(&self) -> Option<String> {
        warning(now(), self.told)
    }
}

fn warning(here: i64, told: i64) -> Option<String> {
    if here >= told.saturating_sub(TOLERANCE) {
        return None;
    }
    let day = |at: i64| jakarta(at).strftime("%d-%m-%Y").to_string();
    Some(format!(
        "tanggal HP ini mundur: tertulis {}, padahal Dinas sudah terdengar pada {}. Betulkan tanggal dan jamnya; \
         pekerjaan yang tersimpan tidak hilang",
        day(here),
        day(told)
    ))
}

/// By how much the office's clock is ahead of this one, as its answer says, in seconds.
pub(super) fn ahead(date: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(zoned.as_second().saturating_sub(now()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_clock_that_is_behind_is_told_with_both_dates() {
        let told = 1_795_453_199;
        assert_eq!(warning(told, told), None);
        assert_eq!(warning(told - TOLERANCE, told), None);
        assert_eq!(warning(told + 10 * TOLERANCE, told), None);
        let said = warning(told - 730 * 86_400, told).unwrap();
        assert!(said.contains("23-11-2024") && said.contains("23-11-2026"), "{said}");
    }

    #[test]
    fn the_date_of_an_answer_tells_how_far_a_clock_is_off() {
        assert!(ahead("Sat, 28 Nov 2020 10:00:00 GMT").unwrap() < 0);
        assert!(ahead("Fri, 28 Nov 2070 10:00:00 GMT").unwrap() > 0);
        assert_eq!(ahead("kemarin"), None);
    }
}
