//! The committers' own connections: few, set up for writing, with their statements prepared.

use super::read_statements::{DURABLE, ReadStatements, SETTINGS};
use super::write_statement::{self, Compared, RowSet};
use crate::commit::state_cache::StateCache;
use crate::store::errors::NotWritten;
use crate::store::session::Session;
use contracts::ledger::Unwritable;
use deadpool_postgres::ClientWrapper;
use platform::database::Pool;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::{Error, Statement};

/// How often a connection asks whether its administrator has fenced the database since it was opened.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// A committer's connection.
pub(crate) struct Connection {
    pub client: ClientWrapper,
    pub prepared: ReadStatements,
    /// Statements that write, by what they compare and the numbers of their sets of rows as bits.
    writing: HashMap<(Compared, u32), Statement>,
    /// Dropped with the connection: the next one may lead to another server, which may not have everything.
    pub cache: StateCache,
    /// When it asked last whether it may write.
    asked: Instant,
    /// The process of PostgreSQL that serves it, as long as it lives.
    backend: Option<i32>,
}

impl Connection {
    /// Opens a connection with the settings of the pool's. It is not one of the pool: the runtime of the caller serves
    /// it.
    pub async fn open(pool: &Pool) -> Result<Self, NotWritten> {
        let client = pool.separate().await.map_err(|error| NotWritten::from(&error))?;
        let connection = Self::on(client).await.map_err(|error| NotWritten::from(&error))?;
        connection.may_write().await
    }

    async fn on(client: ClientWrapper) -> Result<Self, Error> {
        client.batch_execute(SETTINGS).await?;
        if client.query_one(DURABLE, &[]).await?.try_get::<_, String>(0)? == "off" {
            tracing::error!("synchronous_commit is off by default, and turned on for commits: see `florin doctor`");
        }
        let prepared = ReadStatements::prepare(&client).await?;
        Ok(Connection {
            client,
            prepared,
            writing: HashMap::new(),
            cache: StateCache::default(),
            asked: Instant::now(),
            backend: None,
        })
    }

    /// Asks now and then whether the database was fenced for new sessions: such a fence holds for this one, too. And whether this is
    /// the session that it was.
    pub async fn still_may_write(self) -> Result<Self, NotWritten> {
        if self.asked.elapsed() < ASKED_EVERY { Ok(self) } else { self.may_write().await }
    }

    async fn may_write(mut self) -> Result<Self, NotWritten> {
        let Session { backend, fence } = Session::of(&self.client).await.map_err(|error| NotWritten::from(&error))?;
        let refused = |why, reason: &str| Err(NotWritten { why: Some(why), reason: reason.to_owned() });
        if let Some(fence) = fence {
            return refused(Unwritable::ReadOnly, fence);
        }
        if *self.backend.get_or_insert(backend) != backend {
            return refused(Unwritable::NoSession, "a pooler has given the connection another session");
        }
        self.asked = Instant::now();
        Ok(self)
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
