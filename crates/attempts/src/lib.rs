//! Attempts: requests to processors, carried out for any kind of object that implements [`Attempted`].
//!
//! An attempt is committed, its processor is asked, and the outcome is applied: by the request, by the worker that asks
//! again, by the page on which the payer authenticates, or by a processor's webhook, all in the same way.

mod alarm;
mod attempted;
mod authentication_page;
mod background;
mod carry_out;
mod decline;
mod enter;
mod metrics;
mod question;
mod reported;
mod resource;
mod targets;
mod webhook;
mod withdraw;

pub use attempted::{Answering, Attempted, PayersIntent, RedirectStatus, RelatedTo};
pub use authentication_page::authentication_url;
pub use carry_out::{applied, conditions, run};
pub use decline::declined;
pub use enter::{is_target, target};
pub use metrics::METRICS;
pub use question::ask;
pub use withdraw::withdrawn;

use api::Registry;
use api::call::Call;
use api::error::Result;
use domain::attempts::{Attempt, Capabilities};
use processors::{Processor, Processors};
use std::sync::Arc;
use targets::Attempts;

/// Enters attempts into the API. Comes before the areas, which enter their kinds by [`target`].
pub fn register(registry: &mut Registry, processors: Processors) {
    registry.extend(Attempts::new(processors));
    resource::register(registry);
    authentication_page::register(registry);
    webhook::register(registry);
}

/// What the attempt's processor is capable of.
pub fn capabilities_of(call: &Call, attempt: &Attempt) -> Result<Capabilities> {
    Ok(call.extension::<Attempts>()?.processor(attempt)?.facts().capabilities)
}

/// The processor of that name: the one that has a card.
pub fn processor_named(call: &Call, name: &str) -> Result<Arc<dyn Processor>> {
    Ok(call.extension::<Attempts>()?.named(name)?.clone())
}

/// The processor that new cards go to.
pub fn preferred_processor(call: &Call) -> Result<Arc<dyn Processor>> {
    Ok(call.extension::<Attempts>()?.processors.preferred().clone())
}
