//! Capturing authorized payments.

use super::authorized::authorized_charge;
use super::params::CaptureParams;
use super::refused::refused;
use crate::charges::Charges;
use crate::statement::check_statement;
use api::call::Call;
use api::error::Result;
use api::reply::Reply;
use attempts::run;
use domain::payments::charge;
use domain::payments::payment_intent::{self, PaymentIntent, update};

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
