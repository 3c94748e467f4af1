//! The postings of a refund. `docs/ledger.md` shows them with figures.

use super::{Refund, Source};
use crate::account::Account;
use crate::books::chart;
use crate::changes::Changes;
use crate::commit::Action;

fn post(changes: &mut Changes, refund: &Refund, reason: &'static str, accounts: (Account, Account)) {
    changes.transfer(Action::Post, reason, accounts, refund.amount, refund.id);
}

fn funds(changes: &Changes, refund: &Refund, source: Source) -> Account {
    chart::funds(refund.currency, source.available_on, changes.now)
}

/// A refund was asked for: the tenant's funds are set aside.
pub fn begun(changes: &mut Changes, refund: &Refund, source: Source) {
    let accounts = (funds(changes, refund, source), chart::refunds(refund.currency));
    post(changes, refund, "refund", accounts);
}

/// The processor has sent the money back to the payer.
pub fn paid_out(changes: &mut Changes, refund: &Refund, processor: &str) {
    let accounts = (chart::refunds(refund.currency), chart::processor(processor, refund.currency));
    post(changes, refund, "refund_settled", accounts);
}

/// The refund failed or was canceled: the funds are the tenant's again.
pub fn returned(changes: &mut Changes, refund: &Refund, source: Source) {
    let accounts = (chart::refunds(refund.currency), funds(changes, refund, source));
    post(changes, refund, "refund_returned", accounts);
}
