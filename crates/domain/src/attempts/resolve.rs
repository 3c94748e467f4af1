//! Resolving an attempt: its outcome is applied.

use super::conflict::settle;
use super::lifecycle::record;
use super::meaning::meaning;
use super::{Attempt, Conditions, Decline, Outcome, Resolution, Status, Target, Unexpected};
use crate::changes::Changes;
use crate::object::Versioned;

/// Applies an outcome to an attempt, to its target, and to the objects that go with the target.
pub fn apply<T: Target>(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    target: &mut Versioned<T>,
    related: &mut T::Related,
    conditions: &Conditions,
    outcome: &Outcome,
) -> Result<Option<Decline>, Unexpected> {
    let outcome = &*meaning(attempt, outcome);
    let is_first = attempt.status == Status::Started;
    record(changes, attempt, outcome);
    if attempt.reverses.is_some() {
        // It puts right what the target knows nothing of.
        if attempt.status == Status::Succeeded {
            settle(changes, attempt);
        }
        return Ok(None);
    }
    T::apply(target, related, changes, &Resolution { attempt, outcome, conditions, is_first })
}
