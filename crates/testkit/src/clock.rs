use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use types::{Clock, Timestamp, Untrusted};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
    doubted: AtomicBool,
}

impl ManualClock {
    pub fn at(time: Timestamp) -> Arc<Self> {
        Arc::new(ManualClock { millis: AtomicI64::new(time.millis()), doubted: AtomicBool::new(false) })
    }

    /// A clock that shows 2026-11-21, 00:00 UTC, a Saturday.
    pub fn new() -> Arc<Self> {
        Self::at(Timestamp::from_seconds(1_795_219_200))
    }

    /// Moves the clock on, and returns the new time.
    pub fn advance(&self, duration: Duration) -> Timestamp {
        let millis = i64::try_from(duration.as_millis()).expect("a test's duration");
        Timestamp::from_millis(self.millis.fetch_add(millis, Ordering::SeqCst) + millis)
    }

    pub fn set(&self, time: Timestamp) {
        self.millis.store(time.millis(), Ordering::SeqCst);
    }

    /// Whether it vouches for no time from now on.
    pub fn doubt(&self, doubted: bool) {
        self.doubted.store(doubted, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn vouches_for(&self, _: Timestamp) -> Result<(), Untrusted> {
        if self.doubted.load(Ordering::SeqCst) { Err(Untrusted::Disagrees) } else { Ok(()) }
    }
}
