//! Asking for a refund.

use super::{Reason, Refund, Source, Status, postings};
use crate::attempts::lifecycle::{self, New};
use crate::attempts::{Attempt, Operation};
use crate::books::balance_transaction::{BalanceTransaction, Category, NewBalanceTransaction};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::charge::Charge;
use crate::refusal::Refusal;
use std::collections::BTreeMap;
use types::{Kind, Money, ObjectId, Timestamp};

/// What to refund.
pub struct Request {
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    pub reason: Option<Reason>,
    pub metadata: BTreeMap<String, String>,
    pub key: Option<RequestKey>,
}

/// Begins to refund captured money: it leaves the tenant's balance now, and the processor is asked to send it back.
pub(super) fn begin(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    request: Request,
) -> Result<(Versioned<Refund>, Versioned<Attempt>), Refusal> {
    let left = charge.amount_refundable();
    let Some(available_on) = charge.available_on else {
        return Err(if charge.amount_released > 0 { already_refunded(charge) } else { not_captured(charge) });
    };
    if left <= 0 {
        return Err(already_refunded(charge));
    }
    let amount = request.amount.unwrap_or(left);
    let money = |amount| Money::new(amount, charge.currency);
    check_positive(amount)?;
    if amount > left {
        let message =
            format!("Refund amount ({}) is greater than unrefunded amount on charge ({})", money(amount), money(left));
        return Err(Refusal::new("amount_too_large", message).param("amount"));
    }
    let id = changes.new_id(Kind::Refund);
    let description = match &charge.description {
        Some(description) => format!("REFUND FOR CHARGE ({description})"),
        None => "REFUND FOR CHARGE".to_owned(),
    };
    let available_on = available_on.max(changes.now);
    let new = NewBalanceTransaction {
        category: Category::Refund,
        source: id,
        gross: money(-amount),
        fee: 0,
        available_on,
        description: Some(description),
    };
    let source = Source { balance_transaction: BalanceTransaction::create(changes, new).id, available_on };
    let attempt = new_attempt(changes, charge, (id, amount), Operation::Refund, request.key.clone());
    let refund = changes.create(new_refund(changes.now, charge, &attempt, Some(source), request), None);
    postings::begun(changes, &refund, source);
    changes.update(charge, Some("charge.refunded"), |charge| charge.amount_refunded += amount);
    Ok((refund, attempt))
}

pub(super) fn check_positive(amount: i64) -> Result<(), Refusal> {
    if amount < 1 {
        return Err(Refusal::new("parameter_invalid_integer", "Invalid positive integer").param("amount"));
    }
    Ok(())
}

fn already_refunded(charge: &Charge) -> Refusal {
    Refusal::new("charge_already_refunded", format!("Charge {} has already been refunded.", charge.id))
}

fn not_captured(charge: &Charge) -> Refusal {
    let message = format!("Charge {} has not succeeded, so there is nothing to refund.", charge.id);
    Refusal::new("charge_not_refundable", message)
}

/// What the processor is asked to do for the refund of that id and amount.
pub(super) fn new_attempt(
    changes: &mut Changes,
    charge: &Charge,
    (refund, amount): (ObjectId, i64),
    operation: Operation,
    key: Option<RequestKey>,
) -> Versioned<Attempt> {
    let Charge { processor, currency, credential, .. } = charge;
    let new = New { processor, operation, currency: *currency, target: refund, subject: refund, credential };
    let attempt = lifecycle::new::<Refund>(changes, new);
    changes.create(Attempt { amount, original: charge.reference.clone(), request: key, ..attempt }, None)
}

/// A refund that is asked for by an attempt. `source` is where the money comes from, if any was captured.
pub(super) fn new_refund(
    now: Timestamp,
    charge: &Charge,
    attempt: &Attempt,
    source: Option<Source>,
    request: Request,
) -> Refund {
    Refund {
        id: attempt.target,
        created: now,
        charge: charge.id,
        payment_intent: charge.payment_intent,
        payment_method: Some(charge.payment_method),
        amount: attempt.amount,
        currency: charge.currency,
        status: Status::Pending,
        reason: request.reason,
        source,
        failure_balance_transaction: None,
        failure_reason: None,
        reference: None,
        metadata: request.metadata,
        announced: false,
        attempt: attempt.id,
    }
}
