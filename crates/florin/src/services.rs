//! The services, put together: what each is given, and nothing else.

use crate::config::Settings;
use crate::schema;
use anyhow::{Context, bail};
use contracts::identity::{Settings as TenantSettings, Tenant};
use contracts::{Identity, Ledger};
use identity::PgIdentity;
use ledger::PgLedger;
use platform::database::{DatabaseSettings, Pool};
use std::sync::Arc;
use types::{Clock, SystemClock};

/// The services on the database, before the API that stands on them.
pub struct Services {
    pub pool: Pool,
    pub clock: Arc<dyn Clock>,
    pub ledger: Arc<PgLedger>,
    pub identity: Arc<PgIdentity>,
}

impl Services {
    /// Connects at first use, not here.
    pub fn new(settings: &Settings) -> anyhow::Result<Services> {
        let pool = settings.database.pool()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Services {
            ledger: PgLedger::new(pool.clone(), Arc::clone(&clock), settings.ledger.committer()),
            identity: PgIdentity::new(pool.clone(), Arc::clone(&clock)),
            pool,
            clock,
        })
    }

    /// As for a command that looks into a database.
    pub fn on(database: DatabaseSettings) -> anyhow::Result<Services> {
        Services::new(&Settings { database, ..Settings::default() })
    }

    /// Creates a tenant with its books; whatever exists of it already is taken over.
    pub async fn ensure_tenant(&self, settings: &DatabaseSettings, name: &str) -> anyhow::Result<Tenant> {
        let tenant = match self.identity.tenant_by_name(name).await? {
            Some(tenant) => tenant,
            None => self.identity.create_tenant(name, TenantSettings::default()).await?,
        };
        schema::migrate_tenant(&mut schema::owner(settings).await?, &tenant).await?;
        Ok(tenant)
    }

    /// The tenants that a command is about: the one of that id or name, or all of them.
    pub async fn tenants(&self, wanted: Option<&str>) -> anyhow::Result<Vec<Tenant>> {
        let all = self.identity.tenants().await.context("the tenants cannot be read; is the schema migrated?")?;
        let Some(wanted) = wanted else { return Ok(all) };
        match all.into_iter().find(|tenant| tenant.name == wanted || tenant.id.to_string() == wanted) {
            Some(tenant) => Ok(vec![tenant]),
            None => bail!("there is no tenant with the name or id {wanted:?}; `florin tenants list` shows them"),
        }
    }

    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::clone(&self.ledger) as Arc<dyn Ledger>
    }
}
