//! Confirming: the processor is asked to charge or authorize the card.

use super::{PaymentIntent, update};
use crate::attempts::lifecycle::{self, New};
use crate::attempts::{Attempt, Operation, Options};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::intent::{Status, ThreeDSecure};
use crate::payments::payment_method::{self, PaymentMethod};
use crate::refusal::Refusal;

/// How the caller wants it confirmed.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    pub off_session: bool,
    pub options: Options,
    pub key: Option<RequestKey>,
}

/// Changes what callers may describe when they confirm, before [`begin`]. `waiting` is the attempt that waits for the
/// payer; it is given up. `chosen` is the payment method that is to be used.
pub fn prepare(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    described: PaymentIntent,
    chosen: Option<&PaymentMethod>,
    waiting: Option<&mut Versioned<Attempt>>,
) -> Result<(), Refusal> {
    let mut next = described;
    // Before anything is given up for it.
    chosen.map_or(Ok(()), |method| next.check_method(method))?;
    if next.status == Status::RequiresAction {
        update::stop_waiting(changes, &mut next, waiting)?;
    }
    if let Some(method) = chosen {
        next.authenticated &= next.payment_method == Some(method.id);
    }
    changes.update(intent, None, |intent| *intent = next);
    Ok(())
}

/// Begins a payment: creates the attempt for the processor.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    method: &mut Versioned<PaymentMethod>,
    confirmation: Confirmation,
) -> Result<Versioned<Attempt>, Refusal> {
    allowed(intent)?;
    intent.check_method(method)?;
    let operation = if intent.captures_automatically() { Operation::Sale } else { Operation::Authorize };
    let (currency, target, subject) = (intent.currency, intent.id, intent.id);
    let PaymentMethod { processor, credential, .. } = &**method;
    let new = New { processor, operation, currency, target, subject, credential };
    let attempt = lifecycle::new::<PaymentIntent>(changes, new);
    let secret = changes.new_secret(24);
    let attempt = changes.create(
        Attempt {
            amount: intent.amount,
            off_session: confirmation.off_session,
            set_up: method.set_up,
            authenticated: intent.authenticated.then_some(true),
            challenge: ThreeDSecure::challenges(intent.card_options.request_three_d_secure),
            secret: Some(secret),
            request: confirmation.key,
            options: confirmation.options,
            ..attempt
        },
        None,
    );
    payment_method::use_for(changes, method, attempt.id);
    let (method, attempt_id) = (method.id, attempt.id);
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.payment_method = Some(method);
        intent.attempt = Some(attempt_id);
        intent.next_action = None;
        intent.last_payment_error = None;
        intent.authenticated = false;
    });
    Ok(attempt)
}

/// Whether the intent can be confirmed now.
pub fn allowed(intent: &PaymentIntent) -> Result<(), Refusal> {
    const ALLOWED: &[Status] = &[Status::RequiresPaymentMethod, Status::RequiresConfirmation, Status::RequiresAction];
    if ALLOWED.contains(&intent.status) {
        return Ok(());
    }
    if intent.status == Status::Processing && intent.attempt.is_some() {
        return Err(Refusal::busy());
    }
    if intent.status == Status::Succeeded {
        let message =
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.";
        return Err(Refusal::new("payment_intent_unexpected_state", message));
    }
    Err(intent.unexpected("confirmed", ALLOWED))
}
