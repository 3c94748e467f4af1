//! What a committer remembers is compared with what is there by the statement that writes.

#![allow(clippy::unwrap_used)]

mod support;

use contracts::ledger::{CommitError, Ledger};
use ledger::{CommitterConfig, verify};
use serde_json::json;
use support::{charge, opened, prepared, tenant};
use testkit::build::{Doc, Draft};
use testkit::{ManualClock, TestDatabase};
use types::Clock;

/// A server that does not have everything: a replica that took over, or a backup that was restored. The connection may
/// lead through a proxy that survives this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_of_another_server_is_not_used() {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'florin committer'";
    for connection in [cut, ""] {
        let database = prepared(TestDatabase::start().await).await;
        let ledger = opened(&database, CommitterConfig::default());
        for seed in 1..=20 {
            ledger.commit(tenant(), charge(seed).1).await.unwrap();
        }
        let (superuser, epoch) = (database.connect().await, ledger.epoch());
        let lost = "DELETE FROM ledger.log WHERE position > 15; DELETE FROM ledger.objects WHERE position > 15;";
        superuser.batch_execute(&format!("{lost} {connection}")).await.unwrap();
        assert_eq!(ledger.commit(tenant(), charge(21).1).await.unwrap().first_position, 16);
        assert_ne!(ledger.epoch(), epoch, "what was answered may be gone: {connection:?}");
        let report = verify(&database.pool(platform::database::store::SERVICE_ROLE, 1), tenant(), None).await.unwrap();
        assert!(report.is_sound(), "{report:#?}");
    }
}

/// A process that has never seen an object takes it to be at the version that a commit names, until PostgreSQL says otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_not_known_is_compared() {
    let database = prepared(TestDatabase::start().await).await;
    let now = ManualClock::new().now();
    let before = opened(&database, CommitterConfig::default());
    let ((mut relied_on, created), (never, _)) = (charge(1), charge(2));
    before.commit(tenant(), created).await.unwrap();
    let stale = relied_on.clone();
    before.commit(tenant(), Draft::at(now).update(&mut relied_on, None, json!({"a": 1})).commit()).await.unwrap();
    before.shutdown().await;

    let ledger = opened(&database, CommitterConfig::default());
    // From here on it does not read before it writes.
    for seed in 11..=30 {
        ledger.commit(tenant(), charge(seed).1).await.unwrap();
    }
    let epoch = ledger.epoch();
    let relying = async |seed: u64, on: &Doc| {
        let (mut doc, _) = charge(seed);
        ledger.commit(tenant(), Draft::at(now).create(&mut doc, None).rely_on(on).commit()).await
    };
    for seed in 31..=33 {
        relying(seed, &relied_on).await.unwrap();
        let refused = relying(seed + 10, &stale).await;
        assert!(matches!(&refused, Err(CommitError::VersionConflict { id, .. }) if *id == stale.id), "{refused:?}");
        let refused = relying(seed + 20, &never).await;
        assert!(matches!(&refused, Err(CommitError::VersionConflict { id, .. }) if *id == never.id), "{refused:?}");
        // Again from memory.
        for more in 0..20 {
            ledger.commit(tenant(), charge(100 * seed + more).1).await.unwrap();
        }
    }
    assert_eq!(ledger.epoch(), epoch, "a conflict says nothing of what was answered");
}
