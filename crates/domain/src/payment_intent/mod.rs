//! A payment intent: what is to be paid, and how far that has got.
//!
//! `requires_payment_method → requires_confirmation → requires_action | processing → requires_capture | succeeded`,
//! and `canceled` from every state but `succeeded`. Each command is a file: what it requires, and what it changes.

pub mod cancel;
pub mod capture;
pub mod confirm;
mod create;
mod details;
pub mod increment;

pub use create::{AMOUNT_MAX, check_amount, new};
pub use details::{AmountDetails, AmountShipping, PaymentDetails};

use crate::attempt::{Attempt, Decline};
use crate::commit::{Index, metadata_terms};
use crate::object::{Column, ColumnType, Object, column};
use crate::party::Shipping;
use crate::payment_method::PaymentMethod;
use crate::refusal::Refusal;
use crate::words::words;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::{Currency, Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentIntent {
    pub id: ObjectId,
    pub created: Timestamp,
    /// Minor units.
    pub amount: i64,
    pub currency: Currency,
    pub status: Status,
    /// Proves to the payer's client that it may see and confirm this intent.
    pub client_secret: String,
    pub capture_method: CaptureMethod,
    pub confirmation_method: ConfirmationMethod,
    pub payment_method_types: Vec<String>,
    /// `allow_redirects` when the payment methods are chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_payment_methods: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_charge: Option<ObjectId>,
    /// Minor units that can be captured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub amount_capturable: i64,
    /// Minor units that were captured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub amount_received: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_payment_error: Option<PaymentError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<FutureUsage>,
    #[serde(default)]
    pub card_options: CardOptions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Shipping>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_group: Option<String>,
    /// What the amount consists of; the line items apart.
    #[serde(default, skip_serializing_if = "AmountDetails::is_none")]
    pub amount_details: AmountDetails,
    /// As the public API shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub line_items: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_details: Option<PaymentDetails>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<String>,
    /// When an authorization runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_before: Option<Timestamp>,
    /// How often the authorization was raised.
    #[serde(default, skip_serializing_if = "is_zero_u8")]
    pub increments: u8,
    /// What a processor, or the payer, is still busy with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<ObjectId>,
    /// The payer has authenticated, and it is to be confirmed once more (`confirmation_method=manual`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
}

fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

fn is_zero_u8(count: &u8) -> bool {
    *count == 0
}

words! {
    /// Shared with setup intents, which know all but `requires_capture`.
    pub enum Status {
        RequiresPaymentMethod = "requires_payment_method",
        RequiresConfirmation = "requires_confirmation",
        RequiresAction = "requires_action",
        Processing = "processing",
        RequiresCapture = "requires_capture",
        Succeeded = "succeeded",
        Canceled = "canceled",
    }

    pub enum CaptureMethod {
        Automatic = "automatic",
        AutomaticAsync = "automatic_async",
        Manual = "manual",
    }

    pub enum ConfirmationMethod {
        Automatic = "automatic",
        Manual = "manual",
    }

    /// What the payment method is kept for afterwards.
    pub enum FutureUsage {
        OffSession = "off_session",
        OnSession = "on_session",
    }
}

/// Why the last attempt failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentError {
    pub decline: Decline,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<ObjectId>,
    /// As it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<Box<PaymentMethod>>,
}

/// What the payer has to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextAction {
    /// The attempt that waits for it, whose page the payer is sent to.
    pub attempt: ObjectId,
    /// Opens that page.
    pub secret: String,
    /// Where the payer's browser goes afterwards; without one, the client library handles the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

impl NextAction {
    /// What an attempt waits for.
    pub(crate) fn of(attempt: &Attempt) -> Self {
        NextAction {
            attempt: attempt.id,
            secret: attempt.secret.clone().unwrap_or_default(),
            return_url: attempt.terms.return_url.clone().filter(|_| !attempt.terms.use_sdk),
        }
    }
}

/// `payment_method_options[card]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardOptions {
    /// `any`, `automatic` or `challenge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_three_d_secure: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_method: Option<CaptureMethod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<FutureUsage>,
    /// `if_available` or `never`, each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_incremental_authorization: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_multicapture: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_overcapture: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix_kana: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix_kanji: Option<String>,
}

/// Whether a feature was asked for.
pub(crate) fn requested(option: &Option<String>) -> bool {
    option.as_deref() == Some("if_available")
}

impl PaymentIntent {
    /// The refusal of a command that the state does not allow.
    pub fn unexpected(&self, command: &str, allowed: &[Status]) -> Refusal {
        let allowed = allowed.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!(
            "This PaymentIntent could not be {command} because it has a status of {}. Only a PaymentIntent with one of the \
             following statuses may be {command}: {allowed}.",
            self.status.as_str()
        );
        Refusal::new("payment_intent_unexpected_state", message)
    }

    /// Whether the card is charged at once.
    pub fn captures_automatically(&self) -> bool {
        self.card_options.capture_method.unwrap_or(self.capture_method) != CaptureMethod::Manual
    }

    /// What the payment method is kept for.
    pub fn future_usage(&self) -> Option<FutureUsage> {
        self.card_options.setup_future_usage.or(self.setup_future_usage)
    }

    /// Whether its amount, currency and payment method may still be changed.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction)
    }
}

impl Object for PaymentIntent {
    const KIND: Kind = Kind::PaymentIntent;
    const PLURAL: &'static str = "payment_intents";
    const COLUMNS: &'static [Column] = &[
        column("amount", ColumnType::Integer),
        column("amount_capturable", ColumnType::Integer),
        column("amount_received", ColumnType::Integer),
        column("currency", ColumnType::Text),
        column("capture_method", ColumnType::Text),
        column("payment_method", ColumnType::Text),
        column("latest_charge", ColumnType::Text),
        column("description", ColumnType::Text),
        column("receipt_email", ColumnType::Text),
        column("transfer_group", ColumnType::Text),
        column("canceled_at", ColumnType::Time),
        column("cancellation_reason", ColumnType::Text),
        column("metadata", ColumnType::Json),
    ];
    const HIDDEN: &'static [&'static [&'static str]] =
        &[&["client_secret"], &["next_action", "secret"], &["last_payment_error", "payment_method", "credential"]];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index {
            customer: self.customer,
            parent: None,
            status: Some(self.status.as_str().to_owned()),
            due: self.capture_before.filter(|_| self.status == Status::RequiresCapture),
            terms: metadata_terms(&self.metadata),
        }
    }
}
