//! A processor that takes the sandbox's cards and answers as a test says.

use async_trait::async_trait;
use domain::attempts::Outcome;
use http::HeaderMap;
use processors::sandbox::{Sandbox, SandboxConfig};
use processors::{Assignment, CardFacts, CardRefusal, CardSource, Facts, Notice, Processor, Query, WebhookError};
use std::sync::Arc;
use testkit::ManualClock;

/// How it answers.
#[async_trait]
pub trait Play: Send + Sync {
    async fn execute(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Outcome;
    async fn query(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Query;
}

/// It is not in this process: attempts are committed before it is asked.
pub struct Staged<P> {
    sandbox: Sandbox,
    play: P,
}

impl<P: Play> Staged<P> {
    /// With [`super::SECRET`] for its notices.
    pub fn new(play: P, clock: Arc<ManualClock>) -> Arc<Self> {
        let config = SandboxConfig { webhook_secret: super::SECRET.into(), ..SandboxConfig::default() };
        Arc::new(Staged { sandbox: Sandbox::new(config, clock), play })
    }
}

#[async_trait]
impl<P: Play> Processor for Staged<P> {
    fn facts(&self) -> Facts {
        Facts { in_process: false, ..self.sandbox.facts() }
    }

    async fn take_card(
        &self,
        tenant: types::TenantId,
        source: CardSource<'_>,
    ) -> Result<Option<CardFacts>, CardRefusal> {
        self.sandbox.take_card(tenant, source).await
    }

    async fn execute(&self, assignment: Assignment<'_>) -> Outcome {
        self.play.execute(&self.sandbox, assignment).await
    }

    async fn query(&self, assignment: Assignment<'_>) -> Query {
        self.play.query(&self.sandbox, assignment).await
    }

    fn webhook(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Notice>, WebhookError> {
        self.sandbox.webhook(headers, body)
    }
}
