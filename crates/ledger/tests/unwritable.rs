//! PostgreSQL takes no writes: fenced, without privileges, with a full disk, or away. Callers are told why, and when it is over
//! commits are written again by themselves.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use contracts::ledger::{CommitError, Ledger, Unwritable};
use domain::commit::{Answer, Step};
use ledger::{CommitterConfig, PgLedger, ScanConfig, Scans};
use platform::database::Pool;
use serde_json::json;
use std::time::{Duration, Instant};
use support::{charge, opened, prepared, tenant};
use testkit::build::Draft;
use testkit::{Cut, ManualClock, TestDatabase};
use tokio_postgres::Client;
use types::Clock;

/// Longer than it takes until it is noticed that something has changed, even on a slow machine.
const NOTICED: Duration = Duration::from_secs(20);
/// Much less than the 30 seconds for which commits are tried.
const AT_ONCE: Duration = Duration::from_secs(10);

/// There is none for the log.
const NO_SPACE: &str = "CREATE OR REPLACE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full';
    END $$;
    CREATE TRIGGER no_space BEFORE INSERT ON ledger.log FOR EACH ROW EXECUTE FUNCTION no_space()";
const SPACE: &str = "DROP TRIGGER no_space ON ledger.log";

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

/// What is in all tables.
async fn all_rows(administrator: &Client) -> Vec<Option<String>> {
    let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'ledger' ORDER BY 1";
    let mut all = Vec::new();
    for table in administrator.query(tables, &[]).await.unwrap() {
        let rows =
            format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t", table.get::<_, String>(0));
        all.push(administrator.query_one(&rows, &[]).await.unwrap().get(0));
    }
    assert!(!all.is_empty());
    all
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
    let now = ManualClock::new().now();
    let body = Answer::Body { status: 200, body: "{}".to_owned() };
    ledger.commit(tenant(), Draft::at(now).key("k", Step::Begin, body).commit()).await.unwrap();
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
        let until = Instant::now() + NOTICED;
        loop {
            let before = all_rows(&administrator).await;
            for _ in 0..5 {
                commits_until(&ledger, &mut seed, Err(Unwritable::ReadOnly)).await;
            }
            let forgotten = ledger.forget_idempotency(now.plus(Duration::from_secs(1))).await;
            assert!(forgotten.is_err(), "{fence}: {forgotten:?}");
            if all_rows(&administrator).await == before {
                break;
            }
            // Another connection has not noticed yet.
            assert!(Instant::now() < until, "{fence}");
        }
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
    let mut seed = 0;
    for (planted, why, mended) in [
        (
            "REVOKE INSERT ON ledger.log FROM florin_service",
            Unwritable::NoRight,
            "GRANT INSERT ON ledger.log TO florin_service",
        ),
        (NO_SPACE, Unwritable::DiskFull, SPACE),
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
    let mut uncertain = 0;
    for (answer, waited) in futures_util::future::join_all(commits).await {
        uncertain += match answer {
            Err(CommitError::NotWritable(Unwritable::Unreachable)) => 0,
            Err(CommitError::Unavailable(_)) => 1,
            other => panic!("{other:?}"),
        };
        assert!(waited < Duration::from_secs(12), "after {waited:?}: one after another they would take 20 seconds");
    }
    assert!(
        uncertain <= 1,
        "{uncertain}: one at most was sent, on the connection that was lost; the others are not written"
    );
    database.restart().await;
    let mut seed = 100;
    commits_until(&ledger, &mut seed, Ok(())).await;
}

/// The books of a standby may be old: what they would refuse may be right, and what they do not have may be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_refused_by_the_books_of_a_standby() {
    let database = prepared(TestDatabase::private().await).await;
    let (mut doc, created) = charge(1);
    let changed = Draft::at(ManualClock::new().now()).update(&mut doc, None, json!({"seed": 2})).commit();
    let ledger = opened(&database, CommitterConfig::default());
    for commit in [created, changed.clone()] {
        ledger.commit(tenant(), commit).await.unwrap();
    }
    let administrator = database.connect().await;
    let data: String = administrator.query_one("SHOW data_directory", &[]).await.unwrap().get(0);
    std::fs::write(format!("{data}/standby.signal"), "").unwrap();
    database.kill9();
    database.restart().await;
    // By these books the object is at another version. Another process asks, which remembers nothing.
    let answer = opened(&database, CommitterConfig::default()).commit(tenant(), changed).await;
    assert_eq!(answer, Err(CommitError::NotWritable(Unwritable::ReadOnly)));
}

/// The fence was put up after the commit was sent, and before its answer came: it is written, or it is not known whether it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_written_is_never_said_to_be_not_written() {
    let database = prepared(TestDatabase::private().await).await;
    let proxy = database.proxy().await;
    let pool: Pool = proxy.pool(platform::database::store::SERVICE_ROLE, 4).into();
    let config = CommitterConfig { unreachable_max_ms: 2_000, ..CommitterConfig::default() };
    let ledger = PgLedger::new(pool.clone(), Scans::new(pool, &ScanConfig::default()), ManualClock::new(), config);
    let administrator = database.connect().await;
    let name: String = administrator.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    let fence = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    let lifted = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
    administrator.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    let mut seed = 0;
    // A connection asks once a second whether there is a fence: it has to be put up in between.
    for _ in 0..20 {
        commits_until(&ledger, &mut seed, Ok(())).await;
        let cuts = proxy.cuts_made();
        proxy.cut(Cut::AfterCommit);
        administrator.batch_execute(&fence).await.unwrap();
        seed += 1;
        let answer = ledger.commit(tenant(), charge(seed).1).await;
        let is_cut = proxy.cuts_made() > cuts;
        proxy.cut_in_turn([]);
        administrator.batch_execute(&lifted).await.unwrap();
        if is_cut {
            assert!(matches!(answer, Ok(_) | Err(CommitError::Unavailable(_))), "{answer:?}");
            return;
        }
        assert_eq!(answer, Err(CommitError::NotWritable(Unwritable::ReadOnly)));
    }
    panic!("the fence was always seen before the commit was sent");
}

/// Pages that were filled and are empty again can be filled however full the disk is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_the_disk_is_still_full_is_tried_where_the_table_has_no_room_yet() {
    let database = prepared(TestDatabase::private().await).await;
    let ledger = opened(&database, CommitterConfig::default());
    ledger.keep_trying_to_write().await;
    let administrator = database.connect().await;
    let pages = async || {
        let sql = "SELECT pg_relation_size('ledger.probes') / current_setting('block_size')::bigint";
        administrator.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let mut seed = 0;
    for _ in 0..2 {
        writable_becomes(&ledger, Ok(())).await;
        administrator.batch_execute("VACUUM (TRUNCATE false) ledger.probes").await.unwrap();
        let before = pages().await;
        administrator.batch_execute(NO_SPACE).await.unwrap();
        commits_until(&ledger, &mut seed, Err(Unwritable::DiskFull)).await;
        writable_becomes(&ledger, Ok(())).await;
        assert!(pages().await >= before + 64, "{before}");
        administrator.batch_execute(SPACE).await.unwrap();
    }
}
