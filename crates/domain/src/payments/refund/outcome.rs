//! What a processor's answer makes of a refund.

use super::{Refund, Source, Status, announce, change, failure_reason, postings, release};
use crate::attempts::{Decline, Operation, Outcome, Resolution, Target, Unexpected};
use crate::books::balance_transaction::{BalanceTransaction, Category, NewBalanceTransaction};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::charge::Charge;
use types::{Money, ObjectId};

impl Target for Refund {
    /// The charge.
    type Related = Versioned<Charge>;

    fn apply(
        refund: &mut Versioned<Self>,
        charge: &mut Self::Related,
        changes: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected> {
        match (resolution.attempt.operation, refund.source) {
            // It has ended otherwise.
            (Operation::Refund, Some(_)) | (Operation::Void, None) if refund.status != Status::Pending => (),
            (Operation::Refund, Some(source)) => apply(changes, refund, source, charge, resolution),
            (Operation::Void, None) => release::apply(changes, refund, charge, resolution.outcome),
            (
                other @ (Operation::Authorize
                | Operation::Sale
                | Operation::Capture
                | Operation::Increment
                | Operation::Void
                | Operation::Refund
                | Operation::Setup),
                _,
            ) => return Err(Unexpected(other)),
        }
        // A refund that fails is a refund with that status, not an error.
        Ok(None)
    }

    fn refunded_late(
        refund: &mut Versioned<Self>,
        charge: &mut Self::Related,
        changes: &mut Changes,
        reference: Option<String>,
    ) -> bool {
        // What was refunded again meanwhile cannot be taken from the tenant a second time without being asked.
        let is_left = refund.amount <= charge.amount_refundable();
        let has_ended = matches!(refund.status, Status::Failed | Status::Canceled);
        let Some(source) = refund.source.filter(|_| is_left && has_ended) else { return false };
        let again = statement_line(changes, refund, source, Category::Refund, -refund.amount);
        postings::begun(changes, refund, source);
        postings::paid_out(changes, refund, &charge.processor);
        change(changes, refund, "refund.updated", |refund| {
            refund.status = Status::Succeeded;
            refund.reference = reference;
            refund.source = Some(Source { balance_transaction: again, ..source });
            refund.failure_balance_transaction = None;
            refund.failure_reason = None;
        });
        let amount = refund.amount;
        changes.update(charge, Some("charge.refunded"), |charge| charge.amount_refunded += amount);
        true
    }
}

/// Applies what the processor answered.
fn apply(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    source: Source,
    charge: &mut Versioned<Charge>,
    resolution: &Resolution,
) {
    match resolution.outcome {
        Outcome::Done(_) => {
            postings::paid_out(changes, refund, &charge.processor);
            change(changes, refund, "refund.updated", |refund| {
                refund.status = Status::Succeeded;
                refund.reference.clone_from(&resolution.attempt.reference);
            });
        }
        Outcome::Declined { decline, .. } => {
            take_back(changes, refund, source, charge, (Status::Failed, Some(&decline.code)));
        }
        Outcome::Canceled => take_back(changes, refund, source, charge, (Status::Canceled, None)),
        Outcome::Pending { .. } | Outcome::Unknown { .. } | Outcome::ActionRequired { .. } => announce(changes, refund),
    }
}

/// The money stays with the tenant: it goes back to the account that it came from. The refund gets that status, and the
/// reason that the code stands for.
fn take_back(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    source: Source,
    charge: &mut Versioned<Charge>,
    (status, failure_code): (Status, Option<&str>),
) {
    let failure = statement_line(changes, refund, source, Category::RefundFailure, refund.amount);
    postings::returned(changes, refund, source);
    let event = if status == Status::Failed { "refund.failed" } else { "refund.updated" };
    change(changes, refund, event, |refund| {
        refund.status = status;
        refund.failure_balance_transaction = Some(failure);
        refund.failure_reason = failure_code.map(failure_reason);
    });
    let amount = refund.amount;
    changes.update(charge, Some("charge.updated"), |charge| {
        charge.amount_refunded = charge.amount_refunded.saturating_sub(amount);
    });
}

/// A line of the tenant's statement; `gross` is in minor units.
fn statement_line(changes: &mut Changes, refund: &Refund, source: Source, category: Category, gross: i64) -> ObjectId {
    let new = NewBalanceTransaction {
        category,
        source: refund.id,
        gross: Money::new(gross, refund.currency),
        fee: 0,
        available_on: source.available_on.max(changes.now),
        description: None,
    };
    BalanceTransaction::create(changes, new).id
}
