//! Capturing an authorization, all of it or in parts.

use super::follow_up::{free, next_attempt, occupy};
use super::{Charge, Details, Status, outcome, postings};
use crate::attempts::{Attempt, Operation, Options, Outcome, Resolution};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
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
    let attempt = Attempt {
        amount,
        request: request.key,
        options: Options { more_to_come: request.more_to_come && amount < left, ..Options::default() },
        ..next_attempt(changes, charge, Operation::Capture, subject)
    };
    Ok(occupy(changes, charge, attempt))
}

/// Changes what callers may say about a charge when they capture it. It becomes part of the capture's log entry.
pub fn describe(changes: &mut Changes, charge: &mut Versioned<Charge>, details: Details, statement_descriptor: &str) {
    changes.update(charge, None, |charge| details.apply(charge, statement_descriptor));
}

/// Applies what the processor answered to a capture.
pub fn apply(changes: &mut Changes, charge: &mut Versioned<Charge>, resolution: &Resolution) {
    match resolution.outcome {
        Outcome::Done(done) => captured(changes, charge, resolution, done.available_now),
        Outcome::Declined { .. } | Outcome::Canceled => free(changes, charge),
        Outcome::ActionRequired { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => (),
    }
}

fn captured(changes: &mut Changes, charge: &mut Versioned<Charge>, resolution: &Resolution, available_now: bool) {
    let Some(hold) = charge.hold else { return };
    let Resolution { attempt, conditions, .. } = *resolution;
    let held = charge.amount_capturable();
    let is_last = !attempt.options.more_to_come;
    let fee = conditions.fees.of(attempt.amount, charge.amount_captured == 0);
    let now = changes.now;
    let available_on = match charge.available_on {
        // Later captures of one charge are available with the first, unless that is available already.
        Some(day) if day > now => day,
        _ if available_now => now,
        _ => conditions.available_on(now),
    };
    let mut next = (**charge).clone();
    next.available_on = Some(available_on);
    let capture = postings::Capture { hold, held, amount: attempt.amount, is_last, fee, available_on };
    postings::capture(changes, &next, capture);
    next.amount_captured += attempt.amount;
    next.captured = true;
    next.attempt = None;
    if is_last {
        next.amount_released = (next.amount - next.amount_captured).max(0);
        next.hold = None;
    }
    outcome::add_to_statement(changes, &mut next, attempt.amount, fee);
    changes.update(charge, Some("charge.captured"), |charge| *charge = next);
}
