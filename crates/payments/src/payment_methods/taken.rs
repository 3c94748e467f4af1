//! Giving cards to processors.

use api::call::Call;
use api::error::{ApiError, Result};
use attempts::preferred_processor;
use processors::{CardFacts, CardRefusal, CardSource};

/// A card that a processor has taken.
pub struct Taken {
    pub processor: &'static str,
    pub facts: CardFacts,
}

/// Gives a card to the processor that new cards go to.
pub async fn take(call: &Call, source: CardSource<'_>) -> Result<Option<Taken>> {
    let preferred = preferred_processor(call)?;
    let facts = preferred.take_card(call.tenant_id(), source).await.map_err(refused)?;
    Ok(facts.map(|facts| Taken { processor: preferred.facts().name, facts }))
}

fn refused(refusal: CardRefusal) -> ApiError {
    let mut error = ApiError::card(refusal.code, refusal.message);
    if let Some(decline_code) = refusal.decline_code {
        error = error.detail("decline_code", decline_code);
    }
    error.param("number")
}
