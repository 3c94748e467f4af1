//! The rows that a statement finds, one after another: what is done with each decides how much of them is kept.

use crate::store::errors::ReadError;
use contracts::ledger::LedgerError;
use futures_util::TryStreamExt;
use platform::database::{Lease, Silent};
use std::pin::Pin;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Row, RowStream};

/// The most bytes that a read for a tenant may keep in memory. It is four times what an answer of the API may have.
const BYTES_MAX: usize = 32 << 20;

/// So many bytes are worked on before other tasks have their turn.
const TURN_BYTES: usize = 256 << 10;

/// How many bytes may still be kept.
pub(super) struct Budget(usize);

impl Budget {
    pub fn of_tenant() -> Self {
        Budget(BYTES_MAX)
    }

    pub fn unlimited() -> Self {
        Budget(usize::MAX)
    }

    pub fn limit(&mut self, bytes: usize) {
        self.0 = self.0.min(bytes);
    }

    pub fn give_back(&mut self, bytes: usize) {
        self.0 = self.0.saturating_add(bytes);
    }

    pub fn spend(&mut self, bytes: usize) -> Result<(), LedgerError> {
        self.0 = self.0.checked_sub(bytes).ok_or(LedgerError::TooLarge)?;
        Ok(())
    }
}

/// Work that takes its turn: it lets other tasks go first after each part.
#[derive(Default)]
pub(super) struct Turn {
    bytes: usize,
}

impl Turn {
    pub async fn worked(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= TURN_BYTES {
            self.bytes = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Closes a connection on which PostgreSQL was silent.
pub(super) fn closed(connection: Lease, silent: Silent) -> LedgerError {
    connection.close();
    LedgerError::Unavailable(silent.to_string())
}

/// Rows that are being read. A connection on which more is to come when this is dropped is not used again: the next statement
/// would wait until PostgreSQL has sent what nothing reads.
pub(super) struct Rows {
    /// `None` if there are no more.
    rows: Option<Pin<Box<RowStream>>>,
    connection: Option<Lease>,
    turn: Turn,
}

impl Rows {
    /// `asked` is what was asked on the connection.
    pub fn of(connection: Lease, asked: Result<RowStream, Error>) -> Result<Self, LedgerError> {
        let mut rows = Rows { rows: None, connection: Some(connection), turn: Turn::default() };
        match asked {
            Ok(asked) => rows.rows = Some(Box::pin(asked)),
            Err(error) => rows.failed(error)?,
        }
        Ok(rows)
    }

    pub async fn next(&mut self) -> Result<Option<Row>, LedgerError> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let Some(connection) = &self.connection else { return Ok(None) };
        let next = match connection.answered(rows.try_next()).await {
            Ok(next) => next,
            Err(silent) => {
                self.rows = None;
                return self.connection.take().map_or(Ok(None), |connection| Err(closed(connection, silent)));
            }
        };
        match next {
            Ok(Some(row)) => {
                self.turn.worked(row.raw_size_bytes()).await;
                return Ok(Some(row));
            }
            Ok(None) => self.answered(),
            Err(error) => self.failed(error)?,
        }
        Ok(None)
    }

    /// PostgreSQL has sent all that there is.
    fn answered(&mut self) {
        self.rows = None;
        if let Some(connection) = self.connection.take() {
            connection.give_back();
        }
    }

    /// PostgreSQL, or the connection, has failed. A text with a NUL character is nowhere in PostgreSQL, which cannot store one.
    fn failed(&mut self, error: Error) -> Result<(), LedgerError> {
        self.answered();
        if error.code() == Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE) {
            return Ok(());
        }
        Err(ReadError::Database(error).into())
    }
}
