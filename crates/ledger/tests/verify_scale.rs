//! `verify` goes through two million commits in short transactions, and its memory does not grow with them.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::Ledger;
use ledger::{CommitterConfig, verify};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::build::{self, Doc, Draft};
use testkit::{ManualClock, TestDatabase};
use tokio::task::JoinSet;
use types::{Clock, Kind, SystemClock, SystemEntropy};

const CLIENTS: usize = 256;
/// What a verification may take besides what the process had before.
const MEMORY_MAX: i64 = 100 << 20;

/// `FLORIN_TEST_COMMITS` says how many commits are written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes two million commits, which takes minutes; `make test-scale` runs it"]
async fn two_million_commits_are_verified() {
    let commits = std::env::var("FLORIN_TEST_COMMITS").map_or(2_000_000, |count| count.parse().unwrap());
    let database = TestDatabase::start().await;
    support::prepare(&database, support::tenant()).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    write(&ledger, commits).await;
    ledger.shutdown().await;
    drop(ledger);

    let url = format!("{} application_name=verifier", database.url());
    let config = platform::database::DatabaseConfig { url: url.as_str().into(), ..Default::default() };
    let pool = config.pool().unwrap();
    let before = memory();
    let verifying = tokio::spawn(async move { verify(&pool, support::tenant(), None).await.unwrap() });
    let observer = database.connect().await;
    let (mut most, mut longest) = (0, 0.0);
    while !verifying.is_finished() {
        most = (memory() - before).max(most);
        let sql = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
            FROM pg_stat_activity WHERE application_name = 'verifier' AND state <> 'idle'";
        longest = observer.query_one(sql, &[]).await.unwrap().get::<_, f64>(0).max(longest);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let report = verifying.await.unwrap();
    println!(
        "{} entries, {} objects, {} transfers in {} ms; {} MiB more memory; the longest transaction seen took {longest:.3} s",
        report.events,
        report.objects,
        report.transfers,
        report.duration_ms,
        most >> 20
    );
    assert!(report.is_sound(), "{:#?}", report.findings);
    assert_eq!(report.events, commits);
    assert!(most < MEMORY_MAX, "{most} bytes more");
}

/// Charges with a transfer, every second of which is changed once.
async fn write(ledger: &Arc<ledger::PgLedger>, commits: u64) {
    let begun = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (ledger, begun) = (Arc::clone(ledger), Arc::clone(&begun));
        clients.spawn(async move {
            let mut entropy = SystemEntropy::new();
            let accounts = (&build::open_account("assets/load"), &build::open_account("liabilities/load"));
            let mut last: Option<Doc> = None;
            while begun.fetch_add(1, Ordering::Relaxed) < commits {
                let now = SystemClock.now();
                let draft = match &mut last {
                    Some(doc) => Draft::at(now).update(doc, Some("charge.updated"), json!({"seen": now.millis()})),
                    None => {
                        let mut doc = Doc::new(Kind::Charge, now, &mut entropy, json!({"amount": 100}));
                        let draft = Draft::at(now).create(&mut doc, Some("charge.created"));
                        last = Some(doc);
                        draft
                    }
                };
                let Some(doc) = &last else { unreachable!() };
                let transfer = build::transfer(now, &mut entropy, domain::commit::Action::Post, accounts, 100, doc.id);
                if doc.version == 2 {
                    last = None;
                }
                ledger.commit(support::tenant(), draft.transfer(transfer).commit()).await.unwrap();
            }
        });
    }
    clients.join_all().await;
}

/// Bytes of memory that the process has, as Linux says.
fn memory() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of it");
    let kib: i64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kib << 10
}
