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
mod outcome;
pub mod payer;
pub mod update;

pub use create::{Draft, create};
pub use details::{AmountDetails, AmountShipping, PaymentDetails};
pub use outcome::Payment;
pub use payer::GivenByPayer;

use super::intent::{AllowRedirects, FutureUsage, NextAction, PaymentError, Status, ThreeDSecure, unexpected_state};
use super::payment_method::{PaymentMethod, check_unspent};
use crate::commit::{Index, metadata_terms};
use crate::contact::Shipping;
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, column};
use crate::refusal::Refusal;
use crate::retries::{FallsDue, Retries};
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
    /// With it the payer's client may see and confirm this intent.
    pub client_secret: String,
    pub capture_method: CaptureMethod,
    pub confirmation_method: ConfirmationMethod,
    pub payment_method_types: Vec<String>,
    /// Present if the payment methods are chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_payment_methods: Option<AllowRedirects>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_charge: Option<ObjectId>,
    /// Minor units that can be captured.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub amount_capturable: i64,
    /// Minor units that were captured.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
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
    /// What of it a payer has given, not the merchant.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub given_by_payer: GivenByPayer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_group: Option<String>,
    /// What the amount consists of; the line items apart.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub amount_details: AmountDetails,
    /// As the public API shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub line_items: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_details: Option<PaymentDetails>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<CancellationReason>,
    /// When an authorization runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_before: Option<Timestamp>,
    /// How often it was confirmed and has failed.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub failures: u32,
    /// How often the authorization was raised.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub increments: u8,
    /// What the processor, or the payer, has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<ObjectId>,
    /// The payer has authenticated, and the merchant must confirm again (`confirmation_method=manual`).
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub authenticated: bool,
    /// Tries to release an authorization that has run out.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub releases: Retries,
}

named! {
    pub enum CaptureMethod {
        Automatic = "automatic",
        AutomaticAsync = "automatic_async",
        Manual = "manual",
    }

    pub enum ConfirmationMethod {
        Automatic = "automatic",
        Manual = "manual",
    }

    /// Whether a feature of authorizations is asked for.
    pub enum IfAvailable {
        IfAvailable = "if_available",
        Never = "never",
    }

    pub enum CancellationReason {
        Abandoned = "abandoned",
        /// Florin canceled it: the authorization expired, or too many tries to pay have failed.
        Automatic = "automatic",
        Duplicate = "duplicate",
        Fraudulent = "fraudulent",
        RequestedByCustomer = "requested_by_customer",
    }
}

/// `payment_method_options[card]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_three_d_secure: Option<ThreeDSecure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_method: Option<CaptureMethod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_future_usage: Option<FutureUsage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_incremental_authorization: Option<IfAvailable>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_multicapture: Option<IfAvailable>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_overcapture: Option<IfAvailable>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix_kana: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_descriptor_suffix_kanji: Option<String>,
}

impl PaymentIntent {
    /// The refusal of a command that the state does not allow.
    pub fn unexpected(&self, command: &str, allowed: &[Status]) -> Refusal {
        unexpected_state(("PaymentIntent", "payment_intent_unexpected_state"), self.status, command, allowed)
    }

    /// Refuses a payment method that cannot pay for this intent.
    pub fn check_method(&self, method: &PaymentMethod) -> Result<(), Refusal> {
        check_unspent(method)?;
        if method.customer.is_some() && method.customer != self.customer {
            // It does not say whose it is: the payer may be told, who is none of that customer.
            let message = format!(
                "PaymentMethod {} belongs to a customer who is not this PaymentIntent's; give that customer as the intent's customer \
                 to use it.",
                method.id
            );
            return Err(Refusal::invalid(message).param("payment_method"));
        }
        Ok(())
    }

    /// Whether the card is charged at once.
    pub fn captures_automatically(&self) -> bool {
        self.card_options.capture_method.unwrap_or(self.capture_method) != CaptureMethod::Manual
    }

    /// What the payment method is kept for.
    pub fn future_usage(&self) -> Option<FutureUsage> {
        self.card_options.setup_future_usage.or(self.setup_future_usage)
    }

    /// The customer that the payment method is saved to when it has paid.
    pub fn saves_to(&self) -> Option<ObjectId> {
        self.customer.filter(|_| self.future_usage().is_some())
    }

    /// Whether its amount, currency and payment method may still be changed.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction)
    }
}

impl FallsDue for PaymentIntent {
    fn postpone(&mut self, now: Timestamp) {
        self.releases.count(now);
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
    const HIDDEN: &'static [Path] = &[&["client_secret"], &["next_action", "secret"], &["next_action", "url"]];
    const FALLS_DUE: bool = true;
    const ACTED_ON: bool = true;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        let is_held = self.status == Status::RequiresCapture;
        Index {
            customer: self.customer,
            parent: None,
            status: Some(self.status.as_str().to_owned()),
            due: self.capture_before.filter(|_| is_held).map(|end| self.releases.due(end)),
            terms: metadata_terms(&self.metadata),
        }
    }
}
