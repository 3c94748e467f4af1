//! Capturing and releasing what was authorized.

use super::{Charge, Status};
use crate::attempt::{self, Attempt, Operation, Outcome, RequestKey, Terms};
use crate::books::{self, Capture};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::policy::Policy;
use crate::refusal::Refusal;
use types::{Money, ObjectId};

/// What to capture.
pub struct Request {
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    /// More captures are to follow: what remains stays authorized.
    pub more_to_come: bool,
    pub key: Option<RequestKey>,
}

/// Begins a capture. `subject` is the object that the caller is shown.
pub fn begin(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    subject: ObjectId,
    request: Request,
) -> Result<Versioned<Attempt>, Refusal> {
    if charge.attempt.is_some() {
        return Err(Refusal::busy());
    }
    if charge.status != Status::Succeeded || charge.hold.is_none() {
        let message = format!("Charge {} has already been captured or released, or was never authorized.", charge.id);
        return Err(Refusal::new("charge_already_captured", message));
    }
    if request.more_to_come && !charge.features.multicapture {
        let message = "final_capture=false needs a charge that may be captured more than once: ask for it with \
             payment_method_options[card][request_multicapture]=if_available.";
        return Err(Refusal::invalid(message).param("final_capture"));
    }
    let left = charge.amount_capturable();
    let amount = request.amount.unwrap_or(left);
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(Refusal::new("parameter_invalid_integer", message).param("amount_to_capture"));
    }
    let most = charge.features.capture_maximum.map_or(left, |maximum| maximum - charge.amount_captured);
    if amount > most {
        let message = format!(
            "The payment could not be captured because the requested capture amount ({}) is greater than the amount that can \
             be captured ({}).",
            Money::new(amount, charge.currency),
            Money::new(most, charge.currency)
        );
        return Err(Refusal::new("amount_too_large", message).param("amount_to_capture"));
    }
    let fresh = attempt::new(
        changes,
        &charge.processor,
        Operation::Capture,
        charge.currency,
        (charge.id, subject),
        &charge.credential,
    );
    let attempt = Attempt {
        amount,
        original: charge.reference.clone(),
        request: request.key,
        terms: Terms { more_to_come: request.more_to_come && amount < left, ..Terms::default() },
        ..fresh
    };
    Ok(occupy(changes, charge, attempt))
}

/// Begins to release what is left of an authorization.
pub fn begin_release(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    subject: ObjectId,
    key: Option<RequestKey>,
) -> Result<Versioned<Attempt>, Refusal> {
    if charge.attempt.is_some() {
        return Err(Refusal::busy());
    }
    let fresh = attempt::new(
        changes,
        &charge.processor,
        Operation::Void,
        charge.currency,
        (charge.id, subject),
        &charge.credential,
    );
    let attempt =
        Attempt { amount: charge.amount_capturable(), original: charge.reference.clone(), request: key, ..fresh };
    Ok(occupy(changes, charge, attempt))
}

/// Nothing else is done with the charge until the attempt is over.
pub(crate) fn occupy(changes: &mut Changes, charge: &mut Versioned<Charge>, attempt: Attempt) -> Versioned<Attempt> {
    let attempt = changes.create(attempt, None);
    let id = attempt.id;
    changes.update(charge, None, |charge| charge.attempt = Some(id));
    attempt
}

/// Enters what the processor answered to a capture.
pub fn settle(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    attempt: &Attempt,
    policy: &Policy,
    outcome: &Outcome,
) {
    match outcome {
        Outcome::Done(done) => captured(changes, charge, attempt, policy, done.available_now),
        Outcome::Declined { .. } => changes.update(charge, None, |charge| charge.attempt = None),
        Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => (),
    }
}

fn captured(
    changes: &mut Changes,
    charge: &mut Versioned<Charge>,
    attempt: &Attempt,
    policy: &Policy,
    available_now: bool,
) {
    let Some(hold) = charge.hold else { return };
    let held = charge.amount_capturable();
    let last = !attempt.terms.more_to_come;
    let fee = policy.fee(attempt.amount, charge.amount_captured == 0);
    let now = changes.now;
    let available_on = match charge.available_on {
        // Later captures of one charge are available with the first, unless that has become available already.
        Some(day) if day > now => day,
        _ if available_now => now,
        _ => policy.available_on(now),
    };
    let mut next = (**charge).clone();
    next.available_on = Some(available_on);
    books::of(&next).captured(changes, Capture { hold, held, amount: attempt.amount, last, fee, available_on });
    next.amount_captured += attempt.amount;
    next.captured = true;
    next.attempt = None;
    if last {
        next.amount_released = (next.amount - next.amount_captured).max(0);
        next.hold = None;
    }
    super::settle::enter(changes, &mut next, attempt.amount, fee);
    changes.update(charge, Some("charge.captured"), |charge| *charge = next);
}

/// The authorization is given up. `event` says why: `charge.refunded` when it was canceled, `charge.expired`.
pub fn released(changes: &mut Changes, charge: &mut Versioned<Charge>, event: &'static str) {
    let Some(hold) = charge.hold else { return };
    books::of(charge).released(changes, hold);
    changes.update(charge, Some(event), |charge| {
        charge.amount_released = (charge.amount - charge.amount_captured).max(0);
        charge.hold = None;
        charge.attempt = None;
    });
}
