//! Confirming: the processor is asked to charge or authorize the card.

use super::{ConfirmationMethod, IfAvailable, PaymentIntent, update};
use crate::attempts::lifecycle::{self, New, abandon, resume};
use crate::attempts::{
    Attempt, Conditions, Continuation, Decline, Done, Operation, Options, Outcome, Resolution, Target, Unexpected,
};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::charge::{self, Charge, Features, Statement};
use crate::payments::intent::{FutureUsage, NextAction, PaymentError, Status, ThreeDSecure};
use crate::payments::payment_method::{self, PaymentMethod};
use crate::refusal::Refusal;
use types::{Money, ObjectId};

/// How the caller wants it confirmed.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    pub off_session: bool,
    pub options: Options,
    pub key: Option<RequestKey>,
}

/// Changes what callers may describe when they confirm, before [`begin`]. `waiting` is the attempt that waits for the
/// payer; it is given up. `chosen` is the payment method that replaces the one before.
pub fn prepare(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    described: PaymentIntent,
    chosen: Option<ObjectId>,
    waiting: Option<&mut Versioned<Attempt>>,
) {
    let mut next = described;
    if next.status == Status::RequiresAction {
        update::stop_waiting(changes, &mut next, waiting);
    }
    if let Some(method) = chosen {
        next.authenticated &= next.payment_method == Some(method);
    }
    changes.update(intent, None, |intent| *intent = next);
}

/// Begins a payment: creates the attempt for the processor.
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
    let (currency, target, subject) = (intent.currency, intent.id, intent.id);
    let new = New { processor, operation, currency, target, subject, credential: &method.credential };
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

impl Target for PaymentIntent {
    /// The payment method; absent if the intent was declined, or changed, since the attempt began.
    type Related = Option<Versioned<PaymentMethod>>;

    fn apply(
        intent: &mut Versioned<Self>,
        method: &mut Self::Related,
        changes: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected> {
        match resolution.attempt.operation {
            Operation::Sale | Operation::Authorize => match method {
                // The attempt was given up meanwhile; its outcome is recorded in the attempt alone.
                _ if intent.attempt != Some(resolution.attempt.id) => Ok(None),
                Some(method) => Ok(apply(changes, intent, method, resolution)),
                None => Err(Unexpected(resolution.attempt.operation)),
            },
            other @ (Operation::Capture
            | Operation::Increment
            | Operation::Void
            | Operation::Refund
            | Operation::Setup) => Err(Unexpected(other)),
        }
    }

    fn authenticated(
        intent: &mut Versioned<Self>,
        changes: &mut Changes,
        attempt: &mut Versioned<Attempt>,
        passed: bool,
    ) -> Result<Continuation, Unexpected> {
        if passed && intent.confirmation_method == ConfirmationMethod::Manual {
            abandon(changes, attempt);
            changes.update(intent, None, |intent| {
                intent.status = Status::RequiresConfirmation;
                intent.next_action = None;
                intent.attempt = None;
                intent.authenticated = true;
            });
            return Ok(Continuation::AwaitConfirmation);
        }
        resume(changes, attempt, passed);
        changes.update(intent, None, |intent| {
            intent.status = Status::Processing;
            intent.next_action = None;
        });
        Ok(Continuation::AskProcessor)
    }
}

/// Applies what the processor answered. Returns the decline, if it was one.
fn apply(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    method: &mut Versioned<PaymentMethod>,
    resolution: &Resolution,
) -> Option<Decline> {
    let Resolution { attempt, outcome, conditions } = *resolution;
    match outcome {
        Outcome::Done(done) => {
            paid(changes, intent, method, attempt, conditions, done);
            None
        }
        Outcome::Declined { decline, .. } => {
            let reached_issuer = !decline.code.ends_with("_authentication_failure");
            let charge = reached_issuer.then(|| failed_charge(changes, intent, method, attempt, conditions, decline));
            failed(changes, intent, method, decline, charge);
            Some(decline.clone())
        }
        Outcome::ActionRequired { .. } if attempt.options.error_on_action => {
            let decline = Decline {
                code: "authentication_required".to_owned(),
                decline_code: Some("authentication_required".to_owned()),
                message: "Your card was declined. This transaction requires authentication.".to_owned(),
                blocked: false,
            };
            failed(changes, intent, method, &decline, None);
            Some(decline)
        }
        Outcome::ActionRequired { page, .. } => {
            let action = NextAction::of(attempt, page);
            changes.update(intent, Some("payment_intent.requires_action"), |intent| {
                intent.status = Status::RequiresAction;
                intent.next_action = Some(action);
            });
            None
        }
        Outcome::Pending { .. } | Outcome::Unknown { .. } => {
            // One event: later questions whose answer is unknown too change nothing.
            if attempt.queries == 0 {
                changes.emit(intent, "payment_intent.processing");
            }
            None
        }
    }
}

fn paid(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    method: &mut Versioned<PaymentMethod>,
    attempt: &Attempt,
    conditions: &Conditions,
    done: &Done,
) {
    let captured = attempt.operation == Operation::Sale;
    let mut charge = charge_for(changes, intent, method, attempt, conditions);
    charge::outcome::succeed(changes, &mut charge, attempt, conditions, done);
    charge.features = features(intent, conditions, charge.amount);
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

fn features(intent: &PaymentIntent, conditions: &Conditions, amount: i64) -> Features {
    if intent.captures_automatically() {
        return Features::default();
    }
    let (options, capabilities) = (&intent.card_options, conditions.capabilities);
    let is_requested = |option: Option<IfAvailable>| option == Some(IfAvailable::IfAvailable);
    let overcapture = capabilities.overcapture_percent > 0 && is_requested(options.request_overcapture);
    Features {
        multicapture: capabilities.multicapture && is_requested(options.request_multicapture),
        increments: capabilities.increments && is_requested(options.request_incremental_authorization),
        overcapture,
        capture_maximum: overcapture.then(|| conditions.overcapture_maximum(amount)),
    }
}

/// A payment method is attached to the customer if that was asked for; otherwise it cannot be used again.
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
        _ => payment_method::mark_used(changes, method),
    }
}

/// A new charge of the intent.
fn charge_for(
    changes: &mut Changes,
    intent: &PaymentIntent,
    method: &PaymentMethod,
    attempt: &Attempt,
    conditions: &Conditions,
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
        ..charge::new(
            changes,
            Money::new(intent.amount, intent.currency),
            method,
            attempt,
            statement,
            &conditions.statement_descriptor,
        )
    }
}

fn failed_charge(
    changes: &mut Changes,
    intent: &PaymentIntent,
    method: &PaymentMethod,
    attempt: &Attempt,
    conditions: &Conditions,
    decline: &Decline,
) -> ObjectId {
    let mut charge = charge_for(changes, intent, method, attempt, conditions);
    charge::outcome::fail(&mut charge, decline);
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
