//! Civil time as the office reckons it. The clock itself is a parameter everywhere: seconds since 1970, UTC.

use jiff::civil::{Date, DateTime};

/// Western Indonesian Time, in seconds east of UTC. Ages, dates of submission and working hours are reckoned in
/// it (Asia/Jakarta has no summer time).
pub const WIB: i64 = 7 * 3600;

/// Date and time in Jakarta. Times outside the calendar's range are taken to its nearer end.
pub fn jakarta(now: i64) -> DateTime {
    let seconds = now.saturating_add(WIB).clamp(-62_135_596_800, 253_402_300_799);
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    epoch.saturating_add(
        jiff::Span::new().days(seconds.div_euclid(86_400)).seconds(seconds.rem_euclid(86_400)),
    )
}

/// The civil date in Jakarta.
pub fn today(now: i64) -> Date {
    jakarta(now).date()
}

/// When a day begins in Jakarta, in seconds since 1970.
pub fn midnight(day: Date) -> i64 {
    let days = (day - Date::constant(1970, 1, 1)).get_days();
    i64::from(days) * 86_400 - WIB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_turns_at_midnight_in_jakarta() {
        assert_eq!(today(0), Date::constant(1970, 1, 1));
        assert_eq!(today(1_795_453_199), Date::constant(2026, 11, 23));
        assert_eq!(jakarta(1_795_366_800).to_string(), "2026-11-23T00:00:00");
        assert_eq!(today(1_795_366_799), Date::constant(2026, 11, 22));
        assert_eq!(midnight(Date::constant(2026, 11, 23)), 1_795_366_800);
        assert_eq!(midnight(Date::constant(1969, 12, 31)), -31 * 3600);
        let _ = (today(i64::MAX), today(i64::MIN));
    }
}
