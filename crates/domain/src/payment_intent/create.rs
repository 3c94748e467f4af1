//! Creating an intent.

use super::{AmountDetails, CaptureMethod, CardOptions, ConfirmationMethod, PaymentIntent, Status};
use crate::changes::Changes;
use crate::refusal::Refusal;
use std::collections::BTreeMap;
use types::{Currency, Kind, Money};

/// The largest amount: eight digits of minor units.
pub const AMOUNT_MAX: i64 = 99_999_999;

/// Checks an amount that is to be charged.
pub fn check_amount(amount: i64, currency: Currency) -> Result<(), Refusal> {
    if amount < 1 {
        return Err(
            Refusal::new("parameter_invalid_integer", "This value must be greater than or equal to 1.").param("amount")
        );
    }
    let minimum = Money::new(currency.minimum_charge(), currency);
    if amount < minimum.amount {
        return Err(Refusal::new("amount_too_small", format!("Amount must be at least {minimum}")).param("amount"));
    }
    let maximum = Money::new(AMOUNT_MAX, currency);
    if amount > maximum.amount {
        return Err(Refusal::new("amount_too_large", format!("Amount must be no more than {maximum}")).param("amount"));
    }
    Ok(())
}

/// An intent about to be created: nothing is known but how much is to be paid.
pub fn new(changes: &mut Changes, money: Money) -> PaymentIntent {
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
        statement_descriptor: None,
        statement_descriptor_suffix: None,
        transfer_group: None,
        amount_details: AmountDetails::default(),
        line_items: Vec::new(),
        payment_details: None,
        canceled_at: None,
        cancellation_reason: None,
        capture_before: None,
        increments: 0,
        attempt: None,
        authenticated: false,
    }
}
