//! What PostgreSQL itself does not allow the service and analysts.

#![allow(clippy::unwrap_used)]

mod support;

use ledger::CommitterConfig;
use testkit::{ManualClock, TestDatabase};
use tokio_postgres::error::SqlState;

async fn filled() -> (TestDatabase, String) {
    let database = TestDatabase::start().await;
    let tenant = support::tenant();
    support::prepare(&database, tenant).await;
    let ledger = support::open(&database, ManualClock::new(), CommitterConfig::default());
    support::fill(ledger.as_ref(), tenant).await;
    (database, tenant.schema())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_cannot_change_the_past() {
    let (database, _) = filled().await;
    let service = database.pool(platform::database::store::SERVICE_ROLE, 1).get().await.unwrap();
    // As if the service had logged in. After SET ROLE a superuser could return to its own role.
    service.batch_execute("SET SESSION AUTHORIZATION florin_service").await.unwrap();
    let forbidden = [
        "UPDATE {s}.log SET types = NULL",
        "DELETE FROM {s}.log",
        "TRUNCATE {s}.log",
        "UPDATE {s}.transfers SET amount = amount + 1",
        "DELETE FROM {s}.transfers",
        "TRUNCATE {s}.transfers",
        "DELETE FROM {s}.accounts",
        "UPDATE {s}.accounts SET rule = 0",
        "UPDATE {s}.accounts SET currency = 'eur'",
        "UPDATE {s}.objects SET position = position + 1",
        "UPDATE {s}.objects SET tenant = tenant + 1",
        "UPDATE {s}.idempotency_keys SET key = 'other'",
        "UPDATE {s}.revisions SET position = position + 1",
        "DELETE FROM {s}.revisions",
        "INSERT INTO {s}.books (tenant) VALUES (gen_random_uuid())",
        "DELETE FROM {s}.objects",
        "TRUNCATE {s}.objects, {s}.accounts, {s}.idempotency_keys",
        "DROP TABLE {s}.log",
        "ALTER TABLE {s}.log ADD COLUMN x int",
        "CREATE TABLE {s}.mine (x int)",
        "CREATE TRIGGER t BEFORE INSERT ON {s}.log FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "GRANT UPDATE ON {s}.log TO florin_service",
        "SET ROLE florin_owner",
        "UPDATE {s}.schema_history SET version = 99",
    ];
    for statement in forbidden {
        let error = service.batch_execute(&statement.replace("{s}", "ledger")).await;
        // GRANT without the right to grant is only a warning.
        if let Err(error) = error {
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        } else {
            assert!(statement.starts_with("GRANT"), "allowed: {statement}");
        }
    }
    let update = service.batch_execute("UPDATE ledger.log SET types = NULL").await;
    assert!(update.is_err(), "the grant changed nothing");
    for allowed in
        ["SELECT count(*) FROM {s}.log", "UPDATE {s}.objects SET due = NULL", "DELETE FROM {s}.idempotency_keys"]
    {
        service.batch_execute(&allowed.replace("{s}", "ledger")).await.expect(allowed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analysts_see_sql_views_and_nothing_else() {
    let (database, schema) = filled().await;
    let analyst = database.pool(platform::database::store::ANALYST_ROLE, 1).get().await.unwrap();
    for view in ["customers", "charges", "ledger_entries", "account_balances"] {
        let rows = analyst.query(&format!("SELECT * FROM {schema}.{view}"), &[]).await.expect(view);
        assert!(!rows.is_empty(), "{view}");
    }
    let tables =
        ["books", "accounts", "transfers", "objects", "log", "revisions", "idempotency_keys", "schema_history"];
    for table in tables {
        let error = analyst.query(&format!("SELECT * FROM ledger.{table}"), &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{table}");
    }
    let write = analyst.batch_execute(&format!("UPDATE {schema}.customers SET name = 'x'")).await;
    assert!(write.is_err());
    for lock in ["pg_advisory_lock(1)", "pg_advisory_xact_lock(1, 2)", "pg_try_advisory_lock_shared(1)"] {
        let error = analyst.query(&format!("SELECT {lock}"), &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{lock}: it could hold up payments");
    }
}

/// Migrating again changes nothing, and two migrations at the same time do not disturb each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_can_be_repeated() {
    let (database, _) = filled().await;
    let (mut one, mut other) = (database.connect().await, database.connect().await);
    let tenant = support::tenant();
    let again = async |client: &mut tokio_postgres::Client| {
        ledger::admin::migrate(client).await.unwrap();
        ledger::admin::open_books(client, tenant, support::VIEWS).await.unwrap();
    };
    tokio::join!(again(&mut one), again(&mut other));
    let role: String = one.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    assert_eq!(role, "postgres", "the connection has its role from before");
    let sql = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'ledger'";
    let owners: Vec<String> = one.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, [platform::database::store::OWNER_ROLE]);
}

/// `florin doctor` says so. Whatever table the ledger has, it is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_privilege_too_many_is_found_on_every_table() {
    let (database, _) = filled().await;
    let superuser = database.connect().await;
    let pool = database.pool(platform::database::store::SERVICE_ROLE, 1);
    let service = pool.get().await.unwrap();
    let found = async || ledger::admin::excessive_privileges(&service).await.unwrap();
    assert_eq!(found().await, Some(Vec::new()));
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'ledger' ORDER BY 1";
    let tables: Vec<String> = superuser.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(tables.contains(&"log".to_owned()), "{tables:?}");
    for table in &tables {
        superuser.batch_execute(&format!("GRANT TRUNCATE ON ledger.{table} TO florin_service")).await.unwrap();
    }
    let expected = tables.iter().map(|table| format!("ledger.{table} TRUNCATE")).collect();
    assert_eq!(found().await, Some(expected));
    superuser
        .batch_execute(
            "REVOKE TRUNCATE ON ALL TABLES IN SCHEMA ledger FROM florin_service;
            GRANT UPDATE (id, amount) ON ledger.transfers TO florin_service; GRANT DELETE ON ledger.log TO florin_service;
            GRANT UPDATE (rule) ON ledger.accounts TO florin_service",
        )
        .await
        .unwrap();
    let expected = ["ledger.accounts UPDATE (rule)", "ledger.log DELETE", "ledger.transfers UPDATE (id, amount)"]
        .map(str::to_owned);
    assert_eq!(found().await, Some(expected.to_vec()));
}

/// A query of an analyst keeps PostgreSQL from forgetting what is changed meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn analysts_have_limits_of_time() {
    let (database, _) = filled().await;
    let superuser = database.connect().await;
    // Roles belong to the server, which other tests use.
    let login = format!("ada_{}", std::process::id());
    let limits = async || -> Vec<String> {
        let sql = "SELECT rolconfig FROM pg_roles WHERE rolname = 'florin_analyst'";
        superuser.query_one(sql, &[]).await.unwrap().get(0)
    };
    assert_eq!(limits().await, ["statement_timeout=60s", "idle_in_transaction_session_timeout=60s"]);
    let pool = database.pool(platform::database::store::SERVICE_ROLE, 1);
    let service = pool.get().await.unwrap();
    let unlimited = async || -> Vec<String> {
        let found = ledger::admin::unlimited_analysts(&service).await.unwrap();
        found.into_iter().filter(|statement| statement.contains(&login)).collect()
    };
    superuser.batch_execute(&format!("CREATE ROLE {login} LOGIN IN ROLE florin_analyst")).await.unwrap();
    let missing = unlimited().await;
    assert_eq!(missing.len(), 2, "{missing:?}");
    superuser.batch_execute(&missing.join(";")).await.unwrap();
    assert_eq!(unlimited().await, [""; 0]);
    superuser.batch_execute(&format!("ALTER ROLE {login} SET statement_timeout = 0")).await.unwrap();
    assert_eq!(unlimited().await, [format!("ALTER ROLE {login} SET statement_timeout = '60s'")]);
    superuser.batch_execute(&format!("ALTER ROLE {login} SET statement_timeout = '5min'")).await.unwrap();
    assert_eq!(unlimited().await, [""; 0]);
    // What the administrator has chosen stays.
    superuser.batch_execute("ALTER ROLE florin_analyst SET statement_timeout = '2min'").await.unwrap();
    ledger::admin::ensure_roles(&superuser).await.unwrap();
    assert_eq!(limits().await, ["statement_timeout=2min", "idle_in_transaction_session_timeout=60s"]);
    superuser
        .batch_execute(&format!("DROP ROLE {login}; ALTER ROLE florin_analyst SET statement_timeout = '60s'"))
        .await
        .unwrap();
}
