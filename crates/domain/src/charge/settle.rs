//! What a processor's answer makes of a charge.

use super::{Charge, Status};
use crate::attempt::{Attempt, Decline, Done, Operation};
use crate::balance_transaction::{BalanceTransaction, Entry};
use crate::books;
use crate::changes::Changes;
use crate::policy::Policy;
use types::Money;

/// The card was charged or authorized: the books say so, and the charge with them.
pub fn succeed(changes: &mut Changes, charge: &mut Charge, attempt: &Attempt, policy: &Policy, done: &Done) {
    charge.status = Status::Succeeded;
    charge.reference = Some(done.reference.clone());
    charge.authorization_code.clone_from(&done.authorization_code);
    charge.risk_score = done.risk_score;
    if attempt.operation == Operation::Authorize {
        charge.hold = Some(books::of(charge).authorized(changes, charge.amount));
        charge.capture_before = Some(policy.capture_before(changes.now));
        return;
    }
    let available_on = if done.available_now { changes.now } else { policy.available_on(changes.now) };
    let fee = policy.fee(charge.amount, true);
    books::of(charge).charged(changes, charge.amount, fee, available_on);
    charge.amount_captured = charge.amount;
    charge.captured = true;
    charge.available_on = Some(available_on);
    enter(changes, charge, charge.amount, fee);
}

/// The card was refused.
pub fn fail(charge: &mut Charge, decline: &Decline) {
    charge.status = Status::Failed;
    charge.failure = Some(decline.clone());
}

/// Puts captured money on the merchant's statement.
pub(super) fn enter(changes: &mut Changes, charge: &mut Charge, amount: i64, fee: i64) {
    let money = Money::new(amount, charge.currency);
    let available_on = charge.available_on.unwrap_or(changes.now);
    let description = charge.description.clone();
    let entered = BalanceTransaction::enter(changes, Entry::Charge, charge.id, money, fee, available_on, description);
    charge.balance_transaction = Some(entered.id);
}
