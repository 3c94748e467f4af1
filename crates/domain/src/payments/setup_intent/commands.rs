//! Creating, changing and canceling a setup intent.

use super::{CancellationReason, SetupIntent, may_use};
use crate::attempts::Attempt;
use crate::attempts::cancel::give_up;
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::intent::{FutureUsage, Status};
use crate::payments::payment_method::PaymentMethod;
use crate::payments::setup_attempt::{self, SetupAttempt};
use crate::refusal::Refusal;
use std::collections::BTreeMap;
use types::Kind;

/// An intent that is about to be created; callers describe it, and `create` decides the rest.
pub struct Draft(SetupIntent);

impl Draft {
    pub fn new(changes: &mut Changes) -> Self {
        let id = changes.new_id(Kind::SetupIntent);
        Draft(SetupIntent {
            id,
            created: changes.now,
            status: Status::RequiresPaymentMethod,
            client_secret: format!("{id}_secret_{}", changes.new_secret(25)),
            usage: FutureUsage::OffSession,
            payment_method_types: vec!["card".to_owned()],
            automatic_payment_methods: None,
            customer: None,
            payment_method: None,
            description: None,
            metadata: BTreeMap::new(),
            request_three_d_secure: None,
            last_setup_error: None,
            next_action: None,
            failures: 0,
            latest_attempt: None,
            cancellation_reason: None,
            attempt: None,
        })
    }

    pub fn describe(&mut self) -> &mut SetupIntent {
        &mut self.0
    }
}

/// Creates an intent, to set up `method` if there is one.
pub fn create(
    changes: &mut Changes,
    Draft(mut intent): Draft,
    method: Option<&Versioned<PaymentMethod>>,
) -> Result<Versioned<SetupIntent>, Refusal> {
    choose(changes, &mut intent, method)?;
    Ok(changes.create(intent, Some("setup_intent.created")))
}

fn choose(
    changes: &mut Changes,
    intent: &mut SetupIntent,
    method: Option<&Versioned<PaymentMethod>>,
) -> Result<(), Refusal> {
    if let Some(method) = method {
        may_use(intent, method)?;
        changes.rely_on(method);
        intent.payment_method = Some(method.id);
        intent.status = Status::RequiresConfirmation;
    }
    Ok(())
}

/// What an intent waits for, when the payer is asked to act.
pub struct Waiting {
    pub attempt: Versioned<Attempt>,
    pub setup_attempt: Versioned<SetupAttempt>,
}

impl Waiting {
    fn give_up(&mut self, changes: &mut Changes) -> Result<(), Refusal> {
        give_up(changes, &mut self.attempt)?;
        setup_attempt::abandon(changes, &mut self.setup_attempt);
        Ok(())
    }
}

/// A change to an intent.
pub struct Edit<'a> {
    /// The intent with what callers may describe.
    pub described: SetupIntent,
    /// The payment method that is to be set up, if it replaces the one before, or if the intent is to be confirmed.
    pub method: Option<&'a Versioned<PaymentMethod>>,
    pub waiting: Option<Waiting>,
}

/// Changes an intent. Another payment method gives up the attempt that waits for the payer, and why the last one failed is
/// forgotten.
pub fn update(changes: &mut Changes, intent: &mut Versioned<SetupIntent>, edit: Edit) -> Result<(), Refusal> {
    intent.check_open("updated")?;
    let gives_up = edit.method.is_some();
    change(changes, intent, edit, gives_up)
}

/// Changes what callers may describe when they confirm. The attempt that waits for the payer is given up.
pub fn prepare(changes: &mut Changes, intent: &mut Versioned<SetupIntent>, edit: Edit) -> Result<(), Refusal> {
    intent.check_open("confirmed")?;
    change(changes, intent, edit, true)
}

fn change(
    changes: &mut Changes,
    intent: &mut Versioned<SetupIntent>,
    edit: Edit,
    gives_up: bool,
) -> Result<(), Refusal> {
    let Edit { described: mut next, method, waiting } = edit;
    choose(changes, &mut next, method)?;
    if gives_up {
        if let Some(mut waiting) = waiting {
            waiting.give_up(changes)?;
        }
        next.attempt = None;
        next.next_action = None;
        next.last_setup_error = None;
    }
    changes.update(intent, None, |intent| *intent = next);
    Ok(())
}

/// Cancels an intent.
pub fn cancel(
    changes: &mut Changes,
    intent: &mut Versioned<SetupIntent>,
    waiting: Option<Waiting>,
    reason: Option<CancellationReason>,
) -> Result<(), Refusal> {
    intent.check_open("canceled")?;
    if let Some(mut waiting) = waiting {
        waiting.give_up(changes)?;
    }
    canceled(changes, intent, reason);
    Ok(())
}

/// Records that the intent is canceled.
pub(super) fn canceled(changes: &mut Changes, intent: &mut Versioned<SetupIntent>, reason: Option<CancellationReason>) {
    changes.update(intent, Some("setup_intent.canceled"), |intent| {
        intent.status = Status::Canceled;
        intent.cancellation_reason = reason;
        intent.attempt = None;
        intent.next_action = None;
    });
}
