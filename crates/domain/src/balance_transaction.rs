//! One line of a merchant's statement: what changed their balance, by how much, and when it can be used.

use crate::changes::Changes;
use crate::commit::Index;
use crate::object::{Column, ColumnType, Object, Versioned, column};
use serde::{Deserialize, Serialize};
use types::{Currency, Kind, Money, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BalanceTransaction {
    pub id: ObjectId,
    pub created: Timestamp,
    /// Gross, in minor units; negative when money leaves the balance.
    pub amount: i64,
    pub currency: Currency,
    /// Minor units, part of `amount`: what is received is `amount - fee`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fee: i64,
    #[serde(rename = "type")]
    pub entry: Entry,
    /// The charge or refund behind it.
    pub source: ObjectId,
    pub available_on: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

fn is_zero(fee: &i64) -> bool {
    *fee == 0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Charge,
    Refund,
    RefundFailure,
}

impl Entry {
    pub const fn as_str(self) -> &'static str {
        match self {
            Entry::Charge => "charge",
            Entry::Refund => "refund",
            Entry::RefundFailure => "refund_failure",
        }
    }
}

impl BalanceTransaction {
    /// Puts a line on the statement. Nobody is told: what it stands for is told of itself.
    pub fn enter(
        changes: &mut Changes,
        entry: Entry,
        source: ObjectId,
        gross: Money,
        fee: i64,
        available_on: Timestamp,
        description: Option<String>,
    ) -> Versioned<Self> {
        let transaction = BalanceTransaction {
            id: changes.new_id(Kind::BalanceTransaction),
            created: changes.now,
            amount: gross.amount,
            currency: gross.currency,
            fee,
            entry,
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
    const HIDDEN: &'static [&'static [&'static str]] = &[];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { parent: Some(self.source), ..Index::default() }
    }
}
