//! Changing an intent before it is paid.

use super::PaymentIntent;
use crate::attempts::Attempt;
use crate::attempts::cancel::give_up;
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::amount::check_amount;
use crate::payments::intent::Status;
use crate::payments::payment_method::PaymentMethod;
use crate::refusal::Refusal;

/// A change to an intent.
pub struct Edit<'a> {
    /// The intent with what callers may describe.
    pub described: PaymentIntent,
    /// Whether amount, currency, customer, payment method or the like change: how much is paid, and with what.
    pub is_decisive: bool,
    /// The payment method that replaces the one before.
    pub method: Option<&'a Versioned<PaymentMethod>>,
    /// The attempt that waits for the payer, which a decisive change gives up.
    pub waiting: Option<&'a mut Versioned<Attempt>>,
}

/// Refuses a decisive change of an intent that is paid, or being paid.
pub fn allowed(intent: &PaymentIntent, is_decisive: bool) -> Result<(), Refusal> {
    if !is_decisive || intent.is_open() {
        return Ok(());
    }
    if intent.status == Status::Processing && intent.attempt.is_some() {
        return Err(Refusal::busy());
    }
    let message = format!(
        "This PaymentIntent's amount, currency, customer and payment method could not be updated because it has a status of \
         {}.",
        intent.status.as_str()
    );
    Err(Refusal::new("payment_intent_unexpected_state", message))
}

/// Changes an intent. Why the last attempt failed is forgotten, whatever changes.
pub fn update(changes: &mut Changes, intent: &mut Versioned<PaymentIntent>, edit: Edit) -> Result<(), Refusal> {
    let Edit { described: mut next, is_decisive, method, waiting } = edit;
    allowed(intent, is_decisive)?;
    check_amount(next.amount, next.currency)?;
    if let Some(method) = method {
        next.check_method(method)?;
        changes.rely_on(method);
        next.payment_method = Some(method.id);
    }
    if is_decisive {
        stop_waiting(changes, &mut next, waiting)?;
        let is_ready = next.payment_method.is_some();
        next.status = if is_ready { Status::RequiresConfirmation } else { Status::RequiresPaymentMethod };
    }
    next.last_payment_error = None;
    changes.update(intent, None, |intent| *intent = next);
    Ok(())
}

/// Gives up the attempt that waits for the payer.
pub(super) fn stop_waiting(
    changes: &mut Changes,
    next: &mut PaymentIntent,
    waiting: Option<&mut Versioned<Attempt>>,
) -> Result<(), Refusal> {
    if let Some(attempt) = waiting {
        give_up(changes, attempt)?;
    }
    next.attempt = None;
    next.next_action = None;
    next.authenticated = false;
    Ok(())
}

/// Changes what callers may describe when they capture or raise an authorization. It becomes part of the next log
/// entry.
pub fn describe(changes: &mut Changes, intent: &mut Versioned<PaymentIntent>, described: PaymentIntent) {
    changes.update(intent, None, |intent| *intent = described);
}
