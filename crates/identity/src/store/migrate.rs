//! The schema `florin`: what is not of one tenant.

use tokio_postgres::Client;

/// Owns everything; created with the other roles, before.
const OWNER_ROLE: &str = "florin_owner";
/// The same as the ledger takes, so that migrations run one at a time in a database.
const MIGRATION_LOCK: i64 = 0x666c_6f72_696e;

mod migrations {
    refinery::embed_migrations!("migrations");
}

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error("PostgreSQL refused: {}", platform::database::with_causes(.0))]
    Database(#[from] tokio_postgres::Error),
    #[error("the tables cannot be migrated: {}", platform::database::with_causes(.0))]
    Migration(#[from] Box<refinery::Error>),
}

/// Creates or updates the schema `florin`, on a connection that may act for `florin_owner`.
pub async fn migrate_global(client: &mut Client) -> Result<(), MigrationError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    let migrated = migrate(client).await;
    client.batch_execute("RESET ROLE; RESET search_path").await?;
    client.execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    migrated
}

/// The version that [`migrate_global`] brings the schema `florin` to, as its `schema_history` says it.
pub fn latest_version() -> i64 {
    let migrations = migrations::migrations::runner();
    migrations.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or_default()
}

async fn migrate(client: &mut Client) -> Result<(), MigrationError> {
    client
        .batch_execute(&format!(
            "SET ROLE {OWNER_ROLE};
            CREATE SCHEMA IF NOT EXISTS florin;
            GRANT USAGE ON SCHEMA florin TO florin_service;
            SET search_path = florin"
        ))
        .await?;
    migrations::migrations::runner()
        .set_migration_table_name("schema_history")
        .run_async(client)
        .await
        .map_err(Box::new)?;
    client.batch_execute("GRANT SELECT ON florin.schema_history TO florin_service").await?;
    Ok(())
}
