//! The chart of accounts. Each tenant has its own books, kept from the platform's side: what processors and banks hold
//! for it is an asset, what the platform owes it a liability, what it pays for the service income.
//! `docs/ledger.md` shows the postings of each kind of operation.

use crate::account::{Account, Rule};
use types::{Currency, Timestamp};

/// The beginning of the codes of the accounts for funds that are not available yet, one for each currency and day.
pub const PENDING_PREFIX: &str = "liabilities/pending/";
/// The beginning of the codes of the accounts for funds that the tenant may be paid out.
pub const AVAILABLE_PREFIX: &str = "liabilities/available/";

fn account(code: String, currency: Currency, rule: Rule) -> Account {
    Account { code, currency, rule }
}

/// Asset: what a processor has taken from payers and not yet settled.
pub fn processor(name: &str, currency: Currency) -> Account {
    account(format!("assets/processor/{name}/{currency}"), currency, Rule::Unlimited)
}

/// Liability: authorized, not captured. Only holds stand here; its posted balance is zero between commits, because a
/// capture passes on at once what it brings in.
pub fn authorized(currency: Currency) -> Account {
    account(format!("liabilities/authorized/{currency}"), currency, Rule::Unlimited)
}

/// Liability: the tenant's funds that become available on one day (UTC).
pub fn pending(currency: Currency, available_on: Timestamp) -> Account {
    account(format!("{PENDING_PREFIX}{currency}/{}", available_on.date()), currency, Rule::Unlimited)
}

/// Liability: the tenant's funds that may be paid out or refunded from. Refunds may take it below zero: then the
/// tenant owes the platform.
pub fn available(currency: Currency) -> Account {
    account(format!("{AVAILABLE_PREFIX}{currency}"), currency, Rule::Unlimited)
}

/// Liability: the tenant's funds, available or until `available_on` not.
pub fn funds(currency: Currency, available_on: Timestamp, now: Timestamp) -> Account {
    if available_on <= now { available(currency) } else { pending(currency, available_on) }
}

/// Liability: refunds on their way to payers.
pub fn refunds(currency: Currency) -> Account {
    account(format!("liabilities/refunds/{currency}"), currency, Rule::CreditsCoverDebits)
}

/// Income: processing fees.
pub fn fees(currency: Currency) -> Account {
    account(format!("income/fees/{currency}"), currency, Rule::Unlimited)
}

/// Reads the day out of the code of a pending account: `2026-11-23`.
pub fn pending_date(code: &str) -> Option<&str> {
    code.strip_prefix(PENDING_PREFIX)?.split_once('/').map(|(_, date)| date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_accounts_name_their_day() {
        let account = pending(Currency::USD, Timestamp::from_seconds(1_795_219_200));
        assert_eq!(account.code, "liabilities/pending/usd/2026-11-21");
        assert_eq!(pending_date(&account.code), Some("2026-11-21"));
        assert_eq!(pending_date("liabilities/available/usd"), None);
    }
}
