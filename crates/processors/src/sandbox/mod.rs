//! The processor for development and tests: it has test cards only, no money moves, nothing leaves the process, and it
//! has no memory. `docs/sandbox.md` describes it for its users.
//!
//! Its answers are a function of the attempt, the time and its configuration, so that asking again gives the same
//! answer, also after a restart.

mod behaviour;
mod card_lookup;
mod card_number;
mod config;
mod draw;
mod faults;
mod outcome;
mod test_cards;
mod webhook;

pub use config::SandboxConfig;

use crate::card::{CardFacts, CardRefusal, CardSource};
use crate::processor::{Assignment, Facts, Notice, Processor, ProcessorConfig, Query, Surroundings, WebhookError};
use async_trait::async_trait;
use domain::attempts::{Attempt, Capabilities, Outcome, Status};
use draw::Draw;
use faults::Fault;
use std::sync::Arc;
use std::time::Duration;
use types::{Clock, TenantId, Timestamp};

pub struct Sandbox {
    config: SandboxConfig,
    clock: Arc<dyn Clock>,
}

impl ProcessorConfig for SandboxConfig {
    fn problems(&self) -> Vec<String> {
        SandboxConfig::problems(self)
    }

    fn build(&self, surroundings: &Surroundings) -> Option<Arc<dyn Processor>> {
        Some(Arc::new(Sandbox::new(self.clone(), surroundings.clock.clone())))
    }
}

impl Sandbox {
    /// As attempts and accounts name it.
    pub const NAME: &'static str = "sandbox";

    pub fn new(config: SandboxConfig, clock: Arc<dyn Clock>) -> Self {
        Sandbox { config, clock }
    }

    /// What has become, by `now`, of an attempt that arrived.
    fn decide(&self, attempt: &Attempt, now: Timestamp) -> Outcome {
        let outcome = outcome::outcome(attempt, now, self.config.refund_pending());
        let delayed = faults::delayed_until(attempt, &self.config, now);
        match (outcome, delayed) {
            (Outcome::Done(_) | Outcome::Declined { .. }, Some(due)) => {
                Outcome::Pending { reference: Some(Draw::of(attempt).reference()), due: Some(due) }
            }
            (outcome, _) => outcome,
        }
    }

    async fn pretend_distance(&self, Assignment { attempt, traceparent, .. }: Assignment<'_>) {
        // As if it came over a network, with its headers.
        tracing::debug!(attempt = %attempt.id, traceparent, "the sandbox is asked");
        let jitter = match self.config.latency_jitter_ms {
            0 => 0,
            max => Draw::of(attempt).up_to(max),
        };
        let latency_ms = self.config.latency_ms.saturating_add(jitter);
        if latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
    }
}

#[async_trait]
impl Processor for Sandbox {
    fn facts(&self) -> Facts {
        Facts {
            name: Self::NAME,
            in_process: self.config.is_certain(),
            capabilities: Capabilities {
                multicapture: true,
                overcapture_percent: 20,
                increments: true,
                cancels: true,
                authorization_days: 7,
            },
        }
    }

    async fn take_card(&self, tenant: TenantId, source: CardSource<'_>) -> Result<Option<CardFacts>, CardRefusal> {
        let card = match source {
            CardSource::Number(number) => Some(card_lookup::by_number(number)?),
            CardSource::Method(name) => card_lookup::by_method(name),
            CardSource::Token(name) => card_lookup::by_token(name),
        };
        Ok(card.map(|card| card.facts(tenant)))
    }

    async fn execute(&self, assignment: Assignment<'_>) -> Outcome {
        let attempt = assignment.attempt;
        self.pretend_distance(assignment).await;
        match Fault::of(attempt, &self.config) {
            Some(fault) if faults::is_first_call(attempt) => Outcome::Unknown { reason: fault.reason().to_owned() },
            _ => self.decide(attempt, self.clock.now()),
        }
    }

    async fn query(&self, assignment: Assignment<'_>) -> Query {
        let attempt = assignment.attempt;
        self.pretend_distance(assignment).await;
        let fault = Fault::of(attempt, &self.config).filter(|_| faults::is_in_doubt(attempt));
        // Questions are counted before they are asked: this one is among them.
        let asked_before = attempt.queries.saturating_sub(1);
        match fault {
            Some(fault) if asked_before < self.config.unknown_for => {
                Query::Known(Outcome::Unknown { reason: fault.reason().to_owned() })
            }
            Some(Fault::RequestLost { .. }) if asked_before == self.config.unknown_for => Query::NotFound,
            _ => Query::Known(self.decide(attempt, self.clock.now())),
        }
    }

    async fn cancel(&self, assignment: Assignment<'_>) -> Outcome {
        let attempt = assignment.attempt;
        self.pretend_distance(assignment).await;
        let now = self.clock.now();
        let fault = Fault::of(attempt, &self.config);
        if let Some(fault) = fault.filter(|_| attempt.status != Status::Unknown) {
            return Outcome::Unknown { reason: fault.reason().to_owned() };
        }
        // An answer that was lost was about the time when the question arrived.
        let arrived = match fault {
            Some(Fault::AnswerLost { .. }) => attempt.canceling.unwrap_or(now),
            Some(Fault::RequestLost { .. }) | None => now,
        };
        match self.decide(attempt, arrived) {
            Outcome::Pending { .. } | Outcome::ActionRequired { .. } => Outcome::Canceled,
            too_late => too_late,
        }
    }

    fn webhook(&self, headers: &http::HeaderMap, body: &[u8]) -> Result<Vec<Notice>, WebhookError> {
        webhook::read(&self.config.webhook_secret, headers, body)
    }
}

#[cfg(test)]
mod samples {
    use domain::attempts::{Attempt, Operation};
    use serde_json::json;
    use types::{Kind, ObjectId, SeededEntropy, Timestamp};

    /// A fresh attempt of 10.00 US dollars; the seed makes its id.
    pub fn attempt(seed: u64, credential: &str, operation: Operation) -> Attempt {
        let created = Timestamp::from_seconds(1_800_000_000);
        let mut entropy = SeededEntropy::new(seed);
        let intent = ObjectId::new(Kind::PaymentIntent, created, &mut entropy);
        // Read rather than built: all that an attempt may do without is left out.
        serde_json::from_value(json!({
            "id": ObjectId::new(Kind::Attempt, created, &mut entropy),
            "created": created,
            "processor": super::Sandbox::NAME,
            "operation": operation,
            "amount": 1_000,
            "currency": "usd",
            "status": "started",
            "target": intent,
            "subject": intent,
            "credential": credential,
        }))
        .expect("an attempt")
    }
}

#[cfg(test)]
mod tests;
