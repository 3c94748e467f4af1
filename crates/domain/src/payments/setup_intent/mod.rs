//! A setup intent: a payment method is prepared for later payments; no money moves.

mod commands;
mod confirm;

pub use commands::{Draft, Edit, Waiting, cancel, create, prepare, update};
pub use confirm::{Setup, begin};

use super::intent::{AllowRedirects, FutureUsage, NextAction, PaymentError, Status, ThreeDSecure, unexpected_state};
use super::payment_method::{PaymentMethod, check_unspent};
use crate::commit::Index;
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, column};
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetupIntent {
    pub id: ObjectId,
    pub created: Timestamp,
    /// Any but `requires_capture`.
    pub status: Status,
    /// With it the payer's client may see and confirm this intent.
    pub client_secret: String,
    pub usage: FutureUsage,
    pub payment_method_types: Vec<String>,
    /// Present if the payment methods are chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_payment_methods: Option<AllowRedirects>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_three_d_secure: Option<ThreeDSecure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_setup_error: Option<PaymentError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    /// How often it was confirmed and has failed.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub failures: u32,
    /// The setup attempt of the last confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_attempt: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<CancellationReason>,
    /// What the processor, or the payer, has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<ObjectId>,
}

named! {
    pub enum CancellationReason {
        Abandoned = "abandoned",
        Duplicate = "duplicate",
        RequestedByCustomer = "requested_by_customer",
    }
}

const OPEN: &[Status] = &[Status::RequiresPaymentMethod, Status::RequiresConfirmation, Status::RequiresAction];

impl SetupIntent {
    /// Refuses to change, confirm or cancel an intent that is not open; `command` is what was asked for.
    pub fn check_open(&self, command: &str) -> Result<(), Refusal> {
        if OPEN.contains(&self.status) {
            return Ok(());
        }
        if self.status == Status::Processing && self.attempt.is_some() {
            return Err(Refusal::busy());
        }
        Err(unexpected_state(("SetupIntent", "setup_intent_unexpected_state"), self.status, command, OPEN))
    }
}

/// Refuses a payment method that this intent cannot set up.
fn may_use(intent: &SetupIntent, method: &PaymentMethod) -> Result<(), Refusal> {
    check_unspent(method)?;
    if method.customer.is_some() && method.customer != intent.customer {
        let message = format!("PaymentMethod {} belongs to a customer who is not this SetupIntent's.", method.id);
        return Err(Refusal::invalid(message).param("payment_method"));
    }
    Ok(())
}

impl Object for SetupIntent {
    const KIND: Kind = Kind::SetupIntent;
    const PLURAL: &'static str = "setup_intents";
    const COLUMNS: &'static [Column] = &[
        column("payment_method", ColumnType::Text),
        column("usage", ColumnType::Text),
        column("description", ColumnType::Text),
        column("cancellation_reason", ColumnType::Text),
        column("metadata", ColumnType::Json),
    ];
    const HIDDEN: &'static [Path] = &[&["client_secret"], &["next_action", "secret"], &["next_action", "url"]];
    const FALLS_DUE: bool = false;
    const ACTED_ON: bool = true;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { customer: self.customer, status: Some(self.status.as_str().to_owned()), ..Index::default() }
    }
}
