//! The API kit: what every resource needs and no payment is in. Parameters, errors, lists, search, expansion,
//! idempotency, events, the OpenAPI document, and the worker.
//!
//! A request goes `Api::answer` → the endpoint's handler → `domain` decides → `Call::commit` → `Reply` → `expand` →
//! bytes. Resources live in crates by area, which enter them into a [`Registry`].

#![recursion_limit = "256"]

mod api;
pub mod call;
pub mod card_testing;
mod carried_through;
pub mod choice;
pub mod conflict;
pub mod due;
mod effect;
pub mod endpoint;
pub mod error;
pub mod event;
mod expand;
mod extensions;
pub mod form;
mod idempotency;
pub mod json;
mod keys_here;
pub mod kinds;
mod lag;
pub mod list;
pub mod metadata;
mod metrics;
pub mod open;
pub mod openapi;
pub mod origin;
pub mod params;
mod pipeline;
pub mod registry;
mod replay;
pub mod reply;
pub mod request;
pub mod resource;
mod same_secret;
pub mod search;
pub mod services;
pub mod url;
pub mod version;
pub mod worker;

pub use api::Api;
pub use card_testing::CardTestingLimits;
pub use metrics::METRICS;
pub use origin::Origin;
pub use registry::Registry;
pub use request::{Answer, Request};
pub use same_secret::same_secret;
pub use services::Environment;
