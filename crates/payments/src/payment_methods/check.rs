//! Checking a card before it is attached.

use api::call::Call;
use api::error::{ApiError, Result};
use attempts::{ask, declined, processor_named};
use domain::Changes;
use domain::payments::payment_method::{PaymentMethod, checked, new_check};

/// Whether a card is good.
pub enum CardCheck {
    Passed,
    /// To be committed with what is in the changes, as the request's answer.
    Declined(ApiError),
}

/// Asks the processor whether a card is good; no money is reserved.
pub async fn check(call: &Call, changes: &mut Changes, method: &PaymentMethod) -> Result<CardCheck> {
    let processor = processor_named(call, &method.processor)?;
    let facts = processor.facts();
    let mut attempt = new_check(changes, method, call.tenant().settings.default_currency);
    if !facts.in_process {
        // The idempotency key is not used here: a request that is interrupted has had no effect, and can be repeated.
        call.commit_bare(std::mem::replace(changes, call.changes())).await?;
    }
    let outcome = ask(call, &*processor, &mut attempt).await;
    match checked(changes, &mut attempt, &facts.capabilities, &outcome) {
        Some(Ok(())) => Ok(CardCheck::Passed),
        Some(Err(decline)) => Ok(CardCheck::Declined(declined(&decline))),
        None => {
            call.commit_bare(std::mem::replace(changes, call.changes())).await?;
            Err(ApiError::unavailable().into())
        }
    }
}
