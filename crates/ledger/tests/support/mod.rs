//! Ledgers on clean databases.

#![allow(dead_code)]

use domain::changes::{Column, ColumnType, column};
use ledger::{CommitterConfig, PgLedger};
use std::sync::Arc;
use testkit::contract::Subject;
use testkit::{ManualClock, TestDatabase};
use types::{Clock, Kind, SeededEntropy, TenantId};

/// Columns as the domain would name them, of each type.
pub const KINDS: &[(Kind, &[Column])] = &[
    (Kind::Customer, &[column("name", ColumnType::Text), column("metadata", ColumnType::Json)]),
    (
        Kind::Charge,
        &[
            column("amount", ColumnType::Integer),
            column("paid", ColumnType::Boolean),
            column("captured_at", ColumnType::Time),
            column("status", ColumnType::Text),
        ],
    ),
];

pub fn tenant() -> TenantId {
    TenantId::new(ManualClock::new().now(), &mut SeededEntropy::new(0))
}

/// Roles, schema and tables of a tenant.
pub async fn prepare(database: &TestDatabase, tenant: TenantId) {
    let mut admin = database.connect().await;
    ledger::admin::ensure_roles(&admin).await.expect("roles");
    ledger::admin::migrate_tenant(&mut admin, tenant, KINDS).await.expect("migrations");
}

pub fn open(database: &TestDatabase, clock: Arc<ManualClock>, config: CommitterConfig) -> Arc<PgLedger> {
    PgLedger::new(database.pool(ledger::admin::SERVICE_ROLE, 8), clock, config)
}

/// Empty books on a clean database.
pub async fn subject() -> Subject {
    let database = TestDatabase::start().await;
    prepare(&database, tenant()).await;
    let clock = ManualClock::new();
    let ledger = open(&database, clock.clone(), CommitterConfig::default());
    Subject::new(ledger, tenant(), clock, Box::new(database))
}
