use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970-01-01 UTC. The public API shows whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down: what the public API shows.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub fn plus(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after an earlier moment this is; nothing if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Midnight UTC of the same day.
    pub const fn day(self) -> Self {
        Timestamp(self.0.div_euclid(DAY_MS) * DAY_MS)
    }

    /// The civil date in UTC as `YYYY-MM-DD` (proleptic Gregorian calendar).
    pub fn date(self) -> String {
        // Days are counted from 0000-03-01 in eras of 400 years, so that leap days come last in a year.
        let days = self.0.div_euclid(DAY_MS) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Midnight UTC of a civil date, `YYYY-MM-DD`; `None` when the text is not one.
    pub fn from_date(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let year_from_march = if month <= 2 { year - 1 } else { year };
        let era = year_from_march.div_euclid(400);
        let year_of_era = year_from_march.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let midnight = Timestamp((era * 146_097 + day_of_era - 719_468).checked_mul(DAY_MS)?);
        // What comes out must be what went in: there is no 30th of February.
        (midnight.date() == text).then_some(midnight)
    }
}

/// Time as an argument: the database's in production, a hand-set one in tests and simulations.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Whether what was decided at `time`, by this clock, may be written now.
    fn vouches_for(&self, time: Timestamp) -> Result<(), Untrusted> {
        let _ = time;
        Ok(())
    }
}

/// Why a clock cannot be trusted. A time that is wrong by days makes funds available that are not settled, ends
/// authorizations, and forgets which requests were carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It and its witness, another clock, show different times.
    #[error("two clocks that have to agree show different times")]
    Disagrees,
    /// It was not compared with its source for too long.
    #[error("the time was not confirmed for too long")]
    Unconfirmed,
    /// It has been set back since.
    #[error("the time of the decision is in the future")]
    FromTheFuture,
}

/// The machine's clock, which may be wrong by any amount.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_dates() {
        for (seconds, date) in
            [(0, "1970-01-01"), (951_782_400, "2000-02-29"), (1_795_219_200, "2026-11-21"), (-1, "1969-12-31")]
        {
            let time = Timestamp::from_seconds(seconds);
            assert_eq!(time.date(), date);
            assert_eq!(Timestamp::from_date(date), Some(time.day()));
        }
        for wrong in ["", "2026", "2026-13-01", "2026-02-30", "2026-2-3", "x-y-z", "9999999999999999-01-01"] {
            assert_eq!(Timestamp::from_date(wrong), None, "{wrong}");
        }
    }
}
