//! A key as it is stored.

use contracts::KeyKind;
use types::{TenantId, Timestamp};

/// What is known of a key: not the key itself.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRecord {
    /// `key_` and the first 16 digits of the key's SHA-256.
    pub id: String,
    pub tenant: TenantId,
    pub kind: KeyKind,
    pub livemode: bool,
    /// Its last four letters; empty for a short key.
    pub last4: String,
    pub created: Timestamp,
    /// From then on it does not work.
    pub expires: Option<Timestamp>,
}
