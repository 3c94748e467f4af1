//! When a processor is asked again what became of an attempt.

use std::time::Duration;

/// How long a process may take to ask a processor before the worker asks what became of the attempt.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long to wait before the processor is asked again: from a second, doubling, to an hour.
pub fn backoff(queries: u32) -> Duration {
    Duration::from_secs(1 << queries.min(11)).min(Duration::from_secs(3600))
}
