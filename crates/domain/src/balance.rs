//! The merchant's balance, and funds becoming available.

use crate::account::{AVAILABLE_PREFIX, Account, Rule};
use crate::books;
use crate::changes::Changes;
use crate::commit::Index;
use crate::object::{Column, ColumnType, Object, column};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Currency, Kind, ObjectId, Timestamp};
use uuid::Uuid;

/// What a merchant has, by currency, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funds {
    pub available: BTreeMap<String, i64>,
    pub pending: BTreeMap<String, i64>,
}

/// What was posted to one account of the merchant's, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub code: String,
    pub currency: Currency,
    pub credits: i64,
    pub debits: i64,
}

impl Line {
    /// What is owed to the merchant.
    pub fn amount(&self) -> i64 {
        self.credits.saturating_sub(self.debits)
    }
}

impl Funds {
    /// Sums the lines of the pending and available accounts. Funds whose day has come count as available, whether or
    /// not they have been moved yet.
    pub fn of(lines: &[Line], now: Timestamp) -> Self {
        let mut funds = Funds::default();
        for line in lines {
            let side = if is_due(line, now) || line.code.starts_with(AVAILABLE_PREFIX) {
                &mut funds.available
            } else {
                &mut funds.pending
            };
            let sum = side.entry(line.currency.to_string()).or_default();
            *sum = sum.saturating_add(line.amount());
        }
        funds
    }
}

fn is_due(line: &Line, now: Timestamp) -> bool {
    Account::pending_date(&line.code).is_some_and(|date| date <= now.date().as_str())
}

/// The balance at the moment when funds became available; it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: ObjectId,
    pub created: Timestamp,
    #[serde(flatten)]
    pub funds: Funds,
}

/// Moves what has become available. The snapshot's id (`identify`) follows from the account and what was ever
/// posted to it, so that of two workers who find the same funds due only one can move them.
pub fn release(changes: &mut Changes, lines: &[Line], identify: impl Fn(&Line) -> Uuid) {
    let now = changes.now;
    for line in lines.iter().filter(|line| line.amount() != 0 && is_due(line, now)) {
        let id = ObjectId::from_value(Kind::Balance, identify(line));
        let pending = Account { code: line.code.clone(), currency: line.currency, rule: Rule::Unlimited };
        books::made_available(changes, pending, line.amount(), id);
        changes.create(Snapshot { id, created: now, funds: Funds::of(lines, now) }, Some("balance.available"));
    }
}

impl Object for Snapshot {
    const KIND: Kind = Kind::Balance;
    const PLURAL: &'static str = "balances";
    const COLUMNS: &'static [Column] = &[column("available", ColumnType::Json), column("pending", ColumnType::Json)];
    const HIDDEN: &'static [&'static [&'static str]] = &[];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index::default()
    }
}
