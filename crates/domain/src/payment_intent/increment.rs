//! Raising an authorization.

use super::{PaymentIntent, Status, check_amount};
use crate::attempt::{self, Attempt, Decline, Operation, Outcome, RequestKey};
use crate::books;
use crate::changes::Changes;
use crate::charge::Charge;
use crate::charge::capture::occupy;
use crate::object::Versioned;
use crate::policy::Policy;
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
    if !charge.features.increments {
        let message = "This authorization cannot be raised: ask for it when confirming, with \
             payment_method_options[card][request_incremental_authorization]=if_available.";
        return Err(Refusal::invalid(message));
    }
    if charge.amount_captured > 0 {
        return Err(Refusal::invalid("An authorization cannot be raised after some of it was captured."));
    }
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
    let target = (charge.id, intent.id);
    let fresh =
        attempt::new(changes, &charge.processor, Operation::Increment, charge.currency, target, &charge.credential);
    let attempt = Attempt { amount, original: charge.reference.clone(), request: key, ..fresh };
    let attempt = occupy(changes, charge, attempt);
    let id = attempt.id;
    changes.update(intent, None, |intent| intent.attempt = Some(id));
    Ok(attempt)
}

/// Enters what the processor answered. A decline leaves the authorization as it was.
pub fn settle(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    attempt: &Attempt,
    policy: &Policy,
    outcome: &Outcome,
) -> Option<Decline> {
    match outcome {
        Outcome::Done(_) => {
            let mut next = (**charge).clone();
            if let Some(hold) = next.hold {
                books::of(&next).released(changes, hold);
            }
            next.amount = attempt.amount;
            next.hold = Some(books::of(&next).authorized(changes, attempt.amount));
            next.attempt = None;
            next.features.capture_maximum =
                next.features.overcapture.then(|| policy.overcapture_maximum(attempt.amount));
            changes.update(charge, Some("charge.updated"), |charge| *charge = next);
            changes.update(intent, Some("payment_intent.amount_capturable_updated"), |intent| {
                intent.amount = attempt.amount;
                intent.amount_capturable = attempt.amount;
                intent.increments += 1;
                intent.attempt = None;
            });
            None
        }
        Outcome::Declined { decline, .. } => {
            changes.update(charge, None, |charge| charge.attempt = None);
            changes.update(intent, None, |intent| {
                intent.increments += 1;
                intent.attempt = None;
            });
            Some(decline.clone())
        }
        Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => None,
    }
}
