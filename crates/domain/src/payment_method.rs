//! A way to pay: a card, reduced to what may be kept of it.

use crate::commit::Index;
use crate::object::{Column, ColumnType, Object, column};
use crate::party::BillingDetails;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentMethod {
    pub id: ObjectId,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<ObjectId>,
    #[serde(default)]
    pub billing_details: BillingDetails,
    pub card: Card,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// `always`, `limited` or `unspecified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_redisplay: Option<String>,
    /// What a processor knows the card by. Says nothing to anybody else, and is never shown.
    pub credential: String,
    /// Whether the payer has authenticated it for payments without them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_up: bool,
    /// Once detached, or used by somebody without a customer, it cannot be used again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spent: bool,
}

/// What may be kept of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// `visa`, `mastercard`, `amex`, …
    pub brand: String,
    /// Of the issuer, ISO 3166-1 alpha-2.
    pub country: String,
    pub exp_month: u8,
    pub exp_year: u16,
    /// The same for the same number, within one tenant.
    pub fingerprint: String,
    /// `credit`, `debit`, `prepaid` or `unknown`.
    pub funding: String,
    pub last4: String,
    /// `pass`, `fail`, `unavailable` or `unchecked`; absent when no CVC was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvc_check: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line1_check: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code_check: Option<String>,
}

impl Object for PaymentMethod {
    const KIND: Kind = Kind::PaymentMethod;
    const PLURAL: &'static str = "payment_methods";
    const COLUMNS: &'static [Column] = &[column("card", ColumnType::Json), column("metadata", ColumnType::Json)];
    const HIDDEN: &'static [&'static [&'static str]] = &[&["credential"]];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { customer: self.customer, ..Index::default() }
    }
}
