//! The database of `florin dev`: a private PostgreSQL, or the one that `DATABASE_URL` names.

use crate::private_postgres::PrivatePostgres;
use anyhow::Context;
use platform::database::store::{self, SERVICE_ROLE};
use platform::database::{DatabaseUrl, connect};
use std::path::Path;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub struct DevDatabase {
    /// Under the service's role.
    pub url: DatabaseUrl,
    /// Under the role that owns the tables.
    pub owner_url: DatabaseUrl,
    /// What it is, as text for people.
    pub description: String,
    /// A command line to look into it; `None` for the database of `DATABASE_URL`.
    pub psql: Option<String>,
    private: Option<PrivatePostgres>,
}

impl DevDatabase {
    pub async fn start(directory: &Path) -> anyhow::Result<DevDatabase> {
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => DevDatabase::given(url.into()).await.context("DATABASE_URL"),
            _ => DevDatabase::private(directory).await,
        }
    }

    async fn private(directory: &Path) -> anyhow::Result<DevDatabase> {
        let private = PrivatePostgres::start(directory, SERVICE_ROLE).await?;
        Ok(DevDatabase {
            url: private.url.clone(),
            owner_url: private.owner_url.clone(),
            description: format!("PostgreSQL {}, private", private.version),
            psql: Some(format!("psql \"{}\"", private.owner_url.reveal())),
            private: Some(private),
        })
    }

    /// The service has a role of its own there too, which migrations create.
    async fn given(url: DatabaseUrl) -> anyhow::Result<DevDatabase> {
        let client = connect(&url, CONNECT_TIMEOUT).await?;
        let version = store::server_facts(&client).await?.version;
        Ok(DevDatabase {
            url: url.with_role(SERVICE_ROLE),
            description: format!("PostgreSQL {version}, {url} (DATABASE_URL)"),
            owner_url: url,
            psql: None,
            private: None,
        })
    }

    /// Lets the user of a database that was given act for the server's role, which migrations have created.
    pub async fn act_for_service(&self) -> anyhow::Result<()> {
        if self.private.is_none() {
            let client = connect(&self.owner_url, CONNECT_TIMEOUT).await?;
            ledger::admin::act_for_service(&client).await.context("DATABASE_URL")?;
        }
        Ok(())
    }

    pub async fn stop(self) {
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}
