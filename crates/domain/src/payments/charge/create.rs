//! A charge without an intent: the card is charged at once, or only authorized.

use super::{Charge, Statement, outcome};
use crate::attempts::lifecycle::{self, New};
use crate::attempts::{Attempt, Decline, Operation, Outcome, Resolution};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::amount::check_amount;
use crate::payments::payment_method::{self, PaymentMethod, check_unspent};
use crate::refusal::Refusal;
use types::{Kind, Money, ObjectId};

/// What to charge.
pub struct Request {
    pub money: Money,
    /// Whether to take the money at once.
    pub capture: bool,
    pub customer: Option<ObjectId>,
    pub details: super::Details,
    pub key: Option<RequestKey>,
}

/// Begins a charge. `statement_descriptor` is the tenant's.
pub fn begin(
    changes: &mut Changes,
    method: &mut Versioned<PaymentMethod>,
    statement_descriptor: &str,
    request: Request,
) -> Result<(Versioned<Charge>, Versioned<Attempt>), Refusal> {
    may_use(method, request.customer)?;
    changes.rely_on(method);
    check_amount(request.money.amount, request.money.currency)?;
    let id = changes.new_id(Kind::Charge);
    let operation = if request.capture { Operation::Sale } else { Operation::Authorize };
    let currency = request.money.currency;
    let PaymentMethod { processor, credential, .. } = &**method;
    let new = New { processor, operation, currency, target: id, subject: id, credential };
    // A charge without an intent has no way to ask the payer for authentication.
    let attempt = Attempt {
        amount: request.money.amount,
        off_session: true,
        set_up: method.set_up,
        request: request.key,
        ..lifecycle::new::<Charge>(changes, new)
    };
    let attempt = changes.create(attempt, None);
    let mut charge = super::new(changes, request.money, method, &attempt, Statement::default(), statement_descriptor);
    charge.id = id;
    charge.customer = request.customer;
    charge.attempt = Some(attempt.id);
    request.details.apply(&mut charge, statement_descriptor);
    let charge = changes.create(charge, None);
    payment_method::mark_used(changes, method);
    Ok((charge, attempt))
}

/// Refuses a payment method that this customer cannot be charged with.
fn may_use(method: &PaymentMethod, customer: Option<ObjectId>) -> Result<(), Refusal> {
    check_unspent(method).map_err(|refusal| refusal.param("source"))?;
    if method.customer.is_some() && method.customer != customer {
        return Err(Refusal::invalid("The source belongs to another customer.").param("source"));
    }
    Ok(())
}

/// Applies what the processor answered. Returns the decline, if it was one.
pub fn apply(changes: &mut Changes, charge: &mut Versioned<Charge>, resolution: &Resolution) -> Option<Decline> {
    let Resolution { attempt, outcome, conditions, is_first } = *resolution;
    let mut next = (**charge).clone();
    match outcome {
        Outcome::Done(done) => {
            outcome::succeed(changes, &mut next, attempt, conditions, done);
            next.attempt = None;
            changes.update(charge, Some("charge.succeeded"), |charge| *charge = next);
            None
        }
        Outcome::Declined { decline, .. } => {
            outcome::fail(&mut next, decline);
            next.attempt = None;
            changes.update(charge, Some("charge.failed"), |charge| *charge = next);
            Some(decline.clone())
        }
        // Processors decline an attempt that is off session rather than ask for an action, and none is to cancel one.
        Outcome::ActionRequired { .. } | Outcome::Canceled => None,
        Outcome::Pending { .. } | Outcome::Unknown { .. } => {
            if is_first {
                changes.emit(charge, "charge.pending");
            }
            None
        }
    }
}
