//! Sums over measured times.

use std::time::Duration;

use serde_json::{Value, json};

/// Times of one kind of event.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds those of another.
    pub fn extend(&mut self, others: Times) {
        self.0.extend(others.0);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time below which this part (0 to 1) of all lie, in milliseconds.
    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let at = (last as f64 * part).round() as usize;
        sorted.get(at).map_or(0.0, |time| rounded(time.as_secs_f64() * 1e3))
    }

    /// Count, median, p99 and the longest, in milliseconds.
    pub fn json(&self) -> Value {
        json!({
            "count": self.count(),
            "median_ms": self.quantile(0.5),
            "p99_ms": self.quantile(0.99),
            "longest_ms": self.quantile(1.0),
        })
    }
}

/// To three places, which is more than any of it is worth.
pub fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
