//! How commits are written, and how much may be read: the sections `[ledger]` and `[scans]` of the server's configuration.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Limits of the committers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommitterConfig {
    /// Commits that are written in one transaction at most.
    pub batch_max: usize,
    /// Bytes that are sent in one transaction at most, about; a commit that is larger is sent alone.
    pub batch_bytes_max: usize,
    /// Commits of one tenant that may wait; more are refused with 429.
    pub queue_max: usize,
    /// Committers, each with a connection beside those of the pool; a tenant's commits all go to the same one.
    pub writers: usize,
    /// Milliseconds that a commit is tried while PostgreSQL cannot be reached.
    pub unreachable_max_ms: u64,
}

impl Default for CommitterConfig {
    fn default() -> Self {
        CommitterConfig {
            batch_max: 512,
            batch_bytes_max: 8 * 1024 * 1024,
            queue_max: 8_192,
            writers: 2,
            unreachable_max_ms: 30_000,
        }
    }
}

impl CommitterConfig {
    /// How long a commit is tried while PostgreSQL cannot be reached; then it is answered `Unavailable`.
    pub(crate) fn unreachable_max(&self) -> Duration {
        Duration::from_millis(self.unreachable_max_ms)
    }
}

/// Limits of reads that may look at much for few results: searches, lists with conditions, and lists of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanConfig {
    /// Connections for them, beside those of `database.pool_size`: so many are under way at the same time.
    pub pool_size: usize,
    /// How many of them one tenant may have: each can keep a processor of PostgreSQL's busy.
    pub of_tenant_max: usize,
    /// How many more of one tenant may wait; further ones are refused with 429.
    pub queue_max: usize,
    /// Milliseconds that one waits; then it is refused with 429.
    pub wait_timeout_ms: u64,
    /// Milliseconds after which PostgreSQL cancels a statement.
    pub statement_timeout_ms: u64,
}

impl Default for ScanConfig {
    fn default() -> Self {
        ScanConfig {
            pool_size: 4,
            of_tenant_max: 1,
            queue_max: 64,
            wait_timeout_ms: 1_000,
            statement_timeout_ms: 5_000,
        }
    }
}

impl ScanConfig {
    pub(crate) fn wait_timeout(&self) -> Duration {
        Duration::from_millis(self.wait_timeout_ms)
    }
}
