//! A payment method: a card, reduced to what may be kept of it.

mod check;
mod commands;
mod usage;

pub use check::{checked, new_check};
pub use commands::{Edit, NewPaymentMethod, attach, create, detach, may_attach, may_update, update};
pub use usage::may_use_now;
pub(in crate::payments) use usage::{check_unspent, mark_used, use_for};

use crate::commit::Index;
use crate::contact::BillingDetails;
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, column};
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_redisplay: Option<AllowRedisplay>,
    /// The processor that has the card: what is done with the card is done there. Empty in a copy that another object keeps.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub processor: String,
    /// That processor's name for the card. It is of no use without the processor, and is never shown. Empty in a copy too.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credential: String,
    /// Whether the payer has authenticated it for payments without the payer.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub set_up: bool,
    /// The attempt that it was used for last without a customer: while that is under way, it is used for nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<ObjectId>,
    /// It was detached, or used without a customer: it cannot be used again.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub spent: bool,
}

/// What may be kept of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// `visa`, `mastercard`, `amex`, …
    pub brand: String,
    /// The issuer's, ISO 3166-1 alpha-2.
    pub country: String,
    pub exp_month: u8,
    pub exp_year: u16,
    /// The same for the same number, within one tenant.
    pub fingerprint: String,
    /// `credit`, `debit`, `prepaid` or `unknown`.
    pub funding: String,
    pub last4: String,
    /// `pass`, `fail`, `unavailable` or `unchecked`; absent if no CVC was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvc_check: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line1_check: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code_check: Option<String>,
}

named! {
    /// Whether a stored payment method may be shown again at a checkout.
    pub enum AllowRedisplay {
        Always = "always",
        Limited = "limited",
        Unspecified = "unspecified",
    }

    /// The types of payment methods.
    pub enum MethodType {
        Card = "card",
    }
}

impl PaymentMethod {
    /// A copy for another object to keep: what charges the card is stored once.
    pub(in crate::payments) fn without_credential(&self) -> Self {
        PaymentMethod { processor: String::new(), credential: String::new(), used_by: None, ..self.clone() }
    }
}

impl Object for PaymentMethod {
    const KIND: Kind = Kind::PaymentMethod;
    const NOUN: &'static str = "PaymentMethod";
    const PLURAL: &'static str = "payment_methods";
    const COLUMNS: &'static [Column] = &[column("card", ColumnType::Json), column("metadata", ColumnType::Json)];
    const HIDDEN: &'static [Path] = &[&["credential"]];
    const FALLS_DUE: bool = false;
    const ACTED_ON: bool = true;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { customer: self.customer, ..Index::default() }
    }
}
