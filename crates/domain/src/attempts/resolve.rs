//! Resolving an attempt: its outcome is applied.

use super::conflict::settle;
use super::lifecycle::record;
use super::{Attempt, Conditions, Decline, Done, Operation, Outcome, Resolution, Status, Target, Unexpected};
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
    let meant = meaning(attempt, outcome);
    let outcome = meant.as_ref().unwrap_or(outcome);
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

/// What an answer means that cannot be taken as it is.
fn meaning(attempt: &Attempt, outcome: &Outcome) -> Option<Outcome> {
    match outcome {
        Outcome::ActionRequired { .. } if attempt.canceling.is_some() => {
            Some(Outcome::Unknown { reason: "the processor does not say whether it is canceled".to_owned() })
        }
        Outcome::ActionRequired { reference, .. } if !attempt.has_payer() && !attempt.options.error_on_action => {
            Some(without_payer(attempt.operation, reference.clone()))
        }
        // No merchant wanted that, so for the merchant it has failed.
        Outcome::Canceled if attempt.canceling.is_none() => {
            Some(Outcome::Declined { decline: Decline::canceled_by_processor(), reference: None })
        }
        _ => None,
    }
}

/// What it means that the payer must act, where there is no payer who could: the attempt must not wait without end.
fn without_payer(operation: Operation, reference: Option<String>) -> Outcome {
    match operation {
        Operation::Authorize | Operation::Sale => {
            Outcome::Declined { decline: Decline::authentication_required(), reference }
        }
        // A card is good if its holder must authenticate: the holder is asked when the card is used.
        Operation::Setup => Outcome::Done(Done { reference: reference.unwrap_or_default(), ..Done::default() }),
        Operation::Capture | Operation::Increment | Operation::Void | Operation::Refund => {
            Outcome::Unknown { reason: "the processor asks for a payer who is not there".to_owned() }
        }
    }
}
