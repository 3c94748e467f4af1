//! Canceling: nothing more is paid, and an authorization is released.

use super::{CancellationReason, PaymentIntent};
use crate::attempts::cancel::give_up;
use crate::attempts::{Attempt, Decline, Outcome};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::charge::{self, Charge};
use crate::payments::intent::Status;
use crate::refusal::Refusal;
use crate::retries;

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

/// Cancels an intent without an authorization; `waiting` is the attempt that waits for the payer.
pub fn cancel(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    waiting: Option<&mut Versioned<Attempt>>,
    reason: Option<CancellationReason>,
) -> Result<(), Refusal> {
    if let Some(attempt) = waiting {
        give_up(changes, attempt)?;
    }
    canceled(changes, intent, reason);
    Ok(())
}

/// Begins to cancel an intent whose authorization the processor must release.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    reason: Option<CancellationReason>,
    key: Option<RequestKey>,
) -> Result<Versioned<Attempt>, Refusal> {
    let attempt = charge::release::begin(changes, charge, intent.id, key)?;
    let id = attempt.id;
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.attempt = Some(id);
        intent.cancellation_reason = reason;
    });
    Ok(attempt)
}

/// Begins to cancel an intent whose authorization has run out. The try is counted, whatever the processor says to it.
pub fn expire(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
) -> Result<Versioned<Attempt>, Refusal> {
    retries::postpone(changes, intent);
    begin(changes, intent, charge, Some(CancellationReason::Automatic), None)
}

/// Applies what the processor answered to the release. Returns the decline, if it was one. What has run out is over, also
/// if the processor declines to release it.
pub fn apply(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    charge: &mut Versioned<Charge>,
    outcome: &Outcome,
) -> Option<Decline> {
    let has_run_out = charge::release::has_run_out(charge, changes.now);
    match outcome {
        Outcome::Declined { decline, .. } if !has_run_out => {
            charge::follow_up::free(changes, charge);
            changes.update(intent, None, |intent| {
                intent.status = Status::RequiresCapture;
                intent.attempt = None;
                intent.cancellation_reason = None;
            });
            Some(decline.clone())
        }
        Outcome::Done(_) | Outcome::Declined { .. } => {
            charge::release::released(changes, charge);
            if charge.amount_captured > 0 {
                // What was captured before stays: the intent has succeeded with that much.
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
                let reason = intent.cancellation_reason;
                canceled(changes, intent, reason);
            }
            None
        }
        Outcome::ActionRequired { .. } | Outcome::Canceled | Outcome::Pending { .. } | Outcome::Unknown { .. } => None,
    }
}

/// Records that the intent is canceled.
pub(super) fn canceled(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    reason: Option<CancellationReason>,
) {
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
