//! What PostgreSQL itself does not allow the service.

#![allow(clippy::unwrap_used)]

mod support;

use support::filled;
use tokio_postgres::error::SqlState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_cannot_change_the_past() {
    let (database, _) = filled().await;
    let service = database.pool(platform::database::store::SERVICE_ROLE, 1).get().await.unwrap();
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
        "RESET ROLE; SET ROLE postgres",
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

/// Migrating again changes nothing, and two migrations at the same time do not disturb each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_can_be_repeated() {
    let (database, _) = filled().await;
    let (mut one, mut other) = (database.connect().await, database.connect().await);
    let tenant = support::tenant();
    let again = async |client: &mut tokio_postgres::Client| {
        ledger::admin::migrate(client).await.unwrap();
        support::open_books(client, tenant, support::VIEWS).await;
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
