//! Capturing, raising and releasing authorizations, and canceling intents.

use super::params::{CancelParams, CancellationReason, CaptureParams, IncrementParams};
use super::refused::refused;
use super::render::PaymentIntents;
use crate::charges::Charges;
use crate::statement::check_statement;
use api::call::Call;
use api::error::Result;
use api::reply::Reply;
use attempts::{applied, run};
use domain::payments::charge::{self, Charge};
use domain::payments::intent::Status;
use domain::payments::payment_intent::{self, PaymentIntent, cancel, increment, update};
use domain::{Refusal, Versioned};

pub async fn capture(call: Call, params: CaptureParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    let mut charge = authorized_charge(&call, &intent, "captured").await?;
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    if let Some(text) = &params.statement_descriptor {
        check_statement("statement_descriptor", text)?;
        next.statement_descriptor = Some(text.clone());
    }
    if let Some(text) = &params.statement_descriptor_suffix {
        check_statement("statement_descriptor_suffix", text)?;
        next.statement_descriptor_suffix = Some(text.clone());
    }
    params.metadata.unwrap_or_default().apply(&mut next.metadata)?;
    update::describe(&mut changes, &mut intent, next);
    let request = charge::capture::Request {
        amount: params.amount_to_capture,
        more_to_come: params.final_capture == Some(false),
        key: call.request_key(),
    };
    let shown = intent.id;
    let attempt = payment_intent::capture::begin(&mut changes, &mut intent, &mut charge, shown, request)
        .map_err(|refusal| refused(&call, &intent, refusal))?;
    run::<Charges>(&call, changes, attempt, charge, Some(intent)).await
}

/// The charge behind an intent that waits to be captured.
async fn authorized_charge(call: &Call, intent: &PaymentIntent, command: &str) -> Result<Versioned<Charge>> {
    match intent.latest_charge {
        Some(charge) if intent.status == Status::RequiresCapture => call.referenced(charge).await,
        _ if intent.status == Status::Processing && intent.attempt.is_some() => Err(Refusal::busy().into()),
        _ => Err(refused(call, intent, intent.unexpected(command, &[Status::RequiresCapture]))),
    }
}

pub async fn cancel(call: Call, params: CancelParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    cancel::allowed(&intent).map_err(|refusal| refused(&call, &intent, refusal))?;
    let reason = params.cancellation_reason.map(CancellationReason::into_domain);
    let mut changes = call.changes();
    if intent.status == Status::RequiresCapture {
        let mut charge = authorized_charge(&call, &intent, "canceled").await?;
        let key = call.request_key();
        let attempt = cancel::begin(&mut changes, &mut intent, &mut charge, reason, key)?;
        return run::<Charges>(&call, changes, attempt, charge, Some(intent)).await;
    }
    let mut waiting = call.referenced_if_any(intent.attempt).await?;
    cancel::cancel(&mut changes, &mut intent, waiting.as_mut(), reason);
    call.commit_and_show::<PaymentIntents>(changes, &intent).await
}

pub async fn increment_authorization(call: Call, params: IncrementParams) -> Result<Reply> {
    let mut intent = call.path_object::<PaymentIntent>("id").await?;
    let mut charge = authorized_charge(&call, &intent, "incremented").await?;
    let mut changes = call.changes();
    let mut next = (*intent).clone();
    next.description = params.description.or(next.description);
    params.metadata.unwrap_or_default().apply(&mut next.metadata)?;
    if let Some(text) = params.statement_descriptor {
        check_statement("statement_descriptor", &text)?;
        next.statement_descriptor = Some(text);
    }
    update::describe(&mut changes, &mut intent, next);
    let key = call.request_key();
    let attempt = increment::begin(&mut changes, &mut intent, &mut charge, params.amount, key)
        .map_err(|refusal| refused(&call, &intent, refusal))?;
    run::<Charges>(&call, changes, attempt, charge, Some(intent)).await
}

/// An authorization has expired: it is released, and the intent canceled.
pub async fn expire(call: Call, mut intent: Versioned<PaymentIntent>) -> Result<()> {
    let Some(charge) = intent.latest_charge else { return Ok(()) };
    let mut charge = call.referenced::<Charge>(charge).await?;
    let mut changes = call.changes();
    let reason = payment_intent::CancellationReason::Automatic;
    let attempt = cancel::begin(&mut changes, &mut intent, &mut charge, Some(reason), None)?;
    applied(run::<Charges>(&call, changes, attempt, charge, Some(intent)).await)
}
