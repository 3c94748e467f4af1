//! Brings the database up to date: roles, tables, and each tenant's SQL views.

use crate::areas;
use anyhow::ensure;
use contracts::identity::Tenant;
use domain::SqlView;
use platform::database::store::SchemaState;
use platform::database::{Client, DatabaseConfig, GenericClient, store, with_causes};
use serde::Serialize;

/// The result of a migration.
#[derive(Debug, Default, Serialize)]
pub struct Migrated {
    /// Schemas of a newer release: then nothing was changed.
    pub newer: Vec<String>,
    /// How many there are.
    pub tenants: usize,
    /// Those whose books could not be opened or whose SQL views could not be made, each with the reason. The others are not
    /// concerned.
    pub failed: Vec<String>,
    /// What analysts could do harm by, which this user may not take away from them.
    pub harm: Vec<&'static str>,
}

impl Migrated {
    /// For a database of which every tenant matters.
    pub fn into_result(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.failed.is_empty(), "not migrated: {}", self.failed.join("; "));
        Ok(())
    }
}

/// Creates what is missing and updates the rest, under the owner's role alone. One process at a time does it, others wait.
pub async fn migrate(config: &DatabaseConfig) -> anyhow::Result<Migrated> {
    let mut owner = config.connect_as_owner().await?;
    let harm = ledger::admin::ensure_roles(&owner).await?;
    identity::admin::migrate(&mut owner).await?;
    ledger::admin::migrate(&mut owner).await?;
    let views = areas::sql_views()?;
    let work = store::begin_as_owner(&mut owner).await?;
    let newer = usable(&work).await?;
    if !newer.is_empty() {
        return Ok(Migrated { newer, harm, ..Migrated::default() });
    }
    let tenants = identity::admin::tenants(&work).await?;
    let opened = ledger::admin::opened(&work, &views).await?;
    work.rollback().await?;
    let mut failed = Vec::new();
    for tenant in tenants.iter().filter(|tenant| !opened.contains(&tenant.id)) {
        if let Err(error) = open_books(&mut owner, tenant, &views).await {
            if owner.is_closed() {
                return Err(error.into());
            }
            failed.push(format!("{}: {}", named(tenant), with_causes(&error)));
        }
    }
    Ok(Migrated { tenants: tenants.len(), failed, newer, harm })
}

/// Opens a tenant's books, or makes their SQL views anew.
async fn open_books(owner: &mut Client, tenant: &Tenant, views: &[SqlView]) -> Result<(), tokio_postgres::Error> {
    let work = store::begin_as_owner(owner).await?;
    ledger::admin::open_books(&work, tenant.id, views).await?;
    work.commit().await
}

fn named(tenant: &Tenant) -> String {
    format!("{} ({})", tenant.name, tenant.id.schema())
}

/// What there is to say of schemas of a newer release that this one can use; that it cannot use one is an error.
pub async fn usable(client: &impl GenericClient) -> anyhow::Result<Vec<String>> {
    let mut newer = Vec::new();
    for state in [identity::admin::schema_state(client).await?, ledger::admin::schema_state(client).await?] {
        ensure!(state.is_usable(), "{state}");
        if state != SchemaState::Current {
            newer.push(state.to_string());
        }
    }
    Ok(newer)
}

/// The tenants without books, or with other SQL views than those of this release, in tables that it can use.
pub async fn unopened(client: &impl GenericClient) -> anyhow::Result<Vec<String>> {
    let tenants = identity::admin::tenants(client).await?;
    let opened = ledger::admin::opened(client, &areas::sql_views()?).await?;
    Ok(tenants.iter().filter(|tenant| !opened.contains(&tenant.id)).map(named).collect())
}
