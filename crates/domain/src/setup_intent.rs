//! A setup intent: a payment method prepared for later payments, without money.

use crate::attempt::{self, Attempt, Decline, Operation, Outcome, RequestKey, Terms};
use crate::changes::Changes;
use crate::commit::Index;
use crate::object::{Column, ColumnType, Object, Versioned, column};
use crate::payment_intent::{FutureUsage, NextAction, PaymentError, Status};
use crate::payment_method::PaymentMethod;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Currency, Kind, ObjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetupIntent {
    pub id: ObjectId,
    pub created: Timestamp,
    /// Any but `requires_capture`.
    pub status: Status,
    /// Proves to the payer's client that it may see and confirm this intent.
    pub client_secret: String,
    pub usage: FutureUsage,
    pub payment_method_types: Vec<String>,
    /// `allow_redirects` when the payment methods are chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_payment_methods: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// `any`, `automatic` or `challenge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_three_d_secure: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_setup_error: Option<PaymentError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<String>,
    /// What a processor, or the payer, is still busy with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<ObjectId>,
}

const OPEN: &[Status] = &[Status::RequiresPaymentMethod, Status::RequiresConfirmation, Status::RequiresAction];

impl SetupIntent {
    /// Whether it can still be changed, confirmed and canceled; `command` is what was asked for.
    pub fn check_open(&self, command: &str) -> Result<(), Refusal> {
        if OPEN.contains(&self.status) {
            return Ok(());
        }
        if self.status == Status::Processing && self.attempt.is_some() {
            return Err(Refusal::busy());
        }
        let allowed = OPEN.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!(
            "This SetupIntent could not be {command} because it has a status of {}. Only a SetupIntent with one of the \
             following statuses may be {command}: {allowed}.",
            self.status.as_str()
        );
        Err(Refusal::new("setup_intent_unexpected_state", message))
    }
}

/// Begins to set a payment method up. `currency` is the tenant's: no money moves in it.
pub fn begin(
    changes: &mut Changes,
    intent: &mut Versioned<SetupIntent>,
    method: &PaymentMethod,
    processor: &str,
    currency: Currency,
    (terms, key): (Terms, Option<RequestKey>),
) -> Result<Versioned<Attempt>, Refusal> {
    intent.check_open("confirmed")?;
    may_use(intent, method)?;
    let secret = changes.new_secret(24);
    let fresh =
        attempt::new(changes, processor, Operation::Setup, currency, (intent.id, intent.id), &method.credential);
    let challenge = matches!(intent.request_three_d_secure.as_deref(), Some("any" | "challenge"));
    let attempt = Attempt { challenge, secret: Some(secret), request: key, terms, ..fresh };
    let attempt = changes.create(attempt, None);
    let (method, attempt_id) = (method.id, attempt.id);
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.payment_method = Some(method);
        intent.attempt = Some(attempt_id);
        intent.next_action = None;
    });
    Ok(attempt)
}

/// Whether a payment method may be set up by this intent.
pub fn may_use(intent: &SetupIntent, method: &PaymentMethod) -> Result<(), Refusal> {
    if method.spent {
        let message = format!("PaymentMethod {} was used or detached before; it cannot be used again.", method.id);
        return Err(Refusal::new("payment_method_unexpected_state", message).param("payment_method"));
    }
    if method.customer.is_some() && method.customer != intent.customer {
        let message = format!("PaymentMethod {} belongs to a customer who is not this SetupIntent's.", method.id);
        return Err(Refusal::invalid(message).param("payment_method"));
    }
    Ok(())
}

/// Enters what the processor answered. Returns the decline, if it was one.
pub fn settle(
    changes: &mut Changes,
    intent: &mut Versioned<SetupIntent>,
    method: &mut Versioned<PaymentMethod>,
    attempt: &Attempt,
    outcome: &Outcome,
) -> Option<Decline> {
    if intent.attempt != Some(attempt.id) {
        return None;
    }
    match outcome {
        Outcome::Done(_) => {
            keep_method(changes, intent, method);
            changes.update(intent, Some("setup_intent.succeeded"), |intent| {
                intent.status = Status::Succeeded;
                intent.attempt = None;
                intent.next_action = None;
                intent.last_setup_error = None;
            });
            None
        }
        Outcome::Declined { decline, .. } => {
            let error = PaymentError {
                decline: decline.clone(),
                charge: None,
                payment_method: Some(Box::new((**method).clone())),
            };
            changes.update(intent, Some("setup_intent.setup_failed"), |intent| {
                intent.status = Status::RequiresPaymentMethod;
                intent.attempt = None;
                intent.next_action = None;
                intent.payment_method = None;
                intent.last_setup_error = Some(error);
            });
            Some(decline.clone())
        }
        Outcome::ActionRequired { .. } => {
            let action = NextAction::of(attempt);
            changes.update(intent, Some("setup_intent.requires_action"), |intent| {
                intent.status = Status::RequiresAction;
                intent.next_action = Some(action);
            });
            None
        }
        Outcome::Pending { .. } | Outcome::Unknown { .. } => None,
    }
}

/// What was set up stays with the customer.
fn keep_method(changes: &mut Changes, intent: &SetupIntent, method: &mut Versioned<PaymentMethod>) {
    let set_up = method.set_up || intent.usage == FutureUsage::OffSession;
    match intent.customer {
        Some(customer) if method.customer.is_none() => {
            changes.update(method, Some("payment_method.attached"), |method| {
                method.customer = Some(customer);
                method.set_up = set_up;
            });
        }
        _ if method.set_up != set_up => changes.update(method, None, |method| method.set_up = set_up),
        _ => (),
    }
}

/// The payer has done their part: the processor is asked again.
pub fn resume(changes: &mut Changes, intent: &mut Versioned<SetupIntent>) {
    changes.update(intent, None, |intent| {
        intent.status = Status::Processing;
        intent.next_action = None;
    });
}

/// Cancels it; an attempt that waits for the payer is given up by the caller.
pub fn cancel(changes: &mut Changes, intent: &mut Versioned<SetupIntent>, reason: Option<String>) {
    changes.update(intent, Some("setup_intent.canceled"), |intent| {
        intent.status = Status::Canceled;
        intent.cancellation_reason = reason;
        intent.attempt = None;
        intent.next_action = None;
    });
}

impl Object for SetupIntent {
    const KIND: Kind = Kind::SetupIntent;
    const PLURAL: &'static str = "setup_intents";
    const COLUMNS: &'static [Column] = &[
        column("payment_method", ColumnType::Text),
        column("usage", ColumnType::Text),
        column("description", ColumnType::Text),
        column("cancellation_reason", ColumnType::Text),
        column("metadata", ColumnType::Json),
    ];
    const HIDDEN: &'static [&'static [&'static str]] =
        &[&["client_secret"], &["next_action", "secret"], &["last_setup_error", "payment_method", "credential"]];

    fn id(&self) -> ObjectId {
        self.id
    }

    fn index(&self) -> Index {
        Index { customer: self.customer, status: Some(self.status.as_str().to_owned()), ..Index::default() }
    }
}
