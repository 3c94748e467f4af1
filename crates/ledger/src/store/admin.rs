//! Roles, schemas and migrations.

use super::views;
use domain::object::Column;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use types::{Kind, TenantId};

/// Owns everything, and migrates it.
pub const OWNER_ROLE: &str = "florin_owner";
/// What the service acts for: it may not update or delete events and transfers.
pub const SERVICE_ROLE: &str = "florin_service";
/// May read the views, and nothing else.
pub const ANALYST_ROLE: &str = "florin_analyst";

/// One migration at a time in a database, whoever starts it.
const MIGRATION_LOCK: i64 = 0x666c_6f72_696e;

mod migrations {
    refinery::embed_migrations!("migrations");
}

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("PostgreSQL refused: {}", platform::database::with_causes(.0))]
    Database(#[from] tokio_postgres::Error),
    #[error("the tables cannot be migrated: {}", platform::database::with_causes(.0))]
    Migration(#[from] Box<refinery::Error>),
}

/// Creates the roles that are missing, and lets `florin_owner` create schemas in this database. Does nothing where
/// all is there, so that only the first time needs the right to create roles.
pub async fn ensure_roles(client: &Client) -> Result<(), AdminError> {
    for (role, login) in [(OWNER_ROLE, "LOGIN"), (SERVICE_ROLE, "LOGIN"), (ANALYST_ROLE, "NOLOGIN")] {
        if client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_none() {
            match client.batch_execute(&format!("CREATE ROLE {role} {login}")).await {
                // Somebody else created it in the meantime.
                Err(error) if is_duplicate(&error) => {}
                created => created?,
            }
        }
        if !client.query_one("SELECT pg_has_role($1, 'MEMBER')", &[&role]).await?.try_get::<_, bool>(0)? {
            client.batch_execute(&format!("GRANT {role} TO CURRENT_USER")).await?;
        }
    }
    let may_create = "SELECT has_database_privilege($1, current_database(), 'CREATE'), \
        quote_ident(current_database())";
    let row = client.query_one(may_create, &[&OWNER_ROLE]).await?;
    if !row.try_get::<_, bool>(0)? {
        let database: String = row.try_get(1)?;
        client.batch_execute(&format!("GRANT CREATE ON DATABASE {database} TO {OWNER_ROLE}")).await?;
    }
    Ok(())
}

fn is_duplicate(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::DUPLICATE_OBJECT || *code == SqlState::UNIQUE_VIOLATION)
}

/// Creates a tenant's schema, without tables, unless it exists.
pub async fn create_tenant_schema(client: &Client, tenant: TenantId) -> Result<(), AdminError> {
    let schema = tenant.schema();
    client.batch_execute(&format!("SET ROLE {OWNER_ROLE}")).await?;
    let created = client
        .batch_execute(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
            GRANT USAGE ON SCHEMA {schema} TO {SERVICE_ROLE}, {ANALYST_ROLE};"
        ))
        .await;
    client.batch_execute("RESET ROLE").await?;
    Ok(created?)
}

/// Brings a tenant's tables up to date and makes its views anew: one for each kind of object in `kinds`, with those
/// columns. Creates the schema if it is missing.
pub async fn migrate_tenant(
    client: &mut Client,
    tenant: TenantId,
    kinds: &[(Kind, &[Column])],
) -> Result<(), AdminError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    let migrated = migrate(client, tenant, kinds).await;
    client.batch_execute("RESET ROLE; RESET search_path").await?;
    client.execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    migrated
}

/// The version that [`migrate_tenant`] brings a tenant's tables to, as its `schema_history` says it.
pub fn latest_version() -> i64 {
    let migrations = migrations::migrations::runner();
    migrations.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or_default()
}

async fn migrate(client: &mut Client, tenant: TenantId, kinds: &[(Kind, &[Column])]) -> Result<(), AdminError> {
    // Two grants on one schema at a time are refused by PostgreSQL, so this too is done under the lock.
    create_tenant_schema(client, tenant).await?;
    let schema = &tenant.schema();
    client.batch_execute(&format!("SET ROLE {OWNER_ROLE}; SET search_path = {schema}")).await?;
    migrations::migrations::runner()
        .set_migration_table_name("schema_history")
        .run_async(client)
        .await
        .map_err(Box::new)?;
    views::create(client, schema, kinds).await?;
    client.batch_execute(&format!("GRANT SELECT ON {schema}.schema_history TO {SERVICE_ROLE}")).await?;
    Ok(())
}
