//! Connections that are shared, and what is done with one that does not answer.

use super::connection::serve;
use super::hosts::Hosts;
use super::{DatabaseConfig, DatabaseError};
use deadpool::managed::Manager as _;
use deadpool_postgres::{ClientWrapper, Connect, Manager, ManagerConfig, RecyclingMethod, Runtime};
use std::ops::Deref;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error};

/// How PostgreSQL plans for the service, whose statements are all short: by an index, in the index's own order, and in
/// one process. It has no good reason to read a whole table or to sort one: it may believe that it has, because a
/// table's statistics are old, or because it hopes that rows enough come soon.
const PLANNER: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_sort", "off"), ("max_parallel_workers_per_gather", "0"), ("jit", "off")];

/// How long after its own limit of time for a statement PostgreSQL may answer.
const LATE_MAX: Duration = Duration::from_secs(2);

/// PostgreSQL has left a question unanswered for longer than it takes to carry it out: the connection is dead, or the server is
/// frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PostgreSQL did not answer within {0:?}")]
pub struct Silent(Duration);

/// Connections under the service's role, and for how long each may leave a question unanswered. It connects at first use; a
/// connection that was lost, also because PostgreSQL was killed, is replaced at the next use.
#[derive(Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    answer_max: Option<Duration>,
}

impl Deref for Pool {
    type Target = deadpool_postgres::Pool;

    fn deref(&self) -> &deadpool_postgres::Pool {
        &self.connections
    }
}

/// Whatever they are, each statement has as long as it takes.
impl From<deadpool_postgres::Pool> for Pool {
    fn from(connections: deadpool_postgres::Pool) -> Self {
        Pool { connections, answer_max: None }
    }
}

impl Pool {
    /// What PostgreSQL answers to `work`, a question on one connection, which may be used no more when it was silent.
    /// Then connections that have been idle since before the question are closed too: most likely they are as dead, and each
    /// would keep a caller waiting as long.
    pub async fn answered<T>(&self, work: impl Future<Output = T>) -> Result<T, Silent> {
        let Some(limit) = self.answer_max else { return Ok(work.await) };
        let asked = Instant::now();
        if let Ok(answer) = timeout(limit, work).await {
            return Ok(answer);
        }
        let closed = self.connections.retain(|_, use_of| use_of.last_used() < asked.elapsed()).removed.len();
        tracing::warn!(
            ?limit,
            closed,
            "PostgreSQL did not answer: the connection is closed, and those that were idle with it"
        );
        Err(Silent(limit))
    }

    /// A connection of its own for a caller that keeps it, served by the caller's runtime.
    pub async fn separate(&self) -> Result<ClientWrapper, Error> {
        self.connections.manager().create().await
    }
}

impl DatabaseConfig {
    /// A pool under the service's role.
    pub fn pool(&self) -> Result<Pool, DatabaseError> {
        let hosts = Hosts::of(&self.url, self.connect_timeout())?;
        let settings = self.settings(hosts.options());
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(Config::new(), Connector { hosts, settings }, recycling);
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(self.pool_size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_millis(self.wait_timeout_ms)))
            .build()
            .map_err(|error| DatabaseError::Pool(error.to_string()))?;
        let statement_max = Some(Duration::from_millis(self.statement_timeout_ms)).filter(|limit| !limit.is_zero());
        Ok(Pool { connections, answer_max: statement_max.map(|limit| limit + LATE_MAX) })
    }

    /// What each connection is told when it begins. Not as options of its beginning, which poolers refuse. What the URL's own
    /// options say stays.
    fn settings(&self, options: &str) -> String {
        let timeout = self.statement_timeout_ms.to_string();
        let ours = PLANNER.into_iter().chain([("statement_timeout", timeout.as_str())]);
        let said = |name: &str| options.replace('-', "_").contains(&format!("{name}="));
        ours.filter(|(name, _)| !said(name)).map(|(name, value)| format!("SET {name} = {value}; ")).collect()
    }
}

/// Opens the connections of a pool.
struct Connector {
    hosts: Hosts,
    settings: String,
}

impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(async {
            let (client, connection) = self.hosts.open().await?;
            let served = serve(connection);
            let set = timeout(self.hosts.timeout(), client.batch_execute(&self.settings)).await;
            set.map_err(|_| Error::__private_api_timeout())??;
            Ok((client, served))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_options_of_the_url_say_stays() {
        let config = DatabaseConfig { statement_timeout_ms: 7, ..DatabaseConfig::default() };
        assert!(config.settings("").contains("SET statement_timeout = 7; "));
        let settings = config.settings("-c statement_timeout=1s --enable-sort=on");
        assert!(!settings.contains("timeout") && !settings.contains("enable_sort"), "{settings}");
        assert!(settings.contains("SET enable_seqscan = off; "));
    }
}
