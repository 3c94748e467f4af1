//! Every acknowledged commit is written exactly once, also when connections are lost or PostgreSQL is killed meanwhile.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{CommitError, Ledger};
use domain::commit::{Answer, Step};
use ledger::{CommitterConfig, PgLedger, verify};
use std::time::{Duration, Instant};
use support::{charge, opened, prepared, tenant};
use testkit::build::Draft;
use testkit::load::{Acknowledged, Load, Work};
use testkit::{Cut, ManualClock, TestDatabase};
use types::Clock;

/// Every acknowledged commit is at its position, and nothing else is written: no commit twice.
async fn all_is_written(ledger: &PgLedger, database: &TestDatabase, acknowledged: &[Acknowledged]) {
    let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!(report.events, acknowledged.len() as u64, "one log entry for each acknowledged commit");
    for commit in acknowledged {
        let entry =
            ledger.log_entry(tenant(), commit.first_position).await.unwrap().expect("an acknowledged log entry");
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
    all_is_written(&ledger, &database, &acknowledged).await;
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
    assert!(terminated >= 24 && acknowledged.len() > 30, "{terminated} terminated, {} commits", acknowledged.len());
    all_is_written(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_a_lost_try_was_written_is_found_out() {
    let database = prepared(TestDatabase::start().await).await;
    let proxy = database.proxy().await;
    let pool = proxy.pool(platform::database::store::SERVICE_ROLE, 4);
    let ledger = PgLedger::new(pool, ManualClock::new(), CommitterConfig::default());
    let mut cuts = 0;
    // After these the committer no longer reads before it writes, except for a commit without log entries.
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
        let unread = proxy.written_unread();
        let (doc, commit) = charge(seed);
        let committed = ledger.commit(tenant(), commit).await.expect("it is known in the end whether it is written");
        assert_eq!(proxy.written_unread(), unread + 1, "the lost try had read nothing, the next try had");
        let position = 20 + 13 * (i64::try_from(seed).unwrap() - 1);
        assert_eq!(committed.first_position, position, "{cut:?}: written once");
        assert_eq!(ledger.log_entry(tenant(), position).await.unwrap().unwrap().object, doc.id);

        // A commit without log entries is found by its key, which must not be taken for that of another commit.
        proxy.cut(cut);
        let key = format!("key {seed}");
        let begin = Draft::at(ManualClock::new().now()).key(&key, Step::Begin, Answer::Running).commit();
        ledger.commit(tenant(), begin.clone()).await.expect("the key was not used before");
        assert!(matches!(ledger.commit(tenant(), begin).await, Err(CommitError::KeyUsed(_))));
        cuts += 2;
        assert_eq!(proxy.cuts_made(), cuts);
        // A new connection remembers nothing.
        for more in 0..12 {
            ledger.commit(tenant(), charge(1_000 * seed + more).1).await.unwrap();
        }
    }
    let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound() && report.events == 19 + 6 * 13, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_lost_under_load_lose_nothing() {
    let database = prepared(TestDatabase::start().await).await;
    let proxy = database.proxy().await;
    let pool = proxy.pool(platform::database::store::SERVICE_ROLE, 4);
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
    all_is_written(&ledger, &database, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_one_log() {
    let database = prepared(TestDatabase::start().await).await;
    let ledgers: Vec<_> = (0..3).map(|_| opened(&database, CommitterConfig::default())).collect();
    let mut acknowledged = Vec::new();
    // Each alone for a while, so that it uses what it remembers; then all at the same time.
    let turns = [&ledgers[..1], &ledgers[1..2], &ledgers[2..], &ledgers[..], &ledgers[..]];
    for (turn, work) in turns.into_iter().zip([Work::New, Work::New, Work::New, Work::New, Work::Changing]) {
        let loads: Vec<_> = turn.iter().map(|ledger| Load::start(ledger.clone(), tenant(), 8, work)).collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        for load in loads {
            acknowledged.extend(load.stop().await);
        }
    }
    all_is_written(&ledgers[0], &database, &acknowledged).await;
}

/// A server that does not have everything: a replica that took over, or a backup that was restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_of_another_server_is_not_used() {
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
    let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
    assert!(report.is_sound(), "{report:#?}");
}
