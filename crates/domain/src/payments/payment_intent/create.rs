//! Creating an intent.

use super::{AmountDetails, CaptureMethod, CardOptions, ConfirmationMethod, GivenByPayer, PaymentIntent};
use crate::changes::Changes;
use crate::object::Versioned;
use crate::payments::amount::check_amount;
use crate::payments::intent::Status;
use crate::payments::payment_method::PaymentMethod;
use crate::refusal::Refusal;
use crate::retries::Retries;
use std::collections::BTreeMap;
use types::{Kind, Money};

/// An intent that is about to be created; callers describe it, and `create` decides the rest.
pub struct Draft(PaymentIntent);

impl Draft {
    /// Of nothing but an amount.
    pub fn new(changes: &mut Changes, money: Money) -> Self {
        Draft(blank(changes, money))
    }

    pub fn describe(&mut self) -> &mut PaymentIntent {
        &mut self.0
    }
}

/// Creates an intent, to be paid with `method` if there is one.
pub fn create(
    changes: &mut Changes,
    Draft(mut intent): Draft,
    method: Option<&Versioned<PaymentMethod>>,
) -> Result<Versioned<PaymentIntent>, Refusal> {
    check_amount(intent.amount, intent.currency)?;
    if let Some(method) = method {
        intent.check_method(method)?;
        changes.rely_on(method);
        intent.payment_method = Some(method.id);
        intent.status = Status::RequiresConfirmation;
    }
    Ok(changes.create(intent, Some("payment_intent.created")))
}

fn blank(changes: &mut Changes, money: Money) -> PaymentIntent {
    let id = changes.new_id(Kind::PaymentIntent);
    PaymentIntent {
        id,
        created: changes.now,
        amount: money.amount,
        currency: money.currency,
        status: Status::RequiresPaymentMethod,
        client_secret: format!("{id}_secret_{}", changes.new_secret(25)),
        capture_method: CaptureMethod::AutomaticAsync,
        confirmation_method: ConfirmationMethod::Automatic,
        payment_method_types: vec!["card".to_owned()],
        automatic_payment_methods: None,
        customer: None,
        payment_method: None,
        latest_charge: None,
        amount_capturable: 0,
        amount_received: 0,
        last_payment_error: None,
        next_action: None,
        setup_future_usage: None,
        card_options: CardOptions::default(),
        description: None,
        metadata: BTreeMap::new(),
        receipt_email: None,
        shipping: None,
        given_by_payer: GivenByPayer::default(),
        statement_descriptor: None,
        statement_descriptor_suffix: None,
        transfer_group: None,
        amount_details: AmountDetails::default(),
        line_items: Vec::new(),
        payment_details: None,
        canceled_at: None,
        cancellation_reason: None,
        capture_before: None,
        failures: 0,
        increments: 0,
        attempt: None,
        authenticated: false,
        releases: Retries::default(),
    }
}
