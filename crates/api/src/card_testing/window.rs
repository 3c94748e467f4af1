//! How often something has failed of late, for a bounded number of things.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use types::Timestamp;

/// A digest of what is counted.
pub(super) type Subject = [u8; 16];

/// More are not remembered: the oldest one is forgotten for a new one. It is 10 MB or so.
const ENTRIES_MAX: usize = 100_000;

/// Counts failures from a subject's first try on, for a time.
pub(super) struct Window {
    length: Duration,
    entries: HashMap<Subject, Entry>,
    /// By number, which is the order in which they began.
    order: BTreeMap<u64, Subject>,
    next: u64,
}

struct Entry {
    number: u64,
    failed: u32,
    under_way: u32,
    ends: Timestamp,
}

/// Why there may be no further try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many have failed; there may be more after so long.
    Failed(Duration),
    /// There are as many under way as may still fail.
    UnderWay,
}

impl Window {
    pub fn new(length: Duration) -> Self {
        Window { length, entries: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// Begins a try, unless `max` tries have failed, or would have if all that are under way do; with 0 there is no limit. Returns the
    /// number of the entry in which it is counted.
    pub fn begin(&mut self, subject: Subject, max: u32, now: Timestamp) -> Result<u64, Refused> {
        let entry = self.entry(subject, now);
        if max > 0 && entry.failed >= max {
            let left = entry.ends.millis().saturating_sub(now.millis());
            return Err(Refused::Failed(Duration::from_millis(u64::try_from(left).unwrap_or(0))));
        }
        if max > 0 && entry.failed.saturating_add(entry.under_way) >= max {
            return Err(Refused::UnderWay);
        }
        entry.under_way += 1;
        Ok(entry.number)
    }

    /// A try that was counted in the entry with that number is under way no more.
    pub fn end(&mut self, subject: Subject, number: u64, failed: bool) {
        let Some(entry) = self.entries.get_mut(&subject).filter(|entry| entry.number == number) else { return };
        entry.under_way = entry.under_way.saturating_sub(1);
        entry.failed = entry.failed.saturating_add(u32::from(failed));
        if (entry.failed, entry.under_way) == (0, 0) {
            self.entries.remove(&subject);
            self.order.remove(&number);
        }
    }

    /// A try that is under way no more has failed.
    pub fn fail(&mut self, subject: Subject, now: Timestamp) {
        let entry = self.entry(subject, now);
        entry.failed = entry.failed.saturating_add(1);
    }

    /// The subject's entry, made if there is none.
    fn entry(&mut self, subject: Subject, now: Timestamp) -> &mut Entry {
        self.forget(now);
        if !self.entries.contains_key(&subject) {
            if self.entries.len() >= ENTRIES_MAX
                && let Some((_, oldest)) = self.order.pop_first()
            {
                self.entries.remove(&oldest);
            }
            self.order.insert(self.next, subject);
            self.next += 1;
        }
        let new = Entry { number: self.next - 1, failed: 0, under_way: 0, ends: now.plus(self.length) };
        self.entries.entry(subject).or_insert(new)
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

    fn size(window: &Window) -> usize {
        assert_eq!(window.entries.len(), window.order.len());
        window.entries.len()
    }

    #[test]
    fn failures_count_until_the_time_is_over_and_tries_while_they_are_under_way() {
        let mut window = Window::new(HOUR);
        let first = window.begin(subject(1), 2, START).unwrap();
        assert_eq!(window.begin(subject(1), 2, START), Ok(first));
        assert_eq!(window.begin(subject(1), 2, START), Err(Refused::UnderWay));
        assert_eq!(window.begin(subject(1), 0, START), Ok(first), "no limit");
        window.end(subject(1), first, false);
        window.end(subject(1), first, true);
        assert_eq!(window.begin(subject(1), 2, START), Err(Refused::UnderWay));
        window.end(subject(1), first, true);
        assert_eq!(window.begin(subject(1), 2, START.plus(HOUR / 4)), Err(Refused::Failed(HOUR / 4 * 3)));
        assert!(window.begin(subject(2), 2, START).is_ok());

        let second = window.begin(subject(1), 1, START.plus(HOUR)).unwrap();
        window.end(subject(1), first, true);
        assert_eq!(window.begin(subject(1), 1, START.plus(HOUR)), Err(Refused::UnderWay), "what began before");
        window.end(subject(1), second, false);
        assert_eq!(size(&window), 0);
        window.fail(subject(1), START);
        assert_eq!(window.begin(subject(1), 1, START), Err(Refused::Failed(HOUR)));
    }

    #[test]
    fn so_many_are_remembered() {
        let mut window = Window::new(HOUR);
        for number in 0..ENTRIES_MAX + 10 {
            window.begin(subject(number), 1, START).unwrap();
        }
        assert_eq!(size(&window), ENTRIES_MAX);
        assert!(window.begin(subject(0), 1, START).is_ok(), "the oldest are forgotten");
        assert_eq!(window.begin(subject(ENTRIES_MAX), 1, START), Err(Refused::UnderWay));
        window.begin(subject(0), 1, START.plus(HOUR)).unwrap();
        assert_eq!(size(&window), 1, "all have ended");
    }
}
