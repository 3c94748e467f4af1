//! Money on its way back to a payer.

use crate::attempt::{self, Attempt, Operation, RequestKey};
use crate::balance_transaction::{BalanceTransaction, Entry};
use crate::books;
use crate::changes::Changes;
use crate::charge::Charge;
use crate::commit::Index;
use crate::object::{Column, ColumnType, Object, Versioned, column};
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Currency, Kind, Money, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refund {
    pub id: ObjectId,
    pub created: Timestamp,
    pub charge: ObjectId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<ObjectId>,
    /// Minor units, greater than zero.
    pub amount: i64,
    pub currency: Currency,
    pub status: Status,
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub balance_transaction: ObjectId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_balance_transaction: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// What the processor calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// What the money was taken from, and goes back to if the refund fails.
    pub available_on: Timestamp,
    /// The world has been told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announced: bool,
    /// The processor's part of it.
    pub attempt: ObjectId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Succeeded,
    Failed,
    Canceled,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
        }
    }
}

/// What to refund.
pub struct Request {
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    pub reason: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub key: Option<RequestKey>,
}

/// Begins a refund: the money leaves the merchant's balance now, and the processor is asked to send it back.
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
    let entered = BalanceTransaction::enter(
        changes,
        Entry::Refund,
        id,
        money(-amount),
        0,
        available_on.max(changes.now),
        Some("REFUND FOR CHARGE".to_owned())
            .filter(|_| charge.description.is_none())
            .or_else(|| charge.description.as_ref().map(|description| format!("REFUND FOR CHARGE ({description})"))),
    );
    let attempt = Attempt {
        amount,
        original: charge.reference.clone(),
        request: request.key,
        ..attempt::new(changes, &charge.processor, Operation::Refund, charge.currency, (id, id), &charge.credential)
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
            balance_transaction: entered.id,
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
    books::refund_begun(changes, &refund);
    changes.update(charge, Some("charge.refunded"), |charge| charge.amount_refunded += amount);
    Ok((refund, attempt))
}

/// Enters what the processor made of it.
pub fn settle(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    charge: &mut Versioned<Charge>,
    outcome: &attempt::Outcome,
) {
    if refund.status != Status::Pending {
        return;
    }
    match outcome {
        attempt::Outcome::Done(done) => {
            books::refund_settled(changes, refund, &charge.processor);
            tell(changes, refund, "refund.updated", |refund| {
                refund.status = Status::Succeeded;
                refund.reference = Some(done.reference.clone());
            });
        }
        attempt::Outcome::Declined { decline, .. } => {
            take_back(changes, refund, charge, Status::Failed, Some(&decline.code));
        }
        attempt::Outcome::Pending { .. }
        | attempt::Outcome::Unknown { .. }
        | attempt::Outcome::ActionRequired { .. } => {
            if !refund.announced {
                tell(changes, refund, "refund.updated", |_| ());
            }
        }
    }
}

/// Cancels a refund that the processor has not carried out yet.
pub fn cancel(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    charge: &mut Versioned<Charge>,
    attempt: &mut Versioned<Attempt>,
) -> Result<(), Refusal> {
    if refund.status != Status::Pending || attempt.status != attempt::Status::Pending {
        let message = format!("Refund {} cannot be canceled: its status is {}.", refund.id, refund.status.as_str());
        return Err(Refusal::invalid(message));
    }
    changes.update(attempt, None, |attempt| {
        attempt.status = attempt::Status::Canceled;
        attempt.due = None;
    });
    take_back(changes, refund, charge, Status::Canceled, None);
    Ok(())
}

/// The money did not go out: it is the merchant's again.
fn take_back(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    charge: &mut Versioned<Charge>,
    status: Status,
    failure: Option<&str>,
) {
    let available_on = refund.available_on.max(changes.now);
    let money = Money::new(refund.amount, refund.currency);
    let entered = BalanceTransaction::enter(changes, Entry::RefundFailure, refund.id, money, 0, available_on, None);
    books::refund_returned(changes, refund);
    let event = if status == Status::Failed { "refund.failed" } else { "refund.updated" };
    tell(changes, refund, event, |refund| {
        refund.status = status;
        refund.failure_balance_transaction = Some(entered.id);
        refund.failure_reason = failure.map(failure_reason);
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

/// Tells of a refund for the first time, or of a change to it.
fn tell(changes: &mut Changes, refund: &mut Versioned<Refund>, event: &'static str, change: impl FnOnce(&mut Refund)) {
    let first = !refund.announced;
    changes.update(refund, Some(if first { "refund.created" } else { event }), |refund| {
        refund.announced = true;
        change(refund);
    });
    if first && event == "refund.failed" {
        changes.announce(refund, event);
    }
    if !first {
        changes.announce(refund, "charge.refund.updated");
    }
}

impl Object for Refund {
    const KIND: Kind = Kind::Refund;
    const PLURAL: &'static str = "refunds";
    const COLUMNS: &'static [Column] = &[
        column("charge", ColumnType::Text),
        column("payment_intent", ColumnType::Text),
        column("amount", ColumnType::Integer),
        column("currency", ColumnType::Text),
        column("reason", ColumnType::Text),
        column("balance_transaction", ColumnType::Text),
        column("failure_reason", ColumnType::Text),
        column("metadata", ColumnType::Json),
    ];
    const HIDDEN: &'static [&'static [&'static str]] = &[];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { parent: Some(self.charge), status: Some(self.status.as_str().to_owned()), ..Index::default() }
    }
}
