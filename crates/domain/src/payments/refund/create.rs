//! Asking for a refund.

use super::{Reason, Refund, Status, postings};
use crate::attempts::lifecycle::{self, New};
use crate::attempts::{Attempt, Operation};
use crate::books::balance_transaction::{BalanceTransaction, Category, NewBalanceTransaction};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::charge::Charge;
use crate::refusal::Refusal;
use std::collections::BTreeMap;
use types::{Kind, Money};

/// What to refund.
pub struct Request {
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    pub reason: Option<Reason>,
    pub metadata: BTreeMap<String, String>,
    pub key: Option<RequestKey>,
}

/// Begins a refund: the money leaves the tenant's balance now, and the processor is asked to send it back.
pub fn begin(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    request: Request,
) -> Result<(Versioned<Refund>, Versioned<Attempt>), Refusal> {
    let Some(available_on) = charge.available_on else {
        let message =
            format!("Charge {} has not been captured, so there is nothing to refund; cancel it instead.", charge.id);
        return Err(Refusal::new("charge_not_refundable", message));
    };
    let left = charge.amount_refundable();
    if left <= 0 {
        return Err(Refusal::new(
            "charge_already_refunded",
            format!("Charge {} has already been refunded.", charge.id),
        ));
    }
    let amount = request.amount.unwrap_or(left);
    let money = |amount| Money::new(amount, charge.currency);
    if amount < 1 {
        return Err(Refusal::new("parameter_invalid_integer", "Invalid positive integer").param("amount"));
    }
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
    let new = NewBalanceTransaction {
        category: Category::Refund,
        source: id,
        gross: money(-amount),
        fee: 0,
        available_on: available_on.max(changes.now),
        description: Some(description),
    };
    let balance_transaction = BalanceTransaction::create(changes, new).id;
    let Charge { processor, currency, credential, .. } = &**charge;
    let new = New { processor, operation: Operation::Refund, currency: *currency, target: id, subject: id, credential };
    let attempt = Attempt {
        amount,
        original: charge.reference.clone(),
        request: request.key,
        ..lifecycle::new::<Refund>(changes, new)
    };
    let attempt = changes.create(attempt, None);
    let refund = changes.create(
        Refund {
            id,
            created: changes.now,
            charge: charge.id,
            payment_intent: charge.payment_intent,
            payment_method: Some(charge.payment_method),
            amount,
            currency: charge.currency,
            status: Status::Pending,
            reason: request.reason,
            balance_transaction,
            failure_balance_transaction: None,
            failure_reason: None,
            reference: None,
            metadata: request.metadata,
            available_on,
            announced: false,
            attempt: attempt.id,
        },
        None,
    );
    postings::begun(changes, &refund);
    changes.update(charge, Some("charge.refunded"), |charge| charge.amount_refunded += amount);
    Ok((refund, attempt))
}
