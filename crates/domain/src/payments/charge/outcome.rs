//! What a processor's answer to a sale or an authorization makes of a charge.

use super::{Charge, Status, postings};
use crate::attempts::{Attempt, Conditions, Decline, Done, Operation};
use crate::books::balance_transaction::{BalanceTransaction, Category, NewBalanceTransaction};
use crate::changes::Changes;
use types::Money;

/// The card was charged or authorized.
pub fn succeed(changes: &mut Changes, charge: &mut Charge, attempt: &Attempt, conditions: &Conditions, done: &Done) {
    charge.status = Status::Succeeded;
    charge.reference.clone_from(&attempt.reference);
    charge.authorization_code.clone_from(&done.authorization_code);
    charge.risk_score = done.risk_score;
    if attempt.operation == Operation::Authorize {
        charge.hold = Some(postings::hold(changes, charge, charge.amount));
        charge.capture_before = Some(conditions.capture_before(changes.now));
        return;
    }
    let available_on = if done.available_now { changes.now } else { conditions.available_on(changes.now) };
    let fee = conditions.fees.of(charge.amount, true);
    postings::sale(changes, charge, fee, available_on);
    charge.amount_captured = charge.amount;
    charge.captured = true;
    charge.available_on = Some(available_on);
    add_to_statement(changes, charge, charge.amount, fee);
}

/// The card was declined.
pub fn fail(charge: &mut Charge, decline: &Decline) {
    charge.status = Status::Failed;
    charge.failure = Some(decline.clone());
}

/// Creates the balance transaction of captured money.
pub(super) fn add_to_statement(changes: &mut Changes, charge: &mut Charge, amount: i64, fee: i64) {
    let new = NewBalanceTransaction {
        category: Category::Charge,
        source: charge.id,
        gross: Money::new(amount, charge.currency),
        fee,
        available_on: charge.available_on.unwrap_or(changes.now),
        description: charge.description.clone(),
    };
    charge.balance_transaction = Some(BalanceTransaction::create(changes, new).id);
}
