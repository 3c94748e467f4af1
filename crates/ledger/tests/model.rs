//! PostgreSQL and the model give the same answers to the same random commits.

mod support;

use testkit::contract::Subject;
use testkit::{ManualClock, ModelLedger};

fn model() -> Subject {
    let clock = ManualClock::new();
    let ledger = ModelLedger::new(clock.clone());
    ledger.create_tenant(support::tenant());
    Subject::new(ledger, support::tenant(), clock, Box::new(()))
}

/// How many seeds, each with books of its own; more with `FLORIN_SEEDS`.
fn seeds() -> u64 {
    std::env::var("FLORIN_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_as_the_model_does() {
    let mut accepted = 0;
    for seed in 1..=seeds() {
        accepted += testkit::compare::same_answers(seed, 40, &model(), &support::subject().await).await;
    }
    assert!(accepted as u64 > 50 * seeds(), "only {accepted} commits went through: they do not test much");
}
