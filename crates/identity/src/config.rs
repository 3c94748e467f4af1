//! How long keys are believed: the section `[keys]` of the server's configuration.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most that [`KeysConfig::stale_max_ms`] may be.
const STALE_MAX_MS: u64 = 600_000;

/// How long a key works without PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// Milliseconds since PostgreSQL last said whose a key is, for which it works while PostgreSQL does not say it again.
    pub stale_max_ms: u64,
}

impl Default for KeysConfig {
    fn default() -> Self {
        KeysConfig { stale_max_ms: 60_000 }
    }
}

impl KeysConfig {
    pub fn problems(&self) -> Vec<String> {
        if self.stale_max_ms <= STALE_MAX_MS {
            return Vec::new();
        }
        vec![format!("keys.stale_max_ms: must be at most {STALE_MAX_MS}: a revoked key may work for so long")]
    }

    pub(crate) fn stale_max(&self) -> Duration {
        Duration::from_millis(self.stale_max_ms)
    }
}
