//! The services, put together: what each is given, and nothing else.

use crate::config::Settings;
use crate::schema;
use anyhow::{Context, bail};
use api::Api;
use contracts::identity::{Settings as TenantSettings, Tenant};
use contracts::{Identity, Ledger};
use futures_util::future::BoxFuture;
use gateway::Limits;
use identity::PgIdentity;
use ledger::PgLedger;
use platform::Shutdown;
use platform::database::{self, DatabaseSettings, Pool, with_causes};
use processors::Processors;
use processors::sandbox::Sandbox;
use std::sync::Arc;
use std::time::Duration;
use types::{Clock, SystemClock};

/// Who asks whether the server is ready does not wait for long.
const READINESS_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that a role may need.
pub struct Services {
    pub pool: Pool,
    pub ledger: Arc<PgLedger>,
    pub identity: Arc<PgIdentity>,
    pub api: Arc<Api>,
    pub limits: Limits,
    pub worker_poll: Duration,
}

/// Whether requests can be served now; the error says why not.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

impl Services {
    /// Connects at first use, not here.
    pub fn new(settings: &Settings) -> anyhow::Result<Services> {
        let pool = settings.database.pool()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ledger = PgLedger::new(pool.clone(), Arc::clone(&clock), settings.ledger.clone());
        let identity = PgIdentity::new(pool.clone(), Arc::clone(&clock));
        let sandbox = Sandbox::new(settings.sandbox.clone(), Arc::clone(&clock));
        let config = api::Config { public_url: settings.server.public_url().into() };
        let api = Api::new(
            Arc::clone(&ledger) as Arc<dyn Ledger>,
            Arc::clone(&identity) as Arc<dyn Identity>,
            Processors::new(sandbox),
            clock,
            config,
        );
        Ok(Services {
            pool,
            ledger,
            identity,
            api,
            limits: settings.limits.clone(),
            worker_poll: Duration::from_millis(settings.worker.poll_ms),
        })
    }

    /// As for a command that looks into a database, and may take its time.
    pub fn on(database: DatabaseSettings) -> anyhow::Result<Services> {
        let database = DatabaseSettings { statement_timeout_ms: 0, ..database };
        Services::new(&Settings { database, ..Settings::default() })
    }

    /// Creates a tenant with its books; whatever exists of it already is taken over.
    pub async fn ensure_tenant(&self, settings: &DatabaseSettings, name: &str) -> anyhow::Result<Tenant> {
        let tenant = match self.identity.tenant_by_name(name).await? {
            Some(tenant) => tenant,
            None => self.identity.create_tenant(name, TenantSettings::default()).await?,
        };
        schema::open_books(&mut schema::owner(settings).await?, &tenant).await?;
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

    pub fn identity(&self) -> Arc<dyn Identity> {
        Arc::clone(&self.identity) as Arc<dyn Identity>
    }

    /// Ready as long as the database answers and nobody has asked to stop.
    pub fn readiness(&self, shutdown: &Shutdown) -> Readiness {
        let (pool, shutdown) = (self.pool.clone(), shutdown.clone());
        Arc::new(move || {
            let (pool, shutdown) = (pool.clone(), shutdown.clone());
            Box::pin(async move {
                if shutdown.is_requested() {
                    return Err("the server is stopping".to_owned());
                }
                match tokio::time::timeout(READINESS_TIMEOUT, database::ping(&pool)).await {
                    Ok(answered) => answered.map_err(|error| with_causes(&error)),
                    Err(_) => Err(format!("the database has not answered for {READINESS_TIMEOUT:?}")),
                }
            })
        })
    }
}
