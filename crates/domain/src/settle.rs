//! What a processor's answer changes, whoever brings it: the request that asked, the worker that asked again, the payer
//! who authenticated, or the processor itself.

use crate::attempt::{self, Attempt, Decline, Operation, Outcome};
use crate::changes::Changes;
use crate::charge::{self, Charge};
use crate::object::Versioned;
use crate::payment_intent::{self, PaymentIntent};
use crate::payment_method::PaymentMethod;
use crate::policy::Policy;
use crate::refund::{self, Refund};
use crate::setup_intent::{self, SetupIntent};

/// The objects that an attempt concerns, as far as there are any.
#[derive(Clone, Debug, Default)]
pub struct Affected {
    pub payment_intent: Option<Versioned<PaymentIntent>>,
    pub setup_intent: Option<Versioned<SetupIntent>>,
    pub payment_method: Option<Versioned<PaymentMethod>>,
    pub charge: Option<Versioned<Charge>>,
    pub refund: Option<Versioned<Refund>>,
}

/// Enters an outcome into the attempt and everything that it concerns. Returns the decline, if it was one that the
/// caller is to hear of as an error.
pub fn settle(
    changes: &mut Changes,
    attempt: &mut Versioned<Attempt>,
    affected: &mut Affected,
    policy: &Policy,
    outcome: &Outcome,
) -> Option<Decline> {
    attempt::record(changes, attempt, outcome);
    let Affected { payment_intent, setup_intent, payment_method, charge, refund } = affected;
    if let (Operation::Setup, Some(intent), Some(method)) = (attempt.operation, setup_intent, payment_method.as_mut()) {
        return setup_intent::settle(changes, intent, method, attempt, outcome);
    }
    match (attempt.operation, payment_intent, payment_method, charge, refund) {
        (Operation::Sale | Operation::Authorize, Some(intent), Some(method), _, _) => {
            payment_intent::confirm::settle(changes, intent, method, attempt, policy, outcome)
        }
        (Operation::Sale | Operation::Authorize, None, _, Some(charge), _) => {
            charge::create::settle(changes, charge, attempt, policy, outcome)
        }
        (Operation::Capture, Some(intent), _, Some(charge), _) => {
            payment_intent::capture::settle_both(changes, intent, charge, attempt, policy, outcome);
            declined(outcome)
        }
        (Operation::Capture, None, _, Some(charge), _) => {
            charge::capture::settle(changes, charge, attempt, policy, outcome);
            declined(outcome)
        }
        (Operation::Void, Some(intent), _, Some(charge), _) => {
            payment_intent::cancel::settle(changes, intent, charge, outcome);
            declined(outcome)
        }
        (Operation::Void, None, _, Some(charge), _) => {
            if matches!(outcome, Outcome::Done(_)) {
                charge::capture::released(changes, charge, "charge.expired");
            }
            declined(outcome)
        }
        (Operation::Increment, Some(intent), _, Some(charge), _) => {
            payment_intent::increment::settle(changes, intent, charge, attempt, policy, outcome)
        }
        (Operation::Refund, _, _, Some(charge), Some(refund)) => {
            refund::settle(changes, refund, charge, outcome);
            // A refund that fails is a refund with that status, not an error.
            None
        }
        // Loaded by the attempt's own references: what it concerns is always there.
        _ => None,
    }
}

fn declined(outcome: &Outcome) -> Option<Decline> {
    match outcome {
        Outcome::Declined { decline, .. } => Some(decline.clone()),
        _ => None,
    }
}
