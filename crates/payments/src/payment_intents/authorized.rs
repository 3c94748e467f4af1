//! Finding the authorization that a command is about.

use super::refused::refused;
use api::call::Call;
use api::error::Result;
use domain::payments::charge::Charge;
use domain::payments::intent::Status;
use domain::payments::payment_intent::PaymentIntent;
use domain::{Refusal, Versioned};

/// The charge behind an intent that waits to be captured.
pub async fn authorized_charge(call: &Call, intent: &PaymentIntent, command: &str) -> Result<Versioned<Charge>> {
    match intent.latest_charge {
        Some(charge) if intent.status == Status::RequiresCapture => call.referenced(charge).await,
        _ if intent.status == Status::Processing && intent.attempt.is_some() => Err(Refusal::busy().into()),
        _ => Err(refused(call, intent, intent.unexpected(command, &[Status::RequiresCapture]))),
    }
}
