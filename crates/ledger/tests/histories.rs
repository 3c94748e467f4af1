//! Objects that have become large, and have changed often: what they are read from is larger than what is read.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use contracts::ledger::{LedgerError, Paging};
use contracts::{EventQuery, Ledger};
use ledger::{CommitterConfig, PgLedger};
use platform::database::store::SERVICE_ROLE;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{Doc, Draft};
use testkit::{ManualClock, TestDatabase};
use types::{Clock, Kind, SeededEntropy};

/// A customer that is created with a name, and changed by these.
async fn changed(ledger: &PgLedger, name: String, changes: impl IntoIterator<Item = Value>) -> Doc {
    let now = ManualClock::new().now();
    let mut doc = Doc::new(Kind::Customer, now, &mut SeededEntropy::new(9), json!({"name": name}));
    let created = Draft::at(now).create(&mut doc, Some("customer.created")).commit();
    ledger.commit(support::tenant(), created).await.unwrap();
    for change in changes {
        let update = Draft::at(now).update(&mut doc, Some("customer.updated"), change).commit();
        ledger.commit(support::tenant(), update).await.unwrap();
    }
    doc
}

fn newest(limit: u32) -> EventQuery {
    EventQuery::all(Paging::newest(limit))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_read_however_long_the_history_before_it() {
    let database = support::prepared(TestDatabase::start().await).await;
    let ledger = support::opened(&database, CommitterConfig::default());
    let long = |number: usize| format!("{number}").repeat(4 << 20);
    let doc = changed(&ledger, long(1), (2..=9).map(|number| json!({"name": long(number)}))).await;

    let stored = ledger.objects_at(support::tenant(), &[(doc.id, 8)]).await.unwrap().remove(0).unwrap();
    let (eighth, ninth) = (json!({"name": long(8)}).to_string(), doc.state.to_string());
    assert!(stored.version == 8 && stored.state == eighth);
    let entry = ledger.log_entry(support::tenant(), 9).await.unwrap().unwrap();
    assert!(*entry.state == *ninth && entry.before.is_some_and(|before| *before == *eighth));
    // A list gets past it, one after another.
    let mut query = newest(1);
    for position in (1..=9).rev() {
        let page = ledger.events(support::tenant(), &query).await.unwrap();
        assert_eq!(page.items.iter().map(|entry| entry.position).collect::<Vec<_>>(), [position]);
        query.paging.starting_after = Some(position);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_a_page_share_the_states_of_their_object_and_have_a_limit_of_bytes() {
    let database = support::prepared(TestDatabase::start().await).await;
    let ledger = support::opened(&database, CommitterConfig::default());
    let changes = (0..40).map(|number| json!({"number": number}));
    changed(&ledger, "x".repeat(1 << 20), changes).await;

    let page = ledger.events(support::tenant(), &newest(10)).await.unwrap();
    assert_eq!(page.items.len(), 10);
    for pair in page.items.windows(2) {
        assert!(Arc::ptr_eq(pair[0].before.as_ref().unwrap(), &pair[1].state), "one copy of each version");
    }
    let page = ledger.events(support::tenant(), &newest(40)).await;
    assert_eq!(page.map(|page| page.items.len()), Err(LedgerError::TooLarge));
}

/// PostgreSQL still sends what nothing reads: the next statement on that connection would wait for its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_not_read_to_the_end_does_not_go_back_to_the_pool() {
    let database = support::prepared(TestDatabase::start().await).await;
    let pool = database.pool(SERVICE_ROLE, 8);
    let ledger = support::on(pool.clone());
    let (now, mut entropy) = (ManualClock::new().now(), SeededEntropy::new(9));
    let mut ids = Vec::new();
    for _ in 0..9 {
        let mut doc = Doc::new(Kind::Customer, now, &mut entropy, json!({"name": "x".repeat(4 << 20)}));
        ledger.commit(support::tenant(), Draft::at(now).create(&mut doc, None).commit()).await.unwrap();
        ids.push(doc.id);
    }
    assert_eq!(ledger.objects(support::tenant(), &ids[..2]).await.unwrap().len(), 2);
    assert_eq!(pool.status().size, 1);
    let all = ledger.objects(support::tenant(), &ids).await;
    assert_eq!(all.map(|found| found.len()), Err(LedgerError::TooLarge));
    // It is closed as soon as PostgreSQL has stopped.
    let closed = async {
        while pool.status().size > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed).await.expect("it is not used again");
}
