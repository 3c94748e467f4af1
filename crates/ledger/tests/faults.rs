//! What is acknowledged is there, exactly once, whatever happens to PostgreSQL or to connections.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{CommitError, Ledger, LedgerError};
use domain::commit::{Answer, Commit, Step};
use ledger::{CommitterConfig, PgLedger, verify};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::tenant;
use testkit::build::{Doc, Draft};
use testkit::load::{Acknowledged, Load, Work};
use testkit::{Cut, ManualClock, TestDatabase};
use types::{Clock, Kind, SeededEntropy, TenantId};

async fn prepared(database: TestDatabase) -> TestDatabase {
    support::prepare(&database, tenant()).await;
    database
}

fn opened(database: &TestDatabase, config: CommitterConfig) -> Arc<PgLedger> {
    support::open(database, ManualClock::new(), config)
}

fn charge(seed: u64) -> (Doc, Commit) {
    let now = ManualClock::new().now();
    let mut doc = Doc::new(Kind::Charge, now, &mut SeededEntropy::new(seed), json!({"seed": seed}));
    let commit = Draft::at(now).create(&mut doc, Some("charge.created")).commit();
    (doc, commit)
}

/// Every acknowledged commit is where it was said to be, and nothing else is: none was written twice.
async fn all_is_there(ledger: &PgLedger, database: &TestDatabase, acknowledged: &[Acknowledged]) {
    let report = verify(&database.pool(ledger::admin::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!(report.events, acknowledged.len() as u64, "one event for each acknowledged commit");
    for commit in acknowledged {
        let entry = ledger.event(tenant(), commit.first_position).await.unwrap().expect("an acknowledged event");
        assert_eq!((entry.object, entry.version), (commit.object, commit.version));
        let record = ledger.idempotency(tenant(), &commit.key).await.unwrap().expect("its key");
        let answer = Answer::Object { status: 200, id: commit.object, version: commit.version };
        assert_eq!(record.answer, answer);
    }
    let total: i64 = acknowledged.iter().map(|commit| commit.amount).sum();
    let balances = ledger.balances(tenant(), "assets/load").await.unwrap();
    assert_eq!(balances.iter().map(|balance| balance.debits_posted).sum::<i64>(), total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgresql_loses_nothing() {
    let database = prepared(TestDatabase::private().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    let mut acknowledged = Vec::new();
    for work in [Work::New, Work::Changing, Work::New] {
        let load = Load::start(ledger.clone(), tenant(), 32, work);
        tokio::time::sleep(Duration::from_millis(400)).await;
        database.kill9();
        tokio::time::sleep(Duration::from_millis(100)).await;
        database.restart().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        acknowledged.extend(load.stop().await);
    }
    assert!(acknowledged.len() > 100, "only {} commits", acknowledged.len());
    all_is_there(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_connections_lose_nothing() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    let loads = [Work::New, Work::Changing];
    let superuser = database.connect().await;
    let mut acknowledged = Vec::new();
    let mut terminated = 0;
    let began = Instant::now();
    for (work, enough) in loads.into_iter().zip([12, 24]) {
        let load = Load::start(ledger.clone(), tenant(), 32, work);
        while terminated < enough && began.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(31)).await;
            let rows = superuser
                .query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'florin committer' AND datname = current_database()",
                    &[],
                )
                .await
                .unwrap();
            terminated += rows.len();
        }
        acknowledged.extend(load.stop().await);
    }
    assert!(terminated >= 24 && acknowledged.len() > 100, "{terminated} terminated, {} commits", acknowledged.len());
    all_is_there(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_in_the_commit_is_looked_up() {
    let database = prepared(TestDatabase::start().await).await;
    let proxy = database.proxy().await;
    let pool = proxy.pool(ledger::admin::SERVICE_ROLE, 4);
    let ledger = PgLedger::new(pool, ManualClock::new(), CommitterConfig::default());
    let mut cuts = 0;
    // For so long alone that it no longer reads before it writes, except for a commit without events.
    for seed in 101..120 {
        ledger.commit(tenant(), charge(seed).1).await.unwrap();
    }
    for (seed, cut) in [
        (1, Cut::BeforeCommit),
        (2, Cut::AfterCommit),
        (3, Cut::DuringCommit),
        (4, Cut::AfterCommit),
        (5, Cut::BeforeCommit),
        (6, Cut::DuringCommit),
    ] {
        proxy.cut(cut);
        let (doc, commit) = charge(seed);
        let committed = ledger.commit(tenant(), commit).await.expect("the outcome is known in the end");
        let position = 20 + 13 * (i64::try_from(seed).unwrap() - 1);
        assert_eq!(committed.first_position, position, "{cut:?}: written once");
        assert_eq!(ledger.event(tenant(), position).await.unwrap().unwrap().object, doc.id);

        // A commit without events is known by its key: its own must not be taken for somebody else's.
        proxy.cut(cut);
        let key = format!("key {seed}");
        let begin = Draft::at(ManualClock::new().now()).key(&key, Step::Begin, Answer::Running).commit();
        ledger.commit(tenant(), begin.clone()).await.expect("the key is ours");
        assert!(matches!(ledger.commit(tenant(), begin).await, Err(CommitError::KeyUsed(_))));
        cuts += 2;
        assert_eq!(proxy.cuts_made(), cuts);
        // A new connection knows nothing.
        for more in 0..12 {
            ledger.commit(tenant(), charge(1_000 * seed + more).1).await.unwrap();
        }
    }
    let report = verify(&database.pool(ledger::admin::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound() && report.events == 19 + 6 * 13, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_lost_under_load_lose_nothing() {
    let database = prepared(TestDatabase::start().await).await;
    let proxy = database.proxy().await;
    let pool = proxy.pool(ledger::admin::SERVICE_ROLE, 4);
    let ledger = PgLedger::new(pool, ManualClock::new(), CommitterConfig::default());
    let mut acknowledged = Vec::new();
    for work in [Work::New, Work::Changing] {
        let load = Load::start(ledger.clone(), tenant(), 32, work);
        for round in 0..12usize {
            proxy.cut([Cut::AfterCommit, Cut::BeforeCommit, Cut::DuringCommit][round % 3]);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        acknowledged.extend(load.stop().await);
    }
    assert!(proxy.cuts_made() > 12 && acknowledged.len() > 100, "{} cuts", proxy.cuts_made());
    all_is_there(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_one_log() {
    let database = prepared(TestDatabase::start().await).await;
    let replicas: Vec<_> = (0..3).map(|_| opened(&database, CommitterConfig::default())).collect();
    let mut acknowledged = Vec::new();
    // Each alone for a while, so that it relies on what it knows; then all of them at once.
    let turns = [&replicas[..1], &replicas[1..2], &replicas[2..], &replicas[..], &replicas[..]];
    for (turn, work) in turns.into_iter().zip([Work::New, Work::New, Work::New, Work::New, Work::Changing]) {
        let loads: Vec<_> = turn.iter().map(|ledger| Load::start(ledger.clone(), tenant(), 8, work)).collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        for load in loads {
            acknowledged.extend(load.stop().await);
        }
    }
    all_is_there(&replicas[0], &database, &acknowledged).await;
}

/// A server to which not everything came: a replica that took over, or a backup that was restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_server_has_lost_is_not_relied_on() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    for seed in 1..=20 {
        ledger.commit(tenant(), charge(seed).1).await.unwrap();
    }
    let superuser = database.connect().await;
    let lost = "DELETE FROM ledger.log WHERE position > 15; DELETE FROM ledger.objects WHERE position > 15;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'florin committer'";
    superuser.batch_execute(lost).await.unwrap();
    assert_eq!(ledger.commit(tenant(), charge(21).1).await.unwrap().first_position, 16);
    let report = verify(&database.pool(ledger::admin::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound(), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_told_of() {
    let database = prepared(TestDatabase::private().await).await;
    let config = CommitterConfig { unreachable_max: Duration::from_millis(300), ..CommitterConfig::default() };
    let ledger = opened(&database, config);
    let (doc, commit) = charge(1);
    ledger.commit(tenant(), commit).await.unwrap();
    database.kill9();
    let (_, lost) = charge(2);
    let began = Instant::now();
    assert!(matches!(ledger.commit(tenant(), lost.clone()).await, Err(CommitError::Unavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(matches!(ledger.objects(tenant(), &[doc.id]).await, Err(LedgerError::Unavailable(_))));
    database.restart().await;
    assert_eq!(ledger.commit(tenant(), lost).await.unwrap().first_position, 2);
    assert!(ledger.objects(tenant(), &[doc.id]).await.unwrap()[0].is_some());
}

/// Holds the tenant's lock, as another replica that is in the middle of a batch.
async fn hold_the_lock(database: &TestDatabase) -> tokio_postgres::Client {
    let holder = database.connect().await;
    let sql = "SELECT pg_advisory_lock(1818584930, number) FROM ledger.books WHERE tenant = $1";
    holder.execute(sql, &[&tenant().0]).await.unwrap();
    holder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses() {
    let database = prepared(TestDatabase::start().await).await;
    let config = CommitterConfig { batch_max: 2, queue_max: 5, ..CommitterConfig::default() };
    let ledger = opened(&database, config);
    let holder = hold_the_lock(&database).await;
    let tasks: Vec<_> = (0..40)
        .map(|seed| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.commit(tenant(), charge(seed).1).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = tasks.iter().filter(|task| task.is_finished()).count();
    assert!((33..=35).contains(&refused), "{refused} were refused at once");
    drop(holder);
    let mut written = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => written += 1,
            Err(error) => assert_eq!(error, CommitError::Overloaded),
        }
    }
    assert_eq!(written + refused, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_stops_nothing() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    let holder = hold_the_lock(&database).await;
    let (doc, commit) = charge(1);
    let caller = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.commit(tenant(), commit).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    drop(holder);
    ledger.shutdown().await;
    assert!(ledger.objects(tenant(), &[doc.id]).await.unwrap()[0].is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_answers_everybody() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig { batch_max: 7, ..CommitterConfig::default() });
    let holder = hold_the_lock(&database).await;
    let tasks: Vec<_> = (0..50)
        .map(|seed| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.commit(tenant(), charge(seed).1).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let closing = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.shutdown().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ledger.commit(tenant(), charge(99).1).await, Err(CommitError::Overloaded));
    drop(holder);
    closing.await.unwrap();
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(1), task).await.expect("an answer").unwrap().unwrap();
    }
}

/// A batch of several tenants is written in one transaction, and what one of them sends wrong hurts nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_share_batches_and_nothing_else() {
    let database = prepared(TestDatabase::start().await).await;
    let others: Vec<TenantId> =
        (1..5).map(|seed| TenantId::new(ManualClock::new().now(), &mut SeededEntropy::new(seed))).collect();
    let mut admin = database.connect().await;
    for other in &others {
        ledger::admin::open_books(&mut admin, *other, support::KINDS).await.unwrap();
    }
    let ledger = opened(&database, CommitterConfig { writers: 1, ..CommitterConfig::default() });
    let all: Vec<TenantId> = std::iter::once(tenant()).chain(others).collect();
    let (taken, first) = charge(0);
    ledger.commit(all[0], first.clone()).await.unwrap();
    let holder = hold_the_lock(&database).await;
    let mut tasks = Vec::new();
    for seed in 1..=3 {
        for owner in &all {
            let (ledger, owner) = (ledger.clone(), *owner);
            tasks.push(tokio::spawn(async move { ledger.commit(owner, charge(seed).1).await }));
        }
    }
    // The same object, of which it is not known yet that it is there.
    let again = tokio::spawn({
        let (ledger, owner) = (ledger.clone(), all[0]);
        async move { ledger.commit(owner, first).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(holder);
    let conflict = CommitError::VersionConflict { id: taken.id, expected: 0, found: 1 };
    assert_eq!(again.await.unwrap().unwrap_err(), conflict);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    for (at, owner) in all.iter().enumerate() {
        let report = verify(&database.pool(ledger::admin::SERVICE_ROLE, 1), *owner, None).await.unwrap();
        assert!(report.is_sound(), "{report:#?}");
        assert_eq!(report.events, if at == 0 { 4 } else { 3 }, "each tenant's log has positions of its own");
        let seen = ledger.objects(*owner, &[taken.id]).await.unwrap();
        assert_eq!(seen[0].is_some(), at == 0, "nobody sees what is another's");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_read_is_a_timeout() {
    let database = prepared(TestDatabase::start().await).await;
    let pool = database.impatient_pool(ledger::admin::SERVICE_ROLE, 2, "200ms");
    let ledger = PgLedger::new(pool, ManualClock::new(), CommitterConfig::default());
    let (doc, commit) = charge(1);
    ledger.commit(tenant(), commit).await.unwrap();
    let locker = database.connect().await;
    locker.batch_execute("BEGIN; LOCK TABLE ledger.objects IN ACCESS EXCLUSIVE MODE").await.unwrap();
    assert_eq!(ledger.objects(tenant(), &[doc.id]).await, Err(LedgerError::Timeout));
    locker.batch_execute("ROLLBACK").await.unwrap();
    assert!(ledger.objects(tenant(), &[doc.id]).await.unwrap()[0].is_some());
}

/// Plans made on empty tables stay right when the tables grow: the committer finds every row by an index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_committer_never_scans_a_table() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    support::fill(ledger.as_ref(), tenant()).await;
    let load = Load::start(ledger.clone(), tenant(), 16, Work::Changing);
    tokio::time::sleep(Duration::from_millis(500)).await;
    load.stop().await;
    ledger.shutdown().await;
    drop(ledger);
    // Statistics reach the server when a session has been idle for a moment, or ends.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let superuser = database.connect().await;
    let sql = "SELECT relname, seq_scan, n_tup_ins FROM pg_stat_user_tables
        WHERE schemaname = 'ledger' AND relname NOT IN ('schema_history', 'books')";
    let rows = superuser.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        let (table, scans, inserted): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        // Building a table's indexes counts as a scan each: of a new table there are at most three, and constraints.
        assert!(scans <= 5, "{table} was scanned {scans} times");
        assert!(inserted > 0, "{table} is empty");
    }
}
