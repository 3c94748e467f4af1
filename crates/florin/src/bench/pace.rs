//! An open loop's clock: says when each request is to be sent, whether or not the ones before have been answered.

use super::recorder::Times;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long its thread sleeps at most before it looks whether to stop.
const NAP_MAX: Duration = Duration::from_millis(50);

/// Requests that are due, the oldest first.
pub struct Pace {
    due: Mutex<VecDeque<Instant>>,
    /// One permit for each that is due.
    ready: Semaphore,
    stopped: AtomicBool,
    /// How late the clock itself was: as late as a machine is that stands still, or has something else to do.
    late: Mutex<Times>,
}

impl Pace {
    /// Starts the clock, at that many requests a second.
    ///
    /// It runs on a thread of its own: the runtime's timers are a millisecond wide, which is longer than an answer takes.
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

    /// Waits until a request is due, and says since when; `None` when the clock was stopped.
    pub async fn next(&self) -> Option<Instant> {
        self.ready.acquire().await.ok()?.forget();
        self.lock().pop_front()
    }

    /// No request becomes due any more; says since when those are due that nobody has taken.
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

/// A dropped owner must not leave the thread behind.
pub struct Stopping(pub Arc<Pace>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// How long after the start the request of that number is due. From the start, not from the one before: nothing adds up.
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
        // Whoever was late finds the others waiting, each with its own time.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let second = pace.next().await.unwrap();
        assert_eq!(second - first, Duration::from_millis(1));
        assert!(second.elapsed() >= Duration::from_millis(28));
        let left = pace.stop();
        assert!(left.len() >= 20, "{}", left.len());
        assert_eq!(pace.next().await, None);
    }
}
