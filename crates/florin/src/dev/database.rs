//! The database of `florin dev`: a private PostgreSQL, or the one that `DATABASE_URL` names.

use crate::postgres::Embedded;
use crate::schema::SERVICE_ROLE;
use anyhow::Context;
use platform::database::{connect, masked, store, with_role};
use std::path::Path;
use std::time::Duration;

pub struct DevDatabase {
    /// The service's role.
    pub url: String,
    /// The role that owns the tables.
    pub owner_url: String,
    /// For people: what it is.
    pub description: String,
    /// A command line to look into it; nothing for a database that others run.
    pub psql: Option<String>,
    embedded: Option<Embedded>,
}

impl DevDatabase {
    pub async fn start(directory: &Path) -> anyhow::Result<DevDatabase> {
        match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => DevDatabase::given(&url).await.context("DATABASE_URL"),
            _ => DevDatabase::private(directory).await,
        }
    }

    async fn private(directory: &Path) -> anyhow::Result<DevDatabase> {
        let embedded = Embedded::start(directory, SERVICE_ROLE).await?;
        Ok(DevDatabase {
            url: embedded.url.clone(),
            owner_url: embedded.owner_url.clone(),
            description: format!("PostgreSQL {}, private", embedded.version),
            psql: Some(format!("psql \"{}\"", embedded.owner_url)),
            embedded: Some(embedded),
        })
    }

    /// There the service acts with the privileges of a role of its own too, which migrations create.
    async fn given(url: &str) -> anyhow::Result<DevDatabase> {
        let client = connect(url, Duration::from_secs(10)).await?;
        let version = store::server_facts(&client).await?.version;
        Ok(DevDatabase {
            url: with_role(url, SERVICE_ROLE),
            owner_url: url.to_owned(),
            description: format!("PostgreSQL {version}, {} (DATABASE_URL)", masked(url)),
            psql: None,
            embedded: None,
        })
    }

    pub async fn stop(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}
