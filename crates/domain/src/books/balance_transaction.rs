//! One line of a tenant's statement: what changed the balance, by how much, and when it can be used.

use crate::changes::Changes;
use crate::commit::Index;
use crate::named::named;
use crate::object::{Column, ColumnType, Object, Path, Versioned, column};
use serde::{Deserialize, Serialize};
use types::{Currency, Kind, Money, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BalanceTransaction {
    pub id: ObjectId,
    pub created: Timestamp,
    /// Gross, in minor units; negative when money leaves the balance.
    pub amount: i64,
    pub currency: Currency,
    /// Minor units, part of `amount`: what the tenant receives is `amount - fee`.
    #[serde(default, skip_serializing_if = "crate::object::is_default")]
    pub fee: i64,
    #[serde(rename = "type")]
    pub category: Category,
    /// The charge or refund behind it.
    pub source: ObjectId,
    pub available_on: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

named! {
    /// What a balance transaction is for: its `type` in the API.
    pub enum Category {
        Charge = "charge",
        Refund = "refund",
        RefundFailure = "refund_failure",
    }
}

/// What a new balance transaction is about.
pub struct NewBalanceTransaction {
    pub category: Category,
    pub source: ObjectId,
    pub gross: Money,
    /// Minor units.
    pub fee: i64,
    pub available_on: Timestamp,
    pub description: Option<String>,
}

impl BalanceTransaction {
    /// Creates one. It has no event of its own: the object behind it has.
    pub fn create(changes: &mut Changes, new: NewBalanceTransaction) -> Versioned<Self> {
        let NewBalanceTransaction { category, source, gross, fee, available_on, description } = new;
        let transaction = BalanceTransaction {
            id: changes.new_id(Kind::BalanceTransaction),
            created: changes.now,
            amount: gross.amount,
            currency: gross.currency,
            fee,
            category,
            source,
            available_on,
            description,
        };
        changes.create(transaction, None)
    }

    pub fn net(&self) -> i64 {
        self.amount.saturating_sub(self.fee)
    }
}

impl Object for BalanceTransaction {
    const KIND: Kind = Kind::BalanceTransaction;
    const PLURAL: &'static str = "balance_transactions";
    const COLUMNS: &'static [Column] = &[
        column("amount", ColumnType::Integer),
        column("fee", ColumnType::Integer),
        column("currency", ColumnType::Text),
        column("type", ColumnType::Text),
        column("source", ColumnType::Text),
        column("available_on", ColumnType::Time),
        column("description", ColumnType::Text),
    ];
    const HIDDEN: &'static [Path] = &[];
    const FALLS_DUE: bool = false;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { parent: Some(self.source), ..Index::default() }
    }
}
