//! What an administrator does to tenants and keys, directly in the database and under the owner's role: the server's role may
//! write neither.

use crate::areas;
use crate::exit_code::Failure;
use crate::migrations;
use anyhow::{Context, bail};
use contracts::identity::{Settings, Tenant};
use identity::admin;
use platform::database::{Client, DatabaseClock, DatabaseConfig, Transaction, is_gone, store, with_causes};
use std::sync::Arc;
use types::{Clock, SystemClock, Timestamp};

/// A connection that may act for the owner of the tables.
pub struct Administration {
    owner: Client,
    clock: Arc<DatabaseClock>,
}

impl Administration {
    /// Connects as the owner before anything is done. The server's URL is not needed.
    pub async fn connect(database: &DatabaseConfig) -> anyhow::Result<Administration> {
        let owner = database.connect_as_owner().await?;
        let as_owner = DatabaseConfig { url: database.owner_url().clone(), ..database.clone() };
        Ok(Administration { owner, clock: DatabaseClock::start(as_owner, Arc::new(SystemClock)).await? })
    }

    /// Nothing of what is done in the transaction is kept unless [`Work::keep`] is called. One administrator at a time.
    pub async fn begin(&mut self) -> anyhow::Result<Work<'_>> {
        let work = begin(&mut self.owner, &self.clock).await?;
        admin::lock(&work.transaction).await?;
        work.usable().await
    }

    /// The same for what only reads, which waits for no other administrator.
    pub async fn look(&mut self) -> anyhow::Result<Work<'_>> {
        begin(&mut self.owner, &self.clock).await?.usable().await
    }

    /// Creates a tenant with its books and these keys, in one transaction. What exists of it already is kept.
    pub async fn ensure_tenant(&mut self, name: &str, keys: &[&str]) -> anyhow::Result<Tenant> {
        let work = self.begin().await?;
        let existing = admin::tenants(&work.transaction).await?.into_iter().find(|tenant| tenant.name == name);
        let tenant = match existing {
            Some(tenant) => tenant,
            None => work.create_tenant(name).await?,
        };
        for key in keys {
            work.add_key(&tenant, key).await?;
        }
        work.keep().await?;
        Ok(tenant)
    }
}

async fn begin<'a>(owner: &'a mut Client, clock: &Arc<DatabaseClock>) -> anyhow::Result<Work<'a>> {
    let transaction = store::begin_as_owner(owner).await.context("the database's owner is needed here")?;
    Ok(Work { transaction, now: clock.now(), clock: clock.clone() })
}

/// A transaction that acts for the owner.
pub struct Work<'a> {
    pub transaction: Transaction<'a>,
    /// When it began.
    pub now: Timestamp,
    clock: Arc<DatabaseClock>,
}

impl Work<'_> {
    /// The same, with tables that this release can use, and the time at which they could be.
    async fn usable(mut self) -> anyhow::Result<Self> {
        migrations::usable(&self.transaction).await?;
        self.now = self.clock.now();
        Ok(self)
    }

    /// Creates a tenant with its books, without keys.
    pub async fn create_tenant(&self, name: &str) -> anyhow::Result<Tenant> {
        // The time is in the tenant's id, for ever.
        self.clock.vouches_for(self.now).context("see `florin doctor`")?;
        let tenant = admin::create_tenant(&self.transaction, name, Settings::default(), self.now).await?;
        ledger::admin::open_books(&self.transaction, tenant.id, &areas::sql_views()?).await?;
        Ok(tenant)
    }

    /// Gives a tenant a key, unless it has it already.
    pub async fn add_key(&self, tenant: &Tenant, key: &str) -> anyhow::Result<()> {
        admin::add_key(&self.transaction, tenant.id, key, self.now).await.context("the key cannot be used")
    }

    /// The tenant with this id or name.
    pub async fn tenant(&self, wanted: &str) -> anyhow::Result<Tenant> {
        one(admin::tenants(&self.transaction).await?, wanted)
    }

    /// Keeps what was done.
    pub async fn keep(self) -> anyhow::Result<()> {
        let Err(error) = self.transaction.commit().await else { return Ok(()) };
        // A session that PostgreSQL ends may have been told so after its commit.
        if error.as_db_error().is_some() && !is_gone(&error) {
            bail!(
                "nothing was kept, and keys that were shown are not valid; PostgreSQL refused: {}",
                with_causes(&error)
            );
        }
        Err(Failure::unreachable(format!(
            "the connection was lost ({}): it is not known whether all or nothing was kept; `florin tenants list` and \
             `florin keys list` say so",
            with_causes(&error)
        )))
    }
}

/// The tenant with this id or name, or all tenants.
pub fn matching(all: Vec<Tenant>, wanted: Option<&str>) -> anyhow::Result<Vec<Tenant>> {
    match wanted {
        Some(wanted) => Ok(vec![one(all, wanted)?]),
        None => Ok(all),
    }
}

fn one(all: Vec<Tenant>, wanted: &str) -> anyhow::Result<Tenant> {
    let mut all = all.into_iter();
    all.find(|tenant| tenant.name == wanted || tenant.id.to_string() == wanted)
        .with_context(|| format!("there is no tenant with the name or id {wanted:?}; `florin tenants list` shows them"))
}
