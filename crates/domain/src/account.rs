//! The chart of accounts. Each tenant has its own books, kept from the platform's side: what processors and banks hold
//! for it is an asset, what is owed to the merchant a liability, what it pays for the service income.
//! `docs/ledger.md` shows the postings of each kind of operation.

use types::{Currency, Timestamp};

/// An account in a tenant's ledger, created by the first transfer that touches it.
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

/// The beginning of the codes of the accounts that hold what is not available yet, one for each currency and day.
pub const PENDING_PREFIX: &str = "liabilities/pending/";
/// The beginning of the codes of the accounts that hold what the merchant may be paid out.
pub const AVAILABLE_PREFIX: &str = "liabilities/available/";

impl Account {
    fn new(code: String, currency: Currency, rule: Rule) -> Self {
        Account { code, currency, rule }
    }

    /// Asset: what a processor has taken from payers and not yet settled.
    pub fn processor(name: &str, currency: Currency) -> Self {
        Self::new(format!("assets/processor/{name}/{currency}"), currency, Rule::Unlimited)
    }

    /// Liability: authorized, not captured. Only holds stand here; its posted balance is zero between commits, for
    /// what a capture brings in it passes on at once.
    pub fn authorized(currency: Currency) -> Self {
        Self::new(format!("liabilities/authorized/{currency}"), currency, Rule::Unlimited)
    }

    /// Liability: the merchant's funds that become available on one day (UTC).
    pub fn pending(currency: Currency, available_on: Timestamp) -> Self {
        Self::new(format!("{PENDING_PREFIX}{currency}/{}", available_on.date()), currency, Rule::Unlimited)
    }

    /// Liability: the merchant's funds that may be paid out or refunded from. Refunds may take it below zero: then
    /// the merchant owes the platform.
    pub fn available(currency: Currency) -> Self {
        Self::new(format!("{AVAILABLE_PREFIX}{currency}"), currency, Rule::Unlimited)
    }

    /// Liability: refunds on their way to payers.
    pub fn refunds(currency: Currency) -> Self {
        Self::new(format!("liabilities/refunds/{currency}"), currency, Rule::CreditsCoverDebits)
    }

    /// Income: processing fees.
    pub fn fees(currency: Currency) -> Self {
        Self::new(format!("income/fees/{currency}"), currency, Rule::Unlimited)
    }

    /// Whether debits add to it, as to assets and expenses; to liabilities and income credits do.
    pub fn is_debit_normal(&self) -> bool {
        self.code.starts_with("assets/") || self.code.starts_with("expenses/")
    }

    /// Reads the day out of the code of a pending account: `2026-11-23`.
    pub fn pending_date(code: &str) -> Option<&str> {
        code.strip_prefix(PENDING_PREFIX)?.split_once('/').map(|(_, date)| date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_accounts_name_their_day() {
        let account = Account::pending(Currency::USD, Timestamp::from_seconds(1_795_219_200));
        assert_eq!(account.code, "liabilities/pending/usd/2026-11-21");
        assert_eq!(Account::pending_date(&account.code), Some("2026-11-21"));
        assert_eq!(Account::pending_date("liabilities/available/usd"), None);
    }
}
