//! Tenants whose lock was not free are left alone for a while.

use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long at first, and at most.
const MIN: Duration = Duration::from_millis(1);
const MAX: Duration = Duration::from_secs(1);

/// The tenants whose lock was not free when it was tried last.
#[derive(Default)]
pub(crate) struct Rests(HashMap<i32, Rest>);

struct Rest {
    length: Duration,
    /// `None`: the rest is over, and the lock is to be tried again.
    until: Option<Instant>,
}

impl Rests {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the tenant rests now.
    pub fn holds(&self, tenant: i32) -> bool {
        self.0.get(&tenant).is_some_and(|rest| rest.until.is_some())
    }

    /// The tenant rests, twice as long as the last time, but `at_least` so long.
    pub fn begin(&mut self, tenant: i32, at_least: Duration, now: Instant) {
        let last = self.0.get(&tenant).map_or(Duration::ZERO, |rest| rest.length);
        let length = (last * 2).max(at_least).clamp(MIN, MAX);
        self.0.insert(tenant, Rest { length, until: Some(now + length) });
    }

    /// The lock was free. Whether the tenant was resting all the same.
    pub fn end(&mut self, tenant: i32) -> bool {
        self.0.remove(&tenant).is_some_and(|rest| rest.until.is_some())
    }

    /// The tenants whose rest is over.
    pub fn wake(&mut self, now: Instant) -> Vec<i32> {
        let over = self.0.iter_mut().filter(|(_, rest)| rest.until.is_some_and(|until| until <= now));
        over.map(|(tenant, rest)| {
            rest.until = None;
            *tenant
        })
        .collect()
    }

    /// When the next rest is over.
    pub fn next(&self) -> Option<Instant> {
        self.0.values().filter_map(|rest| rest.until).min()
    }
}
