//! What a processor must be able to do.

use crate::card::{CardFacts, CardRefusal, CardSource};
use async_trait::async_trait;
use domain::attempts::{Attempt, Capabilities, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use types::{Clock, TenantId};

/// A service that charges cards.
#[async_trait]
pub trait Processor: Send + Sync {
    fn facts(&self) -> Facts;

    /// Takes a card: returns what may be known of it, and the credential that attempts carry. `None` if the source names
    /// a card that this processor does not have.
    async fn take_card(&self, tenant: TenantId, source: CardSource<'_>) -> Result<Option<CardFacts>, CardRefusal>;

    /// Carries an attempt out. The attempt is committed before, and its id is the processor's idempotency key: called
    /// twice with the same attempt, it happens once. After the payer has authenticated (`authenticated` is set) it is the
    /// second call for that attempt. An answer that is not certain is `Outcome::Unknown`. `Outcome::ActionRequired` is
    /// for an authorization, sale or setup whose payer is there (not `off_session`), and for nothing else. A void that is
    /// declined because there is nothing to release has a code that
    /// [`says_released`](domain::attempts::Decline::says_released) knows.
    async fn execute(&self, assignment: Assignment<'_>) -> Outcome;

    /// Asks what became of an attempt.
    async fn query(&self, assignment: Assignment<'_>) -> Query;

    /// Cancels an attempt whose payer it has asked to act, or whose result it has said comes later. `Outcome::Canceled` only
    /// if it is certain that the attempt never succeeds from now on. If that is too late, the answer is what has become of
    /// it: done, declined, or `Outcome::Pending` if it goes on. Called again for the same attempt until it has answered;
    /// what is canceled already is `Outcome::Canceled`. Never called if `capabilities` say that it cannot.
    async fn cancel(&self, assignment: Assignment<'_>) -> Outcome;

    /// Verifies and reads what the processor reports of its own accord. Nothing of it may be used before its signature
    /// is verified.
    fn webhook(&self, headers: &http::HeaderMap, body: &[u8]) -> Result<Vec<Notice>, WebhookError>;
}

/// What is fixed about a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// As attempts, accounts and the configuration name it: lower case, never changed.
    pub name: &'static str,
    /// It decides in this process, at once and for certain: attempt and outcome may be committed together.
    pub in_process: bool,
    pub capabilities: Capabilities,
}

/// An attempt, with the tenant that it is for.
#[derive(Clone, Copy)]
pub struct Assignment<'a> {
    pub tenant: TenantId,
    pub attempt: &'a Attempt,
    /// What to send as W3C's header `traceparent`, so that the processor's traces continue ours; `None` if none are recorded.
    pub traceparent: Option<&'a str>,
}

/// What a processor says when asked about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Known(Outcome),
    /// The processor is certain that it never received it: executing it is safe. Of what it has accepted before, not believed.
    NotFound,
}

/// What a processor reports about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The tenant's and the attempt's ids, as the processor was given them.
    pub tenant: String,
    pub attempt: String,
    /// `None` if the report says only that there is something to ask for.
    pub outcome: Option<Outcome>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("this processor sends no webhooks, or has no webhook secret")]
    Unsupported,
    #[error("the signature is wrong")]
    Signature,
    #[error("the body cannot be read: {0}")]
    Malformed(String),
}

/// A processor's section of the configuration. Secrets in it are [`platform::Secret`].
pub trait ProcessorConfig: Serialize + DeserializeOwned + Default {
    /// What cannot work, each problem beginning with its key. Empty if the section can be used.
    fn problems(&self) -> Vec<String>;

    /// The processor; `None` if the configuration does not switch it on.
    fn build(&self, surroundings: &Surroundings) -> Option<Arc<dyn Processor>>;
}

/// What processors are given by the server that they run in.
#[derive(Clone)]
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
}
