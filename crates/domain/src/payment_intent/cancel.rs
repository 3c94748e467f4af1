//! Canceling: nothing more will be paid, and what was authorized is given up.

use super::{PaymentIntent, Status};
use crate::attempt::{self, Attempt, Outcome, RequestKey};
use crate::changes::Changes;
use crate::charge::{self, Charge};
use crate::object::Versioned;
use crate::refusal::Refusal;

const ALLOWED: &[Status] = &[
    Status::RequiresPaymentMethod,
    Status::RequiresCapture,
    Status::RequiresConfirmation,
    Status::RequiresAction,
    Status::Processing,
];

/// Whether the intent can be canceled now.
pub fn allowed(intent: &PaymentIntent) -> Result<(), Refusal> {
    match intent.status {
        Status::Processing if intent.attempt.is_some() => Err(Refusal::busy()),
        status if ALLOWED.contains(&status) => Ok(()),
        _ => Err(intent.unexpected("canceled", ALLOWED)),
    }
}

/// Cancels an intent behind which nothing is authorized; `waiting` is the attempt that a payer's action was awaited for.
pub fn cancel(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    waiting: Option<&mut Versioned<Attempt>>,
    reason: Option<String>,
) {
    if let Some(attempt) = waiting {
        abandon(changes, attempt);
    }
    canceled(changes, intent, reason);
}

/// Gives up an attempt that waits for the payer.
pub fn abandon(changes: &mut Changes, attempt: &mut Versioned<Attempt>) {
    if !attempt.status.is_final() {
        changes.update(attempt, None, |attempt| {
            attempt.status = attempt::Status::Canceled;
            attempt.due = None;
        });
    }
}

/// Begins to cancel an intent whose authorization the processor must release.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    reason: Option<String>,
    key: Option<RequestKey>,
) -> Result<Versioned<Attempt>, Refusal> {
    let attempt = charge::capture::begin_release(changes, charge, intent.id, key)?;
    let id = attempt.id;
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.attempt = Some(id);
        intent.cancellation_reason = reason;
    });
    Ok(attempt)
}

/// Enters what the processor answered to the release.
pub fn settle(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    outcome: &Outcome,
) {
    match outcome {
        Outcome::Done(_) => {
            let expired = charge.capture_before.is_some_and(|before| before <= changes.now);
            charge::capture::released(changes, charge, if expired { "charge.expired" } else { "charge.refunded" });
            if charge.amount_captured > 0 {
                // What was captured before is the merchant's: the intent has succeeded with that much.
                let received = charge.amount_captured;
                changes.update(intent, Some("payment_intent.succeeded"), |intent| {
                    intent.status = Status::Succeeded;
                    intent.attempt = None;
                    intent.amount_capturable = 0;
                    intent.amount_received = received;
                    intent.cancellation_reason = None;
                    intent.capture_before = None;
                });
            } else {
                let reason = intent.cancellation_reason.clone();
                canceled(changes, intent, reason);
            }
        }
        Outcome::Declined { .. } => {
            changes.update(charge, None, |charge| charge.attempt = None);
            changes.update(intent, None, |intent| {
                intent.status = Status::RequiresCapture;
                intent.attempt = None;
                intent.cancellation_reason = None;
            });
        }
        Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => (),
    }
}

fn canceled(changes: &mut Changes, intent: &mut Versioned<PaymentIntent>, reason: Option<String>) {
    let now = changes.now;
    changes.update(intent, Some("payment_intent.canceled"), |intent| {
        intent.status = Status::Canceled;
        intent.canceled_at = Some(now);
        intent.cancellation_reason = reason;
        intent.amount_capturable = 0;
        intent.next_action = None;
        intent.attempt = None;
        intent.capture_before = None;
    });
}
