//! Whether each connection has a session of PostgreSQL's to itself. Behind a pooler by transaction it has not: what a connection
//! sets and prepares, and the locks that it takes, are then those of whichever connection comes next.

use super::store::{self, backend};
use super::{Client, DatabaseConfig, DatabaseError};
use futures_util::future::try_join_all;
use std::collections::HashSet;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

/// So many at the same time show it even where a pooler has as many idle sessions.
const CONNECTIONS: usize = 4;

impl DatabaseConfig {
    /// Fails unless each connection has a session to itself.
    pub async fn require_sessions(&self) -> Result<(), DatabaseError> {
        let connections = try_join_all((0..CONNECTIONS).map(|_| self.connect())).await?;
        // A pooler that has too few sessions for so many transactions has the last one wait.
        match timeout(self.connect_timeout(), are_sessions(&connections)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) | Err(_) => Err(DatabaseError::Pooled),
            // What pgbouncer says to a transaction when it pools by statement.
            Ok(Err(DatabaseError::Query(error))) if error.code() == Some(&SqlState::PROTOCOL_VIOLATION) => {
                Err(DatabaseError::Pooled)
            }
            Ok(Err(error)) => Err(error),
        }
    }
}

/// Asks each connection which session it has: between transactions, where a pooler gives the same session to all or another each
/// time, and then in transactions that are open at the same time, in the opposite order.
async fn are_sessions(connections: &[Client]) -> Result<bool, DatabaseError> {
    let mut first = Vec::with_capacity(connections.len());
    for connection in connections {
        first.push(backend(connection).await?);
    }
    if first.iter().collect::<HashSet<_>>().len() < connections.len() {
        return Ok(false);
    }
    let mut same = true;
    for (connection, session) in connections.iter().zip(&first).rev() {
        store::begin(connection).await?;
        same &= backend(connection).await? == *session;
    }
    for connection in connections {
        store::roll_back(connection).await?;
    }
    Ok(same)
}
