//! What goes wrong when PostgreSQL is asked: an error of PostgreSQL, or a row that cannot be read.

use contracts::ledger::LedgerError;
use platform::database::with_causes;
use tokio_postgres::error::SqlState;

/// What an error of PostgreSQL is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The values that were sent cannot be stored; trying again will not help.
    Content,
    /// A statement was canceled because it took too long.
    Timeout,
    /// The connection, or the condition of the server: it may pass.
    Server,
}

pub(crate) fn cause(error: &tokio_postgres::Error) -> Cause {
    let Some(state) = error.code() else { return Cause::Server };
    if *state == SqlState::QUERY_CANCELED {
        return Cause::Timeout;
    }
    // Data exceptions, integrity violations, and limits such as the length of an index entry.
    match state.code().get(..2) {
        Some("22" | "23" | "54") => Cause::Content,
        _ => Cause::Server,
    }
}

/// A row with a value that the ledger does not know, or of another type than expected.
pub(crate) type RowError = Box<dyn std::error::Error + Send + Sync>;

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Database(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Row(#[from] RowError),
}

impl From<ReadError> for LedgerError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Database(error) => match cause(&error) {
                Cause::Timeout => LedgerError::Timeout,
                Cause::Content | Cause::Server => LedgerError::Unavailable(with_causes(&error)),
            },
            ReadError::Row(error) => LedgerError::Unavailable(error.to_string()),
        }
    }
}
