//! Raising an authorization.

use super::follow_up::{next_attempt, occupy};
use super::{Charge, postings};
use crate::attempts::{Attempt, Conditions, Operation};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::refusal::Refusal;
use types::ObjectId;

/// Refuses a charge whose authorization cannot be raised.
pub fn allowed(charge: &Charge) -> Result<(), Refusal> {
    if !charge.features.increments {
        let message = "This authorization cannot be raised: ask for it when confirming, with \
             payment_method_options[card][request_incremental_authorization]=if_available.";
        return Err(Refusal::invalid(message));
    }
    if charge.amount_captured > 0 {
        return Err(Refusal::invalid("An authorization cannot be raised after some of it was captured."));
    }
    Ok(())
}

/// Begins to raise what is authorized to `amount`, in minor units. `subject` is the object that the caller is shown. The
/// caller has asked [`allowed`].
pub fn begin(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    subject: ObjectId,
    amount: i64,
    key: Option<RequestKey>,
) -> Versioned<Attempt> {
    let attempt = next_attempt(changes, charge, Operation::Increment, subject);
    occupy(changes, charge, Attempt { amount, request: key, ..attempt })
}

/// The authorization was raised: the hold is replaced by a larger one.
pub fn raised(changes: &mut Changes, charge: &mut Versioned<Charge>, amount: i64, conditions: &Conditions) {
    let mut next = (**charge).clone();
    if let Some(hold) = next.hold {
        postings::release(changes, &next, hold);
    }
    next.amount = amount;
    next.hold = Some(postings::hold(changes, &next, amount));
    next.attempt = None;
    next.features.capture_maximum = next.features.overcapture.then(|| conditions.overcapture_maximum(amount));
    changes.update(charge, Some("charge.updated"), |charge| *charge = next);
}
