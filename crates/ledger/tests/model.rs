//! PostgreSQL and the model give the same answers to the same random commits.

mod support;

use ledger::CommitterConfig;
use testkit::compare::Model;
use testkit::{ManualClock, Subject, TestDatabase, tenant_id};

/// How many seeds to try, each with books of its own: 12, or what `FLORIN_SEEDS` says.
fn seeds() -> u64 {
    std::env::var("FLORIN_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_as_the_model_does() {
    let mut accepted = 0;
    for seed in 1..=seeds() {
        accepted +=
            testkit::compare::same_answers(seed, 40, &Model::new(support::tenant()), &support::subject().await).await;
    }
    assert!(accepted as u64 > 50 * seeds(), "only {accepted} commits were written: that does not test much");
}

/// Two tenants send the same commits, with the same ids, keys and accounts, into the same batches. Each gets the
/// answers that it would get alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_do_not_notice_each_other() {
    let database = TestDatabase::start().await;
    let second = tenant_id(1);
    support::prepare(&database, support::tenant()).await;
    support::prepare(&database, second).await;
    let clock = ManualClock::new();
    let config = CommitterConfig { writers: 1, ..CommitterConfig::default() };
    let ledger = support::open(&database, clock.clone(), config);
    let of = |tenant| Subject::new(ledger.clone(), tenant, clock.clone(), Box::new(()));
    let (one, other) = (of(support::tenant()), of(second));
    let (model_of_one, model_of_other) = (Model::new(support::tenant()), Model::new(second));
    let (accepted, as_many) = tokio::join!(
        testkit::compare::same_answers(101, 100, &model_of_one, &one),
        testkit::compare::same_answers(101, 100, &model_of_other, &other),
    );
    assert!(accepted > 100 && accepted == as_many);
}
