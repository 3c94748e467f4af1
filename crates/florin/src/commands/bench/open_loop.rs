//! The clock of an open loop: it says when each request must be sent, whether or not the ones before were answered.

use super::recorder::Times;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The thread sleeps at most for so long before it checks whether to stop.
const NAP_MAX: Duration = Duration::from_millis(50);

/// Requests that are due, the oldest first.
pub struct Pace {
    due: Mutex<VecDeque<Instant>>,
    /// One permit for each that is due.
    ready: Semaphore,
    stopped: AtomicBool,
    /// How late the clock itself was, because the machine had other work or stood still.
    late: Mutex<Times>,
}

impl Pace {
    /// Starts the clock, at that many requests a second.
    ///
    /// It runs on a thread of its own: the runtime's timers are exact to a millisecond, and an answer takes less.
    pub fn start(rate: u32) -> anyhow::Result<Arc<Pace>> {
        let pace = Arc::new(Pace {
            due: Mutex::new(VecDeque::new()),
            ready: Semaphore::new(0),
            stopped: AtomicBool::new(false),
            late: Mutex::new(Times::new()?),
        });
        let clock = Arc::clone(&pace);
        std::thread::spawn(move || clock.run(rate));
        Ok(pace)
    }

    fn run(&self, rate: u32) {
        let start = Instant::now();
        for number in 0u64.. {
            let at = start + due_after(number, rate);
            loop {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                match at.checked_duration_since(Instant::now()) {
                    Some(early) if !early.is_zero() => std::thread::sleep(early.min(NAP_MAX)),
                    _ => break,
                }
            }
            self.late().record(at.elapsed());
            self.lock().push_back(at);
            self.ready.add_permits(1);
        }
    }

    /// Waits until a request is due, and returns since when it is; `None` when the clock was stopped.
    pub async fn next(&self) -> Option<Instant> {
        self.ready.acquire().await.ok()?.forget();
        self.lock().pop_front()
    }

    /// Stops the clock. Returns since when the requests are due that no connection has taken.
    pub fn stop(&self) -> VecDeque<Instant> {
        self.stopped.store(true, Ordering::Relaxed);
        self.ready.close();
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How late the clock was, since the last `restart`.
    pub fn late(&self) -> MutexGuard<'_, Times> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the clock, and so its thread, when it is dropped.
pub struct Stopping(pub Arc<Pace>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// How long after the start the request of that number is due. It is counted from the start and not from the request
/// before, so that errors do not add up.
fn due_after(number: u64, rate: u32) -> Duration {
    let rate = u64::from(rate.max(1));
    Duration::from_secs(number / rate) + Duration::from_nanos(number % rate * 1_000_000_000 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_rate() {
        assert_eq!(due_after(0, 3), Duration::ZERO);
        assert_eq!(due_after(1, 1_000), Duration::from_millis(1));
        assert_eq!(due_after(3_000_001, 3), Duration::new(1_000_000, 333_333_333));
    }

    #[tokio::test]
    async fn counts_from_when_a_request_was_due() {
        let pace = Pace::start(1_000).unwrap();
        let first = pace.next().await.unwrap();
        // A connection that comes late finds the other requests waiting, each with its own time.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let second = pace.next().await.unwrap();
        assert_eq!(second - first, Duration::from_millis(1));
        assert!(second.elapsed() >= Duration::from_millis(28));
        let left = pace.stop();
        assert!(left.len() >= 20, "{}", left.len());
        assert_eq!(pace.next().await, None);
    }
}
