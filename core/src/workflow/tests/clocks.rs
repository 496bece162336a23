//! The service-time clock, as tables.

use super::*;
use crate::catalogue::Clock;
use jiff::civil::{Date, DateTime, date};

/// Unix seconds of a local moment in Western Indonesia.
fn at(text: &str) -> i64 {
    let moment: DateTime = text.parse().unwrap();
    let days = (moment.date() - Date::new(1970, 1, 1).unwrap()).get_days();
    let seconds =
        i64::from(moment.hour()) * 3600 + i64::from(moment.minute()) * 60 + i64::from(moment.second());
    i64::from(days) * 86_400 + seconds - 7 * 3600
}

#[test]
fn the_tests_begin_on_a_monday_morning() {
    assert_eq!(at("2026-01-05T08:00"), START);
}

#[test]
fn working_time_leaves_out_nights_weekends_and_holidays() {
    let mut calendar = Calendar::default();
    calendar.holidays.insert(date(2026, 1, 16));
    for (from, until, minutes) in [
        ("2026-01-05T08:00", "2026-01-05T09:30", 90),
        ("2026-01-05T06:00", "2026-01-05T07:30", 0),
        ("2026-01-05T06:00", "2026-01-05T08:00", 30),
        ("2026-01-05T15:00", "2026-01-06T08:00", 60),
        ("2026-01-05T15:00", "2026-01-05T23:59", 30),
        ("2026-01-08T15:30", "2026-01-12T07:30", 7 * 60),
        ("2026-01-09T14:00", "2026-01-12T08:00", 60),
        ("2026-01-10T00:00", "2026-01-11T23:59", 0),
        ("2026-01-15T15:00", "2026-01-19T08:00", 60),
        ("2026-01-05T07:30", "2026-01-12T07:30", 4 * 480 + 420),
        ("2026-01-06T08:00", "2026-01-05T08:00", 0),
        ("2026-01-05T08:00", "2026-01-05T08:00", 0),
    ] {
        assert_eq!(worked_seconds(&calendar, at(from), at(until)), minutes * 60, "{from} {until}");
    }
    assert_eq!(worked_seconds(&calendar, i64::MIN, i64::MIN + 5), 0);
    assert!(worked_seconds(&calendar, 0, i64::MAX) > 0, "bounded, not endless");
}

#[test]
fn days_may_have_breaks_and_places_their_own_time() {
    let mut calendar = Calendar::default();
    calendar.week[0] = vec![(450, 720), (780, 930)];
    assert_eq!(worked_seconds(&calendar, at("2026-01-05T11:30"), at("2026-01-05T13:30")), 60 * 60);
    calendar.utc_offset_minutes = 9 * 60;
    assert_eq!(worked_seconds(&calendar, at("2026-01-05T05:30"), at("2026-01-05T06:30")), 60 * 60);
}

/// An application whose states were reached at these times.
fn passed(service: &Service, line: &[(&str, &str)], fin: bool) -> State {
    let mut state = State::draft(service);
    state.passed = line.iter().map(|(code, when)| ((*code).to_owned(), at(when))).collect();
    state.code = line.last().map_or("DRAF", |(code, _)| *code).to_owned();
    state.position = if fin { Position::Final } else { Position::Step(1) };
    state.fin = fin;
    state
}

#[test]
fn the_clock_runs_pauses_and_ends() {
    let service = fixture();
    let calendar = Calendar::default();
    let submitted = ("DIAJUKAN", "2026-01-05T08:00");
    let queued = ("ANTRI_FO", "2026-01-05T10:00");
    let waiting = ("PENUNGGALAN", "2026-01-05T11:00");
    let returned = ("DIKEMBALIKAN", "2026-01-05T12:00");
    let again = [("DIAJUKAN", "2026-01-06T08:00"), ("ANTRI_FO", "2026-01-06T10:00")];
    let ended = ("DIAMBIL", "2026-01-06T09:30");
    for (name, line, fin, now, verdict) in [
        ("a draft", vec![], false, "2026-01-05T12:00", (Clock::Henti, 0, false)),
        ("attachments are missing", vec![submitted], false, "2026-01-05T12:00", (Clock::Henti, 0, false)),
        ("it runs", vec![submitted, queued], false, "2026-01-05T12:00", (Clock::Jalan, 120, false)),
        ("overnight", vec![submitted, queued], false, "2026-01-06T08:00", (Clock::Jalan, 330 + 30, false)),
        ("it pauses", vec![submitted, queued, waiting], false, "2026-01-09T12:00", (Clock::Jeda, 60, false)),
        (
            "it resumes",
            vec![submitted, queued, waiting, ("ANTRI_VALIDATOR", "2026-01-06T08:00")],
            false,
            "2026-01-06T08:30",
            (Clock::Jalan, 90, false),
        ),
        ("returned", vec![submitted, queued, returned], false, "2026-01-07T12:00", (Clock::Jeda, 120, false)),
        (
            "submitted again",
            vec![submitted, queued, returned, again[0], again[1]],
            false,
            "2026-01-06T10:30",
            (Clock::Jalan, 150, false),
        ),
        (
            "too long",
            vec![submitted, queued],
            false,
            "2026-01-08T08:00",
            (Clock::Jalan, 330 + 960 + 30, true),
        ),
        ("just in time", vec![submitted, queued], false, "2026-01-07T10:00", (Clock::Jalan, 960, false)),
        ("ended", vec![submitted, queued, ended], true, "2026-03-01T12:00", (Clock::Henti, 330 + 120, false)),
    ] {
        let reading = clock(&service, &passed(&service, &line, fin), &calendar, at(now));
        assert_eq!((reading.mode, reading.worked_minutes, reading.overdue), verdict, "{name}");
        assert_eq!(reading.limit_minutes, 16 * 60);
    }
    let reading =
        clock(&service, &passed(&service, &[submitted, queued], false), &calendar, at("2026-01-05T14:30"));
    assert_eq!(
        (reading.step_minutes, reading.step_limit_minutes, reading.step_overdue),
        (Some(270), Some(240), true)
    );
}

#[test]
fn a_record_drives_the_clock() {
    let mut case = Case::new(fixture());
    case.act("ajukan");
    case.now = at("2026-01-05T09:00");
    let reading = clock(&case.service, &case.state, &Calendar::default(), case.now);
    assert_eq!((reading.mode, reading.worked_minutes), (Clock::Jalan, 60));
    case.until("");
    let reading = clock(&case.service, &case.state, &Calendar::default(), case.now + 1_000_000);
    assert_eq!((reading.mode, reading.step_minutes), (Clock::Henti, None));
}

#[test]
fn an_office_writes_its_hours_and_holidays() {
    let week = Calendar::read_week("senin 07.30-12.00 13:00-15.30\n\nJumat 08.00-24.00\n").unwrap();
    assert_eq!((week[0].as_slice(), week[4].as_slice()), (&[(450, 720), (780, 930)][..], &[(480, 1440)][..]));
    assert!(week[1].is_empty() && week[6].is_empty());
    let wrong = ["senin", "hari 08.00-09.00", "senin 09.00-08.00", "senin 8.00-9.00", "senin 08.00-24.01"];
    let more = ["senin 08.00-10.00 09.00-11.00", "senin 08.00-09.00\nsenin 10.00-11.00", "senin 08.60-09.00"];
    for text in wrong.into_iter().chain(more) {
        let error = Calendar::read_week(text).unwrap_err();
        assert!(error.to_string().contains("Tulis misalnya"), "{error}");
    }
    let days = Calendar::read_holidays("2026-12-25 Hari Natal\n\n 2026-08-17\n").unwrap();
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [date(2026, 8, 17), date(2026, 12, 25)]);
    assert_eq!(Calendar::read_holidays("2026-12-25\nNatal").unwrap_err().line, 2);
    assert!(Calendar::read_holidays("2026-02-30").is_err());
    assert!(Calendar::read_holidays(&"2026-12-25\n".repeat(401)).is_err(), "a list has its end");
}
