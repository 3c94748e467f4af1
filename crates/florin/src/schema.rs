//! The database's schema: roles, the tables of all tenants, and each tenant's own.

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
    let tenants = PgIdentity::new(settings.pool()?, Arc::new(SystemClock)).tenants().await?;
    for tenant in &tenants {
        migrate_tenant(&mut owner, tenant).await?;
    }
    Ok(Migrated { tenants: tenants.len() })
}

/// A connection that may act for the role that owns the tables.
pub async fn owner(settings: &DatabaseSettings) -> anyhow::Result<Client> {
    Ok(connect(settings.owner_url(), Duration::from_millis(settings.connect_timeout_ms)).await?)
}

/// Creates a tenant's books, or brings them up to date.
pub async fn migrate_tenant(owner: &mut Client, tenant: &Tenant) -> anyhow::Result<()> {
    let kinds = api::resources::registry().kinds();
    Ok(ledger::admin::migrate_tenant(owner, tenant.id, &kinds).await?)
}

/// The schemas that this binary's migrations have not reached; empty when all is up to date.
pub async fn pending(settings: &DatabaseSettings) -> anyhow::Result<Vec<String>> {
    let client = connect(&settings.url, Duration::from_millis(settings.connect_timeout_ms)).await?;
    let mut pending = Vec::new();
    if store::schema_version(&client, "florin").await? != Some(identity::latest_version()) {
        pending.push("florin".to_owned());
        // Who the tenants are cannot be read then.
        return Ok(pending);
    }
    for tenant in PgIdentity::new(settings.pool()?, Arc::new(SystemClock)).tenants().await? {
        if store::schema_version(&client, &tenant.id.schema()).await? != Some(ledger::admin::latest_version()) {
            pending.push(format!("{} ({})", tenant.name, tenant.id.schema()));
        }
    }
    Ok(pending)
}
