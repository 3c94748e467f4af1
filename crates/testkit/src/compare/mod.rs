//! Gives a ledger and the model the same random commits and queries, and compares their answers.

mod random;

use crate::build;
use crate::clock::ManualClock;
use crate::model::ModelLedger;
use crate::subject::Subject;
use contracts::ledger::{CommitError, Committed, Ledger, LogEntry, Page, Stored};
use domain::commit::Commit;
use futures_util::future::join_all;
use random::{KEYS, Random};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use types::{ObjectId, TenantId, Timestamp};

/// Gives the model and another ledger `rounds` batches of commits, the same for the same seed, and compares all answers.
/// Returns how many commits were written.
///
/// The commits of a batch are under way at the same time, so the other ledger may take them in any order: there must be one
/// in which the model gives the same answers.
pub async fn same_answers(seed: u64, rounds: u32, model: &Model, other: &Subject) -> usize {
    let one = &model.subject;
    let mut random = Random::new(seed, one.clock.as_ref());
    let mut accepted = 0;
    // The first call for a tenant may have to read its number, and then commits could overtake each other.
    other.ledger.balances(other.tenant, "").await.unwrap();
    for round in 0..rounds {
        let place = format!("seed {seed}, round {round}");
        let now = one.clock.advance(Duration::from_millis(random.below(3) * 700));
        other.clock.set(now);
        let size = 1 + random.below(12);
        let batch: Vec<Commit> = (0..size).map(|_| random.commit(now)).collect();
        let answers = answers(other, &batch).await;
        model.agrees(&batch, &answers, &place).await;
        accepted += answers.iter().filter(|answer| answer.is_ok()).count();
        random.learn(one).await;
        compare_reads(&mut random, one, other, &place).await;
    }
    accepted
}

/// The model that another ledger is compared with.
pub struct Model {
    pub ledger: Arc<ModelLedger>,
    pub subject: Subject,
}

impl Model {
    /// A model with the empty books of one tenant.
    pub fn new(tenant: TenantId) -> Self {
        let clock = ManualClock::new();
        let ledger = ModelLedger::new(clock.clone());
        ledger.create_tenant(tenant);
        Model { subject: Subject::new(ledger.clone(), tenant, clock, Box::new(())), ledger }
    }

    /// Carries out what the other ledger has written, in its order, and looks for a moment at which each of the other
    /// commits is refused for the same reason.
    async fn agrees(&self, batch: &[Commit], answers: &[Result<Committed, CommitError>], place: &str) {
        let Subject { tenant, .. } = self.subject;
        let position = |answer: &Result<Committed, CommitError>| Some(answer.as_ref().ok()?.first_position);
        let mut written: Vec<_> =
            batch.iter().zip(answers).filter_map(|(commit, answer)| Some((position(answer)?, commit))).collect();
        // One without log entries comes before the one that takes the position.
        written.sort_by_key(|(position, commit)| (*position, !commit.entries.is_empty()));
        let mut refused: Vec<_> =
            batch.iter().zip(answers).filter_map(|(commit, answer)| Some((commit, answer.as_ref().err()?))).collect();
        let keep_unexplained = |refused: &mut Vec<(&Commit, &CommitError)>| {
            refused.retain(|(commit, error)| {
                self.ledger.try_commit(tenant, commit).map_err(without_text).as_ref() != Err(*error)
            });
        };
        for (position, commit) in written {
            keep_unexplained(&mut refused);
            let answer = self.ledger.commit(tenant, commit.clone()).await;
            assert_eq!(answer, Ok(Committed { first_position: position }), "{place}: {commit:#?}");
        }
        keep_unexplained(&mut refused);
        assert!(refused.is_empty(), "{place}: the model has no such reason: {refused:#?}");
    }
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
        let identity = build::identity(key);
        let record = one.ledger.idempotency(one.tenant, &identity).await.unwrap();
        assert_eq!(record, other.ledger.idempotency(other.tenant, &identity).await.unwrap(), "{place}: key {key}");
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
    let created = one.ledger.event_created(one.tenant, position).await.unwrap();
    assert_eq!(created, other.ledger.event_created(other.tenant, position).await.unwrap(), "{place}: {position}");
    let (now, limit) = (one.clock.advance(Duration::ZERO), 1 + random.below(5) as usize);
    assert_eq!(due(one, now, limit).await, due(other, now, limit).await, "{place}: due");
    let at: Vec<(ObjectId, i32)> = (0..5).map(|_| (random.pick(&ids), random.below(6) as i32)).collect();
    let past = states(one.ledger.objects_at(one.tenant, &at).await.unwrap());
    assert_eq!(past, states(other.ledger.objects_at(other.tenant, &at).await.unwrap()), "{place}: {at:?}");
}

/// The first due objects of the subject's own tenant: there may be other tenants on the same ledger.
async fn due(subject: &Subject, now: Timestamp, limit: usize) -> Vec<Stored> {
    let due = subject.ledger.due(Timestamp::default()..=now, None, 10_000).await.unwrap();
    due.into_iter().filter(|due| due.tenant == subject.tenant).map(|due| due.stored).take(limit).collect()
}

fn states(stored: Vec<Option<Stored>>) -> Vec<Option<(ObjectId, i32, Value)>> {
    stored
        .into_iter()
        .map(|stored| stored.map(|stored| (stored.id, stored.version, serde_json::from_str(&stored.state).unwrap())))
        .collect()
}
