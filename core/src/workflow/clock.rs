//! The service-time clock: working minutes since the file was complete, without the waits that pause it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use crate::catalogue::{Clock, Service};

use super::moves;
use super::state::{Position, State};

const DAY: i64 = 86_400;
/// Longest interval that is counted day by day: what lies beyond (some 50 years) is a clock gone wrong.
const MAX_DAYS: i64 = 50 * 366;

/// When the office works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Working hours of Monday to Sunday: ranges in minutes of the day, each end after its start, in order and
    /// apart from each other.
    pub week: [Vec<(u16, u16)>; 7],
    /// Days on which nobody works.
    pub holidays: BTreeSet<Date>,
    /// Local time ahead of UTC, in minutes.
    pub utc_offset_minutes: i32,
}

impl Default for Calendar {
    /// A usual week in Western Indonesian time: Monday to Thursday 07.30–15.30, Friday 07.30–14.30. An office
    /// sets its own, and its holidays.
    fn default() -> Self {
        let day = || vec![(7 * 60 + 30, 15 * 60 + 30)];
        let friday = vec![(7 * 60 + 30, 14 * 60 + 30)];
        Calendar {
            week: [day(), day(), day(), day(), friday, Vec::new(), Vec::new()],
            holidays: BTreeSet::new(),
            utc_offset_minutes: 7 * 60,
        }
    }
}

/// A line of the working week or of the holidays cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("baris {line} tidak terbaca: {text}. {hint}")]
pub struct CalendarError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// How it is written.
    pub hint: &'static str,
}

/// Days of the week, as the working hours name them.
pub const WEEKDAYS: [&str; 7] = ["senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu"];
/// Lines of a list of holidays, or of working hours.
const MAX_LINES: usize = 400;
const HOLIDAY_HINT: &str = "Tulis satu tanggal tiap baris, misalnya 2026-12-25 Hari Natal.";
const WEEK_HINT: &str = "Tulis misalnya senin 07.30-12.00 13.00-15.30; hari tanpa jam kerja tidak ditulis.";

impl Calendar {
    /// Reads holidays: a date (`YYYY-MM-DD`) a line, and behind it what the day is called.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn read_holidays(text: &str) -> Result<BTreeSet<Date>, CalendarError> {
        let mut days = BTreeSet::new();
        for (at, line) in lines(text) {
            let day = line.split_whitespace().next().and_then(|day| day.parse().ok());
            let fits = at < MAX_LINES;
            days.insert(day.filter(|_| fits).ok_or_else(|| unread(at, line, HOLIDAY_HINT))?);
        }
        Ok(days)
    }

    /// Reads working hours: a weekday and its ranges a line, `senin 07.30-12.00 13.00-15.30`. A day that is not named
    /// has none.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn read_week(text: &str) -> Result<[Vec<(u16, u16)>; 7], CalendarError> {
        let mut week: [Vec<(u16, u16)>; 7] = Default::default();
        for (at, line) in lines(text) {
            let wrong = || unread(at, line, WEEK_HINT);
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default().to_lowercase();
            let day = WEEKDAYS.iter().position(|known| *known == name);
            let day = day.and_then(|day| week.get_mut(day)).filter(|day| day.is_empty() && at < MAX_LINES);
            let day = day.ok_or_else(wrong)?;
            for range in words {
                let (from, until) = range.split_once('-').ok_or_else(wrong)?;
                let range = minutes(from).zip(minutes(until)).filter(|(from, until)| from < until);
                let after = day.last().map_or(0, |(_, end)| *end);
                day.push(range.filter(|(from, _)| *from >= after).ok_or_else(wrong)?);
            }
            if day.is_empty() {
                return Err(wrong());
            }
        }
        Ok(week)
    }
}

/// Lines that say something, with their number from 0.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty())
}

fn unread(at: usize, line: &str, hint: &'static str) -> CalendarError {
    CalendarError { line: at + 1, text: line.chars().take(60).collect(), hint }
}

/// Minutes of the day of `07.30` or `07:30`; `24.00` is its end.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(['.', ':'])?;
    let digits = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2);
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

/// What the clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Whether it runs now.
    pub mode: Clock,
    /// Working minutes counted so far.
    pub worked_minutes: i64,
    /// Working minutes within which the service should be finished.
    pub limit_minutes: i64,
    /// Whether that is exceeded.
    pub overdue: bool,
    /// Working minutes in the present state, whatever the clock does there; none for a draft and at the end.
    pub step_minutes: Option<i64>,
    /// Working minutes within which the present step should be done, where the file names any.
    pub step_limit_minutes: Option<i64>,
    /// Whether those are exceeded.
    pub step_overdue: bool,
}

/// Reads the clock of an application at `now` (unix seconds). It begins when the file is complete and leaves
/// the state of a submission, runs and pauses as the file's states say, and ends with the application.
pub fn clock(service: &Service, state: &State, calendar: &Calendar, now: i64) -> ClockReading {
    let mut worked = 0;
    for (index, (code, from)) in state.passed.iter().enumerate() {
        let until = match state.passed.get(index + 1) {
            Some((_, next)) => *next,
            None if state.fin => *from,
            None => now,
        };
        if mode_in(service, code) == Clock::Jalan {
            worked += worked_seconds(calendar, *from, until);
        }
    }
    let waiting = state.passed.last().filter(|_| !state.fin);
    let step_minutes = waiting.map(|(_, since)| worked_seconds(calendar, *since, now) / 60);
    let step_limit_minutes = step_hours(service, state).map(|hours| i64::from(hours) * 60);
    let (worked_minutes, limit_minutes) = (worked / 60, i64::from(service.service_time_hours) * 60);
    ClockReading {
        mode: if state.fin || state.passed.is_empty() { Clock::Henti } else { mode_in(service, &state.code) },
        worked_minutes,
        limit_minutes,
        overdue: worked_minutes > limit_minutes,
        step_minutes,
        step_limit_minutes,
        step_overdue: step_minutes.zip(step_limit_minutes).is_some_and(|(worked, limit)| worked > limit),
    }
}

/// How the clock behaves in a state. While attachments are on their way the file is not complete, whatever the
/// file of the service says about that state.
fn mode_in(service: &Service, code: &str) -> Clock {
    if code == moves::submitted_state(service) {
        return Clock::Henti;
    }
    service.state(code).map(|state| state.clock).unwrap_or_default()
}

fn step_hours(service: &Service, state: &State) -> Option<u32> {
    match state.position {
        Position::Step(index) => service.line().get(index)?.hours,
        _ => None,
    }
}

/// Seconds of working time between two moments (unix seconds); 0 where the second is not after the first.
pub fn worked_seconds(calendar: &Calendar, from: i64, until: i64) -> i64 {
    let offset = i64::from(calendar.utc_offset_minutes) * 60;
    let (from, until) = (from.saturating_add(offset), until.saturating_add(offset));
    if until <= from {
        return 0;
    }
    let (first, last) = (from.div_euclid(DAY), until.div_euclid(DAY));
    let last = last.min(first.saturating_add(MAX_DAYS));
    (first..=last).map(|day| worked_on(calendar, day, from, until)).sum()
}

/// Working seconds of one day (counted from 1970-01-01, local) that lie between two local moments.
fn worked_on(calendar: &Calendar, day: i64, from: i64, until: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
    let Some(ranges) = calendar.week.get(weekday) else { return 0 };
    if date_of(day).is_none_or(|date| calendar.holidays.contains(&date)) {
        return 0;
    }
    let midnight = day * DAY;
    let overlap = |(start, end): &(u16, u16)| {
        let start = (midnight + i64::from(*start) * 60).max(from);
        let end = (midnight + i64::from(*end) * 60).min(until);
        (end - start).max(0)
    };
    ranges.iter().map(overlap).sum()
}

/// The civil date of a day counted from 1970-01-01; none outside the calendar.
fn date_of(day: i64) -> Option<Date> {
    let span: Span = i32::try_from(day).ok()?.days();
    Date::new(1970, 1, 1).ok()?.checked_add(span).ok()
}
