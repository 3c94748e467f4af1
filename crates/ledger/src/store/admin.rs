//! Roles, schemas and migrations.

use super::views::{self, Views};
use domain::SqlView;
use std::collections::HashSet;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use types::TenantId;

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

/// Brings the tables of all tenants' books, and the functions that their views use, up to date.
pub async fn migrate(client: &mut Client) -> Result<(), AdminError> {
    locked(client, migrate_tables).await
}

/// The version that [`migrate`] brings the tables to, as their `schema_history` says it.
pub fn latest_version() -> i64 {
    let migrations = migrations::migrations::runner();
    migrations.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or_default()
}

/// Opens a tenant's books unless they are, and makes its views anew where that is due: one for each kind of object in
/// `kinds`, with those columns. The tables are there already.
pub async fn open_books(client: &mut Client, tenant: TenantId, kinds: &[SqlView]) -> Result<(), AdminError> {
    locked(client, async |client| {
        client.batch_execute(&format!("SET ROLE {OWNER_ROLE}")).await?;
        let opened = "INSERT INTO ledger.books (tenant) VALUES ($1) ON CONFLICT (tenant) DO NOTHING";
        client.execute(opened, &[&tenant.0]).await?;
        let row = client.query_one("SELECT number, views FROM ledger.books WHERE tenant = $1", &[&tenant.0]).await?;
        let (number, made): (i32, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        let views = Views::of(tenant, number, kinds);
        if made != Some(views.digest()) {
            views.create(client).await?;
            let done = "UPDATE ledger.books SET views = $2 WHERE tenant = $1";
            client.execute(done, &[&tenant.0, &views.digest()]).await?;
        }
        Ok(())
    })
    .await
}

/// The tenants whose books are open, with views as [`open_books`] makes them.
pub async fn opened(client: &Client, kinds: &[SqlView]) -> Result<HashSet<TenantId>, AdminError> {
    let mut opened = HashSet::new();
    for row in client.query("SELECT tenant, number, views FROM ledger.books", &[]).await? {
        let tenant = TenantId(row.try_get(0)?);
        if row.try_get::<_, Option<i64>>(2)? == Some(Views::of(tenant, row.try_get(1)?, kinds).digest()) {
            opened.insert(tenant);
        }
    }
    Ok(opened)
}

/// Two migrations at a time would be in each other's way; the connection is given back as it was.
async fn locked(
    client: &mut Client,
    work: impl AsyncFnOnce(&mut Client) -> Result<(), AdminError>,
) -> Result<(), AdminError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    let done = work(client).await;
    client.batch_execute("RESET ROLE; RESET search_path").await?;
    client.execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    done
}

async fn migrate_tables(client: &mut Client) -> Result<(), AdminError> {
    client
        .batch_execute(&format!(
            "SET ROLE {OWNER_ROLE};
            CREATE SCHEMA IF NOT EXISTS ledger;
            GRANT USAGE ON SCHEMA ledger TO {SERVICE_ROLE}, {ANALYST_ROLE};
            SET search_path = ledger"
        ))
        .await?;
    migrations::migrations::runner()
        .set_migration_table_name("schema_history")
        .run_async(client)
        .await
        .map_err(Box::new)?;
    client.batch_execute(&views::functions()).await?;
    client.batch_execute(&format!("GRANT SELECT ON ledger.schema_history TO {SERVICE_ROLE}")).await?;
    Ok(())
}
