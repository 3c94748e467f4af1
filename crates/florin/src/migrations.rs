//! Brings the database up to date: roles, tables, and each tenant's SQL views.

use crate::areas;
use contracts::Identity;
use contracts::identity::Tenant;
use identity::{KeysConfig, PgIdentity};
use platform::database::{Client, DatabaseConfig, store};
use serde::Serialize;

/// The result of a migration.
#[derive(Debug, Serialize)]
pub struct Migrated {
    /// How many there are.
    pub tenants: usize,
}

/// Creates what is missing and updates the rest, under the owner's role. One process at a time does it, others wait.
pub async fn migrate(config: &DatabaseConfig) -> anyhow::Result<Migrated> {
    let mut owner = config.connect_as_owner().await?;
    ledger::admin::ensure_roles(&owner).await?;
    identity::admin::migrate(&mut owner).await?;
    ledger::admin::migrate(&mut owner).await?;
    let tenants = tenants(config).await?;
    for tenant in unopened(&owner, &tenants).await? {
        open_books(&mut owner, tenant).await?;
    }
    Ok(Migrated { tenants: tenants.len() })
}

async fn tenants(config: &DatabaseConfig) -> anyhow::Result<Vec<Tenant>> {
    Ok(PgIdentity::new(config.pool()?, &KeysConfig::default()).tenants().await?)
}

/// The tenants without books, or whose SQL views are those of another release.
async fn unopened<'a>(client: &Client, tenants: &'a [Tenant]) -> anyhow::Result<Vec<&'a Tenant>> {
    let opened = ledger::admin::opened(client, &areas::sql_views()?).await?;
    Ok(tenants.iter().filter(|tenant| !opened.contains(&tenant.id)).collect())
}

/// Opens a tenant's books, or makes their SQL views anew.
pub async fn open_books(owner: &mut Client, tenant: &Tenant) -> anyhow::Result<()> {
    let views = areas::sql_views()?;
    Ok(ledger::admin::open_books(owner, tenant.id, &views).await?)
}

/// What is behind the migrations of this binary: schemas or tenants. Empty when everything is up to date.
pub async fn pending(config: &DatabaseConfig) -> anyhow::Result<Vec<String>> {
    let client = config.connect().await?;
    for (schema, latest) in [("florin", identity::admin::latest_version()), ("ledger", ledger::admin::latest_version())]
    {
        if store::schema_version(&client, schema).await? != Some(latest) {
            // Its tables cannot be read by this binary.
            return Ok(vec![schema.to_owned()]);
        }
    }
    let tenants = tenants(config).await?;
    let unopened = unopened(&client, &tenants).await?;
    Ok(unopened.into_iter().map(|tenant| format!("{} ({})", tenant.name, tenant.id.schema())).collect())
}
