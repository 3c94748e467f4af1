//! A read that no caller waits for any more leaves neither PostgreSQL nor the pool at work.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{Ledger, ListQuery, Paging};
use platform::database::store::SERVICE_ROLE;
use std::time::{Duration, Instant};
use support::{charge, on, prepared, tenant};
use testkit::TestDatabase;
use tokio_postgres::Client;
use types::{Entropy, Kind, SeededEntropy};

const CONNECTIONS: i64 = 2;

/// A page of all charges.
fn charges() -> ListQuery {
    ListQuery::all(Kind::Charge, Paging::newest(10))
}

/// How many sessions of the service wait for a lock.
async fn waiting(superuser: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%ledger.objects%'";
    superuser.query_one(sql, &[]).await.unwrap().get(0)
}

async fn until(superuser: &Client, sessions: i64) {
    // A statement that is not canceled goes on for 30 seconds.
    let reached = async {
        while waiting(superuser).await != sessions {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), reached).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_no_caller_waits_for_is_canceled_and_leaves_its_place_in_the_pool() {
    let database = prepared(TestDatabase::start().await).await;
    let pool = database.pool(SERVICE_ROLE, CONNECTIONS as usize);
    let ledger = on(pool.clone());
    let (doc, commit) = charge(1);
    ledger.commit(tenant(), commit).await.unwrap();
    let query = charges();
    assert_eq!(ledger.list(tenant(), &query).await.unwrap().items.len(), 1);

    let (locker, superuser) = (database.connect().await, database.connect().await);
    locker.batch_execute("BEGIN; LOCK TABLE ledger.objects IN ACCESS EXCLUSIVE MODE").await.unwrap();
    for _ in 0..3 {
        let lists: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (ledger, query) = (ledger.clone(), query.clone());
                tokio::spawn(async move { ledger.list(tenant(), &query).await })
            })
            .collect();
        until(&superuser, CONNECTIONS).await;
        lists.iter().for_each(tokio::task::JoinHandle::abort);
        until(&superuser, 0).await;
    }
    locker.batch_execute("ROLLBACK").await.unwrap();
    let page = ledger.list(tenant(), &query).await.unwrap();
    assert_eq!(page.items.iter().map(|item| item.id).collect::<Vec<_>>(), [doc.id]);
    assert!(i64::try_from(pool.status().size).unwrap() <= CONNECTIONS);
}

/// PostgreSQL carries out a request to cancel a while after it was sent: it met the next statement of the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_given_up_cancels_no_other_one() {
    let database = prepared(TestDatabase::start().await).await;
    let pool = database.pool(SERVICE_ROLE, 1);
    let ledger = on(pool.clone());
    let query = charges();
    let mut entropy = SeededEntropy::new(1);
    for round in 0..200 {
        let (begun, after) = (Instant::now(), Duration::from_micros(entropy.next_u64() % 1_500));
        // Timers are too coarse.
        let later = async {
            while begun.elapsed() < after {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            page = ledger.list(tenant(), &query) => drop(page.unwrap()),
            () = later => {}
        }
        let next = pool.get().await.unwrap().execute("SELECT pg_sleep(0.01)", &[]).await;
        assert!(next.is_ok(), "round {round}: {next:?}");
    }
}
