//! A read that no caller waits for any more leaves neither PostgreSQL nor the pool at work.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{Ledger, ListQuery, Paging};
use ledger::{CommitterConfig, PgLedger};
use platform::database::store::SERVICE_ROLE;
use std::time::Duration;
use support::{charge, prepared, tenant};
use testkit::{ManualClock, TestDatabase};
use tokio_postgres::Client;
use types::Kind;

const CONNECTIONS: i64 = 2;

/// A page of all charges.
fn charges() -> ListQuery {
    ListQuery {
        kind: Kind::Charge,
        paging: Paging { limit: 10, starting_after: None, ending_before: None },
        customer: None,
        parents: Vec::new(),
        status: None,
        created_from: None,
        created_until: None,
        fields: Vec::new(),
        any_field: false,
    }
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
async fn a_list_that_no_caller_waits_for_is_canceled_and_its_connection_is_used_again() {
    let database = prepared(TestDatabase::start().await).await;
    let pool = database.pool(SERVICE_ROLE, CONNECTIONS as usize);
    let ledger = PgLedger::new(pool.clone(), ManualClock::new(), CommitterConfig::default());
    let (doc, commit) = charge(1);
    ledger.commit(tenant(), commit).await.unwrap();
    let query = charges();
    assert_eq!(ledger.list(tenant(), &query).await.unwrap().items.len(), 1);

    let (locker, superuser) = (database.connect().await, database.connect().await);
    locker.batch_execute("BEGIN; LOCK TABLE ledger.objects IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let backends =
        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%ledger.objects%' AND wait_event_type = 'Lock' ORDER BY 1";
    let mut known: Vec<i32> = Vec::new();
    for round in 0..3 {
        let lists: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (ledger, query) = (ledger.clone(), query.clone());
                tokio::spawn(async move { ledger.list(tenant(), &query).await })
            })
            .collect();
        until(&superuser, CONNECTIONS).await;
        let pids: Vec<i32> = superuser.query(backends, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        if round > 0 {
            assert_eq!(pids, known, "the connections are the same as before");
        }
        known = pids;
        lists.iter().for_each(tokio::task::JoinHandle::abort);
        until(&superuser, 0).await;
    }
    locker.batch_execute("ROLLBACK").await.unwrap();
    let page = ledger.list(tenant(), &query).await.unwrap();
    assert_eq!(page.items.iter().map(|item| item.id).collect::<Vec<_>>(), [doc.id]);
    assert_eq!(i64::try_from(pool.status().size).unwrap(), CONNECTIONS);
}
