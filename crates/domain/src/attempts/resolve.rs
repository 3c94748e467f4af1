//! Resolving an attempt: its outcome is applied.

use super::lifecycle::record;
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
    // A payer who is not there cannot act, and the attempt would wait without end.
    let nonsense = Outcome::Unknown { reason: "the processor asks for a payer who is not there".to_owned() };
    let outcome = match outcome {
        Outcome::ActionRequired { .. } if !attempt.has_payer() => &nonsense,
        outcome => outcome,
    };
    let is_first = attempt.status == Status::Started;
    record(changes, attempt, outcome);
    T::apply(target, related, changes, &Resolution { attempt, outcome, conditions, is_first })
}
