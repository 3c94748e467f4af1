//! Checking a card before it is attached: the processor is asked, no money is reserved.

use super::PaymentMethod;
use crate::attempts::lifecycle::{self, New};
use crate::attempts::{Attempt, Capabilities, Decline, Operation, Outcome, Resolution, Target, Unexpected, resolve};
use crate::changes::Changes;
use crate::object::Versioned;
use types::Currency;

/// A new attempt to check a card. `currency` is the tenant's: no money moves.
pub fn new_check(changes: &mut Changes, method: &PaymentMethod, currency: Currency) -> Versioned<Attempt> {
    let (target, subject) = (method.id, method.id);
    let PaymentMethod { processor, credential, .. } = method;
    let new = New { processor, operation: Operation::Setup, currency, target, subject, credential };
    let attempt = lifecycle::new::<PaymentMethod>(changes, new);
    changes.create(Attempt { set_up: method.set_up, ..attempt }, None)
}

/// Records the outcome of a check: whether the card is good, if that is known. A card whose holder must authenticate is
/// good: the holder is asked when the card is used.
pub fn checked(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    capabilities: &Capabilities,
    outcome: &Outcome,
) -> Option<Result<(), Decline>> {
    match &*resolve(changes, attempt, capabilities, outcome) {
        Outcome::Done(_) | Outcome::ActionRequired { .. } => Some(Ok(())),
        Outcome::Declined { decline, .. } => Some(Err(decline.clone())),
        Outcome::Canceled | Outcome::Pending { .. } | Outcome::Unknown { .. } => None,
    }
}

impl Target for PaymentMethod {
    type Related = ();

    /// A check that ends after its request changes nothing: the request was answered with an error, and can be made
    /// again.
    fn apply(
        _: &mut Versioned<Self>,
        (): &mut Self::Related,
        _: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected> {
        match resolution.attempt.operation {
            Operation::Setup => Ok(None),
            other @ (Operation::Authorize
            | Operation::Sale
            | Operation::Capture
            | Operation::Increment
            | Operation::Void
            | Operation::Refund) => Err(Unexpected(other)),
        }
    }
}
