//! Trying again what could not be done: less and less often, and counted with the object, so that it holds for all workers.

use crate::changes::Changes;
use crate::object::{Object, Versioned};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use types::Timestamp;

/// A kind of object that falls due: the worker does something with it then.
pub trait FallsDue: Object {
    /// What was to be done has failed: the object is due again after a [`backoff`].
    fn postpone(&mut self, now: Timestamp);
}

/// How often something was tried, and when it is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    pub count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
}

impl Retries {
    /// Counts a try; unless it succeeds, the next one is later.
    pub fn count(&mut self, now: Timestamp) {
        self.next = Some(now.plus(backoff(self.count)));
        self.count = self.count.saturating_add(1);
    }

    /// When to try it, if not before `first`.
    pub fn due(&self, first: Timestamp) -> Timestamp {
        self.next.map_or(first, |next| next.max(first))
    }
}

/// How long to wait before something is tried again: from a second, doubling, to an hour.
pub fn backoff(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.min(11)).min(Duration::from_secs(3600))
}

/// What was to be done with an object that is due has failed.
pub fn postpone<T: FallsDue>(changes: &mut Changes, object: &mut Versioned<T>) {
    let now = changes.now;
    changes.update(object, None, |object| object.postpone(now));
}
