//! An account of a tenant's books. Which accounts there are is for the areas to say: `books/chart.rs`.

use types::Currency;

/// An account in a tenant's books, created by the first transfer that touches it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// For instance `liabilities/pending/usd/2026-11-23`.
    pub code: String,
    pub currency: Currency,
    pub rule: Rule,
}

/// What an account's balance may never be. Holds on the account count as if they were posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    Unlimited,
    /// Debits (posted and pending) may not exceed posted credits: a liability that cannot be overdrawn.
    CreditsCoverDebits,
    /// Credits (posted and pending) may not exceed posted debits: an asset that cannot be overdrawn.
    DebitsCoverCredits,
}

impl Account {
    /// Whether debits add to it, as to assets and expenses; to liabilities and income credits do.
    pub fn is_debit_normal(&self) -> bool {
        self.code.starts_with("assets/") || self.code.starts_with("expenses/")
    }
}
