//! Which process leads, on a real PostgreSQL.

#![allow(clippy::unwrap_used)]

use platform::database::{DatabaseConfig, Leadership};
use testkit::TestDatabase;

#[tokio::test]
async fn one_process_leads_and_another_takes_over_when_it_is_gone() {
    let database = TestDatabase::start().await;
    let config = DatabaseConfig { url: database.url().as_str().into(), ..DatabaseConfig::default() };
    let process = |name| Leadership::new(config.clone(), name);
    let (mut first, mut second, mut other) = (process("work"), process("work"), process("other work"));
    for _ in 0..3 {
        assert!(first.leads().await && !second.leads().await && other.leads().await);
    }

    // The leader's connections are gone, as if its machine were.
    let admin = database.connect().await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    admin.query_one(cut, &[]).await.unwrap();
    while !second.leads().await {}
    assert!(!first.leads().await && second.leads().await);

    second.resign();
    while !first.leads().await {}
    assert!(!second.leads().await);
    drop(first);
    while !second.leads().await {}
}
