//! A [`Timestamp`] as a `timestamptz` of PostgreSQL, and back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use types::Timestamp;

/// The last millisecond of the year 9999.
const LATEST_MS: i64 = 253_402_300_799_999;

/// The value for a `timestamptz` parameter. A time that PostgreSQL could not show is moved to the nearest that it can.
pub fn to_sql_time(time: Timestamp) -> SystemTime {
    let millis = time.millis().clamp(-LATEST_MS, LATEST_MS);
    let distance = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

/// The time of a `timestamptz` that was read; what is below a millisecond is dropped.
pub fn from_sql_time(time: SystemTime) -> Timestamp {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_and_far_ones_are_clamped() {
        for millis in [-LATEST_MS, -1, 0, 1, 1_795_219_200_123, LATEST_MS] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(from_sql_time(to_sql_time(time)), time);
        }
        assert_eq!(to_sql_time(Timestamp::from_millis(i64::MAX)), to_sql_time(Timestamp::from_millis(LATEST_MS)));
        assert_eq!(to_sql_time(Timestamp::from_millis(i64::MIN)), to_sql_time(Timestamp::from_millis(-LATEST_MS)));
    }
}
