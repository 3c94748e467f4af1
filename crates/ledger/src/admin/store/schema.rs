//! Migrations, and the books of each tenant.

use super::roles::{ANALYST_ROLE, OWNER_ROLE, SERVICE_ROLE};
use super::views::{self, Views};
use crate::admin::error::AdminError;
use domain::SqlView;
use std::collections::HashSet;
use tokio_postgres::Client;
use types::TenantId;

/// The number of the advisory lock that allows one migration at a time in a database.
const MIGRATION_LOCK: i64 = 0x666c_6f72_696e;

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// Brings the tables, and the functions that the SQL views use, up to date.
pub async fn migrate(client: &mut Client) -> Result<(), AdminError> {
    locked(client, migrate_tables).await
}

/// The version that [`migrate`] brings the tables to, as the table `schema_history` shows it.
pub fn latest_version() -> i64 {
    let migrations = migrations::migrations::runner();
    migrations.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or_default()
}

/// Opens a tenant's books unless they are open. Creates its SQL views if their definitions have changed: one for each
/// kind of object in `kinds`, with those columns. The tables must be there already.
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

/// The tenants whose books are open, with the SQL views that [`open_books`] would create.
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

/// Does the work under the migration lock, because two migrations at a time would disturb each other. Role and search
/// path of the connection are as before afterwards.
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
