//! How long processors are asked.

use super::Capabilities;
use std::time::Duration;
use types::Timestamp;

/// How long a processor may take to answer one question; then the outcome is unknown.
pub const QUESTION: Duration = Duration::from_secs(20);

/// How far the clocks of two processes may be apart.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How long a process has an attempt to itself, from before the commit that says so: then the worker asks what became of
/// it. Two questions fit in, and a commit that is slow.
pub const LEASE: Duration = Duration::from_secs(60);

const _: () = assert!(LEASE.as_secs() > 2 * QUESTION.as_secs() + CLOCK_SKEW.as_secs());

/// How long a payer is left alone at first on a page of the processor's, how often the processor is asked at least whether the
/// payer has acted there, and for how long.
const LOOK_FIRST: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(86_400);
const LOOK_FOR: Duration = Duration::from_secs(30 * 86_400);

/// When to ask again about what the processor has said since then that it does not know, although it had accepted it. There is no
/// end that would be true, and every question so far had no answer: after as long as that has taken, up to a day.
pub(super) fn next_reminder(since: Timestamp, now: Timestamp, soonest: Duration) -> Timestamp {
    now.plus(now.since(since).clamp(soonest.min(LOOK_EVERY), LOOK_EVERY))
}

/// When to ask what has become of a payer who has a page of the processor's since then: after as long as it has taken so far.
/// `None` when that was long enough: from then on the processor's notice is waited for, and the merchant can have it canceled. Of a
/// processor that cannot cancel, it is asked for ever: nothing else ends it.
pub(super) fn next_look(since: Timestamp, now: Timestamp, capabilities: &Capabilities) -> Option<Timestamp> {
    let waited = now.since(since);
    let goes_on = waited < LOOK_FOR || !capabilities.cancels;
    goes_on.then(|| now.plus(waited.clamp(LOOK_FIRST, LOOK_EVERY)))
}
