//! Confirming: the processor is asked to check the card and to prepare it.

use super::commands::canceled;
use super::{SetupIntent, may_use};
use crate::attempts::lifecycle::{self, New, resume};
use crate::attempts::{
    self, Attempt, Continuation, Decline, Operation, Options, Outcome, Resolution, Target, Unexpected,
};
use crate::changes::Changes;
use crate::commit::RequestKey;
use crate::object::Versioned;
use crate::payments::customer::{self, Customer};
use crate::payments::intent::{FutureUsage, NextAction, PaymentError, Status, ThreeDSecure};
use crate::payments::payment_method::{self, PaymentMethod};
use crate::payments::setup_attempt::{self, SetupAttempt};
use crate::refusal::Refusal;
use types::Currency;

/// What goes with a setup intent.
pub struct Setup {
    /// The payment method; absent if the intent was declined, or changed, since the attempt began.
    pub method: Option<Versioned<PaymentMethod>>,
    /// The confirmation under way; absent before the first.
    pub setup_attempt: Option<Versioned<SetupAttempt>>,
    /// The customer to save the payment method to.
    pub customer: Option<Versioned<Customer>>,
}

/// Begins to set up a payment method. `currency` is the tenant's: no money moves.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<SetupIntent>,
    method: &mut Versioned<PaymentMethod>,
    currency: Currency,
    (options, key): (Options, Option<RequestKey>),
) -> Result<(Versioned<Attempt>, Versioned<SetupAttempt>), Refusal> {
    intent.check_open("confirmed")?;
    may_use(intent, method)?;
    let secret = changes.new_secret(24);
    let (target, subject) = (intent.id, intent.id);
    let PaymentMethod { processor, credential, .. } = &**method;
    let new = New { processor, operation: Operation::Setup, currency, target, subject, credential };
    let attempt = Attempt {
        challenge: ThreeDSecure::challenges(intent.request_three_d_secure),
        secret: Some(secret),
        request: key,
        options,
        ..lifecycle::new::<SetupIntent>(changes, new)
    };
    let attempt = changes.create(attempt, None);
    payment_method::use_for(changes, method, attempt.id);
    let setup_attempt = setup_attempt::create(changes, (intent.id, intent.customer), method, intent.usage);
    let (method, attempt_id, setup_attempt_id) = (method.id, attempt.id, setup_attempt.id);
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.payment_method = Some(method);
        intent.attempt = Some(attempt_id);
        intent.latest_attempt = Some(setup_attempt_id);
        intent.next_action = None;
        intent.last_setup_error = None;
    });
    Ok((attempt, setup_attempt))
}

impl Target for SetupIntent {
    type Related = Setup;

    fn apply(
        intent: &mut Versioned<Self>,
        setup: &mut Self::Related,
        changes: &mut Changes,
        resolution: &Resolution,
    ) -> Result<Option<Decline>, Unexpected> {
        match resolution.attempt.operation {
            Operation::Setup => match (&mut setup.method, &mut setup.setup_attempt) {
                // The attempt was given up meanwhile; its outcome is recorded in the attempt alone.
                _ if intent.attempt != Some(resolution.attempt.id) => Ok(None),
                (Some(method), Some(setup_attempt)) => {
                    let decline = apply(changes, intent, (method, setup.customer.as_mut()), resolution);
                    let error = intent.last_setup_error.as_ref().filter(|_| decline.is_some());
                    setup_attempt::record(changes, setup_attempt, resolution.attempt, error);
                    Ok(decline)
                }
                _ => Err(Unexpected(resolution.attempt.operation)),
            },
            other @ (Operation::Authorize
            | Operation::Sale
            | Operation::Capture
            | Operation::Increment
            | Operation::Void
            | Operation::Refund) => Err(Unexpected(other)),
        }
    }

    fn canceling(intent: &mut Versioned<Self>, setup: &mut Self::Related, changes: &mut Changes) {
        wait(changes, intent, setup);
    }

    fn authenticated(
        intent: &mut Versioned<Self>,
        setup: &mut Self::Related,
        changes: &mut Changes,
        attempt: &mut Versioned<Attempt>,
        passed: bool,
    ) -> Result<Continuation, Unexpected> {
        resume(changes, attempt, passed);
        wait(changes, intent, setup);
        Ok(Continuation::AskProcessor)
    }
}

/// The processor is asked again: the payer has nothing to do.
fn wait(changes: &mut Changes, intent: &mut Versioned<SetupIntent>, setup: &mut Setup) {
    if let Some(setup_attempt) = &mut setup.setup_attempt {
        setup_attempt::resume(changes, setup_attempt);
    }
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.next_action = None;
    });
}

/// Applies what the processor answered. Returns the decline, if it was one.
fn apply(
    changes: &mut Changes,
    intent: &mut Versioned<SetupIntent>,
    (method, customer): (&mut Versioned<PaymentMethod>, Option<&mut Versioned<Customer>>),
    resolution: &Resolution,
) -> Option<Decline> {
    let Resolution { attempt, outcome, conditions, .. } = *resolution;
    match outcome {
        Outcome::Done(_) => {
            if intent.usage == FutureUsage::OffSession {
                changes.update(method, None, |method| method.set_up = true);
            }
            customer::save(changes, customer, method);
            changes.update(intent, Some("setup_intent.succeeded"), |intent| {
                intent.status = Status::Succeeded;
                intent.attempt = None;
                intent.next_action = None;
                intent.last_setup_error = None;
            });
            None
        }
        Outcome::Declined { decline, .. } => {
            let error = PaymentError::new(decline, None, method);
            changes.update(intent, Some("setup_intent.setup_failed"), |intent| {
                intent.status = Status::RequiresPaymentMethod;
                intent.attempt = None;
                intent.next_action = None;
                intent.payment_method = None;
                intent.last_setup_error = Some(error);
                intent.failures = intent.failures.saturating_add(1);
            });
            if conditions.gives_up(intent.failures) {
                canceled(changes, intent, None);
            }
            Some(decline.clone())
        }
        Outcome::ActionRequired { page, .. } => {
            let action = NextAction::of(attempt, page);
            let event = (intent.status != Status::RequiresAction).then_some("setup_intent.requires_action");
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
            if attempt.status != attempts::Status::RequiresAction {
                // If the payer was asked to act, that was done on the processor's own page.
                changes.update(intent, None, |intent| {
                    intent.status = Status::Processing;
                    intent.next_action = None;
                });
            }
            None
        }
    }
}
