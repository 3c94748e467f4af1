//! What a processor's answer makes of a refund.

use super::{Refund, Status, change, postings};
use crate::attempts::{Decline, Operation, Outcome, Resolution, Target, Unexpected};
use crate::books::balance_transaction::{BalanceTransaction, Category, NewBalanceTransaction};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::charge::Charge;
use types::Money;

impl Target for Refund {
    /// The charge.
    type Related = Versioned<Charge>;

    fn apply(
        refund: &mut Versioned<Self>,
        charge: &mut Self::Related,
        changes: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected> {
        match resolution.attempt.operation {
            Operation::Refund => {
                apply(changes, refund, charge, resolution.outcome);
                // A refund that fails is a refund with that status, not an error.
                Ok(None)
            }
            other @ (Operation::Authorize
            | Operation::Sale
            | Operation::Capture
            | Operation::Increment
            | Operation::Void
            | Operation::Setup) => Err(Unexpected(other)),
        }
    }
}

/// Applies what the processor answered.
fn apply(changes: &mut Changes, refund: &mut Versioned<Refund>, charge: &mut Versioned<Charge>, outcome: &Outcome) {
    if refund.status != Status::Pending {
        return;
    }
    match outcome {
        Outcome::Done(done) => {
            postings::paid_out(changes, refund, &charge.processor);
            change(changes, refund, "refund.updated", |refund| {
                refund.status = Status::Succeeded;
                refund.reference = Some(done.reference.clone());
            });
        }
        Outcome::Declined { decline, .. } => {
            take_back(changes, refund, charge, Status::Failed, Some(&decline.code));
        }
        Outcome::Canceled => take_back(changes, refund, charge, Status::Canceled, None),
        Outcome::Pending { .. } | Outcome::Unknown { .. } | Outcome::ActionRequired { .. } => {
            if !refund.announced {
                change(changes, refund, "refund.updated", |_| ());
            }
        }
    }
}

/// The money stays with the tenant: it goes back to the account that it came from.
fn take_back(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    charge: &mut Versioned<Charge>,
    status: Status,
    failure_code: Option<&str>,
) {
    let available_on = refund.available_on.max(changes.now);
    let money = Money::new(refund.amount, refund.currency);
    let new = NewBalanceTransaction {
        category: Category::RefundFailure,
        source: refund.id,
        gross: money,
        fee: 0,
        available_on,
        description: None,
    };
    let failure = BalanceTransaction::create(changes, new).id;
    postings::returned(changes, refund);
    let event = if status == Status::Failed { "refund.failed" } else { "refund.updated" };
    change(changes, refund, event, |refund| {
        refund.status = status;
        refund.failure_balance_transaction = Some(failure);
        refund.failure_reason = failure_code.map(failure_reason);
    });
    changes.update(charge, Some("charge.updated"), |charge| {
        charge.amount_refunded = charge.amount_refunded.saturating_sub(money.amount);
    });
}

/// The reasons that the public API knows.
fn failure_reason(code: &str) -> String {
    match code {
        "lost_or_stolen_card" | "expired_or_canceled_card" | "declined" | "insufficient_funds" => code.to_owned(),
        "expired_card" => "expired_or_canceled_card".to_owned(),
        _ => "unknown".to_owned(),
    }
}
