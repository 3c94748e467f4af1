//! Confirming: the card is asked for the money.

use super::{ConfirmationMethod, FutureUsage, NextAction, PaymentError, PaymentIntent, Status, requested};
use crate::attempt::{self, Attempt, Decline, Done, Operation, Outcome, RequestKey, Terms};
use crate::changes::Changes;
use crate::charge::{self, Charge, Features, Statement};
use crate::object::Versioned;
use crate::payment_method::PaymentMethod;
use crate::policy::Policy;
use crate::refusal::Refusal;
use types::{Money, ObjectId};

/// How the caller wants it confirmed.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    pub off_session: bool,
    pub terms: Terms,
    pub key: Option<RequestKey>,
}

/// Begins a payment: the attempt that goes to the processor.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    method: &PaymentMethod,
    processor: &str,
    confirmation: Confirmation,
) -> Result<Versioned<Attempt>, Refusal> {
    allowed(intent)?;
    may_use(intent, method)?;
    let operation = if intent.captures_automatically() { Operation::Sale } else { Operation::Authorize };
    let challenge = matches!(intent.card_options.request_three_d_secure.as_deref(), Some("any" | "challenge"));
    let fresh =
        attempt::new(changes, processor, operation, intent.currency, (intent.id, intent.id), &method.credential);
    let secret = changes.new_secret(24);
    let attempt = changes.create(
        Attempt {
            amount: intent.amount,
            off_session: confirmation.off_session,
            set_up: method.set_up,
            authenticated: intent.authenticated.then_some(true),
            challenge,
            secret: Some(secret),
            request: confirmation.key,
            terms: confirmation.terms,
            ..fresh
        },
        None,
    );
    let (method, attempt_id) = (method.id, attempt.id);
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.payment_method = Some(method);
        intent.attempt = Some(attempt_id);
        intent.next_action = None;
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

/// Whether a payment method may pay for this intent.
pub fn may_use(intent: &PaymentIntent, method: &PaymentMethod) -> Result<(), Refusal> {
    if method.spent {
        let message = format!(
            "PaymentMethod {} was used before without being attached to a customer, or was detached from one; it cannot be \
             used again. Attach a payment method to a customer to use it more than once.",
            method.id
        );
        return Err(Refusal::new("payment_method_unexpected_state", message).param("payment_method"));
    }
    match (method.customer, intent.customer) {
        (Some(owner), Some(customer)) if owner != customer => {
            let message = format!("PaymentMethod {} does not belong to the customer {customer}.", method.id);
            Err(Refusal::invalid(message).param("payment_method"))
        }
        (Some(owner), None) => {
            let message = format!(
                "PaymentMethod {} belongs to the customer {owner}; give that customer as the intent's customer to use it.",
                method.id
            );
            Err(Refusal::invalid(message).param("payment_method"))
        }
        _ => Ok(()),
    }
}

/// Enters what the processor answered. Returns the decline, if it was one, and the charge, if there is one.
pub fn settle(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    method: &mut Versioned<PaymentMethod>,
    attempt: &Attempt,
    policy: &Policy,
    outcome: &Outcome,
) -> Option<Decline> {
    if intent.attempt != Some(attempt.id) {
        // It was given up meanwhile; whatever comes of it is on record in the attempt.
        return None;
    }
    match outcome {
        Outcome::Done(done) => {
            paid(changes, intent, method, attempt, policy, done);
            None
        }
        Outcome::Declined { decline, .. } => {
            let reached_issuer = !decline.code.ends_with("_authentication_failure");
            let charge = reached_issuer.then(|| failed_charge(changes, intent, method, attempt, policy, decline));
            failed(changes, intent, method, decline, charge);
            Some(decline.clone())
        }
        Outcome::ActionRequired { .. } if attempt.terms.error_on_action => {
            let decline = Decline {
                code: "authentication_required".to_owned(),
                decline_code: Some("authentication_required".to_owned()),
                message: "Your card was declined. This transaction requires authentication.".to_owned(),
                blocked: false,
            };
            failed(changes, intent, method, &decline, None);
            Some(decline)
        }
        Outcome::ActionRequired { .. } => {
            let action = NextAction::of(attempt);
            changes.update(intent, Some("payment_intent.requires_action"), |intent| {
                intent.status = Status::RequiresAction;
                intent.next_action = Some(action);
            });
            None
        }
        Outcome::Pending { .. } | Outcome::Unknown { .. } => {
            // Said once: asking again and still not knowing is no news.
            if attempt.queries == 0 {
                changes.announce(intent, "payment_intent.processing");
            }
            None
        }
    }
}

/// The payer has done their part: the processor is asked again.
pub fn resume(changes: &mut Changes, intent: &mut Versioned<PaymentIntent>) {
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.next_action = None;
    });
}

/// The payer has authenticated, and confirmation goes on only when the merchant says so again.
pub fn awaits_reconfirmation(intent: &PaymentIntent) -> bool {
    intent.confirmation_method == ConfirmationMethod::Manual
}

/// After authentication with `confirmation_method=manual`: the intent waits to be confirmed once more.
pub fn authenticated(changes: &mut Changes, intent: &mut Versioned<PaymentIntent>, attempt: &mut Versioned<Attempt>) {
    changes.update(attempt, None, |attempt| attempt.status = attempt::Status::Canceled);
    changes.update(intent, None, |intent| {
        intent.status = Status::RequiresConfirmation;
        intent.next_action = None;
        intent.attempt = None;
        intent.authenticated = true;
    });
}

fn paid(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    method: &mut Versioned<PaymentMethod>,
    attempt: &Attempt,
    policy: &Policy,
    done: &Done,
) {
    let captured = attempt.operation == Operation::Sale;
    let mut charge = charge_for(changes, intent, method, attempt, policy);
    charge::settle::succeed(changes, &mut charge, attempt, policy, done);
    charge.features = features(intent, policy, charge.amount);
    let (id, amount, capture_before) = (charge.id, charge.amount, charge.capture_before);
    keep_method(changes, intent, method);
    if captured {
        changes.create(charge, Some("charge.succeeded"));
        changes.update(intent, Some("payment_intent.succeeded"), |intent| {
            succeeded(intent, id);
            intent.status = Status::Succeeded;
            intent.amount_received = amount;
        });
    } else {
        changes.update(intent, Some("payment_intent.amount_capturable_updated"), |intent| {
            succeeded(intent, id);
            intent.status = Status::RequiresCapture;
            intent.amount_capturable = amount;
            intent.capture_before = capture_before;
        });
        changes.create(charge, Some("charge.succeeded"));
    }
}

fn succeeded(intent: &mut PaymentIntent, charge: ObjectId) {
    intent.attempt = None;
    intent.next_action = None;
    intent.last_payment_error = None;
    intent.latest_charge = Some(charge);
}

fn features(intent: &PaymentIntent, policy: &Policy, amount: i64) -> Features {
    if intent.captures_automatically() {
        return Features::default();
    }
    let options = &intent.card_options;
    let overcapture = policy.overcapture_percent > 0 && requested(&options.request_overcapture);
    Features {
        multicapture: policy.multicapture && requested(&options.request_multicapture),
        increments: policy.increments && requested(&options.request_incremental_authorization),
        overcapture,
        capture_maximum: overcapture.then(|| policy.overcapture_maximum(amount)),
    }
}

/// A payment method is kept for its customer when that was asked for; otherwise it has served.
fn keep_method(changes: &mut Changes, intent: &PaymentIntent, method: &mut Versioned<PaymentMethod>) {
    let usage = intent.future_usage();
    let set_up = usage == Some(FutureUsage::OffSession);
    match (intent.customer, usage) {
        _ if method.customer.is_some() => {
            if set_up && !method.set_up {
                changes.update(method, None, |method| method.set_up = true);
            }
        }
        (Some(customer), Some(_)) => changes.update(method, Some("payment_method.attached"), |method| {
            method.customer = Some(customer);
            method.set_up |= set_up;
        }),
        _ => changes.update(method, None, |method| method.spent = true),
    }
}

/// A charge as it is asked for: nothing captured, nothing failed.
fn charge_for(
    changes: &mut Changes,
    intent: &PaymentIntent,
    method: &PaymentMethod,
    attempt: &Attempt,
    policy: &Policy,
) -> Charge {
    let statement = Statement {
        descriptor: intent.statement_descriptor.clone(),
        suffix: intent.statement_descriptor_suffix.clone(),
    };
    Charge {
        payment_intent: Some(intent.id),
        customer: intent.customer,
        description: intent.description.clone(),
        metadata: intent.metadata.clone(),
        receipt_email: intent.receipt_email.clone(),
        shipping: intent.shipping.clone(),
        transfer_group: intent.transfer_group.clone(),
        ..charge::new(changes, Money::new(intent.amount, intent.currency), method, attempt, policy, statement)
    }
}

fn failed_charge(
    changes: &mut Changes,
    intent: &PaymentIntent,
    method: &PaymentMethod,
    attempt: &Attempt,
    policy: &Policy,
    decline: &Decline,
) -> ObjectId {
    let mut charge = charge_for(changes, intent, method, attempt, policy);
    charge::settle::fail(&mut charge, decline);
    changes.create(charge, Some("charge.failed")).id
}

fn failed(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    method: &PaymentMethod,
    decline: &Decline,
    charge: Option<ObjectId>,
) {
    let error = PaymentError { decline: decline.clone(), charge, payment_method: Some(Box::new(method.clone())) };
    changes.update(intent, Some("payment_intent.payment_failed"), |intent| {
        intent.status = Status::RequiresPaymentMethod;
        intent.attempt = None;
        intent.next_action = None;
        intent.payment_method = None;
        intent.latest_charge = charge.or(intent.latest_charge);
        intent.last_payment_error = Some(error);
    });
}
