//! `verify` finds nothing wrong in sound books, and finds every change that was not made by the ledger.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{Ledger, LedgerError};
use domain::commit::Index;
use ledger::{CommitterConfig, KeptHead, Report, verify, verify_since};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use testkit::compare::Model;
use testkit::load::{Load, Work};
use testkit::{ManualClock, Subject, TestDatabase, tenant_id};
use types::Kind;

async fn report(database: &TestDatabase) -> Report {
    let pool = database.pool(platform::database::store::SERVICE_ROLE, 2);
    verify(&pool, support::tenant(), Some(&index_of)).await.unwrap()
}

/// How the objects of these tests are indexed.
fn index_of(kind: Kind, state: &Value) -> Option<Index> {
    // The customer is not in the state.
    let status = state.get("status").and_then(Value::as_str).map(str::to_owned);
    (kind == Kind::Customer).then_some(Index { status, ..Index::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_books_are_sound() {
    let database = TestDatabase::start().await;
    support::prepare(&database, support::tenant()).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    let empty = report(&database).await;
    assert!(empty.is_sound() && empty.events == 0, "{empty:?}");
    support::fill(ledger.as_ref(), support::tenant()).await;
    let full = report(&database).await;
    assert!(full.is_sound(), "{full:#?}");
    assert_eq!((full.events, full.objects, full.transfers, full.accounts), (15, 10, 9, 2));
    let unknown = tenant_id(99);
    let error = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), unknown, None).await.unwrap_err();
    assert_eq!(error, LedgerError::NoSuchTenant(unknown));
}

/// Books that were restored to an earlier moment are sound, and what came after it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_since_a_kept_head_is_noticed() {
    let database = TestDatabase::start().await;
    support::prepare(&database, support::tenant()).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    support::fill(ledger.as_ref(), support::tenant()).await;
    let kept: KeptHead = report(&database).await.head.unwrap().parse().unwrap();
    let pool = database.pool(platform::database::store::SERVICE_ROLE, 1);
    let found = async |kept: &KeptHead| {
        let report = verify_since(&pool, support::tenant(), None, Some(kept)).await.unwrap();
        report.findings.iter().map(|finding| format!("{}: {}", finding.check, finding.detail)).collect::<Vec<_>>()
    };
    ledger.commit(support::tenant(), support::charge(99).1).await.unwrap();
    assert_eq!(found(&kept).await, [""; 0], "it is there, and more");
    let last: KeptHead = report(&database).await.head.unwrap().parse().unwrap();
    assert_eq!(found(&last).await, [""; 0]);
    let lost = found(&KeptHead { position: last.position + 612, ..last.clone() }).await;
    assert!(lost.len() == 1 && lost[0].starts_with("since: the log ends before it"), "{lost:?}");
    for (position, hash, says) in [
        (kept.position, &last.hash, "since: this row has another hash"),
        (last.position, &kept.hash, "since: this row has another hash"),
        (2, &kept.hash, "since: the log has no row that begins here"),
    ] {
        let changed = found(&KeptHead { position, hash: hash.clone() }).await;
        assert!(changed.len() == 1 && changed[0].starts_with(says), "{position}: {changed:?}");
    }
}

/// A log is its tenant's own: in another tenant's name its hashes are wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_another_tenant_is_noticed() {
    let database = TestDatabase::start().await;
    let other = tenant_id(1);
    support::prepare(&database, other).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    support::fill(ledger.as_ref(), other).await;
    let superuser = database.connect().await;
    let rename = "UPDATE ledger.books SET tenant = $1";
    superuser.execute(rename, &[&support::tenant().0]).await.unwrap();
    let report = report(&database).await;
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.check, finding.subject.as_str())).collect();
    assert_eq!(found, [("hashes", "1")], "{report:#?}");
}

/// A superuser makes each change to books of their own. The report must have at least these findings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_found() {
    let cases: &[(&str, &[&str])] = &[
        ("UPDATE accounts SET debits_posted = debits_posted + 1 WHERE code = 'assets/cash'", &["balances", "totals"]),
        ("UPDATE accounts SET credits_pending = 0", &["balances", "totals"]),
        (
            "UPDATE accounts SET debits_posted = debits_posted + 1 WHERE code = 'assets/cash';
            UPDATE accounts SET credits_posted = credits_posted + 1 WHERE code = 'liabilities/purse'",
            &["balances"],
        ),
        ("UPDATE accounts SET currency = 'eur' WHERE code = 'assets/cash'", &["transfers", "totals"]),
        ("UPDATE accounts SET currency = 'eur'", &["hashes"]),
        ("UPDATE accounts SET rule = 0", &["hashes"]),
        ("DELETE FROM accounts WHERE code = 'assets/cash'", &["balances", "totals"]),
        ("INSERT INTO accounts SELECT number, 'assets/more', 'usd', 0, 5, 0, 0, 0 FROM books", &["balances", "totals"]),
        // With this rule the transfers have overdrawn the purse on the way.
        (
            "ALTER TABLE accounts DROP CONSTRAINT accounts_check, DROP CONSTRAINT accounts_check1;
            UPDATE accounts SET rule = 2 WHERE code = 'liabilities/purse'",
            &["rules"],
        ),
        ("UPDATE objects SET state = replace(state, 'done', 'gone') WHERE kind = 4", &["objects"]),
        ("UPDATE objects SET version = version + 1 WHERE kind = 4", &["objects"]),
        ("UPDATE objects SET start = start + 1 WHERE kind = 1", &["objects"]),
        ("UPDATE objects SET position = 3 WHERE kind = 1 AND position = 1", &["objects"]),
        ("UPDATE objects SET status = 'rich' WHERE kind = 1", &["index"]),
        ("UPDATE objects SET terms = '{5}' WHERE kind = 1", &["index"]),
        ("DELETE FROM objects WHERE kind = 1", &["objects"]),
        ("DELETE FROM objects WHERE kind = 4", &["objects", "versions"]),
        (
            "INSERT INTO objects (tenant, kind, id, version, position, start, length)
            SELECT tenant, 1, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 1, position, start, length FROM objects LIMIT 1",
            &["objects"],
        ),
        ("DELETE FROM revisions WHERE position = 3", &["objects"]),
        ("UPDATE revisions SET position = 6 WHERE position = 3", &["objects"]),
        ("DELETE FROM log WHERE position = 4", &["positions", "objects"]),
        ("DELETE FROM log WHERE position = (SELECT max(position) FROM log)", &["objects", "transfers"]),
        ("DELETE FROM log WHERE position = 1", &["positions", "objects", "transfers"]),
        (
            "UPDATE log SET entries = convert_to(replace(convert_from(entries, 'UTF8'), '\"done\"', 'null'), 'UTF8')
            WHERE position = 3",
            &["objects"],
        ),
        (
            "UPDATE log SET entries = convert_to(replace(convert_from(entries, 'UTF8'), '\"version\":2', '\"version\":7'),
            'UTF8') WHERE position = 3",
            &["versions", "objects"],
        ),
        (
            "UPDATE log SET entries = convert_to(replace(convert_from(entries, 'UTF8'), 'customer 0', 'customer 9'), 'UTF8')
            WHERE position = 1",
            &["hashes"],
        ),
        ("UPDATE log SET request_id = 'req_1' WHERE position = 3", &["hashes"]),
        ("UPDATE log SET hash = sha256(hash) WHERE position = 3", &["hashes"]),
        ("UPDATE transfers SET reason = 'gift' WHERE action = 3", &["hashes"]),
        ("UPDATE transfers SET last = true WHERE action = 2", &["hashes", "transfers"]),
        ("UPDATE transfers SET last = false WHERE action = 4", &["hashes", "transfers"]),
        ("UPDATE log SET entries = 'nothing'", &["versions", "objects", "hashes"]),
        ("UPDATE log SET size = 3 WHERE position = 1", &["positions"]),
        ("UPDATE log SET types = NULL", &["index"]),
        ("UPDATE log SET created = created + interval '1 hour' WHERE position = 6", &["transfers"]),
        ("UPDATE log SET created = created - interval '1 hour' WHERE position = 6", &["times", "transfers", "hashes"]),
        ("DELETE FROM transfers WHERE action = 3 AND last", &["balances"]),
        ("DELETE FROM transfers WHERE action = 4", &["balances"]),
        ("DELETE FROM transfers WHERE action = 2", &["balances", "holds"]),
        ("UPDATE transfers SET amount = 101 WHERE action = 3 AND last", &["balances"]),
        ("UPDATE transfers SET amount = 500 WHERE action = 3 AND last", &["balances", "holds"]),
        ("UPDATE transfers SET debit = credit, credit = debit WHERE action = 3", &["balances", "holds"]),
        ("UPDATE transfers SET position = 999 WHERE action = 3", &["transfers"]),
        ("UPDATE transfers SET ordinal = 3 WHERE action = 3", &["transfers"]),
        (
            "INSERT INTO transfers (tenant, id, position, ordinal, action, object_kind, object, last, amount, created,
                debit, credit, reason)
            SELECT tenant, gen_random_uuid(), position, ordinal + 1::smallint, 1::smallint, object_kind, object, false, 7,
                created, debit, credit, reason FROM transfers WHERE action = 3",
            &["balances"],
        ),
        ("UPDATE idempotency_keys SET version = 9", &["idempotency"]),
    ];
    for (tampering, expected) in cases {
        let database = TestDatabase::start().await;
        support::prepare(&database, support::tenant()).await;
        let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
        support::fill(ledger.as_ref(), support::tenant()).await;
        let superuser = database.connect().await;
        superuser.batch_execute(&format!("SET search_path = ledger; {tampering}")).await.expect(tampering);
        let report = report(&database).await;
        assert!(!report.is_sound(), "not found: {tampering}");
        for check in *expected {
            let found = report.findings.iter().any(|finding| finding.check == *check);
            assert!(found, "{tampering}: no finding of {check} in {:#?}", report.findings);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_books_are_sound_and_long_reports_are_cut() {
    let model = Model::new(support::tenant());
    let database = TestDatabase::start().await;
    support::prepare(&database, support::tenant()).await;
    let clock = ManualClock::new();
    let ledger = support::open(&database, clock.clone(), CommitterConfig::default());
    let subject = Subject::new(ledger, support::tenant(), clock, Box::new(()));
    testkit::compare::same_answers(77, 60, &model, &subject).await;
    let sound =
        verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), support::tenant(), None).await.unwrap();
    assert!(sound.is_sound() && sound.events > 100, "{sound:#?}");
    let superuser = database.connect().await;
    superuser
        .batch_execute("UPDATE ledger.objects SET version = version + 1000 WHERE state IS NOT NULL")
        .await
        .unwrap();
    let report = report(&database).await;
    assert!(report.findings.len() <= 100 && report.findings_total >= report.findings.len() as u64);
    assert!(serde_json::to_string(&report).unwrap().contains("\"check\":\"objects\""));
}

/// Commits go on while the books are verified, and the verification takes notice of none that came after its beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_under_load_finds_nothing() {
    let database = TestDatabase::start().await;
    support::prepare(&database, support::tenant()).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    let load = Load::start(ledger.clone() as Arc<dyn Ledger>, support::tenant(), 16, Work::Changing);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let report = report(&database).await;
        assert!(report.is_sound(), "{report:#?}");
    }
    let acknowledged = load.stop().await;
    let report = report(&database).await;
    assert!(report.is_sound() && report.events == acknowledged.len() as u64, "{report:#?}");
    assert_eq!(report.position, acknowledged.iter().map(|commit| commit.first_position).max().unwrap());
    assert!(acknowledged.len() > 50, "only {} commits", acknowledged.len());
}

/// A transaction that stays open keeps PostgreSQL from forgetting the balances of before: updating them becomes slower
/// from commit to commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_keeps_no_transaction_open() {
    let database = TestDatabase::start().await;
    support::prepare(&database, support::tenant()).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    for seed in 0..3_000 {
        ledger.commit(support::tenant(), support::charge(seed).1).await.unwrap();
    }
    let observer = database.connect().await;
    let url = format!("{} application_name=verifier", database.url());
    let config = platform::database::DatabaseConfig { url: url.as_str().into(), ..Default::default() };
    let pool = config.pool().unwrap();
    let verifying = tokio::spawn(async move { verify(&pool, support::tenant(), None).await.unwrap() });
    let mut seen = 0;
    while !verifying.is_finished() {
        let sql = "SELECT state FROM pg_stat_activity WHERE application_name = 'verifier' AND state <> 'idle'";
        for row in observer.query(sql, &[]).await.unwrap() {
            assert_eq!(row.get::<_, &str>(0), "active");
            seen += 1;
        }
    }
    let report = verifying.await.unwrap();
    assert!(report.is_sound() && report.events == 3_000, "{report:#?}");
    assert!(seen > 0, "the verifier was never seen at work");
}
