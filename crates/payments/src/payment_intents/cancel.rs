//! Canceling intents, and releasing authorizations that have run out.

use super::authorized::authorized_charge;
use super::params::{CancelParams, CancellationReason};
use super::refused::refused;
use super::render::PaymentIntents;
use crate::charges::Charges;
use api::call::Call;
use api::error::Result;
use api::reply::Reply;
use attempts::{applied, run, withdrawn};
use domain::Versioned;
use domain::payments::charge::Charge;
use domain::payments::intent::Status;
use domain::payments::payment_intent::{PaymentIntent, cancel};

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
    let canceled = cancel::cancel(&mut changes, &mut intent, waiting.as_mut(), reason);
    withdrawn::<PaymentIntents, _>(&call, canceled).await?;
    call.commit_and_show::<PaymentIntents>(changes, &intent).await
}

/// An authorization has expired: it is released, and the intent canceled.
pub async fn expire(call: Call, mut intent: Versioned<PaymentIntent>) -> Result<()> {
    let Some(charge) = intent.latest_charge else { return Ok(()) };
    let mut charge = call.referenced::<Charge>(charge).await?;
    let mut changes = call.changes();
    let attempt = cancel::expire(&mut changes, &mut intent, &mut charge)?;
    applied(run::<Charges>(&call, changes, attempt, charge, Some(intent)).await)
}
