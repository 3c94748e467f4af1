//! Refunding a charge that was never captured: its authorization is released. No money has moved, so none is sent back.

use super::create::{Request, check_positive, new_attempt, new_refund};
use super::{Refund, Status, announce, change, failure_reason};
use crate::attempts::{Attempt, Operation, Outcome};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::charge::{self, Charge};
use crate::refusal::Refusal;
use types::Kind;

/// Begins to release an authorization, which can be done only as a whole. The charge refuses other commands until the
/// processor has answered.
pub(super) fn begin(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    request: Request,
) -> Result<(Versioned<Refund>, Versioned<Attempt>), Refusal> {
    if let Some(intent) = charge.payment_intent {
        let message = format!(
            "Charge {} has not been captured, so there is nothing to refund; cancel the PaymentIntent {intent} instead.",
            charge.id
        );
        return Err(Refusal::new("charge_not_refundable", message));
    }
    if charge.attempt.is_some() {
        return Err(Refusal::busy());
    }
    let amount = request.amount.unwrap_or(charge.amount);
    check_positive(amount)?;
    if amount != charge.amount {
        let message = "You cannot partially refund an uncaptured charge. Instead, capture the charge for an amount less than \
             the original amount.";
        return Err(Refusal::invalid(message).param("amount"));
    }
    let id = changes.new_id(Kind::Refund);
    let attempt = new_attempt(changes, charge, (id, amount), Operation::Void, request.key.clone());
    let refund = changes.create(new_refund(changes.now, charge, &attempt, None, request), None);
    charge::follow_up::occupied(changes, charge, attempt.id);
    Ok((refund, attempt))
}

/// Applies what the processor answered to the release. What has run out is over, also if the processor declines to release
/// it.
pub(super) fn apply(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    charge: &mut Versioned<Charge>,
    outcome: &Outcome,
) {
    match outcome {
        Outcome::Declined { decline, .. } if !charge::release::has_run_out(charge, changes.now) => {
            charge::follow_up::free(changes, charge);
            change(changes, refund, "refund.failed", |refund| {
                refund.status = Status::Failed;
                refund.failure_reason = Some(failure_reason(&decline.code));
            });
        }
        Outcome::Done(_) | Outcome::Declined { .. } => {
            charge::release::released(changes, charge);
            change(changes, refund, "refund.updated", |refund| refund.status = Status::Succeeded);
        }
        Outcome::Canceled => {
            charge::follow_up::free(changes, charge);
            change(changes, refund, "refund.updated", |refund| refund.status = Status::Canceled);
        }
        Outcome::Pending { .. } | Outcome::Unknown { .. } | Outcome::ActionRequired { .. } => {
            announce(changes, refund);
        }
    }
}
