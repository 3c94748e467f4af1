//! What a processor's answer to a confirmed payment makes of the intent, its charge and its payment method.

use super::{CancellationReason, ConfirmationMethod, IfAvailable, PaymentIntent, cancel};
use crate::attempts::lifecycle::{abandon, resume};
use crate::attempts::{
    self, Attempt, Conditions, Continuation, Decline, Done, Operation, Outcome, Resolution, Target, Unexpected,
};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::charge::{self, Charge, Features, Statement};
use crate::payments::customer::{self, Customer};
use crate::payments::intent::{FutureUsage, NextAction, PaymentError, Status};
use crate::payments::payment_method::{self, PaymentMethod};
use types::{Money, ObjectId};

/// What goes with an intent that is being paid.
pub struct Payment {
    /// Absent if the intent was declined, or changed, since the attempt began.
    pub method: Option<Versioned<PaymentMethod>>,
    /// The customer to save the payment method to, if that is asked for.
    pub customer: Option<Versioned<Customer>>,
}

impl Target for PaymentIntent {
    type Related = Payment;

    fn apply(
        intent: &mut Versioned<Self>,
        Payment { method, customer }: &mut Self::Related,
        changes: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected> {
        match resolution.attempt.operation {
            Operation::Sale | Operation::Authorize => match method {
                // The attempt was given up meanwhile; its outcome is recorded in the attempt alone.
                _ if intent.attempt != Some(resolution.attempt.id) => Ok(None),
                Some(method) => Ok(apply(changes, intent, (method, customer.as_mut()), resolution)),
                None => Err(Unexpected(resolution.attempt.operation)),
            },
            other @ (Operation::Capture
            | Operation::Increment
            | Operation::Void
            | Operation::Refund
            | Operation::Setup) => Err(Unexpected(other)),
        }
    }

    fn canceling(intent: &mut Versioned<Self>, _: &mut Self::Related, changes: &mut Changes) {
        changes.update(intent, None, |intent| {
            intent.status = Status::Processing;
            intent.next_action = None;
        });
    }

    fn authenticated(
        intent: &mut Versioned<Self>,
        _: &mut Self::Related,
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
    (method, customer): (&mut Versioned<PaymentMethod>, Option<&mut Versioned<Customer>>),
    resolution: &Resolution,
) -> Option<Decline> {
    let Resolution { attempt, outcome, conditions, .. } = *resolution;
    match outcome {
        Outcome::Done(done) => {
            paid(changes, intent, (method, customer), attempt, conditions, done);
            None
        }
        Outcome::Declined { decline, .. } => {
            let reached_issuer = !decline.code.ends_with("_authentication_failure");
            let charge = reached_issuer.then(|| failed_charge(changes, intent, method, attempt, conditions, decline));
            failed(changes, intent, (method, conditions), decline, charge);
            Some(decline.clone())
        }
        Outcome::ActionRequired { .. } if attempt.options.error_on_action => {
            let decline = Decline::authentication_required();
            failed(changes, intent, (method, conditions), &decline, None);
            Some(decline)
        }
        Outcome::ActionRequired { page, .. } => {
            let action = NextAction::of(attempt, page);
            let event = (intent.status != Status::RequiresAction).then_some("payment_intent.requires_action");
            changes.update(intent, event, |intent| {
                intent.status = Status::RequiresAction;
                intent.next_action = Some(action);
            });
            None
        }
        Outcome::Canceled => {
            // What the merchant wanted canceled it for comes next.
            changes.update(intent, None, |intent| {
                intent.status = Status::RequiresConfirmation;
                intent.attempt = None;
            });
            None
        }
        Outcome::Pending { .. } | Outcome::Unknown { .. } => {
            // One event: later questions whose answer is unknown too change nothing.
            if resolution.is_first {
                changes.emit(intent, "payment_intent.processing");
            } else if intent.status == Status::RequiresAction && attempt.status != attempts::Status::RequiresAction {
                // The payer has acted on the processor's own page.
                changes.update(intent, Some("payment_intent.processing"), |intent| {
                    intent.status = Status::Processing;
                    intent.next_action = None;
                });
            }
            None
        }
    }
}

fn paid(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    (method, customer): (&mut Versioned<PaymentMethod>, Option<&mut Versioned<Customer>>),
    attempt: &Attempt,
    conditions: &Conditions,
    done: &Done,
) {
    let captured = attempt.operation == Operation::Sale;
    let mut charge = charge_for(changes, intent, method, attempt, conditions);
    charge::outcome::succeed(changes, &mut charge, attempt, conditions, done);
    charge.features = features(intent, conditions, charge.amount);
    let (id, amount, capture_before) = (charge.id, charge.amount, charge.capture_before);
    keep_method(changes, intent, method, customer);
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

/// A payment method is saved to the customer if that was asked for, and the customer was not deleted meanwhile; otherwise it
/// cannot be used again.
fn keep_method(
    changes: &mut Changes,
    intent: &PaymentIntent,
    method: &mut Versioned<PaymentMethod>,
    customer: Option<&mut Versioned<Customer>>,
) {
    let customer = customer.filter(|customer| !customer.deleted);
    if method.customer.is_none() && customer.is_none() {
        return payment_method::mark_used(changes, method);
    }
    if intent.future_usage() == Some(FutureUsage::OffSession) {
        changes.update(method, None, |method| method.set_up = true);
    }
    customer::save(changes, customer, method);
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

/// A try to pay has failed. The last one that the conditions allow ends the intent.
fn failed(
    changes: &mut Changes,
    intent: &mut Versioned<PaymentIntent>,
    (method, conditions): (&PaymentMethod, &Conditions),
    decline: &Decline,
    charge: Option<ObjectId>,
) {
    let error = PaymentError::new(decline, charge, method);
    changes.update(intent, Some("payment_intent.payment_failed"), |intent| {
        intent.status = Status::RequiresPaymentMethod;
        intent.attempt = None;
        intent.next_action = None;
        intent.payment_method = None;
        intent.latest_charge = charge.or(intent.latest_charge);
        intent.last_payment_error = Some(error);
        intent.failures = intent.failures.saturating_add(1);
    });
    if conditions.gives_up(intent.failures) {
        cancel::canceled(changes, intent, Some(CancellationReason::Automatic));
    }
}
