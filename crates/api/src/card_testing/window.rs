//! How often something was tried of late, for a bounded number of things.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use types::Timestamp;

/// A digest of what is counted.
pub(super) type Subject = [u8; 16];

/// More are not remembered: the oldest one is forgotten for a new one. It is 10 MB or so.
const ENTRIES_MAX: usize = 100_000;

/// Counts tries from a subject's first one on, for a time.
pub(super) struct Window {
    /// 0: no limit.
    max: u32,
    length: Duration,
    entries: HashMap<Subject, Entry>,
    /// By number, which is the order in which they began.
    order: BTreeMap<u64, Subject>,
    next: u64,
}

struct Entry {
    number: u64,
    count: u32,
    ends: Timestamp,
}

impl Window {
    pub fn new(max: u32, length: Duration) -> Self {
        Window { max, length, entries: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// Counts a try, and returns the number of the entry in which it is counted. If there were too many: how long until there may
    /// be more.
    pub fn enter(&mut self, subject: Subject, now: Timestamp) -> Result<u64, Duration> {
        if self.max == 0 {
            return Ok(self.next);
        }
        self.forget(now);
        if let Some(entry) = self.entries.get_mut(&subject) {
            if entry.count >= self.max {
                let left = entry.ends.millis().saturating_sub(now.millis());
                return Err(Duration::from_millis(u64::try_from(left).unwrap_or(0)));
            }
            entry.count += 1;
            return Ok(entry.number);
        }
        if self.entries.len() >= ENTRIES_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        let number = self.next;
        self.next += 1;
        self.entries.insert(subject, Entry { number, count: 1, ends: now.plus(self.length) });
        self.order.insert(number, subject);
        Ok(number)
    }

    /// A try that was counted in the entry with that number counts no more.
    pub fn leave(&mut self, subject: Subject, number: u64) {
        let Some(entry) = self.entries.get_mut(&subject).filter(|entry| entry.number == number) else { return };
        entry.count = entry.count.saturating_sub(1);
        if entry.count == 0 {
            self.entries.remove(&subject);
            self.order.remove(&number);
        }
    }

    /// Forgets what has ended.
    fn forget(&mut self, now: Timestamp) {
        while let Some(first) = self.order.first_entry() {
            if self.entries.get(first.get()).is_some_and(|entry| entry.ends > now) {
                return;
            }
            self.entries.remove(&first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn subject(number: usize) -> Subject {
        u128::try_from(number).unwrap().to_be_bytes()
    }

    #[test]
    fn tries_are_counted_until_they_have_not_failed_or_the_time_is_over() {
        let mut window = Window::new(2, HOUR);
        let first = window.enter(subject(1), START).unwrap();
        window.enter(subject(1), START).unwrap();
        assert_eq!(window.enter(subject(1), START.plus(HOUR / 4)), Err(HOUR / 4 * 3));
        window.leave(subject(1), first);
        window.enter(subject(1), START).unwrap();
        assert!(window.enter(subject(1), START).is_err());
        assert!(window.enter(subject(2), START).is_ok(), "another one");

        let later = window.enter(subject(1), START.plus(HOUR)).unwrap();
        window.leave(subject(1), first);
        window.enter(subject(1), START.plus(HOUR)).unwrap();
        assert!(
            window.enter(subject(1), START.plus(HOUR)).is_err(),
            "what was tried before {later} is not taken off it"
        );
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut window = Window::new(1, HOUR);
        for number in 0..ENTRIES_MAX + 10 {
            let entered = window.enter(subject(number), START).unwrap();
            if number % 2 == 0 {
                window.leave(subject(number), entered);
            }
        }
        assert_eq!((window.entries.len(), window.order.len()), (ENTRIES_MAX / 2 + 5, ENTRIES_MAX / 2 + 5));
        for number in 0..ENTRIES_MAX {
            let _ = window.enter(subject(number), START);
        }
        assert_eq!((window.entries.len(), window.order.len()), (ENTRIES_MAX, ENTRIES_MAX));
        window.enter(subject(0), START.plus(HOUR)).unwrap();
        assert_eq!((window.entries.len(), window.order.len()), (1, 1), "all have ended");

        let mut unlimited = Window::new(0, HOUR);
        assert!((0..10).all(|_| unlimited.enter(subject(1), START).is_ok()));
        assert!(unlimited.entries.is_empty());
    }
}
