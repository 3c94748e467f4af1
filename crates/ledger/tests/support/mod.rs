//! Ledgers on clean databases.

#![allow(dead_code, clippy::expect_used)]

use domain::SqlView;
use domain::commit::Commit;
use domain::object::{ColumnType, column};
use ledger::{CommitterConfig, PgLedger, ScanConfig, Scans};
use platform::database::store::begin_as_owner;
use platform::database::{Client, Pool};
use serde_json::json;
use std::sync::Arc;
use testkit::build::{Doc, Draft};
use testkit::{ManualClock, Subject, TestDatabase, tenant_id};
use types::{Clock, Kind, SeededEntropy, TenantId};

/// SQL views with columns of each type.
pub const VIEWS: &[SqlView] = &[
    SqlView {
        kind: Kind::Customer,
        name: "customers",
        columns: &[column("name", ColumnType::Text), column("metadata", ColumnType::Json)],
        hidden: &[],
    },
    SqlView {
        kind: Kind::Charge,
        name: "charges",
        columns: &[
            column("amount", ColumnType::Integer),
            column("paid", ColumnType::Boolean),
            column("captured_at", ColumnType::Time),
            column("status", ColumnType::Text),
        ],
        hidden: &[&["credential"], &["next_action", "secret"]],
    },
];

/// The tenant of all tests that need only one.
pub fn tenant() -> TenantId {
    tenant_id(0)
}

/// Creates roles, schema and tables, and opens the books of a tenant.
pub async fn prepare(database: &TestDatabase, tenant: TenantId) {
    let mut admin = database.connect().await;
    ledger::admin::ensure_roles(&admin).await.expect("roles");
    ledger::admin::migrate(&mut admin).await.expect("migrations");
    open_books(&mut admin, tenant, VIEWS).await;
}

/// Opens the books of a tenant, with these SQL views.
pub async fn open_books(admin: &mut Client, tenant: TenantId, views: &[SqlView]) {
    let work = begin_as_owner(admin).await.expect("the owner");
    ledger::admin::open_books(&work, tenant, views).await.expect("books");
    work.commit().await.expect("kept");
}

pub fn open(database: &TestDatabase, clock: Arc<ManualClock>, config: CommitterConfig) -> Arc<PgLedger> {
    let pool = database.pool(platform::database::store::SERVICE_ROLE, 8);
    PgLedger::new(pool.clone(), Scans::new(pool, &ScanConfig::default()), clock, config)
}

/// A ledger on these connections, with a clock of its own.
pub fn on(pool: impl Into<Pool>) -> Arc<PgLedger> {
    let pool = pool.into();
    let scans = Scans::new(pool.clone(), &ScanConfig::default());
    PgLedger::new(pool, scans, ManualClock::new(), CommitterConfig::default())
}

/// The database with the books of [`tenant`].
pub async fn prepared(database: TestDatabase) -> TestDatabase {
    prepare(&database, tenant()).await;
    database
}

/// A ledger with a clock of its own.
pub fn opened(database: &TestDatabase, config: CommitterConfig) -> Arc<PgLedger> {
    open(database, ManualClock::new(), config)
}

/// Holds the tenant's lock, as another process does in the middle of a batch.
pub async fn hold_the_lock(database: &TestDatabase) -> tokio_postgres::Client {
    let holder = database.connect().await;
    let sql = "SELECT pg_advisory_lock(1818584930, number) FROM ledger.books WHERE tenant = $1";
    holder.execute(sql, &[&tenant().0]).await.expect("the lock is free");
    holder
}

/// A commit that creates a charge.
pub fn charge(seed: u64) -> (Doc, Commit) {
    let now = ManualClock::new().now();
    let mut doc = Doc::new(Kind::Charge, now, &mut SeededEntropy::new(seed), json!({"seed": seed}));
    let commit = Draft::at(now).create(&mut doc, Some("charge.created")).commit();
    (doc, commit)
}

/// A database with some of everything in the books of [`tenant`], and the schema of its SQL views.
pub async fn filled() -> (TestDatabase, String) {
    let database = TestDatabase::start().await;
    let tenant = tenant();
    prepare(&database, tenant).await;
    let ledger = open(&database, ManualClock::new(), CommitterConfig::default());
    fill(ledger.as_ref(), tenant).await;
    (database, tenant.schema())
}

/// Empty books on a clean database.
pub async fn subject() -> Subject {
    let database = TestDatabase::start().await;
    prepare(&database, tenant()).await;
    let clock = ManualClock::new();
    let ledger = open(&database, clock.clone(), CommitterConfig::default());
    Subject::new(ledger, tenant(), clock, Box::new(database))
}

/// Writes some of everything: five customers, each with a charge and a hold, which is then posted, released, or left
/// open. Returns customers and charges as they are afterwards.
pub async fn fill(ledger: &dyn contracts::Ledger, tenant: TenantId) -> Vec<Doc> {
    use domain::commit::{Action, Answer, Step};
    use testkit::build;
    let now = ManualClock::new().now();
    let mut entropy = SeededEntropy::new(7);
    let (cash, purse) = (
        build::open_account("assets/cash"),
        build::account("liabilities/purse", domain::account::Rule::CreditsCoverDebits),
    );
    let mut docs = Vec::new();
    for number in 0..5i64 {
        let mut customer = Doc::new(Kind::Customer, now, &mut entropy, json!({"name": format!("customer {number}")}));
        let mut charge = Doc::new(Kind::Charge, now, &mut entropy, json!({"amount": 100 + number, "status": "open"}));
        charge.index.customer = Some(customer.id);
        charge.index.status = Some("open".to_owned());
        let hold = build::transfer(now, &mut entropy, Action::Hold, (&cash, &purse), 100 + number, charge.id);
        let answer = Answer::Object { status: 200, id: charge.id, version: 1 };
        let created = Draft::at(now)
            .create(&mut customer, Some("customer.created"))
            .create(&mut charge, Some("charge.pending"))
            .transfer(hold.clone())
            .key(&format!("key {number}"), Step::Begin, answer);
        ledger.commit(tenant, created.commit()).await.expect("a valid commit");
        let action = match number {
            0 => None,
            1 => Some((Action::VoidHold { hold: hold.id }, 0)),
            2 => Some((Action::PostHold { hold: hold.id, last: false }, 50)),
            _ => Some((Action::PostHold { hold: hold.id, last: true }, 100)),
        };
        charge.index.status = Some("done".to_owned());
        let change = json!({"status": "done", "captured_at": now.millis(), "paid": number > 1});
        let mut draft = Draft::at(now).update(&mut charge, Some("charge.succeeded"), change);
        if let Some((action, amount)) = action {
            draft = draft.transfer(build::transfer(now, &mut entropy, action, (&cash, &purse), amount, charge.id));
        }
        ledger.commit(tenant, draft.commit()).await.expect("a valid commit");
        docs.extend([customer, charge]);
    }
    docs
}
