//! What a batch relies on, in memory: log positions, versions, balances, holds and idempotency keys of each tenant.

use crate::log::hash::Head;
use contracts::ledger::IdempotencyRecord;
use domain::account::{Account, Rule};
use domain::commit::Version;
use std::collections::HashMap;
use types::{Currency, ObjectId};
use uuid::Uuid;

/// An account with its balance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AccountState {
    pub currency: Currency,
    pub rule: Rule,
    pub debits_posted: i64,
    pub credits_posted: i64,
    pub debits_pending: i64,
    pub credits_pending: i64,
    /// Whether there is a row of it.
    pub stored: bool,
    /// Whether the batch changes it.
    pub changed: bool,
}

/// A hold, and what is left of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hold {
    pub debit: String,
    pub credit: String,
    /// What has not been posted yet.
    pub remaining: i64,
    /// Voided, or posted with `last`.
    pub closed: bool,
}

/// An idempotency key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub record: IdempotencyRecord,
    /// Whether there is a row of it.
    pub stored: bool,
    /// Whether the batch changes it.
    pub changed: bool,
}

/// What a batch relies on of one tenant: at first as it is stored, then as the commits that were accepted so far leave
/// it.
#[derive(Debug)]
pub(crate) struct TenantState {
    /// The position that the next log entry gets.
    pub next: i64,
    /// Where the log ends before the batch.
    pub stored: Head,
    /// Where the log ends after the commits that were accepted so far.
    pub head: Head,
    pub versions: HashMap<ObjectId, Version>,
    /// Whether an object whose version is not known is taken to have the version that a commit names. PostgreSQL then
    /// compares when it writes.
    pub presumes: bool,
    /// Versions that were presumed of objects that commits rely on. (Those of objects that they replace are compared
    /// by the statement that replaces them.)
    pub presumed: Vec<(ObjectId, Version)>,
    pub accounts: HashMap<String, AccountState>,
    pub holds: HashMap<Uuid, Hold>,
    pub keys: HashMap<String, Key>,
}

impl TenantState {
    /// The state of a log that ends at `head`; the next entry gets the position `next`.
    pub fn new(next: i64, head: Head) -> Self {
        TenantState {
            next,
            stored: head,
            head,
            versions: HashMap::new(),
            presumes: false,
            presumed: Vec::new(),
            accounts: HashMap::new(),
            holds: HashMap::new(),
            keys: HashMap::new(),
        }
    }
}

impl AccountState {
    /// A new account.
    pub fn new(account: &Account) -> Self {
        AccountState {
            currency: account.currency,
            rule: account.rule,
            debits_posted: 0,
            credits_posted: 0,
            debits_pending: 0,
            credits_pending: 0,
            stored: false,
            changed: false,
        }
    }

    /// The same account after the batch has been written.
    pub fn into_stored(self) -> Self {
        AccountState { stored: true, changed: false, ..self }
    }

    /// Whether the account's rule allows the balance. Sums have 128 bits, so that they cannot overflow.
    pub fn obeys_rule(&self) -> bool {
        let debits = i128::from(self.debits_posted) + i128::from(self.debits_pending);
        let credits = i128::from(self.credits_posted) + i128::from(self.credits_pending);
        match self.rule {
            Rule::Unlimited => true,
            Rule::CreditsCoverDebits => debits <= i128::from(self.credits_posted),
            Rule::DebitsCoverCredits => credits <= i128::from(self.debits_posted),
        }
    }
}
