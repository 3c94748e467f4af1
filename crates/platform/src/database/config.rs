//! The section `database` of the config.

use super::DatabaseUrl;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which database, and for how long to wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// Where PostgreSQL is, under the service's role.
    pub url: DatabaseUrl,
    /// The same under the role that owns the tables and migrates them; when empty, `url` is used for that too.
    pub owner_url: DatabaseUrl,
    /// Connections of the pool at most.
    pub pool_size: usize,
    /// Milliseconds that opening a connection to one server may take.
    pub connect_timeout_ms: u64,
    /// Milliseconds that a caller waits for a free connection.
    pub wait_timeout_ms: u64,
    /// Milliseconds after which PostgreSQL cancels a statement; 0 for never. A connection that is silent for two seconds more is
    /// taken for dead.
    pub statement_timeout_ms: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        DatabaseConfig {
            url: DatabaseUrl::default(),
            owner_url: DatabaseUrl::default(),
            pool_size: 32,
            connect_timeout_ms: 5_000,
            wait_timeout_ms: 5_000,
            statement_timeout_ms: 5_000,
        }
    }
}

impl DatabaseConfig {
    /// `owner_url`, or `url` where that is empty.
    pub fn owner_url(&self) -> &DatabaseUrl {
        if self.owner_url.is_empty() { &self.url } else { &self.owner_url }
    }

    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }
}
