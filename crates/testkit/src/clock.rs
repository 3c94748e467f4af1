use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use types::{Clock, Timestamp};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(time: Timestamp) -> Arc<Self> {
        Arc::new(ManualClock(AtomicI64::new(time.millis())))
    }

    /// A clock that shows 2026-11-21, 00:00 UTC, a Saturday.
    pub fn new() -> Arc<Self> {
        Self::at(Timestamp::from_seconds(1_795_219_200))
    }

    /// Moves the clock on, and returns the new time.
    pub fn advance(&self, duration: Duration) -> Timestamp {
        let millis = i64::try_from(duration.as_millis()).expect("a test's duration");
        Timestamp::from_millis(self.0.fetch_add(millis, Ordering::SeqCst) + millis)
    }

    pub fn set(&self, time: Timestamp) {
        self.0.store(time.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
