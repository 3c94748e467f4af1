//! The services, put together.

use crate::areas;
use crate::config::Config;
use crate::migrations;
use anyhow::{Context, bail};
use api::{Api, Environment};
use contracts::identity::{Settings, Tenant};
use contracts::{Identity, Ledger};
use gateway::{Limits, Network};
use identity::{PgIdentity, admin};
use ledger::{PgLedger, Scans};
use platform::Shutdown;
use platform::database::{DatabaseClock, DatabaseConfig, Pool};
use processors::Surroundings;
use std::sync::Arc;
use std::time::Duration;
use types::{Clock, SystemClock};

/// What roles and commands work with.
pub struct Services {
    pub database: DatabaseConfig,
    pub pool: Pool,
    pub clock: Arc<dyn Clock>,
    database_clock: Arc<DatabaseClock>,
    pub ledger: Arc<PgLedger>,
    pub identity: Arc<PgIdentity>,
    pub api: Arc<Api>,
    pub limits: Limits,
    pub trusted_proxies: Vec<Network>,
    pub shutdown_delay: Duration,
    pub worker_poll: Duration,
}

/// Says whether the server can answer requests now; the error says why not, in words for strangers.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

impl Services {
    /// Asks the database what time it is, and goes on asking: nothing else here says so.
    pub async fn new(config: &Config) -> anyhow::Result<Services> {
        let pool = config.database.pool()?;
        let database_clock = DatabaseClock::start(config.database.clone(), Arc::new(SystemClock)).await?;
        let clock: Arc<dyn Clock> = database_clock.clone();
        let scans = Scans::new(config.scan_pool()?, &config.scans);
        let ledger = PgLedger::new(pool.clone(), scans, Arc::clone(&clock), config.ledger.clone());
        let identity = PgIdentity::new(pool.clone(), &config.keys);
        let surroundings = Surroundings { clock: Arc::clone(&clock) };
        let processors = config.processors.build(&surroundings).context("no processor is configured")?;
        let environment =
            Environment { public_url: config.server.public_url().into(), card_testing: config.card_testing.clone() };
        let api = Api::new(
            Arc::clone(&ledger) as Arc<dyn Ledger>,
            Arc::clone(&identity) as Arc<dyn Identity>,
            Arc::clone(&clock),
            environment,
            areas::registry(processors),
        );
        Ok(Services {
            database: config.database.clone(),
            pool,
            clock,
            database_clock,
            ledger,
            identity,
            api,
            limits: config.limits.clone(),
            trusted_proxies: config.server.trusted_proxies.clone(),
            shutdown_delay: Duration::from_millis(config.server.shutdown_delay_ms),
            worker_poll: Duration::from_millis(config.worker.poll_ms),
        })
    }

    /// For a command that works on a database directly. Its statements may take as long as they need.
    pub async fn on(database: DatabaseConfig) -> anyhow::Result<Services> {
        let database = DatabaseConfig { statement_timeout_ms: 0, ..database };
        Services::new(&Config { database, ..Config::default() }).await
    }

    /// Creates a tenant with its books and these keys, under the owner's role. What exists of it already is kept.
    pub async fn ensure_tenant(&self, name: &str, keys: &[&str]) -> anyhow::Result<Tenant> {
        let (mut owner, now) = (self.database.connect_as_owner().await?, self.clock.now());
        let tenant = match self.identity.tenant_by_name(name).await? {
            Some(tenant) => tenant,
            None => {
                // The time is in the tenant's id, for ever.
                self.clock.vouches_for(now).context("see `florin doctor`")?;
                admin::create_tenant(&mut owner, name, Settings::default(), now).await?
            }
        };
        migrations::open_books(&mut owner, &tenant).await?;
        for key in keys {
            admin::add_key(&mut owner, tenant.id, key, now).await.context("the key cannot be used")?;
        }
        Ok(tenant)
    }

    /// The tenant with this id or name, or all tenants.
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

    /// The server is ready while a payment would be written, the clock can be trusted, and no shutdown was requested. Nothing is
    /// asked for that: clock and ledger ask PostgreSQL each second, on connections of their own.
    pub async fn readiness(&self, shutdown: &Shutdown) -> Readiness {
        let (clock, ledger, shutdown) = (Arc::clone(&self.database_clock), Arc::clone(&self.ledger), shutdown.clone());
        ledger.keep_trying_to_write().await;
        Arc::new(move || {
            if shutdown.is_requested() {
                return Err("the server is stopping".to_owned());
            }
            if let Err(reason) = clock.vouches_for(clock.now()) {
                return Err(format!("the clock cannot be trusted: {reason}"));
            }
            if !clock.database_answers() {
                return Err("the database does not answer".to_owned());
            }
            ledger.is_writable().map_err(|why| why.to_string())
        })
    }
}
