//! Counts answers and records latencies during a measurement.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longer latencies count as this one: five minutes, in microseconds.
const LATENCY_US_MAX: u64 = 300_000_000;

/// Durations, in microseconds, exact to three digits.
pub struct Times(Histogram<u64>);

impl Times {
    pub fn new() -> anyhow::Result<Times> {
        Ok(Times(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)?))
    }

    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn restart(&mut self) {
        self.0.reset();
    }

    /// The milliseconds that this share of them did not exceed: 0.99 for 99 %.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        Duration::from_micros(self.0.value_at_quantile(share)).as_secs_f64() * 1_000.0
    }
}

/// What is known of the requests that were answered.
pub struct Recorder {
    latency: Times,
    /// How long those took that the server refused because it had too much to do.
    refused: Times,
    pub requests: u64,
    pub payments: u64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// Requests that repeated an earlier one, and got its answer. They are not among the others.
    pub repeats: u64,
    /// How many errors of each kind.
    pub errors: BTreeMap<String, u64>,
    /// The first error, as text for people.
    pub first_error: Option<String>,
}

impl Recorder {
    pub fn new() -> anyhow::Result<Recorder> {
        Ok(Recorder {
            latency: Times::new()?,
            refused: Times::new()?,
            requests: 0,
            payments: 0,
            bytes: 0,
            repeats: 0,
            errors: BTreeMap::new(),
            first_error: None,
        })
    }

    pub fn latency(&mut self, latency: Duration) {
        self.latency.record(latency);
    }

    pub fn refused(&mut self, latency: Duration) {
        self.refused.record(latency);
    }

    pub fn error(&mut self, kind: &str, detail: impl FnOnce() -> String) {
        *self.errors.entry(kind.to_owned()).or_default() += 1;
        self.first_error.get_or_insert_with(detail);
    }

    /// Forgets everything except the first error.
    pub fn restart(&mut self) {
        self.latency.restart();
        self.refused.restart();
        (self.requests, self.payments, self.bytes, self.repeats) = (0, 0, 0, 0);
        self.errors.clear();
    }

    /// The milliseconds within which this share of the requests was answered.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.latency.quantile_ms(share)
    }

    /// How many were refused, and the milliseconds within which this share of them was.
    pub fn refusals(&self, share: f64) -> (u64, f64) {
        (self.refused.0.len(), self.refused.quantile_ms(share))
    }
}

/// The middle value; of an even number of values the mean of the two in the middle. `None` when there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_quantiles() {
        let mut recorder = Recorder::new().unwrap();
        assert_eq!(recorder.quantile_ms(0.99), 0.0);
        for millis in 1..=1_000 {
            recorder.latency(Duration::from_millis(millis));
        }
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1_000.0)] {
            let found = recorder.quantile_ms(share);
            assert!((found / expected - 1.0).abs() < 0.002, "{share}: {found}");
        }
        recorder.latency(Duration::from_secs(100_000));
        assert!(recorder.quantile_ms(1.0) >= 300_000.0, "a latency beyond the scale counts as its end");
        recorder.latency(Duration::ZERO);
    }

    #[test]
    fn a_restart_forgets_all_but_the_first_error() {
        let mut recorder = Recorder::new().unwrap();
        recorder.requests = 7;
        recorder.latency(Duration::from_secs(1));
        recorder.refused(Duration::from_secs(1));
        recorder.error("500", || "first".to_owned());
        recorder.error("500", || "second".to_owned());
        assert_eq!((recorder.errors["500"], recorder.refusals(0.99).0), (2, 1));
        recorder.restart();
        assert_eq!(recorder.refusals(0.99), (0, 0.0));
        assert_eq!((recorder.requests, recorder.quantile_ms(1.0), recorder.errors.len()), (0, 0.0, 0));
        assert_eq!(recorder.first_error.as_deref(), Some("first"));
    }

    #[test]
    fn finds_the_middle() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }
}
