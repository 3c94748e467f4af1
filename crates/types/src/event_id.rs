use crate::{InvalidId, Timestamp, base62};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An event's id, `evt_…`: when it happened and where it stands in the tenant's log. It needs no index to be looked up,
/// and ids of later events sort after those of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    pub created: Timestamp,
    pub position: i64,
}

impl EventId {
    const PREFIX: &'static str = "evt";

    fn text(&self) -> base62::Text {
        let high = u128::from(self.created.millis().cast_unsigned());
        base62::Text::new(Self::PREFIX, (high << 64) | u128::from(self.position.cast_unsigned()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl FromStr for EventId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = text
            .strip_prefix(Self::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(base62::decode)
            .map(u128::to_be_bytes);
        let halves = value.as_ref().and_then(|bytes| bytes.split_first_chunk::<8>());
        match halves.map(|(high, low)| (*high, <[u8; 8]>::try_from(low))) {
            Some((high, Ok(low))) => Ok(EventId {
                created: Timestamp::from_millis(i64::from_be_bytes(high)),
                position: i64::from_be_bytes(low),
            }),
            _ => Err(InvalidId(text.to_owned())),
        }
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows() {
        for (millis, position) in [(0, 1), (1_800_000_000_123, 42), (i64::MAX, i64::MAX), (-1, -1)] {
            let id = EventId { created: Timestamp::from_millis(millis), position };
            let text = id.to_string();
            assert_eq!(text.len(), 26);
            assert_eq!(text.parse(), Ok(id));
        }
        for text in ["", "evt_", "evt_1", "pi_0000000000000000000000", "evt_zzzzzzzzzzzzzzzzzzzzzz"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }

    #[test]
    fn later_events_sort_after_earlier_ones() {
        let at = |millis, position| EventId { created: Timestamp::from_millis(millis), position }.to_string();
        assert!(at(1_800_000_000_000, 9) < at(1_800_000_000_000, 10));
        assert!(at(1_800_000_000_000, 10) < at(1_800_000_000_001, 11));
    }
}
