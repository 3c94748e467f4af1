//! PostgreSQL takes no writes: fenced, without privileges, with a full disk, or away. Callers are told why, and when it is over
//! commits are written again by themselves.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use contracts::ledger::{CommitError, Ledger, Unwritable};
use ledger::{CommitterConfig, PgLedger};
use std::time::{Duration, Instant};
use support::{charge, opened, prepared, tenant};
use testkit::TestDatabase;

/// Longer than it takes until it is noticed that something has changed, even on a slow machine.
const NOTICED: Duration = Duration::from_secs(20);
/// Much less than the 30 seconds for which commits are tried.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Commits until one is answered so, which must be at once.
async fn commits_until(ledger: &PgLedger, seed: &mut u64, expected: Result<(), Unwritable>) {
    let until = Instant::now() + NOTICED;
    loop {
        *seed += 1;
        let began = Instant::now();
        let answer = match ledger.commit(tenant(), charge(*seed).1).await {
            Ok(_) => Ok(()),
            Err(CommitError::NotWritable(why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        };
        if answer == expected {
            assert!(began.elapsed() < AT_ONCE, "it was answered after {:?}", began.elapsed());
            return;
        }
        assert!(Instant::now() < until, "still {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn writable_becomes(ledger: &PgLedger, expected: Result<(), Unwritable>) {
    let until = Instant::now() + NOTICED;
    while ledger.is_writable() != expected {
        assert!(Instant::now() < until, "still {:?}", ledger.is_writable());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A fence holds also for connections that were there before, and however it was put up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_fenced_is_not_written_to_until_it_is_opened_again() {
    let database = prepared(TestDatabase::private().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    ledger.keep_trying_to_write().await;
    let administrator = database.connect().await;
    administrator.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    let name: String = administrator.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    let (read, mut seed) = (charge(1_000_000), 0);
    ledger.commit(tenant(), read.1).await.unwrap();
    let written =
        async || administrator.query_one("SELECT count(*) FROM ledger.log", &[]).await.unwrap().get::<_, i64>(0);
    for (fence, lifted) in [
        (
            "ALTER SYSTEM SET default_transaction_read_only = on".to_owned(),
            "ALTER SYSTEM RESET default_transaction_read_only".to_owned(),
        ),
        (
            format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
            format!("ALTER DATABASE {name} RESET default_transaction_read_only"),
        ),
        (
            "ALTER ROLE florin_service SET default_transaction_read_only = 'true'".to_owned(),
            "ALTER ROLE florin_service SET default_transaction_read_only = off".to_owned(),
        ),
    ] {
        commits_until(&ledger, &mut seed, Ok(())).await;
        administrator.batch_execute(&fence).await.unwrap();
        administrator.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        commits_until(&ledger, &mut seed, Err(Unwritable::ReadOnly)).await;
        let before = written().await;
        for _ in 0..5 {
            commits_until(&ledger, &mut seed, Err(Unwritable::ReadOnly)).await;
        }
        assert_eq!(written().await, before, "{fence}");
        writable_becomes(&ledger, Err(Unwritable::ReadOnly)).await;
        assert!(ledger.objects(tenant(), &[read.0.id]).await.unwrap()[0].is_some(), "reads go on");
        administrator.batch_execute(&lifted).await.unwrap();
        administrator.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        commits_until(&ledger, &mut seed, Ok(())).await;
        writable_becomes(&ledger, Ok(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_privilege_and_a_full_disk_are_told_at_once() {
    let database = prepared(TestDatabase::private().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    ledger.keep_trying_to_write().await;
    let administrator = database.connect().await;
    let full = "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full';
        END $$;
        CREATE TRIGGER no_space BEFORE INSERT ON ledger.log FOR EACH ROW EXECUTE FUNCTION no_space()";
    let mut seed = 0;
    for (planted, why, mended) in [
        (
            "REVOKE INSERT ON ledger.log FROM florin_service",
            Unwritable::NoRight,
            "GRANT INSERT ON ledger.log TO florin_service",
        ),
        (full, Unwritable::DiskFull, "DROP TRIGGER no_space ON ledger.log"),
    ] {
        commits_until(&ledger, &mut seed, Ok(())).await;
        administrator.batch_execute(planted).await.unwrap();
        commits_until(&ledger, &mut seed, Err(why)).await;
        administrator.batch_execute(mended).await.unwrap();
        commits_until(&ledger, &mut seed, Ok(())).await;
    }
    // Of a table that no commit here writes to: it is found out without one.
    writable_becomes(&ledger, Ok(())).await;
    administrator.batch_execute("REVOKE INSERT ON ledger.transfers FROM florin_service").await.unwrap();
    writable_becomes(&ledger, Err(Unwritable::NoRight)).await;
    administrator.batch_execute("GRANT INSERT ON ledger.transfers TO florin_service").await.unwrap();
    writable_becomes(&ledger, Ok(())).await;
}

/// Also those that wait while others are tried, and those that come to a database that has been away for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_caller_waits_longer_than_a_commit_is_tried() {
    let database = prepared(TestDatabase::private().await).await;
    let config = CommitterConfig { batch_max: 1, writers: 1, unreachable_max_ms: 2_000, ..CommitterConfig::default() };
    let ledger = opened(&database, config);
    ledger.commit(tenant(), charge(0).1).await.unwrap();
    database.kill9();
    let commits = (1..=10).map(|seed| {
        let ledger = ledger.clone();
        async move {
            let began = Instant::now();
            let answer = ledger.commit(tenant(), charge(seed).1).await;
            (answer, began.elapsed())
        }
    });
    let mut refused = 0;
    for (answer, waited) in futures_util::future::join_all(commits).await {
        match answer {
            Err(CommitError::NotWritable(Unwritable::Unreachable)) => refused += 1,
            // It was sent on the connection that was lost.
            Err(CommitError::Unavailable(_)) => (),
            other => panic!("{other:?}"),
        }
        assert!(waited < Duration::from_secs(12), "after {waited:?}: one after another they would take 20 seconds");
    }
    assert!(refused >= 9, "{refused}: of those that were never sent it is certain that they are not written");
    database.restart().await;
    let mut seed = 100;
    commits_until(&ledger, &mut seed, Ok(())).await;
}
