//! A processor that takes the sandbox's cards and answers as a test says.

use async_trait::async_trait;
use domain::attempts::{Capabilities, Decline, Done, Outcome, PayerPage};
use http::HeaderMap;
use processors::sandbox::{Sandbox, SandboxConfig};
use processors::{Assignment, CardFacts, CardRefusal, CardSource, Facts, Notice, Processor, Query, WebhookError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use testkit::ManualClock;

/// How it answers.
#[async_trait]
pub trait Play: Send + Sync {
    async fn execute(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Outcome;
    async fn query(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Query;

    async fn cancel(&self, sandbox: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        sandbox.cancel(assignment).await
    }

    fn name(&self) -> &'static str {
        Sandbox::NAME
    }

    /// What it calls a card that the sandbox calls so.
    fn credential(&self, sandboxs: String) -> String {
        sandboxs
    }

    /// What its notices say.
    fn notice(&self) -> Option<Outcome> {
        None
    }

    fn capabilities(&self, sandbox: &Sandbox) -> Capabilities {
        sandbox.facts().capabilities
    }
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
        let capabilities = self.play.capabilities(&self.sandbox);
        Facts { name: self.play.name(), in_process: false, capabilities }
    }

    async fn take_card(
        &self,
        tenant: types::TenantId,
        source: CardSource<'_>,
    ) -> Result<Option<CardFacts>, CardRefusal> {
        let taken = self.sandbox.take_card(tenant, source).await?;
        Ok(taken.map(|facts| CardFacts { credential: self.play.credential(facts.credential.clone()), ..facts }))
    }

    async fn execute(&self, assignment: Assignment<'_>) -> Outcome {
        self.play.execute(&self.sandbox, assignment).await
    }

    async fn query(&self, assignment: Assignment<'_>) -> Query {
        self.play.query(&self.sandbox, assignment).await
    }

    async fn cancel(&self, assignment: Assignment<'_>) -> Outcome {
        self.play.cancel(&self.sandbox, assignment).await
    }

    fn webhook(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Notice>, WebhookError> {
        let mut notices = self.sandbox.webhook(headers, body)?;
        notices.iter_mut().for_each(|notice| notice.outcome = self.play.notice());
        Ok(notices)
    }
}

/// What a processor is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Execute,
    Query,
    Cancel,
}

/// Answers that are written down: each is for the question that it stands beside, in that order.
pub struct Script {
    pub answers: Mutex<VecDeque<(Question, Outcome)>>,
    pub notice: Mutex<Option<Outcome>>,
    pub cancels: bool,
    pub name: &'static str,
    /// What each attempt that it was asked about builds on.
    pub originals: Mutex<Vec<Option<String>>>,
}

impl Script {
    pub fn new(answers: impl IntoIterator<Item = (Question, Outcome)>) -> Arc<Self> {
        Arc::new(Script {
            answers: Mutex::new(answers.into_iter().collect()),
            notice: Mutex::new(None),
            cancels: true,
            name: Sandbox::NAME,
            originals: Mutex::default(),
        })
    }

    pub fn goes_on(&self, answers: impl IntoIterator<Item = (Question, Outcome)>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub fn is_at_its_end(&self) -> bool {
        self.answers.lock().unwrap().is_empty()
    }

    fn answer(&self, asked: Question, assignment: Assignment<'_>) -> Outcome {
        self.originals.lock().unwrap().push(assignment.attempt.original.clone());
        let (question, answer) = self.answers.lock().unwrap().pop_front().expect("the script goes on");
        assert_eq!(question, asked, "the processor is asked as the script says");
        answer
    }
}

#[async_trait]
impl Play for Arc<Script> {
    async fn execute(&self, _: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        self.answer(Question::Execute, assignment)
    }

    async fn query(&self, _: &Sandbox, assignment: Assignment<'_>) -> Query {
        Query::Known(self.answer(Question::Query, assignment))
    }

    async fn cancel(&self, _: &Sandbox, assignment: Assignment<'_>) -> Outcome {
        self.answer(Question::Cancel, assignment)
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn notice(&self) -> Option<Outcome> {
        self.notice.lock().unwrap().clone()
    }

    fn capabilities(&self, sandbox: &Sandbox) -> Capabilities {
        Capabilities { cancels: self.cancels, ..sandbox.facts().capabilities }
    }
}

/// A page of the processor's own.
pub const PAGE: &str = "https://issuer.example.com/challenge?of=7";

pub fn action() -> Outcome {
    Outcome::ActionRequired { reference: Some("ref".to_owned()), page: PayerPage::Url(PAGE.to_owned()) }
}

pub fn done() -> Outcome {
    done_as("ref")
}

pub fn done_as(reference: &str) -> Outcome {
    Outcome::Done(Done { reference: reference.to_owned(), ..Done::default() })
}

pub fn declined(code: &str) -> Outcome {
    let decline = Decline { code: code.to_owned(), decline_code: None, message: "No.".to_owned(), blocked: false };
    Outcome::Declined { decline, reference: None }
}

pub fn pending() -> Outcome {
    Outcome::Pending { reference: None, due: None }
}

pub fn unknown() -> Outcome {
    Outcome::Unknown { reason: "no answer".to_owned() }
}
