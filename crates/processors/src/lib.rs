//! Processors charge cards and pay out refunds. Each is a folder here, and one line in the list below. Nothing here writes
//! to the books.

mod card;
mod list;
mod processor;
pub mod sandbox;

pub use card::{CardFacts, CardRefusal, CardSource, Checks};
pub use list::Processors;
pub use processor::{Assignment, Facts, Notice, Processor, ProcessorConfig, Query, Surroundings, WebhookError};

list::processors! {
    /// Test cards; no money moves.
    sandbox: sandbox::SandboxConfig,
}
