//! Whole calls to the sandbox.

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
    Assignment { tenant: tenant(), attempt, traceparent: None }
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
