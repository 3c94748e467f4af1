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
use domain::attempts::{Attempt, Capabilities, Outcome};
use draw::Draw;
use faults::Fault;
use std::sync::Arc;
use std::time::Duration;
use types::{Clock, TenantId};

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

    /// What becomes of an attempt that arrived.
    fn decide(&self, attempt: &Attempt) -> Outcome {
        let now = self.clock.now();
        let outcome = outcome::outcome(attempt, now, self.config.refund_pending());
        let delayed = faults::delayed_until(attempt, &self.config, now);
        match (outcome, delayed) {
            (Outcome::Done(_) | Outcome::Declined { .. }, Some(due)) => {
                Outcome::Pending { reference: Some(Draw::of(attempt).reference()), due: Some(due) }
            }
            (outcome, _) => outcome,
        }
    }

    async fn pretend_distance(&self, attempt: &Attempt) {
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

    async fn execute(&self, Assignment { attempt, .. }: Assignment<'_>) -> Outcome {
        self.pretend_distance(attempt).await;
        match Fault::of(attempt, &self.config) {
            Some(fault) if faults::is_first_call(attempt) => Outcome::Unknown { reason: fault.reason().to_owned() },
            _ => self.decide(attempt),
        }
    }

    async fn query(&self, Assignment { attempt, .. }: Assignment<'_>) -> Query {
        self.pretend_distance(attempt).await;
        let fault = Fault::of(attempt, &self.config).filter(|_| faults::is_in_doubt(attempt));
        // Questions are counted before they are asked: this one is among them.
        let asked_before = attempt.queries.saturating_sub(1);
        match fault {
            Some(fault) if asked_before < self.config.unknown_for => {
                Query::Known(Outcome::Unknown { reason: fault.reason().to_owned() })
            }
            Some(Fault::RequestLost { .. }) if asked_before == self.config.unknown_for => Query::NotFound,
            _ => Query::Known(self.decide(attempt)),
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
mod tests {
    use super::samples::attempt;
    use super::*;
    use domain::attempts::{Operation, Status};
    use std::sync::atomic::{AtomicI64, Ordering};
    use types::Timestamp;
    use types::{SeededEntropy, TenantId};

    struct HandSet(AtomicI64);

    impl Clock for HandSet {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn tenant() -> TenantId {
        TenantId::new(Timestamp::from_seconds(1_800_000_000), &mut SeededEntropy::new(9))
    }

    fn to(attempt: &Attempt) -> Assignment<'_> {
        Assignment { tenant: tenant(), attempt }
    }

    fn sandbox_at(now: Timestamp, config: SandboxConfig) -> Sandbox {
        Sandbox::new(config, Arc::new(HandSet(AtomicI64::new(now.millis()))))
    }

    fn sandbox(config: SandboxConfig) -> Sandbox {
        sandbox_at(Timestamp::from_seconds(1_800_000_000), config)
    }

    /// Records the outcome of the call, as the server does, then asks until it is known.
    async fn resolve(sandbox: &Sandbox, mut attempt: Attempt, counts_queries: bool) -> (Outcome, Vec<&'static str>) {
        let mut steps = Vec::new();
        let mut outcome = sandbox.execute(to(&attempt)).await;
        while let Outcome::Unknown { .. } = outcome {
            assert!(steps.len() < 10, "it ends: {steps:?}");
            attempt.status = Status::Unknown;
            attempt.queries += u32::from(counts_queries);
            outcome = match sandbox.query(to(&attempt)).await {
                Query::Known(outcome) => {
                    steps.push(if matches!(outcome, Outcome::Unknown { .. }) { "unknown" } else { "known" });
                    outcome
                }
                Query::NotFound => {
                    steps.push("not found");
                    sandbox.execute(to(&attempt)).await
                }
            };
        }
        (outcome, steps)
    }

    #[tokio::test]
    async fn asking_tells_what_doing_told() {
        let sandbox = sandbox(SandboxConfig::default());
        for credential in behaviour::credentials() {
            for operation in [Operation::Sale, Operation::Authorize, Operation::Setup, Operation::Refund] {
                let attempt = attempt(3, credential, operation);
                let outcome = sandbox.execute(to(&attempt)).await;
                assert_eq!(sandbox.query(to(&attempt)).await, Query::Known(outcome.clone()));
                let restarted = self::sandbox(SandboxConfig::default());
                assert_eq!(restarted.execute(to(&attempt)).await, outcome);
            }
        }
    }

    #[tokio::test]
    async fn faults_delay_the_outcome_and_never_change_it() {
        let calm = sandbox(SandboxConfig::default());
        let unknown = SandboxConfig { unknown_rate: 1.0, ..SandboxConfig::default() };
        let lost = SandboxConfig { lost_rate: 1.0, ..SandboxConfig::default() };
        for (config, counts_queries, expected) in [
            (unknown.clone(), true, vec!["known"]),
            (unknown.clone(), false, vec!["known"]),
            (SandboxConfig { unknown_for: 2, ..unknown }, true, vec!["unknown", "unknown", "known"]),
            (lost.clone(), true, vec!["not found"]),
            (lost.clone(), false, vec!["not found"]),
            (SandboxConfig { unknown_for: 2, ..lost }, true, vec!["unknown", "unknown", "not found"]),
        ] {
            let faulty = sandbox(config);
            for credential in ["sandbox:ok", "sandbox:insufficient_funds", "sandbox:authentication_required"] {
                let attempt = attempt(4, credential, Operation::Sale);
                let (outcome, steps) = resolve(&faulty, attempt.clone(), counts_queries).await;
                assert_eq!(outcome, calm.execute(to(&attempt)).await);
                assert_eq!(steps, expected);
            }
        }
    }

    #[tokio::test]
    async fn what_was_never_sent_arrives_once_it_is_sent_again() {
        let lossy = sandbox(SandboxConfig { lost_rate: 1.0, ..SandboxConfig::default() });
        // The server was killed before it could record anything but the question.
        let attempt = Attempt { queries: 1, ..attempt(8, "sandbox:ok", Operation::Sale) };
        assert_eq!(lossy.query(to(&attempt)).await, Query::NotFound);
        assert!(matches!(lossy.execute(to(&attempt)).await, Outcome::Done(_)));
    }

    #[tokio::test]
    async fn server_errors_leave_open_whether_it_happened() {
        let faulty = sandbox(SandboxConfig { error_rate: 1.0, ..SandboxConfig::default() });
        let mut found = [0, 0];
        for seed in 0..100 {
            let attempt = attempt(seed, "sandbox:ok", Operation::Sale);
            assert!(matches!(faulty.execute(to(&attempt)).await, Outcome::Unknown { .. }));
            found[usize::from(faulty.query(to(&attempt)).await == Query::NotFound)] += 1;
        }
        assert!(found[0] > 20 && found[1] > 20, "{found:?}");
    }

    #[tokio::test]
    async fn what_was_lost_after_authentication_is_found_too() {
        let lossy = sandbox(SandboxConfig { lost_rate: 1.0, ..SandboxConfig::default() });
        let mut attempt = attempt(5, "sandbox:authentication_required", Operation::Sale);
        (attempt.status, attempt.authenticated) = (Status::RequiresAction, Some(true));
        let (outcome, steps) = resolve(&lossy, attempt, true).await;
        assert!(matches!(outcome, Outcome::Done(_)));
        assert_eq!(steps, ["not found"]);
    }

    #[tokio::test]
    async fn delayed_results_come_when_they_are_due() {
        let config = SandboxConfig { pending_rate: 1.0, ..SandboxConfig::default() };
        let attempt = attempt(6, "sandbox:insufficient_funds", Operation::Sale);
        let early = sandbox(config.clone());
        let Outcome::Pending { due: Some(due), reference: Some(reference) } = early.execute(to(&attempt)).await else {
            panic!("it is pending");
        };
        let late = sandbox_at(due, config);
        let pending = Attempt { status: Status::Pending, ..attempt };
        let Query::Known(Outcome::Declined { reference: Some(same), .. }) = late.query(to(&pending)).await else {
            panic!("it is declined");
        };
        assert_eq!(same, reference);
    }

    #[test]
    fn decides_in_process_only_when_nothing_can_get_between() {
        assert!(sandbox(SandboxConfig::default()).facts().in_process);
        let calm = SandboxConfig::default;
        for config in [
            SandboxConfig { latency_ms: 1, ..calm() },
            SandboxConfig { latency_jitter_ms: 1, ..calm() },
            SandboxConfig { unknown_rate: 0.1, ..calm() },
            SandboxConfig { lost_rate: 0.1, ..calm() },
            SandboxConfig { error_rate: 0.1, ..calm() },
            SandboxConfig { pending_rate: 0.1, ..calm() },
        ] {
            assert!(!sandbox(config.clone()).facts().in_process, "{config:?}");
        }
    }

    #[tokio::test]
    async fn latency_and_its_jitter_pass() {
        let slow = sandbox(SandboxConfig { latency_ms: 20, latency_jitter_ms: 5, ..SandboxConfig::default() });
        let before = std::time::Instant::now();
        let attempt = attempt(1, "sandbox:ok", Operation::Sale);
        slow.execute(to(&attempt)).await;
        slow.query(to(&attempt)).await;
        assert!(before.elapsed() >= Duration::from_millis(40), "{:?}", before.elapsed());
    }

    #[tokio::test]
    async fn no_card_number_is_shown() {
        let sandbox = sandbox(SandboxConfig::default());
        let mut shown = format!("{:?}", test_cards::TEST_CARDS);
        for row in test_cards::TEST_CARDS {
            let number = row.number.reveal();
            let card = sandbox.take_card(tenant(), CardSource::Number(number)).await.unwrap().unwrap();
            let attempt = attempt(7, &card.credential, Operation::Sale);
            let outcome = sandbox.execute(to(&attempt)).await;
            // One digit off: neither error may repeat what it was given.
            let mistyped = format!("{}{}", &number[..number.len() - 1], if number.ends_with('0') { '1' } else { '0' });
            let error = sandbox.take_card(tenant(), CardSource::Number(&mistyped)).await.unwrap_err();
            shown += &format!("{card:?} {attempt:?} {outcome:?} {:?} {error:?} ", row.number);
            assert!(!shown.contains(&mistyped));
        }
        for row in test_cards::TEST_CARDS {
            assert!(!shown.contains(row.number.reveal()), "{:?}", row.names);
        }
    }
}
