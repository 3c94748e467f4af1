//! The postings of each kind of operation. `docs/ledger.md` shows them with figures.

use crate::account::Account;
use crate::changes::Changes;
use crate::charge::Charge;
use crate::commit::Action;
use crate::refund::Refund;
use types::{Currency, ObjectId, Timestamp};
use uuid::Uuid;

/// The account that holds a merchant's funds: available, or until when not.
fn funds(currency: Currency, available_on: Timestamp, now: Timestamp) -> Account {
    if available_on <= now { Account::available(currency) } else { Account::pending(currency, available_on) }
}

/// Where the money of one charge comes from and goes to.
pub struct Books<'a> {
    pub processor: &'a str,
    pub currency: Currency,
    pub object: ObjectId,
}

impl Books<'_> {
    fn processor(&self) -> Account {
        Account::processor(self.processor, self.currency)
    }

    /// A card was authorized: the amount is held.
    pub fn authorized(&self, changes: &mut Changes, amount: i64) -> Uuid {
        let accounts = (self.processor(), Account::authorized(self.currency));
        changes.transfer(Action::Hold, "authorization", accounts, amount, self.object)
    }

    /// A card was charged without an authorization before.
    pub fn charged(&self, changes: &mut Changes, amount: i64, fee: i64, available_on: Timestamp) {
        let to = funds(self.currency, available_on, changes.now);
        changes.transfer(Action::Post, "charge", (self.processor(), to.clone()), amount, self.object);
        changes.transfer(Action::Post, "fee", (to, Account::fees(self.currency)), fee, self.object);
    }

    /// Some of an authorization was captured; `held` is what was left of it, `last` gives up what then remains.
    pub fn captured(&self, changes: &mut Changes, capture: Capture) {
        let Capture { hold, held, amount, last, fee, available_on } = capture;
        let authorized = Account::authorized(self.currency);
        let within = amount.min(held);
        let post = Action::PostHold { hold, last };
        changes.transfer(post, "capture", (self.processor(), authorized.clone()), within, self.object);
        let beyond = amount - within;
        changes.transfer(Action::Post, "overcapture", (self.processor(), authorized.clone()), beyond, self.object);
        let to = funds(self.currency, available_on, changes.now);
        changes.transfer(Action::Post, "charge", (authorized, to.clone()), amount, self.object);
        changes.transfer(Action::Post, "fee", (to, Account::fees(self.currency)), fee, self.object);
    }

    /// An authorization, or what was left of it, was given up.
    pub fn released(&self, changes: &mut Changes, hold: Uuid) {
        let accounts = (self.processor(), Account::authorized(self.currency));
        changes.transfer(Action::VoidHold { hold }, "release", accounts, 0, self.object);
    }
}

/// One capture of an authorization. Amounts are in minor units.
pub struct Capture {
    pub hold: Uuid,
    /// What is left of the hold.
    pub held: i64,
    pub amount: i64,
    pub last: bool,
    pub fee: i64,
    pub available_on: Timestamp,
}

/// The books of a charge.
pub fn of(charge: &Charge) -> Books<'_> {
    Books { processor: &charge.processor, currency: charge.currency, object: charge.id }
}

/// A refund was asked for: the merchant's funds are set aside.
pub fn refund_begun(changes: &mut Changes, refund: &Refund) {
    let from = funds(refund.currency, refund.available_on, changes.now);
    let accounts = (from, Account::refunds(refund.currency));
    changes.transfer(Action::Post, "refund", accounts, refund.amount, refund.id);
}

/// The processor has sent it back to the payer.
pub fn refund_settled(changes: &mut Changes, refund: &Refund, processor: &str) {
    let accounts = (Account::refunds(refund.currency), Account::processor(processor, refund.currency));
    changes.transfer(Action::Post, "refund_settled", accounts, refund.amount, refund.id);
}

/// It failed or was canceled: the funds are the merchant's again.
pub fn refund_returned(changes: &mut Changes, refund: &Refund) {
    let to = funds(refund.currency, refund.available_on, changes.now);
    changes.transfer(
        Action::Post,
        "refund_returned",
        (Account::refunds(refund.currency), to),
        refund.amount,
        refund.id,
    );
}

/// Funds have become available.
pub fn made_available(changes: &mut Changes, pending: Account, amount: i64, object: ObjectId) {
    let available = Account::available(pending.currency);
    let accounts = if amount >= 0 { (pending, available) } else { (available, pending) };
    changes.transfer(Action::Post, "available", accounts, amount.saturating_abs(), object);
}
