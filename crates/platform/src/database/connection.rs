//! Single connections to PostgreSQL, outside of any pool. Each wait has a limit.

use super::away::{is_refusal, place};
use super::hosts::Hosts;
use super::{DatabaseConfig, DatabaseError, DatabaseUrl};
use crate::error_text::with_causes;
use crate::metrics::{self, Gauge};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Connection, Socket};

impl DatabaseConfig {
    /// One connection under the service's role.
    pub async fn connect(&self) -> Result<Client, DatabaseError> {
        connect(&self.url, self.connect_timeout()).await
    }

    /// One connection that may act for the role that owns the tables.
    pub async fn connect_as_owner(&self) -> Result<Client, DatabaseError> {
        connect(self.owner_url(), self.connect_timeout()).await
    }
}

/// One connection outside of any pool; it closes when the client is dropped. Each server that the URL names has so long to
/// answer.
pub async fn connect(url: &DatabaseUrl, timeout: Duration) -> Result<Client, DatabaseError> {
    let place = place(&url.config()?);
    let opened = Hosts::of(url, timeout)?.open().await;
    let (client, connection) = opened.map_err(|error| {
        let text = format!("{place}: {}", with_causes(&error));
        if is_refusal(&error) { DatabaseError::Refused(text) } else { DatabaseError::Unreachable(text) }
    })?;
    serve(connection);
    Ok(client)
}

/// Serves a connection on a task of its own. As long as that runs, the connection counts as open.
pub(super) fn serve(connection: Connection<Socket, NoTlsStream>) -> JoinHandle<()> {
    metrics::database_connections_opened().increment(1);
    let open = Open::new();
    tokio::spawn(async move {
        let _open = open;
        if let Err(error) = connection.await {
            tracing::debug!(error = with_causes(&error), "a database connection was lost");
        }
    })
}

/// Counts an open connection until it is dropped; where it was counted, it is counted off.
struct Open(Gauge);

impl Open {
    fn new() -> Self {
        let open = metrics::database_connections();
        open.increment(1.0);
        Open(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_unreachable() {
        let url = DatabaseUrl::from("host=127.0.0.1 port=1 user=x");
        let error = connect(&url, Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Unreachable(_)), "{error}");
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
        let unescaped = DatabaseUrl::from("postgresql://x:hun@ter2@127.0.0.1:1/x");
        let error = connect(&unescaped, Duration::from_secs(2)).await.unwrap_err().to_string();
        assert!(error.contains("not escaped") && !error.contains("ter2"), "{error}");
        let config = DatabaseConfig { url, ..Default::default() };
        assert!(config.pool().unwrap().get().await.is_err());
    }
}
