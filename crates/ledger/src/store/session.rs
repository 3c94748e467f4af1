//! The committers' own connections: few, set up for writing, with their statements prepared.

use super::statements::{SETTINGS, Statements};
use super::tables::{self, Rows};
use super::write::Part;
use crate::known::Known;
use deadpool::managed::Manager;
use deadpool_postgres::{ClientWrapper, Pool};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::{Error, Statement};

/// A connection that writes.
pub(crate) struct Session {
    pub client: ClientWrapper,
    pub prepared: Statements,
    /// Statements that write, by the numbers of their parts as bits.
    writing: HashMap<u32, Statement>,
    /// Ends with the connection: there may be another server behind the next one, to which not everything came.
    pub known: Known,
}

impl Session {
    /// A connection as those of the pool are, but not one of them: it is served by the runtime of whoever opens it.
    pub async fn open(pool: &Pool) -> Result<Self, String> {
        let client = pool.manager().create().await.map_err(|error| with_cause(&error))?;
        client.batch_execute(SETTINGS).await.map_err(|error| with_cause(&error))?;
        let prepared = Statements::prepare(&client).await.map_err(|error| with_cause(&error))?;
        Ok(Session { client, prepared, writing: HashMap::new(), known: Known::default() })
    }

    /// The statement that writes those parts, prepared when it is used first.
    pub async fn statement(&mut self, parts: &[Part<'_>]) -> Result<Statement, Error> {
        let numbers = parts.iter().fold(0, |numbers, part| numbers | 1 << part.number);
        if let Some(statement) = self.writing.get(&numbers) {
            return Ok(statement.clone());
        }
        let rows: Vec<&Rows> = parts.iter().map(|part| part.rows).collect();
        let statement = self.client.prepare(&tables::statement(&rows)).await?;
        self.writing.insert(numbers, statement.clone());
        Ok(statement)
    }
}

/// How long one round trip may take. PostgreSQL itself gives up earlier unless it is frozen or cut off.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> Result<T, String> {
    timeout(ROUND_TRIP_MAX, work).await.map_err(|_| format!("PostgreSQL did not answer within {ROUND_TRIP_MAX:?}"))
}

/// An error with what caused it: the outermost message alone says little.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    platform::database::with_causes(error)
}
