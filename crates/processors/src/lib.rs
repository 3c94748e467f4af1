//! The `Processor` trait and its implementations. A processor moves money in the world; what it answers is written to
//! the books by others.

pub mod sandbox;

use async_trait::async_trait;
use domain::attempt::{Attempt, Outcome};
use std::collections::HashMap;
use std::sync::Arc;

/// Somebody who can charge cards.
#[async_trait]
pub trait Processor: Send + Sync {
    /// As attempts and accounts call it: lower case, never changed.
    fn name(&self) -> &'static str;

    fn capabilities(&self) -> Capabilities;

    /// Carries an attempt out. The attempt is committed before, and its id is the processor's idempotency key: called
    /// twice with the same attempt, it happens once. Whatever is not sure is `Outcome::Unknown`.
    async fn execute(&self, attempt: &Attempt) -> Outcome;

    /// Asks what came of an attempt. A processor that never heard of it has not done it: it may be executed then.
    async fn query(&self, attempt: &Attempt) -> Query;

    /// Reads and verifies what a processor sends of its own accord.
    fn webhook(&self, headers: &http::HeaderMap, body: &[u8]) -> Result<Vec<Notice>, WebhookError>;
}

/// What a processor says when asked about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Known(Outcome),
    /// It was never received: executing it is safe.
    NotFound,
}

/// News of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The attempt's id, as the processor was given it.
    pub attempt: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("this processor sends no webhooks")]
    Unsupported,
    #[error("the signature is wrong")]
    Signature,
    #[error("the body cannot be read: {0}")]
    Malformed(String),
}

/// What a processor can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It decides in this process, at once and for sure: attempt and outcome may be committed together.
    pub in_process: bool,
    /// More than one capture of one authorization.
    pub multicapture: bool,
    /// Capturing more than was authorized, up to this many percent on top.
    pub overcapture_percent: u8,
    pub increments: bool,
    /// Authorizations end by themselves after so many days.
    pub authorization_days: u16,
}

/// The processors there are, by name.
#[derive(Clone)]
pub struct Processors {
    by_name: HashMap<&'static str, Arc<dyn Processor>>,
    preferred: Arc<dyn Processor>,
}

impl Processors {
    /// The sandbox alone.
    pub fn new(sandbox: sandbox::Sandbox) -> Self {
        let preferred: Arc<dyn Processor> = Arc::new(sandbox);
        Processors { by_name: HashMap::from([(preferred.name(), preferred.clone())]), preferred }
    }

    pub fn get(&self, name: &str) -> Option<&Arc<dyn Processor>> {
        self.by_name.get(name)
    }

    /// The processor that new payments go to.
    pub fn preferred(&self) -> &Arc<dyn Processor> {
        &self.preferred
    }
}
