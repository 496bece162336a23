//! The workflow: what has happened to an application, what may happen next, and what the office answers.
//!
//! Everything here is pure and follows the service's file alone: [`state()`] folds the official record,
//! [`available()`] lists what a role may do, [`decide()`] answers a wish. Phone, office and simulator call the same
//! functions; only the office appends what `decide` returns.

mod available;
mod clock;
mod decide;
mod moves;
mod notify;
mod record;
mod state;

#[cfg(test)]
mod tests;

pub use available::{
    Available, NEED_FREE_REASON, NEED_REASON, ReasonNeed, available, available_all, with_old_card,
};
pub use clock::{Calendar, CalendarError, ClockReading, WEEKDAYS, clock, worked_seconds};
pub use decide::{
    MAX_KEY, MAX_PARAMS, MAX_REASON, MAX_VALUE, Submission, View, Wish, answer, complete, decide, need_fits,
};
pub use moves::{
    ACT_COMPLETE, ACT_LAPSE, ACT_RELEASE, ACT_TOLD, MARK_CODES, MARK_PREFIX, NEED_OLD_CARD, NEED_SERIAL,
    act_label, capitalised, heading, mark_label,
};
pub use notify::{Due, Unreached, Vars, notifications, septets, sms_parts, text};
pub use record::{Actor, Decision, Event, Frozen, Who};
pub use state::{Position, State, apply, state};
