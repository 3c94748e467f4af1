//! The services, put together.

use crate::administration::matching;
use crate::areas;
use crate::config::Config;
use crate::migrations;
use anyhow::Context;
use api::{Api, Environment};
use contracts::identity::Tenant;
use contracts::{Identity, Ledger};
use gateway::{Limits, Network};
use identity::PgIdentity;
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
    pub scan_pool: Pool,
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

/// Says whether the server can answer requests now; the error says why not, in words for operators: the listener for health
/// checks and the log show it.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

impl Services {
    /// Asks the database what time it is, and goes on asking: nothing else here says so.
    pub async fn new(config: &Config) -> anyhow::Result<Services> {
        let pool = config.database.pool()?;
        let database_clock = DatabaseClock::start(config.database.clone(), Arc::new(SystemClock)).await?;
        let clock: Arc<dyn Clock> = database_clock.clone();
        let scan_pool = config.scan_pool()?;
        let scans = Scans::new(scan_pool.clone(), &config.scans);
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
            scan_pool,
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

    /// For a command that works on a database directly, under the owner's role if no other is given. Its statements may take as
    /// long as they need.
    pub async fn on(database: DatabaseConfig) -> anyhow::Result<Services> {
        let url = if database.url.is_empty() { database.owner_url.clone() } else { database.url.clone() };
        let database = DatabaseConfig { url, statement_timeout_ms: 0, ..database };
        migrations::usable(&database.connect().await?).await?;
        Services::new(&Config { database, ..Config::default() }).await
    }

    /// The tenant with this id or name, or all tenants.
    pub async fn tenants(&self, wanted: Option<&str>) -> anyhow::Result<Vec<Tenant>> {
        let all = self.identity.tenants().await.context("the tenants cannot be read")?;
        matching(all, wanted)
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
