//! What an outcome changes if the processor acted on a charge: the charge, and the intent that it pays.

use super::charge::{self, Charge};
use super::payment_intent::{self, PaymentIntent};
use crate::attempts::{Decline, Operation, Resolution, Target, Unexpected};
use crate::changes::Changes;
use crate::object::Versioned;

/// The intent that a charge pays, if it was made for one.
pub type PaidIntent = Option<Versioned<PaymentIntent>>;

impl Target for Charge {
    type Related = PaidIntent;

    fn apply(
        charge: &mut Versioned<Self>,
        intent: &mut Self::Related,
        changes: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected> {
        let outcome = resolution.outcome;
        match (resolution.attempt.operation, intent) {
            (Operation::Sale | Operation::Authorize, None) => Ok(charge::create::apply(changes, charge, resolution)),
            (Operation::Capture, Some(intent)) => {
                payment_intent::capture::apply(changes, intent, charge, resolution);
                Ok(outcome.decline())
            }
            (Operation::Capture, None) => {
                charge::capture::apply(changes, charge, resolution);
                Ok(outcome.decline())
            }
            (Operation::Void, Some(intent)) => Ok(payment_intent::cancel::apply(changes, intent, charge, outcome)),
            (Operation::Void, None) => {
                // Only what has run out is released without an intent: that is over, also if the processor declines.
                if outcome.is_final() {
                    charge::release::released(changes, charge);
                }
                Ok(None)
            }
            (Operation::Increment, Some(intent)) => {
                Ok(payment_intent::increment::apply(changes, intent, charge, resolution))
            }
            (
                other @ (Operation::Sale
                | Operation::Authorize
                | Operation::Increment
                | Operation::Refund
                | Operation::Setup),
                _,
            ) => Err(Unexpected(other)),
        }
    }
}
