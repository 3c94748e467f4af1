//! A refund: money on its way back to a payer.

mod cancel;
mod create;
mod outcome;
mod postings;
mod release;

pub use cancel::{cancel, refuse_to_expire};
pub use create::Request;

use super::charge::Charge;
use crate::attempts::Attempt;
use crate::changes::Changes;
use crate::commit::Index;
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, Versioned, column};
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Currency, Kind, ObjectId, Timestamp};

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Absent if nothing was captured: then an authorization is released.
    #[serde(flatten)]
    pub source: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_balance_transaction: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// The processor's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Whether `refund.created` was emitted.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub announced: bool,
    /// The request to the processor.
    pub attempt: ObjectId,
}

/// Where the money of a refund comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub balance_transaction: ObjectId,
    /// It follows which account the money was taken from, and goes back to if the refund fails.
    pub available_on: Timestamp,
}

named! {
    pub enum Status {
        Pending = "pending",
        Succeeded = "succeeded",
        Failed = "failed",
        Canceled = "canceled",
    }

    pub enum Reason {
        Duplicate = "duplicate",
        Fraudulent = "fraudulent",
        RequestedByCustomer = "requested_by_customer",
    }
}

/// Begins a refund of what was captured. A charge that was only authorized is released instead.
pub fn begin(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    request: Request,
) -> Result<(Versioned<Refund>, Versioned<Attempt>), Refusal> {
    let is_only_authorized = charge.hold.is_some() && charge.amount_captured == 0;
    let begin = if is_only_authorized { release::begin } else { create::begin };
    begin(changes, charge, request)
}

/// Changes a refund's metadata.
pub fn update(changes: &mut Changes, refund: &mut Versioned<Refund>, metadata: BTreeMap<String, String>) {
    if refund.metadata != metadata {
        change(changes, refund, "refund.updated", |refund| refund.metadata = metadata);
    }
}

/// Changes a refund; the first event of a refund is `refund.created`, whatever `event` says.
fn change(
    changes: &mut Changes,
    refund: &mut Versioned<Refund>,
    event: &'static str,
    change: impl FnOnce(&mut Refund),
) {
    let is_first = !refund.announced;
    changes.update(refund, Some(if is_first { "refund.created" } else { event }), |refund| {
        refund.announced = true;
        change(refund);
    });
    if is_first && event == "refund.failed" {
        changes.emit(refund, event);
    }
    if !is_first {
        changes.emit(refund, "charge.refund.updated");
    }
}

/// Emits `refund.created`, unless that was done.
fn announce(changes: &mut Changes, refund: &mut Versioned<Refund>) {
    if !refund.announced {
        change(changes, refund, "refund.updated", |_| ());
    }
}

/// The reasons that the public API knows.
fn failure_reason(code: &str) -> String {
    match code {
        "lost_or_stolen_card" | "expired_or_canceled_card" | "declined" | "insufficient_funds" => code.to_owned(),
        "expired_card" => "expired_or_canceled_card".to_owned(),
        _ => "unknown".to_owned(),
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
    const HIDDEN: &'static [Path] = &[];
    const FALLS_DUE: bool = false;
    const ACTED_ON: bool = true;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { parent: Some(self.charge), status: Some(self.status.as_str().to_owned()), ..Index::default() }
    }
}
