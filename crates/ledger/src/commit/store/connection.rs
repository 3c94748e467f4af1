//! The committers' own connections: few, set up for writing, with their statements prepared.

use super::read_statements::{DURABLE, ReadStatements, SETTINGS};
use super::write_statement::{self, Compared, RowSet};
use crate::commit::state_cache::StateCache;
use deadpool::managed::Manager;
use deadpool_postgres::{ClientWrapper, Pool};
use platform::database::with_causes;
use std::collections::HashMap;
use tokio_postgres::{Error, Statement};

/// A committer's connection.
pub(crate) struct Connection {
    pub client: ClientWrapper,
    pub prepared: ReadStatements,
    /// Statements that write, by what they compare and the numbers of their sets of rows as bits.
    writing: HashMap<(Compared, u32), Statement>,
    /// Dropped with the connection: the next one may lead to another server, which may not have everything.
    pub cache: StateCache,
}

impl Connection {
    /// Opens a connection with the settings of the pool's. It is not one of the pool: the runtime of the caller serves
    /// it.
    pub async fn open(pool: &Pool) -> Result<Self, String> {
        let client = pool.manager().create().await.map_err(|error| with_causes(&error))?;
        client.batch_execute(SETTINGS).await.map_err(|error| with_causes(&error))?;
        let default = client.query_one(DURABLE, &[]).await.and_then(|row| row.try_get::<_, String>(0));
        if default.map_err(|error| with_causes(&error))? == "off" {
            tracing::error!("synchronous_commit is off by default, and turned on for commits: see `florin doctor`");
        }
        let prepared = ReadStatements::prepare(&client).await.map_err(|error| with_causes(&error))?;
        Ok(Connection { client, prepared, writing: HashMap::new(), cache: StateCache::default() })
    }

    /// The statement that writes these sets of rows, each with its number. It is prepared at first use.
    pub async fn write_statement(
        &mut self,
        compared: Compared,
        sets: impl Iterator<Item = (usize, &'static RowSet)> + Clone,
    ) -> Result<Statement, Error> {
        let key = (compared, sets.clone().fold(0, |numbers, (number, _)| numbers | 1 << number));
        if let Some(statement) = self.writing.get(&key) {
            return Ok(statement.clone());
        }
        let sets: Vec<&RowSet> = sets.map(|(_, set)| set).collect();
        let statement = self.client.prepare(&write_statement::statement(compared, &sets)).await?;
        self.writing.insert(key, statement.clone());
        Ok(statement)
    }
}
