//! A charge: money taken, or to be taken, from a card.

pub mod capture;
pub mod create;
mod details;
pub(in crate::payments) mod follow_up;
pub mod increment;
pub mod outcome;
mod postings;
pub mod release;

pub use details::{Details, update};

use super::payment_method::{Card, PaymentMethod};
use crate::attempts::{Attempt, Decline};
use crate::changes::Changes;
use crate::commit::{Index, metadata_terms, term};
use crate::contact::{BillingDetails, Shipping};
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, column};
use crate::retries::{FallsDue, Retries};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Currency, Kind, Money, ObjectId, Timestamp};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    pub id: ObjectId,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<ObjectId>,
    pub payment_method: ObjectId,
    /// Minor units: what was authorized, or was to be.
    pub amount: i64,
    pub currency: Currency,
    pub status: Status,
    /// Minor units.
    pub amount_captured: i64,
    /// Minor units sent back by refunds, failed and canceled ones not counted.
    #[serde(default)]
    pub amount_refunded: i64,
    /// Minor units that were authorized and then given up.
    #[serde(default)]
    pub amount_released: i64,
    pub captured: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Decline>,
    /// 0 to 100.
    #[serde(default)]
    pub risk_score: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_transaction: Option<ObjectId>,
    pub billing_details: BillingDetails,
    pub card: Card,
    pub processor: String,
    /// The processor's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<String>,
    pub credential: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub three_d_secure: Option<bool>,
    /// The ledger's hold on the authorized amount, until all of it is captured or released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Uuid>,
    /// When an authorization expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_before: Option<Timestamp>,
    /// When the captured funds are available; it follows which account they are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_on: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub features: Features,
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
    /// What the payer sees on the statement.
    pub calculated_statement_descriptor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_report: Option<UserReport>,
    /// A capture or release that a processor is working on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<ObjectId>,
    /// Tries to release an authorization without an intent that has run out.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub releases: Retries,
}

named! {
    pub enum Status {
        Succeeded = "succeeded",
        Pending = "pending",
        Failed = "failed",
    }

    /// The merchant's judgement.
    pub enum UserReport {
        Fraudulent = "fraudulent",
        Safe = "safe",
    }
}

/// What can be done with an authorization beyond one capture, as asked for and available.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub multicapture: bool,
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub increments: bool,
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub overcapture: bool,
    /// The most that can be captured, when that is more than the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_maximum: Option<i64>,
}

/// What the merchant wants on the payer's statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    pub descriptor: Option<String>,
    pub suffix: Option<String>,
}

impl Statement {
    /// What the payer reads: at most 22 characters. `default` is the tenant's descriptor.
    pub fn calculated(&self, default: &str) -> String {
        let text = match (&self.descriptor, &self.suffix) {
            (_, Some(suffix)) => format!("{default}* {suffix}"),
            (Some(descriptor), None) => descriptor.clone(),
            (None, None) => default.to_owned(),
        };
        text.chars().take(22).collect::<String>().to_uppercase()
    }
}

/// A new charge: nothing captured, nothing failed. `statement_descriptor` is the tenant's.
pub fn new(
    changes: &mut Changes,
    money: Money,
    method: &PaymentMethod,
    attempt: &Attempt,
    statement: Statement,
    statement_descriptor: &str,
) -> Charge {
    Charge {
        id: changes.new_id(Kind::Charge),
        created: changes.now,
        payment_intent: None,
        customer: None,
        payment_method: method.id,
        amount: money.amount,
        currency: money.currency,
        status: Status::Pending,
        amount_captured: 0,
        amount_refunded: 0,
        amount_released: 0,
        captured: false,
        failure: None,
        risk_score: 0,
        balance_transaction: None,
        billing_details: method.billing_details.clone(),
        card: method.card.clone(),
        processor: attempt.processor.clone(),
        reference: None,
        authorization_code: None,
        credential: attempt.credential.clone(),
        three_d_secure: attempt.authenticated,
        hold: None,
        capture_before: None,
        available_on: None,
        features: Features::default(),
        description: None,
        metadata: BTreeMap::new(),
        receipt_email: None,
        shipping: None,
        calculated_statement_descriptor: statement.calculated(statement_descriptor),
        statement_descriptor: statement.descriptor,
        statement_descriptor_suffix: statement.suffix,
        transfer_group: None,
        user_report: None,
        attempt: None,
        releases: Retries::default(),
    }
}

impl Charge {
    /// What the merchant wants on the payer's statement.
    fn statement(&self) -> Statement {
        Statement { descriptor: self.statement_descriptor.clone(), suffix: self.statement_descriptor_suffix.clone() }
    }

    /// Minor units that can still be captured without over-capture.
    pub fn amount_capturable(&self) -> i64 {
        match self.status {
            Status::Succeeded if self.hold.is_some() => (self.amount - self.amount_captured).max(0),
            _ => 0,
        }
    }

    /// Minor units that can still be refunded.
    pub fn amount_refundable(&self) -> i64 {
        self.amount_captured.saturating_sub(self.amount_refunded)
    }
}

impl FallsDue for Charge {
    fn postpone(&mut self, now: Timestamp) {
        self.releases.count(now);
    }
}

impl Object for Charge {
    const KIND: Kind = Kind::Charge;
    const PLURAL: &'static str = "charges";
    const COLUMNS: &'static [Column] = &[
        column("payment_intent", ColumnType::Text),
        column("payment_method", ColumnType::Text),
        column("amount", ColumnType::Integer),
        column("amount_captured", ColumnType::Integer),
        column("amount_refunded", ColumnType::Integer),
        column("currency", ColumnType::Text),
        column("captured", ColumnType::Boolean),
        column("risk_score", ColumnType::Integer),
        column("balance_transaction", ColumnType::Text),
        column("processor", ColumnType::Text),
        column("reference", ColumnType::Text),
        column("description", ColumnType::Text),
        column("transfer_group", ColumnType::Text),
        column("metadata", ColumnType::Json),
    ];
    const HIDDEN: &'static [Path] = &[&["credential"]];
    const FALLS_DUE: bool = true;
    const ACTED_ON: bool = true;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        // An authorization behind an intent expires together with the intent.
        let expires = self.hold.is_some() && self.payment_intent.is_none();
        let mut terms = metadata_terms(&self.metadata);
        terms.extend(self.transfer_group.as_deref().map(|group| term(["transfer_group"], group)));
        Index {
            customer: self.customer,
            parent: self.payment_intent,
            status: Some(self.status.as_str().to_owned()),
            due: self.capture_before.filter(|_| expires).map(|end| self.releases.due(end)),
            terms,
        }
    }
}
