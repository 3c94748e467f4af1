//! Whose fault an error of PostgreSQL is.

use contracts::ledger::LedgerError;
use tokio_postgres::error::SqlState;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What was sent cannot be stored; trying again will not help.
    Content,
    /// A statement was canceled because it took too long.
    Timeout,
    /// The connection, or the condition of the server: it may pass.
    Server,
}

pub(crate) fn of(error: &tokio_postgres::Error) -> Fault {
    let Some(state) = error.code() else { return Fault::Server };
    if *state == SqlState::QUERY_CANCELED {
        return Fault::Timeout;
    }
    // Data exceptions, integrity violations, and limits such as the length of an index entry.
    match state.code().get(..2) {
        Some("22" | "23" | "54") => Fault::Content,
        _ => Fault::Server,
    }
}

pub(crate) fn ledger_error(error: &tokio_postgres::Error) -> LedgerError {
    match of(error) {
        Fault::Timeout => LedgerError::Timeout,
        Fault::Content | Fault::Server => LedgerError::Unavailable(platform::database::with_causes(error)),
    }
}
