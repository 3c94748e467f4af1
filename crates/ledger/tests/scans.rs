//! What one tenant's searches do to others: nothing that those would notice, however many and however slow they are.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{FieldFilter, LedgerError, ListQuery, Paging};
use contracts::{EventQuery, Ledger};
use ledger::{CommitterConfig, PgLedger, ScanConfig, Scans};
use platform::database::store::SERVICE_ROLE;
use platform::metrics::Metrics;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{Doc, Draft};
use testkit::{ManualClock, TestDatabase, tenant_id};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use types::{Clock, Kind, SeededEntropy, TenantId};

/// Longer than anything here takes: what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The tenant whose searches do not end, and another one.
const SLOW: u64 = 0;
const OTHER: u64 = 1;

fn list() -> ListQuery {
    let paging = Paging::newest(10);
    ListQuery::all(Kind::Customer, paging)
}

fn search() -> ListQuery {
    ListQuery { fields: vec![FieldFilter::equal(&["name"], "Ada")], ..list() }
}

fn events() -> EventQuery {
    EventQuery::all(Paging::newest(10))
}

/// Two tenants with a customer each. Reading what the first one has takes until the client returned lets go.
async fn held(database: &TestDatabase) -> (Client, Vec<Doc>) {
    let mut docs = Vec::new();
    for number in [SLOW, OTHER] {
        support::prepare(database, tenant_id(number)).await;
        let ledger = support::opened(database, CommitterConfig::default());
        let now = ManualClock::new().now();
        let mut doc = Doc::new(Kind::Customer, now, &mut SeededEntropy::new(number), json!({"name": "Ada"}));
        let created = Draft::at(now).create(&mut doc, Some("customer.created")).commit();
        ledger.commit(tenant_id(number), created).await.unwrap();
        docs.push(doc);
    }
    let slow = "tenant <> (SELECT min(number) FROM ledger.books) OR public.held()";
    (holder(database, "ledger.objects", slow).await, docs)
}

/// A statement that reads a row of the table evaluates `passes` first, where `public.held()` waits until this lets go.
async fn holder(database: &TestDatabase, table: &str, passes: &str) -> Client {
    let holder = database.connect().await;
    holder
        .batch_execute(&format!(
            "CREATE FUNCTION public.held() RETURNS boolean LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_advisory_lock_shared(7); PERFORM pg_advisory_unlock_shared(7); RETURN true; END $$;
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            CREATE POLICY slow ON {table} USING ({passes});
            SELECT pg_advisory_lock(7)"
        ))
        .await
        .unwrap();
    holder
}

fn ledger_with(database: &TestDatabase, config: &ScanConfig) -> Arc<PgLedger> {
    let statement_timeout = format!("{}ms", config.statement_timeout_ms);
    let pool = database.impatient_pool(SERVICE_ROLE, config.pool_size, &statement_timeout);
    let scans = Scans::new(pool, config);
    PgLedger::new(database.pool(SERVICE_ROLE, 2), scans, ManualClock::new(), CommitterConfig::default())
}

fn searching(ledger: &Arc<PgLedger>, tenant: TenantId) -> tokio::task::JoinHandle<Result<usize, LedgerError>> {
    let ledger = Arc::clone(ledger);
    tokio::spawn(async move { ledger.list(tenant, &search()).await.map(|page| page.items.len()) })
}

/// Waits until so many statements wait for the lock.
async fn until_held(holder: &Client, count: i64) {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while holder.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) < count {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_that_do_not_end_hold_up_their_own_tenants_searches_alone() {
    let database = TestDatabase::start().await;
    let (holder, docs) = held(&database).await;
    let config =
        ScanConfig { pool_size: 3, of_tenant_max: 2, queue_max: 1, wait_timeout_ms: 50, ..ScanConfig::default() };
    let config = ScanConfig { statement_timeout_ms: 0, ..config };
    let ledger = ledger_with(&database, &config);
    let (slow, other) = (tenant_id(SLOW), tenant_id(OTHER));
    let metrics = Metrics::install().unwrap();
    let two = [searching(&ledger, slow), searching(&ledger, slow)];
    timeout(PATIENCE, until_held(&holder, 2)).await.expect("two searches are under way");

    let all = async {
        assert_eq!(searching(&ledger, slow).await.unwrap(), Err(LedgerError::Overloaded), "the third");
        assert_eq!(ledger.events(slow, &events()).await, Err(LedgerError::Overloaded));
        // Another tenant has what it always has.
        assert!(ledger.objects(other, &[docs[1].id]).await.unwrap()[0].is_some());
        assert_eq!(ledger.list(other, &list()).await.unwrap().items.len(), 1);
        assert_eq!(searching(&ledger, other).await.unwrap(), Ok(1));
        assert_eq!(ledger.events(other, &events()).await.unwrap().items.len(), 1);
    };
    timeout(PATIENCE, all).await.expect("nothing else waits for them");
    let counted = metrics.render();
    assert!(counted.contains("florin_scans_refused_total{reason=\"no_place\"}"), "{counted}");

    holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    for search in two {
        assert_eq!(timeout(PATIENCE, search).await.unwrap().unwrap(), Ok(1));
    }
    assert_eq!(timeout(PATIENCE, searching(&ledger, slow)).await.unwrap().unwrap(), Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_waits_gets_the_place_of_one_that_has_ended() {
    let database = TestDatabase::start().await;
    let (holder, _) = held(&database).await;
    let config =
        ScanConfig { pool_size: 3, of_tenant_max: 1, queue_max: 1, wait_timeout_ms: 60_000, ..ScanConfig::default() };
    let config = ScanConfig { statement_timeout_ms: 0, ..config };
    let ledger = ledger_with(&database, &config);
    let first = searching(&ledger, tenant_id(SLOW));
    timeout(PATIENCE, until_held(&holder, 1)).await.expect("a search is under way");
    // Of two more, one waits, and the other finds no place to wait in.
    let mut more = vec![searching(&ledger, tenant_id(SLOW)), searching(&ledger, tenant_id(SLOW))];
    let refused = async {
        while !more.iter().any(tokio::task::JoinHandle::is_finished) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("one is refused without a wait");
    let at = more.iter().position(tokio::task::JoinHandle::is_finished).unwrap();
    assert_eq!(more.remove(at).await.unwrap(), Err(LedgerError::Overloaded));
    holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    assert_eq!(timeout(PATIENCE, first).await.unwrap().unwrap(), Ok(1));
    assert_eq!(timeout(PATIENCE, more.remove(0)).await.unwrap().unwrap(), Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_has_a_limit_of_time_and_then_leaves_its_place() {
    let database = TestDatabase::start().await;
    let (holder, _) = held(&database).await;
    let config = ScanConfig { pool_size: 1, of_tenant_max: 1, statement_timeout_ms: 100, ..ScanConfig::default() };
    let ledger = ledger_with(&database, &config);
    for _ in 0..3 {
        assert_eq!(searching(&ledger, tenant_id(SLOW)).await.unwrap(), Err(LedgerError::Timeout));
    }
    holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    assert_eq!(searching(&ledger, tenant_id(SLOW)).await.unwrap(), Ok(1));
}

/// Two tenants took all places, and a third one's first search was refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_has_no_place_finds_one_whatever_two_others_have() {
    let database = TestDatabase::start().await;
    for number in 0..3 {
        support::prepare(&database, tenant_id(number)).await;
        let now = ManualClock::new().now();
        let mut doc = Doc::new(Kind::Customer, now, &mut SeededEntropy::new(number), json!({"name": "Ada"}));
        let created = Draft::at(now).create(&mut doc, None).commit();
        support::opened(&database, CommitterConfig::default()).commit(tenant_id(number), created).await.unwrap();
    }
    let others = "tenant = (SELECT max(number) FROM ledger.books) OR public.held()";
    let holder = holder(&database, "ledger.objects", others).await;
    let config =
        ScanConfig { of_tenant_max: 2, wait_timeout_ms: 60_000, statement_timeout_ms: 0, ..ScanConfig::default() };
    let ledger = ledger_with(&database, &config);
    let slow: Vec<_> = (0..8).map(|number| searching(&ledger, tenant_id(number % 2))).collect();
    timeout(PATIENCE, until_held(&holder, 3)).await.expect("they have all places but one");
    for _ in 0..3 {
        assert_eq!(timeout(PATIENCE, searching(&ledger, tenant_id(2))).await.expect("a place").unwrap(), Ok(1));
    }
    holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    // Those that waited have their turn, also the second of a tenant.
    for search in slow {
        assert_eq!(timeout(PATIENCE, search).await.unwrap().unwrap(), Ok(1));
    }
}

/// A list of customers is one of those that are not deleted: it was refused when searches had all of the tenant's places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_by_status_is_a_scan_only_if_many_are_passed_over() {
    let database = support::prepared(TestDatabase::start().await).await;
    let (now, mut entropy) = (ManualClock::new().now(), SeededEntropy::new(9));
    let mut draft = Draft::at(now);
    for (kind, status, count) in
        [(Kind::Customer, "active", 30), (Kind::Customer, "deleted", 600), (Kind::Charge, "paid", 1)]
    {
        for _ in 0..count {
            let mut doc = Doc::new(kind, now, &mut entropy, json!({"name": "Ada"}));
            doc.index.status = Some(status.to_owned());
            draft = draft.create(&mut doc, None);
        }
    }
    support::opened(&database, CommitterConfig::default()).commit(support::tenant(), draft.commit()).await.unwrap();
    let of_charges = format!("kind <> {} OR public.held()", Kind::Charge.code());
    let holder = holder(&database, "ledger.objects", &of_charges).await;
    let config =
        ScanConfig { pool_size: 2, of_tenant_max: 1, queue_max: 0, statement_timeout_ms: 0, ..ScanConfig::default() };
    let ledger = ledger_with(&database, &config);
    let listed = async |status: &str, limit: u32| {
        let query = ListQuery { status: Some(status.to_owned()), paging: Paging::newest(limit), ..list() };
        let page = timeout(PATIENCE, ledger.list(support::tenant(), &query)).await.expect("it does not wait");
        page.map(|page| (page.items.len(), page.has_more))
    };
    let searching = tokio::spawn({
        let (ledger, search) = (Arc::clone(&ledger), ListQuery { kind: Kind::Charge, ..search() });
        async move { ledger.list(support::tenant(), &search).await.map(|page| page.items.len()) }
    });
    timeout(PATIENCE, until_held(&holder, 1)).await.expect("a search is under way");
    // Ids made at the same time come in no order, so which customers are the first is a matter of the seed.
    assert_eq!(listed("deleted", 100).await, Ok((100, true)));
    assert_eq!(listed("active", 30).await, Err(LedgerError::Overloaded), "some of them are far away");
    holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    assert_eq!(timeout(PATIENCE, searching).await.unwrap().unwrap(), Ok(1));
    assert_eq!(listed("active", 30).await, Ok((30, false)));
    assert_eq!(listed("active", 29).await, Ok((29, true)));
    assert_eq!(listed("nothing", 10).await, Ok((0, false)));
}

/// Look-ups of single objects are made together. Large ones were among them: all waited until PostgreSQL had read those, and their
/// bytes were in memory together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_object_does_not_hold_up_the_small_ones_of_others() {
    let database = TestDatabase::start().await;
    let mut docs = Vec::new();
    for (number, name) in [(SLOW, "x".repeat(100_000)), (OTHER, "Ada".to_owned())] {
        support::prepare(&database, tenant_id(number)).await;
        let now = ManualClock::new().now();
        let mut doc = Doc::new(Kind::Customer, now, &mut SeededEntropy::new(number), json!({"name": name}));
        let created = Draft::at(now).create(&mut doc, None).commit();
        support::opened(&database, CommitterConfig::default()).commit(tenant_id(number), created).await.unwrap();
        docs.push(doc);
    }
    let ledger = support::on(database.pool(SERVICE_ROLE, 8));
    let find = |number: u64| {
        let (ledger, id) = (Arc::clone(&ledger), docs[usize::try_from(number).unwrap()].id);
        tokio::spawn(
            async move { ledger.objects(tenant_id(number), &[id]).await.unwrap().remove(0).unwrap().state.len() },
        )
    };
    // From now on large states are read slowly.
    assert!(find(SLOW).await.unwrap() > 100_000 && find(OTHER).await.unwrap() < 100);
    let holder = holder(&database, "ledger.log", "octet_length(entries) < 100000 OR public.held()").await;
    let large: Vec<_> = (0..4).map(|_| find(SLOW)).collect();
    timeout(PATIENCE, until_held(&holder, 1)).await.expect("one of them waits");
    for _ in 0..4 {
        assert!(timeout(PATIENCE, find(OTHER)).await.expect("it does not wait for them").unwrap() < 100);
    }
    timeout(PATIENCE, until_held(&holder, 4)).await.expect("they have a connection each");
    holder.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    for large in large {
        assert!(timeout(PATIENCE, large).await.unwrap().unwrap() > 100_000);
    }
}

/// What is read is not kept beyond a limit: the page of a tenant whose objects are large is refused, not gathered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_very_large_objects_is_refused() {
    let database = support::prepared(TestDatabase::start().await).await;
    let ledger = support::opened(&database, CommitterConfig::default());
    let (now, mut entropy) = (ManualClock::new().now(), SeededEntropy::new(9));
    for _ in 0..9 {
        let mut doc = Doc::new(Kind::Customer, now, &mut entropy, json!({"name": "x".repeat(4 << 20)}));
        ledger.commit(support::tenant(), Draft::at(now).create(&mut doc, None).commit()).await.unwrap();
    }
    let page = ledger.list(support::tenant(), &list()).await;
    assert_eq!(page.map(|page| page.items.len()), Err(LedgerError::TooLarge));
    let fewer = ListQuery { paging: Paging { limit: 5, ..list().paging }, ..list() };
    // The connection that the rows were not read from serves the next ones.
    for _ in 0..20 {
        assert_eq!(ledger.list(support::tenant(), &fewer).await.unwrap().items.len(), 5);
    }
}
