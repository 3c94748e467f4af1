//! What processors report of attempts.

use domain::attempts::{Attempt, Outcome};
use domain::{Version, Versioned};
use types::ObjectId;

/// What a processor reported of an attempt, and the attempt's version when the processor was asked.
pub struct Reported {
    pub attempt: ObjectId,
    version: Version,
    pub outcome: Outcome,
}

impl Reported {
    pub fn of(attempt: &Versioned<Attempt>, outcome: Outcome) -> Self {
        Reported { attempt: attempt.id, version: attempt.version, outcome }
    }

    /// Whether it is the answer to what the processor was asked last, or is known for good.
    pub fn is_answer(&self, attempt: &Versioned<Attempt>) -> bool {
        attempt.version == self.version || self.outcome.is_final()
    }

    /// Whether more is known of the attempt than the processor knew when it was asked.
    pub fn is_stale(&self, attempt: &Versioned<Attempt>) -> bool {
        attempt.status.is_final() || !self.is_answer(attempt)
    }
}
