//! Capturing an authorized payment, all of it or in parts.

use super::PaymentIntent;
use crate::attempts::{Attempt, Outcome, Resolution};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::charge::{self, Charge};
use crate::payments::intent::Status;
use crate::refusal::Refusal;
use types::ObjectId;

/// Begins a capture; `subject` is the object that the caller is shown, intent or charge.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    subject: ObjectId,
    request: charge::capture::Request,
) -> Result<Versioned<Attempt>, Refusal> {
    if intent.attempt.is_some() {
        return Err(Refusal::busy());
    }
    if intent.status != Status::RequiresCapture {
        return Err(intent.unexpected("captured", &[Status::RequiresCapture]));
    }
    let attempt = charge::capture::begin(changes, charge, subject, request)?;
    let id = attempt.id;
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.attempt = Some(id);
    });
    Ok(attempt)
}

/// Applies what the processor answered to the charge, and to the intent.
pub fn apply(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    resolution: &Resolution,
) {
    charge::capture::apply(changes, charge, resolution);
    match resolution.outcome {
        Outcome::Done(_) if charge.hold.is_none() => {
            changes.update(intent, Some("payment_intent.succeeded"), |intent| {
                intent.status = Status::Succeeded;
                intent.attempt = None;
                intent.amount_capturable = 0;
                intent.amount_received = charge.amount_captured;
                intent.capture_before = None;
            });
        }
        Outcome::Done(_) => changes.update(intent, Some("payment_intent.amount_capturable_updated"), |intent| {
            intent.status = Status::RequiresCapture;
            intent.attempt = None;
            intent.amount_capturable = charge.amount_capturable();
            intent.amount_received = charge.amount_captured;
        }),
        Outcome::Declined { .. } | Outcome::Canceled => changes.update(intent, None, |intent| {
            intent.status = Status::RequiresCapture;
            intent.attempt = None;
        }),
        Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => {
            if resolution.is_first {
                changes.emit(intent, "payment_intent.processing");
            }
        }
    }
}
