//! Processors move money in the world: each is a folder, and one line in the list below. What they answer is written
//! to the books by others.

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
