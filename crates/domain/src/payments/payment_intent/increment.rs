//! Raising an authorization.

use super::PaymentIntent;
use crate::attempts::{Attempt, Decline, Outcome, Resolution};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::amount::check_amount;
use crate::payments::charge::{self, Charge};
use crate::payments::intent::Status;
use crate::refusal::Refusal;
use types::Money;

/// How often one authorization can be raised.
const INCREMENTS_MAX: u8 = 10;

/// Begins to raise what is authorized to `amount`, in minor units.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    amount: i64,
    key: Option<RequestKey>,
) -> Result<Versioned<Attempt>, Refusal> {
    if intent.attempt.is_some() || charge.attempt.is_some() {
        return Err(Refusal::busy());
    }
    if intent.status != Status::RequiresCapture {
        return Err(intent.unexpected("incremented", &[Status::RequiresCapture]));
    }
    charge::increment::allowed(charge)?;
    if intent.increments >= INCREMENTS_MAX {
        let message = format!("An authorization can be raised up to {INCREMENTS_MAX} times.");
        return Err(Refusal::invalid(message));
    }
    check_amount(amount, intent.currency)?;
    if amount <= intent.amount {
        let message =
            format!("amount must be greater than what is authorized ({}).", Money::new(intent.amount, intent.currency));
        return Err(Refusal::invalid(message).param("amount"));
    }
    let attempt = charge::increment::begin(changes, charge, intent.id, amount, key);
    let id = attempt.id;
    changes.update(intent, None, |intent| intent.attempt = Some(id));
    Ok(attempt)
}

/// Applies what the processor answered. A decline leaves the authorization as it was.
pub fn apply(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    resolution: &Resolution,
) -> Option<Decline> {
    let Resolution { attempt, outcome, conditions, .. } = *resolution;
    match outcome {
        Outcome::Done(_) => {
            charge::increment::raised(changes, charge, attempt.amount, conditions);
            changes.update(intent, Some("payment_intent.amount_capturable_updated"), |intent| {
                intent.amount = attempt.amount;
                intent.amount_capturable = attempt.amount;
                intent.increments += 1;
                intent.attempt = None;
            });
            None
        }
        Outcome::Declined { decline, .. } => {
            charge::follow_up::free(changes, charge);
            changes.update(intent, None, |intent| {
                intent.increments += 1;
                intent.attempt = None;
            });
            Some(decline.clone())
        }
        Outcome::ActionRequired { .. } | Outcome::Canceled | Outcome::Pending { .. } | Outcome::Unknown { .. } => None,
    }
}
