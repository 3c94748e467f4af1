//! How long processors are asked.

use std::time::Duration;

/// How long a processor may take to answer one question; then the outcome is unknown.
pub const QUESTION: Duration = Duration::from_secs(20);

/// How far the clocks of two processes may be apart.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How long a process has an attempt to itself, from before the commit that says so: then the worker asks what became of
/// it. Two questions fit in, and a commit that is slow.
pub const LEASE: Duration = Duration::from_secs(60);

const _: () = assert!(LEASE.as_secs() > 2 * QUESTION.as_secs() + CLOCK_SKEW.as_secs());
