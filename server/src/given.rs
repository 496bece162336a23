//! What one device is given in a day: what it asks for again and again is bounded, as what it brings is.
//!
//! Counted in memory alone: a restart forgets it, and then a device is given as much once more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use loket_core::journal::AuthorId;

use crate::config::limits;
use crate::office::admission::day;

/// Bytes that devices were given within the current day. As many rows as devices that have proven who they are.
#[derive(Default)]
pub struct Given(Mutex<(i64, HashMap<AuthorId, u64>)>);

impl Given {
    /// Counts what a device is about to be given; whether it may have it.
    pub fn count(&self, device: AuthorId, bytes: usize, now: i64) -> bool {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (today, devices) = &mut *given;
        if *today != day(now) {
            (*today, *devices) = (day(now), HashMap::new());
        }
        let total = devices.entry(device).or_default();
        *total = total.saturating_add(bytes as u64);
        *total <= limits::GIVEN_A_DAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_given_so_much_a_day_and_others_as_much() {
        let given = Given::default();
        let most = usize::try_from(limits::GIVEN_A_DAY).unwrap_or(usize::MAX);
        let (one, other, now) = (AuthorId([1; 32]), AuthorId([2; 32]), 1_795_400_000);
        assert!(given.count(one, most - 1, now) && given.count(one, 1, now));
        assert!(!given.count(one, 1, now));
        assert!(given.count(other, most, now));
        assert!(!given.count(one, 0, now));
        assert!(given.count(one, most, now + 24 * 3600));
    }
}
