//! Using payment methods: one without a customer can be used once.

use super::PaymentMethod;
use crate::attempts::Attempt;
use crate::changes::Changes;
use crate::object::Versioned;
use crate::refusal::Refusal;
use types::ObjectId;

/// Notes that a payment method is used for an attempt that begins. Of one without a customer it is the only one that is under
/// way: of two that begin at once, one is a conflict. The caller has asked [`may_use_now`].
pub(in crate::payments) fn use_for(changes: &mut Changes, method: &mut Versioned<PaymentMethod>, attempt: ObjectId) {
    if method.customer.is_none() {
        changes.update(method, None, |method| method.used_by = Some(attempt));
    } else {
        changes.rely_on(method);
    }
}

/// Refuses a payment method without a customer that another intent is using at this moment. `user` is the attempt that
/// [`PaymentMethod::used_by`] names; after one that has failed, the payment method can be used again, as soon as the processor
/// has canceled it: until then the attempt could succeed there. One that cannot cancel is not waited for. `intent` is the one that is to use it; it gives up what it
/// has under way itself.
pub fn may_use_now(method: &PaymentMethod, user: &Attempt, intent: Option<ObjectId>) -> Result<(), Refusal> {
    let is_own = Some(user.subject) == intent;
    match user.status.is_final() {
        _ if method.customer.is_some() || is_own => Ok(()),
        true if user.canceling.is_some() => Err(Refusal::busy()),
        true => Ok(()),
        false => Err(used_up()),
    }
}

/// Refuses a payment method that has been used up.
pub(in crate::payments) fn check_unspent(method: &PaymentMethod) -> Result<(), Refusal> {
    if method.spent { Err(used_up()) } else { Ok(()) }
}

fn used_up() -> Refusal {
    let message = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with \
                   a connected account without Customer attachment, or was detached from a Customer. It may not be used again. \
                   To use a PaymentMethod multiple times, you must attach it to a Customer first.";
    Refusal::new("payment_method_unexpected_state", message).param("payment_method")
}

/// A payment method without a customer was used: it cannot be used again.
pub(in crate::payments) fn mark_used(changes: &mut Changes, method: &mut Versioned<PaymentMethod>) {
    if method.customer.is_none() {
        changes.update(method, None, |method| {
            method.spent = true;
            method.used_by = None;
        });
    }
}
