//! Servers that cannot be reached, full queues, callers who hang up, batches of several tenants.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{CommitError, Committed, Ledger, LedgerError, Unwritable};
use domain::commit::{Action, Commit};
use ledger::{CommitterConfig, PgLedger, verify};
use std::time::{Duration, Instant};
use support::{charge, hold_the_lock, opened, prepared, tenant};
use testkit::build::{self, Draft};
use testkit::load::{Load, Work};
use testkit::{ManualClock, TestDatabase, tenant_id};
use types::{Clock, Entropy, SeededEntropy, TenantId};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_server_is_reported() {
    let database = prepared(TestDatabase::private().await).await;
    let config = CommitterConfig { unreachable_max_ms: 300, ..CommitterConfig::default() };
    let ledger = opened(&database, config);
    let (doc, commit) = charge(1);
    ledger.commit(tenant(), commit).await.unwrap();
    database.kill9();
    let (_, lost) = charge(2);
    let began = Instant::now();
    // If it was sent before the connection was known to be lost, it may have been written, for all that is known.
    let answer = ledger.commit(tenant(), lost.clone()).await;
    assert!(
        matches!(answer, Err(CommitError::Unavailable(_) | CommitError::NotWritable(Unwritable::Unreachable))),
        "{answer:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(matches!(ledger.objects(tenant(), &[doc.id]).await, Err(LedgerError::Unavailable(_))));
    database.restart().await;
    assert_eq!(ledger.commit(tenant(), lost).await.unwrap().first_position, 2);
    assert!(ledger.objects(tenant(), &[doc.id]).await.unwrap()[0].is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_rejects() {
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
    let rejected = tasks.iter().filter(|task| task.is_finished()).count();
    assert!((33..=35).contains(&rejected), "{rejected} were rejected at once");
    drop(holder);
    let mut written = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => written += 1,
            Err(error) => assert_eq!(error, CommitError::Overloaded),
        }
    }
    assert_eq!(written + rejected, 40);
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
async fn shutting_down_answers_every_caller() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig { batch_max: 7, ..CommitterConfig::default() });
    ledger.balances(tenant(), "").await.unwrap();
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

/// A batch of several tenants is written in one transaction, and a wrong commit of one tenant does not harm the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_share_batches_and_nothing_else() {
    let database = prepared(TestDatabase::start().await).await;
    let others: Vec<TenantId> = (1..5).map(tenant_id).collect();
    let mut admin = database.connect().await;
    for other in &others {
        support::open_books(&mut admin, *other, support::VIEWS).await;
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
    // An object that exists already, which the committer has not read.
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
        let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), *owner, None).await.unwrap();
        assert!(report.is_sound(), "{report:#?}");
        assert_eq!(report.events, if at == 0 { 4 } else { 3 }, "each tenant's log has positions of its own");
        let seen = ledger.objects(*owner, &[taken.id]).await.unwrap();
        assert_eq!(seen[0].is_some(), at == 0, "no tenant sees the objects of another");
    }
}

/// Commits from each of several callers at the same time.
async fn all_at_once(ledger: &std::sync::Arc<PgLedger>, commits: Vec<Commit>) -> Vec<Result<Committed, CommitError>> {
    let commits = commits.into_iter().map(|commit| ledger.commit(tenant(), commit));
    futures_util::future::join_all(commits).await
}

/// A batch that is too much for PostgreSQL is written in parts, and a commit that cannot be stored fails alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_split() {
    let database = prepared(TestDatabase::start().await).await;
    let config = CommitterConfig { unreachable_max_ms: 10_000, ..CommitterConfig::default() };
    let ledger = opened(&database, config);
    let limit = "CREATE FUNCTION no_more_than_two() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT count(*) FROM written) > 2 THEN
                RAISE EXCEPTION 'out of memory' USING ERRCODE = 'out_of_memory';
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER limited AFTER INSERT ON ledger.log REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION no_more_than_two()";
    database.connect().await.batch_execute(limit).await.unwrap();
    let mut commits: Vec<Commit> = (0..20).map(|seed| charge(seed).1).collect();
    // Longer than an entry of an index may be.
    let code = SeededEntropy::new(5).alphanumeric(20_000);
    let accounts = (&build::open_account(&code), &build::open_account("liabilities/load"));
    let (doc, commit) = charge(20);
    let now = ManualClock::new().now();
    let moved = build::transfer(now, &mut SeededEntropy::new(5), Action::Post, accounts, 5, doc.id);
    commits.insert(7, Draft(commit).transfer(moved).commit());
    let answers = all_at_once(&ledger, commits).await;
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), at != 7, "{at}: {answer:?}");
    }
    assert!(matches!(answers[7], Err(CommitError::Invalid(_))), "{:?}", answers[7]);
    let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound() && report.events == 20, "{report:#?}");
}

/// A tenant whose lock is held, by whatever session, does not hold up others of the same committer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_tenant_holds_up_no_other() {
    let database = prepared(TestDatabase::start().await).await;
    let other = tenant_id(1);
    support::prepare(&database, other).await;
    let config = CommitterConfig { writers: 1, unreachable_max_ms: 3_000, ..CommitterConfig::default() };
    let ledger = opened(&database, config);
    // From the ninth on, nothing is read before.
    for seed in 100..120 {
        ledger.commit(tenant(), charge(seed).1).await.unwrap();
        ledger.commit(other, charge(seed).1).await.unwrap();
    }
    let holder = hold_the_lock(&database).await;
    let locked: Vec<_> = (0..3)
        .map(|seed| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.commit(tenant(), charge(seed).1).await })
        })
        .collect();
    let began = Instant::now();
    for seed in 0..30 {
        ledger.commit(other, charge(seed).1).await.unwrap();
    }
    assert!(locked.iter().all(|commit| !commit.is_finished()), "the other tenant was served meanwhile");
    assert!(began.elapsed() < Duration::from_secs(3));
    drop(holder);
    for commit in locked {
        commit.await.unwrap().unwrap();
    }

    let holder = hold_the_lock(&database).await;
    let answer = ledger.commit(tenant(), charge(50).1).await;
    assert!(matches!(answer, Err(CommitError::Unavailable(_))), "{answer:?}");
    drop(holder);
    ledger.commit(tenant(), charge(50).1).await.unwrap();
}

/// The same if a session holds a row that a commit changes: the rest of the batch is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_holds_up_no_other_commit() {
    let database = prepared(TestDatabase::start().await).await;
    let ledger = opened(&database, CommitterConfig { unreachable_max_ms: 20_000, ..CommitterConfig::default() });
    let (mut doc, commit) = charge(1);
    ledger.commit(tenant(), commit).await.unwrap();
    let holder = database.connect().await;
    holder.batch_execute("BEGIN; SELECT FROM ledger.objects FOR UPDATE").await.unwrap();
    let change = Draft::at(ManualClock::new().now()).update(&mut doc, None, serde_json::json!({"seen": true})).commit();
    let changed = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.commit(tenant(), change).await }
    });
    let began = Instant::now();
    for round in 0..10 {
        let commits = (0..10).map(|seed| charge(100 + round * 10 + seed).1).collect();
        assert!(all_at_once(&ledger, commits).await.iter().all(Result::is_ok));
    }
    assert!(!changed.is_finished() && began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    holder.batch_execute("ROLLBACK").await.unwrap();
    changed.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_read_is_a_timeout() {
    let database = prepared(TestDatabase::start().await).await;
    let pool = database.impatient_pool(platform::database::store::SERVICE_ROLE, 2, "200ms");
    let ledger = support::on(pool);
    let (doc, commit) = charge(1);
    ledger.commit(tenant(), commit).await.unwrap();
    let locker = database.connect().await;
    locker.batch_execute("BEGIN; LOCK TABLE ledger.objects IN ACCESS EXCLUSIVE MODE").await.unwrap();
    assert_eq!(ledger.objects(tenant(), &[doc.id]).await, Err(LedgerError::Timeout));
    locker.batch_execute("ROLLBACK").await.unwrap();
    assert!(ledger.objects(tenant(), &[doc.id]).await.unwrap()[0].is_some());
}

/// Plans that were made for empty tables stay right when the tables grow: the committer finds every row by an index.
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
        WHERE schemaname = 'ledger' AND relname NOT IN ('schema_history', 'schema_compatibility', 'books', 'probes')";
    let rows = superuser.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        let (table, scans, inserted): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        // Building an index counts as a scan, and so does adding a constraint: five for a new table at most.
        assert!(scans <= 5, "{table} was scanned {scans} times");
        assert!(inserted > 0, "{table} is empty");
    }
}
