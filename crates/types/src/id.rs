use crate::parsed::parsed;
use crate::{Entropy, Kind, Timestamp, base62};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A time-ordered 128-bit value (UUID version 7), stored as `uuid` and shown with its kind's prefix: `pi_…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    pub kind: Kind,
    pub value: Uuid,
}

/// The text is not an id that Florin could have made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: {0}")]
pub struct InvalidId(pub String);

impl ObjectId {
    /// A new id; ids made later are greater.
    pub fn new(kind: Kind, now: Timestamp, entropy: &mut dyn Entropy) -> Self {
        ObjectId { kind, value: time_ordered(now, entropy) }
    }

    /// An id whose value is given, for objects that must exist once for the same cause.
    pub fn from_value(kind: Kind, value: Uuid) -> Self {
        ObjectId { kind, value }
    }

    /// Reads an id of one kind; `None` when it is not one.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(kind.prefix())?.strip_prefix('_')?;
        Some(ObjectId { kind, value: Uuid::from_u128(base62::decode(rest)?) })
    }

    fn text(&self) -> base62::Text {
        base62::Text::new(self.kind.prefix(), self.value.as_u128())
    }
}

/// A time-ordered 128-bit value: 48 bits of milliseconds, then random ones.
pub fn time_ordered(now: Timestamp, entropy: &mut dyn Entropy) -> Uuid {
    let random = (u128::from(entropy.next_u64()) << 64) | u128::from(entropy.next_u64());
    let bytes = random.to_be_bytes();
    let mut tail = [0u8; 10];
    tail.copy_from_slice(&bytes[6..]);
    uuid::Builder::from_unix_timestamp_millis(now.millis().unsigned_abs(), &tail).into_uuid()
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.rsplit_once('_')
            .and_then(|(prefix, digits)| Some((Kind::from_prefix(prefix)?, base62::decode(digits)?)))
            .map(|(kind, value)| ObjectId { kind, value: Uuid::from_u128(value) })
            .ok_or_else(|| InvalidId(text.to_owned()))
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

/// A merchant or business unit: owner of a schema, keys and books. Shown as `acct_…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub Uuid);

impl TenantId {
    pub fn new(now: Timestamp, entropy: &mut dyn Entropy) -> Self {
        TenantId(time_ordered(now, entropy))
    }

    /// The name of the tenant's schema in the database: `t_` and 32 hexadecimal digits.
    pub fn schema(&self) -> String {
        format!("t_{}", self.0.simple())
    }

    fn text(&self) -> base62::Text {
        base62::Text::new("acct", self.0.as_u128())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TenantId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("acct_")
            .and_then(base62::decode)
            .map(|value| TenantId(Uuid::from_u128(value)))
            .ok_or_else(|| InvalidId(text.to_owned()))
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn shows_and_reads_with_its_prefix() {
        let mut entropy = SeededEntropy::new(1);
        let id = ObjectId::new(Kind::PaymentIntent, Timestamp::from_millis(1_700_000_000_000), &mut entropy);
        let text = id.to_string();
        assert!(text.starts_with("pi_"));
        assert_eq!(text.parse::<ObjectId>(), Ok(id));
        assert_eq!(ObjectId::parse(Kind::Charge, &text), None);
        let later = ObjectId::new(Kind::PaymentIntent, Timestamp::from_millis(1_700_000_000_001), &mut entropy);
        assert!(later.to_string() > text);
    }
}
