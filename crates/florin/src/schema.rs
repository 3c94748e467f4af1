//! The database's schemas: roles, tables, and each tenant's views.

use contracts::Identity;
use contracts::identity::Tenant;
use identity::PgIdentity;
use platform::database::{Client, DatabaseSettings, connect, store};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use types::SystemClock;

pub use ledger::admin::SERVICE_ROLE;

/// What a migration found to be up to date, or brought there.
#[derive(Debug, Serialize)]
pub struct Migrated {
    pub tenants: usize,
}

/// Creates what is missing and brings the rest up to date, under the owner's role. One process at a time does it,
/// others wait.
pub async fn migrate(settings: &DatabaseSettings) -> anyhow::Result<Migrated> {
    let mut owner = owner(settings).await?;
    ledger::admin::ensure_roles(&owner).await?;
    identity::migrate_global(&mut owner).await?;
    ledger::admin::migrate(&mut owner).await?;
    let tenants = tenants(settings).await?;
    for tenant in unopened(&owner, &tenants).await? {
        open_books(&mut owner, tenant).await?;
    }
    Ok(Migrated { tenants: tenants.len() })
}

/// A connection that may act for the role that owns the tables.
pub async fn owner(settings: &DatabaseSettings) -> anyhow::Result<Client> {
    Ok(connect(settings.owner_url(), Duration::from_millis(settings.connect_timeout_ms)).await?)
}

async fn tenants(settings: &DatabaseSettings) -> anyhow::Result<Vec<Tenant>> {
    Ok(PgIdentity::new(settings.pool()?, Arc::new(SystemClock)).tenants().await?)
}

/// The tenants that have no books yet, or none with the views of this release.
async fn unopened<'a>(client: &Client, tenants: &'a [Tenant]) -> anyhow::Result<Vec<&'a Tenant>> {
    let opened = ledger::admin::opened(client, &api::resources::registry().sql_views()).await?;
    Ok(tenants.iter().filter(|tenant| !opened.contains(&tenant.id)).collect())
}

/// Opens a tenant's books, or makes their views anew.
pub async fn open_books(owner: &mut Client, tenant: &Tenant) -> anyhow::Result<()> {
    let views = api::resources::registry().sql_views();
    Ok(ledger::admin::open_books(owner, tenant.id, &views).await?)
}

/// What this binary's migrations have not reached; empty when all is up to date.
pub async fn pending(settings: &DatabaseSettings) -> anyhow::Result<Vec<String>> {
    let client = connect(&settings.url, Duration::from_millis(settings.connect_timeout_ms)).await?;
    for (schema, latest) in [("florin", identity::latest_version()), ("ledger", ledger::admin::latest_version())] {
        if store::schema_version(&client, schema).await? != Some(latest) {
            // What is in it cannot be read then.
            return Ok(vec![schema.to_owned()]);
        }
    }
    let tenants = tenants(settings).await?;
    let unopened = unopened(&client, &tenants).await?;
    Ok(unopened.into_iter().map(|tenant| format!("{} ({})", tenant.name, tenant.id.schema())).collect())
}
