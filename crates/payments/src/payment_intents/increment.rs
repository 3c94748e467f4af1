//! Raising authorizations.

use super::authorized::authorized_charge;
use super::params::IncrementParams;
use super::refused::refused;
use crate::charges::Charges;
use crate::statement::check_statement;
use api::call::Call;
use api::error::Result;
use api::reply::Reply;
use attempts::run;
use domain::payments::payment_intent::{PaymentIntent, increment, update};

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
