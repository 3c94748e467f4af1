//! The Stripe-shaped resources: one module per resource, everything shared in one place.
//!
//! A request goes `Api::handle` → `Registry::find` → the resource's handler → `domain` decides → `Call::commit` →
//! `Reply` → `expand` → bytes.

#![recursion_limit = "256"]

pub mod attempts;
pub mod call;
pub mod error;
mod expand;
pub mod form;
pub mod hosted;
mod idempotency;
pub mod json;
pub mod list;
pub mod openapi;
pub mod params;
mod pipeline;
pub mod registry;
pub mod reply;
pub mod resource;
pub mod resources;
pub mod search;
pub mod worker;

pub use pipeline::{Incoming, Outgoing};

use contracts::{Identity, Ledger};
use processors::Processors;
use registry::Registry;
use std::sync::Arc;
use types::Clock;

/// The API, whole: give it a request and it answers.
pub struct Api {
    pub ledger: Arc<dyn Ledger>,
    pub identity: Arc<dyn Identity>,
    pub processors: Processors,
    pub clock: Arc<dyn Clock>,
    pub config: Config,
    pub registry: Registry,
    running: idempotency::Running,
}

/// What the API needs to know of where it runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where payers' browsers reach this server, without a trailing slash: `http://127.0.0.1:8420`.
    pub public_url: Arc<str>,
}

impl Api {
    pub fn new(
        ledger: Arc<dyn Ledger>,
        identity: Arc<dyn Identity>,
        processors: Processors,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Arc<Self> {
        let registry = resources::registry();
        Arc::new(Api {
            ledger,
            identity,
            processors,
            clock,
            config,
            registry,
            running: idempotency::Running::default(),
        })
    }
}
