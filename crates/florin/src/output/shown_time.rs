//! Times as text.

use types::Timestamp;

/// A time in UTC, to the second: `2026-11-21 08:30:00Z`.
pub fn shown_time(time: Timestamp) -> String {
    let second = time.seconds().rem_euclid(86_400);
    format!("{} {:02}:{:02}:{:02}Z", time.date(), second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_times_in_utc() {
        assert_eq!(shown_time(Timestamp::from_seconds(1_795_219_200 + 3_661)), "2026-11-21 01:01:01Z");
    }
}
