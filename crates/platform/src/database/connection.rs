//! Connections to PostgreSQL: from a pool, or a single one. Each wait has a limit.

use super::{DatabaseConfig, DatabaseError, DatabaseUrl};
use crate::error_text::with_causes;
use deadpool_postgres::{Hook, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// How PostgreSQL plans for the service, whose statements are all short: by an index, in the index's own order, and in
/// one process. It has no good reason to read a whole table or to sort one: it may believe that it has, because a
/// table's statistics are old, or because it hopes that rows enough come soon.
const PLANNER: &str = "-c enable_seqscan=off -c enable_sort=off -c max_parallel_workers_per_gather=0 -c jit=off";

impl DatabaseConfig {
    /// A pool under the service's role. It connects at first use; a connection that was lost, also because PostgreSQL
    /// was killed, is replaced at the next use.
    pub fn pool(&self) -> Result<Pool, DatabaseError> {
        let mut config = self.url.config()?;
        let connect_timeout = self.connect_timeout();
        config.connect_timeout(connect_timeout);
        let ours = format!("-c statement_timeout={} {PLANNER}", self.statement_timeout_ms);
        // The URL's own options come last, and so win.
        let options = match config.get_options() {
            Some(own) => format!("{ours} {own}"),
            None => ours,
        };
        config.options(options);
        if config.get_application_name().is_none() {
            config.application_name("florin");
        }
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        Pool::builder(manager)
            .max_size(self.pool_size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_millis(self.wait_timeout_ms)))
            .create_timeout(Some(connect_timeout))
            .recycle_timeout(Some(connect_timeout))
            .post_create(Hook::sync_fn(|_, _| {
                metrics::counter!("database_connections_opened_total").increment(1);
                Ok(())
            }))
            .build()
            .map_err(|error| DatabaseError::Pool(error.to_string()))
    }

    /// One connection under the service's role.
    pub async fn connect(&self) -> Result<Client, DatabaseError> {
        connect(&self.url, self.connect_timeout()).await
    }

    /// One connection that may act for the role that owns the tables.
    pub async fn connect_as_owner(&self) -> Result<Client, DatabaseError> {
        connect(self.owner_url(), self.connect_timeout()).await
    }
}

/// One connection outside of any pool; it closes when the client is dropped.
pub async fn connect(url: &DatabaseUrl, timeout: Duration) -> Result<Client, DatabaseError> {
    let mut config = url.config()?;
    config.connect_timeout(timeout);
    let connecting = tokio::time::timeout(timeout, config.connect(NoTls));
    let (client, connection) = match connecting.await {
        Ok(connected) => connected.map_err(|error| DatabaseError::Unreachable(with_causes(&error)))?,
        Err(_) => return Err(DatabaseError::Unreachable(format!("no answer within {timeout:?}"))),
    };
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = with_causes(&error), "a database connection was lost");
        }
    });
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_unreachable() {
        let url = DatabaseUrl::from("host=127.0.0.1 port=1 user=x");
        let error = connect(&url, Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Unreachable(_)), "{error}");
        let config = DatabaseConfig { url, ..Default::default() };
        assert!(config.pool().unwrap().get().await.is_err());
    }
}
