//! A charge without an intent: the card is asked for the money at once, or only authorized.

use super::{Charge, settle};
use crate::attempt::{self, Attempt, Decline, Operation, Outcome, RequestKey};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payment_intent::check_amount;
use crate::payment_method::PaymentMethod;
use crate::policy::Policy;
use crate::refusal::Refusal;
use types::{Kind, Money, ObjectId};

/// What to charge.
pub struct Request {
    pub money: Money,
    /// Whether to take the money at once.
    pub capture: bool,
    pub statement: super::Statement,
    pub customer: Option<ObjectId>,
    pub key: Option<RequestKey>,
}

/// Begins a charge; `describe` fills in what the money has nothing to do with.
pub fn begin(
    changes: &mut Changes,
    method: &PaymentMethod,
    processor: &str,
    policy: &Policy,
    request: Request,
    describe: impl FnOnce(&mut Charge),
) -> Result<(Versioned<Charge>, Versioned<Attempt>), Refusal> {
    check_amount(request.money.amount, request.money.currency)?;
    let id = changes.new_id(Kind::Charge);
    let operation = if request.capture { Operation::Sale } else { Operation::Authorize };
    // Nobody is there to authenticate: this way of charging has no way to ask.
    let attempt = Attempt {
        amount: request.money.amount,
        off_session: true,
        set_up: method.set_up,
        request: request.key,
        ..attempt::new(changes, processor, operation, request.money.currency, (id, id), &method.credential)
    };
    let attempt = changes.create(attempt, None);
    let mut charge = super::new(changes, request.money, method, &attempt, policy, request.statement);
    charge.id = id;
    charge.customer = request.customer;
    charge.attempt = Some(attempt.id);
    describe(&mut charge);
    Ok((changes.create(charge, None), attempt))
}

/// Enters what the processor answered. Returns the decline, if it was one.
pub fn settle(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    attempt: &Attempt,
    policy: &Policy,
    outcome: &Outcome,
) -> Option<Decline> {
    let mut next = (**charge).clone();
    match outcome {
        Outcome::Done(done) => {
            settle::succeed(changes, &mut next, attempt, policy, done);
            next.attempt = None;
            changes.update(charge, Some("charge.succeeded"), |charge| *charge = next);
            None
        }
        Outcome::Declined { decline, .. } => {
            settle::fail(&mut next, decline);
            next.attempt = None;
            changes.update(charge, Some("charge.failed"), |charge| *charge = next);
            Some(decline.clone())
        }
        // `off_session` makes a processor decline rather than ask for an action.
        Outcome::ActionRequired { .. } => None,
        Outcome::Pending { .. } | Outcome::Unknown { .. } => {
            if attempt.queries == 0 {
                changes.update(charge, Some("charge.pending"), |_| ());
            }
            None
        }
    }
}
