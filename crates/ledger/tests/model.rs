//! PostgreSQL and the model give the same answers to the same random commits.

mod support;

use ledger::CommitterConfig;
use testkit::contract::Subject;
use testkit::{ManualClock, ModelLedger, TestDatabase};
use types::{Clock, SeededEntropy, TenantId};

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

/// Two tenants send the very same commits, with the same ids, keys and accounts, into the same batches: each is
/// answered as if it were alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_do_not_notice_each_other() {
    let database = TestDatabase::start().await;
    let stranger = TenantId::new(ManualClock::new().now(), &mut SeededEntropy::new(1));
    support::prepare(&database, support::tenant()).await;
    support::prepare(&database, stranger).await;
    let clock = ManualClock::new();
    let config = CommitterConfig { writers: 1, ..CommitterConfig::default() };
    let ledger = support::open(&database, clock.clone(), config);
    let of = |tenant| Subject::new(ledger.clone(), tenant, clock.clone(), Box::new(()));
    let (one, other) = (of(support::tenant()), of(stranger));
    let (its_model, other_model) = (model(), model());
    let (accepted, as_many) = tokio::join!(
        testkit::compare::same_answers(101, 100, &its_model, &one),
        testkit::compare::same_answers(101, 100, &other_model, &other),
    );
    assert!(accepted > 100 && accepted == as_many);
}
