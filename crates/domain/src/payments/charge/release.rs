//! Releasing what is left of an authorization: it was canceled, or has run out.

use super::follow_up::{next_attempt, occupy};
use super::{Charge, postings};
use crate::attempts::{Attempt, Operation};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::refusal::Refusal;
use crate::retries;
use types::{ObjectId, Timestamp};

/// Begins to release what is left of an authorization.
pub fn begin(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    subject: ObjectId,
    key: Option<RequestKey>,
) -> Result<Versioned<Attempt>, Refusal> {
    if charge.attempt.is_some() {
        return Err(Refusal::busy());
    }
    let amount = charge.amount_capturable();
    let attempt = Attempt { amount, request: key, ..next_attempt(changes, charge, Operation::Void, subject) };
    Ok(occupy(changes, charge, attempt))
}

/// Begins to release an authorization without an intent that has run out. The try is counted, whatever the processor says
/// to it.
pub fn expire(changes: &mut Changes, charge: &mut Versioned<Charge>) -> Result<Versioned<Attempt>, Refusal> {
    retries::postpone(changes, charge);
    begin(changes, charge, charge.id, None)
}

/// Whether the time in which an authorization may be captured is over.
pub fn has_run_out(charge: &Charge, now: Timestamp) -> bool {
    charge.capture_before.is_some_and(|before| before <= now)
}

/// The authorization is released, because it was canceled or has run out.
pub fn released(changes: &mut Changes, charge: &mut Versioned<Charge>) {
    let Some(hold) = charge.hold else { return };
    let event = if has_run_out(charge, changes.now) { "charge.expired" } else { "charge.refunded" };
    postings::release(changes, charge, hold);
    changes.update(charge, Some(event), |charge| {
        charge.amount_released = (charge.amount - charge.amount_captured).max(0);
        charge.hold = None;
        charge.attempt = None;
    });
}
