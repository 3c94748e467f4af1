//! A tenant's balance, and funds that become available.

use super::chart::{self, AVAILABLE_PREFIX};
use crate::account::{Account, Rule};
use crate::changes::Changes;
use crate::commit::{Action, Index};
use crate::object::{Column, ColumnType, Object, Path, column};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Currency, Kind, ObjectId, Timestamp};
use uuid::Uuid;

/// What a tenant has, by currency, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funds {
    pub available: BTreeMap<String, i64>,
    pub pending: BTreeMap<String, i64>,
}

/// What was posted to one account for the tenant's funds, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub code: String,
    pub currency: Currency,
    pub credits: i64,
    pub debits: i64,
}

impl Posted {
    /// What the platform owes the tenant.
    pub fn amount(&self) -> i64 {
        self.credits.saturating_sub(self.debits)
    }

    /// Whether these are pending funds whose day has come.
    fn is_due(&self, now: Timestamp) -> bool {
        chart::pending_date(&self.code).is_some_and(|date| date <= now.date().as_str())
    }
}

impl Funds {
    /// Sums the pending and available accounts. Funds whose day has come count as available, whether or not they have
    /// been moved yet.
    pub fn of(accounts: &[Posted], now: Timestamp) -> Self {
        let mut funds = Funds::default();
        for account in accounts {
            let side = if account.is_due(now) || account.code.starts_with(AVAILABLE_PREFIX) {
                &mut funds.available
            } else {
                &mut funds.pending
            };
            let sum = side.entry(account.currency.to_string()).or_default();
            *sum = sum.saturating_add(account.amount());
        }
        funds
    }
}

/// The balance at the moment when funds became available; it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: ObjectId,
    pub created: Timestamp,
    #[serde(flatten)]
    pub funds: Funds,
}

/// Whether there are funds to be made available.
pub fn is_release_due(accounts: &[Posted], now: Timestamp) -> bool {
    accounts.iter().any(|account| account.amount() != 0 && account.is_due(now))
}

/// Moves funds whose day has come from pending to available. The id of each snapshot (`identify`) follows from the
/// account and all that was ever posted to it, so that of two workers that find the same funds only one can move them.
pub fn release(changes: &mut Changes, accounts: &[Posted], identify: impl Fn(&Posted) -> Uuid) {
    let now = changes.now;
    for due in accounts.iter().filter(|account| account.amount() != 0 && account.is_due(now)) {
        let id = ObjectId::from_value(Kind::Balance, identify(due));
        let pending = Account { code: due.code.clone(), currency: due.currency, rule: Rule::Unlimited };
        let available = chart::available(due.currency);
        let amount = due.amount();
        let accounts_of = if amount >= 0 { (pending, available) } else { (available, pending) };
        changes.transfer(Action::Post, "available", accounts_of, amount.saturating_abs(), id);
        changes.create(Snapshot { id, created: now, funds: Funds::of(accounts, now) }, Some("balance.available"));
    }
}

impl Object for Snapshot {
    const KIND: Kind = Kind::Balance;
    const PLURAL: &'static str = "balances";
    const COLUMNS: &'static [Column] = &[column("available", ColumnType::Json), column("pending", ColumnType::Json)];
    const HIDDEN: &'static [Path] = &[];
    const FALLS_DUE: bool = false;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index::default()
    }
}
