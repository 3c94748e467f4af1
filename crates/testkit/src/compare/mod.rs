//! Gives two ledgers the same random commits and queries, and compares their answers.

mod random;

use crate::subject::Subject;
use contracts::ledger::{CommitError, Committed, LogEntry, Page, Stored};
use domain::commit::Commit;
use futures_util::future::join_all;
use random::{KEYS, Random};
use serde_json::Value;
use std::time::Duration;
use types::{ObjectId, Timestamp};

/// Gives both ledgers `rounds` batches of commits, the same for the same seed, and compares all answers. Returns how
/// many commits were written.
pub async fn same_answers(seed: u64, rounds: u32, one: &Subject, other: &Subject) -> usize {
    let mut random = Random::new(seed, one.clock.as_ref());
    let mut accepted = 0;
    for subject in [one, other] {
        // The first call for a tenant may have to read its number, and then commits could overtake each other.
        subject.ledger.balances(subject.tenant, "").await.unwrap();
    }
    for round in 0..rounds {
        let now = one.clock.advance(Duration::from_millis(random.below(3) * 700));
        other.clock.set(now);
        let size = 1 + random.below(12);
        let batch: Vec<Commit> = (0..size).map(|_| random.commit(now)).collect();
        let answers = answers(one, &batch).await;
        let other_answers = self::answers(other, &batch).await;
        for ((commit, answer), other) in batch.iter().zip(&answers).zip(&other_answers) {
            assert_eq!(answer, other, "seed {seed}, round {round}: {commit:#?}");
        }
        accepted += answers.iter().filter(|answer| answer.is_ok()).count();
        random.learn(one).await;
        compare_reads(&mut random, one, other, &format!("seed {seed}, round {round}")).await;
    }
    accepted
}

/// Commits all of a batch at the same time, in its order.
async fn answers(subject: &Subject, batch: &[Commit]) -> Vec<Result<Committed, CommitError>> {
    let commits = batch.iter().map(|commit| subject.ledger.commit(subject.tenant, commit.clone()));
    join_all(commits).await.into_iter().map(|answer| answer.map_err(without_text)).collect()
}

/// The texts of errors may differ.
fn without_text(error: CommitError) -> CommitError {
    match error {
        CommitError::Invalid(_) => CommitError::Invalid(String::new()),
        CommitError::Hold(_) => CommitError::Hold(String::new()),
        other => other,
    }
}

async fn compare_reads(random: &mut Random, one: &Subject, other: &Subject, place: &str) {
    let ids: Vec<ObjectId> = random.docs.iter().map(|doc| doc.id).collect();
    let stored = one.ledger.objects(one.tenant, &ids).await.unwrap();
    assert_eq!(stored, other.ledger.objects(other.tenant, &ids).await.unwrap(), "{place}: objects");
    let prefix = random.pick(&["", "liabilities/", "liabilities/purse", "none"]);
    let balances = one.ledger.balances(one.tenant, prefix).await.unwrap();
    assert_eq!(balances, other.ledger.balances(other.tenant, prefix).await.unwrap(), "{place}: balances");
    for key in KEYS {
        let record = one.ledger.idempotency(one.tenant, key).await.unwrap();
        assert_eq!(record, other.ledger.idempotency(other.tenant, key).await.unwrap(), "{place}: key {key}");
    }
    for _ in 0..3 {
        let query = random.list_query();
        let page: Page<Stored> = one.ledger.list(one.tenant, &query).await.unwrap();
        assert_eq!(page, other.ledger.list(other.tenant, &query).await.unwrap(), "{place}: {query:#?}");
        let query = random.event_query();
        let page: Page<LogEntry> = one.ledger.events(one.tenant, &query).await.unwrap();
        assert_eq!(page, other.ledger.events(other.tenant, &query).await.unwrap(), "{place}: {query:#?}");
    }
    let position = random.below(100) as i64;
    let entry = one.ledger.log_entry(one.tenant, position).await.unwrap();
    assert_eq!(entry, other.ledger.log_entry(other.tenant, position).await.unwrap(), "{place}: log entry {position}");
    let (now, limit) = (one.clock.advance(Duration::ZERO), 1 + random.below(5) as usize);
    assert_eq!(due(one, now, limit).await, due(other, now, limit).await, "{place}: due");
    let at: Vec<(ObjectId, i32)> = (0..5).map(|_| (random.pick(&ids), random.below(6) as i32)).collect();
    let past = states(one.ledger.objects_at(one.tenant, &at).await.unwrap());
    assert_eq!(past, states(other.ledger.objects_at(other.tenant, &at).await.unwrap()), "{place}: {at:?}");
}

/// The first due objects of the subject's own tenant: there may be other tenants on the same ledger.
async fn due(subject: &Subject, now: Timestamp, limit: usize) -> Vec<Stored> {
    let due = subject.ledger.due(now, None, 10_000).await.unwrap();
    due.into_iter().filter(|due| due.tenant == subject.tenant).map(|due| due.stored).take(limit).collect()
}

fn states(stored: Vec<Option<Stored>>) -> Vec<Option<(ObjectId, i32, Value)>> {
    stored
        .into_iter()
        .map(|stored| stored.map(|stored| (stored.id, stored.version, serde_json::from_str(&stored.state).unwrap())))
        .collect()
}
