//! What goes wrong when PostgreSQL is asked: an error of PostgreSQL, or a row that cannot be read.

use contracts::ledger::{LedgerError, Unwritable};
use platform::database::{takes_no_writes, with_causes};

/// The errors that `ledger.refuse` raises: a tenant's lock is not free; a row is not as it was taken to be; the last row of a log
/// is not there.
pub(crate) const LOCKED: &str = "FL001";
pub(crate) const NOT_AS_KNOWN: &str = "FL002";
pub(crate) const GONE: &str = "FL003";

/// What an error of PostgreSQL is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The values that were sent cannot be stored; trying again will not help.
    Content,
    /// A row exists already, or is not as it was taken to be.
    NotAsKnown,
    /// A lock is not free.
    Locked,
    /// A statement was canceled because it took too long.
    Timeout,
    /// It takes more memory than PostgreSQL has, or meets a row that PostgreSQL cannot read.
    TooMuch,
    /// PostgreSQL takes no writes, and will not in a moment either.
    Unwritable(Unwritable),
    /// The connection, or the condition of the server: it may pass.
    Server,
}

pub(crate) fn cause(error: &tokio_postgres::Error) -> Cause {
    let Some(state) = error.code() else {
        return if takes_no_writes(error) { Cause::Unwritable(Unwritable::ReadOnly) } else { Cause::Server };
    };
    match state.code() {
        LOCKED | "55P03" => Cause::Locked,
        NOT_AS_KNOWN | GONE | "23505" => Cause::NotAsKnown,
        "57014" => Cause::Timeout,
        "53200" => Cause::TooMuch,
        // A transaction that may only read; a privilege, or a password or an entry in pg_hba.conf; no space left.
        "25006" => Cause::Unwritable(Unwritable::ReadOnly),
        "42501" | "28000" | "28P01" => Cause::Unwritable(Unwritable::NoRight),
        "53100" => Cause::Unwritable(Unwritable::DiskFull),
        code if code.starts_with("XX") => Cause::TooMuch,
        // Data exceptions, integrity violations, and limits such as the length of an index entry.
        code if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") => Cause::Content,
        _ => Cause::Server,
    }
}

/// Whether the end of a log that was written is not there: the server may not be the one that wrote it.
pub(crate) fn is_gone(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|state| state.code() == GONE)
}

/// Why nothing is written, and by what PostgreSQL, or the connection, says so. Without a known cause, another try may succeed.
#[derive(Debug)]
pub(crate) struct NotWritten {
    pub why: Option<Unwritable>,
    pub reason: String,
}

impl From<&tokio_postgres::Error> for NotWritten {
    fn from(error: &tokio_postgres::Error) -> Self {
        let why = match cause(error) {
            Cause::Unwritable(why) => Some(why),
            _ => None,
        };
        NotWritten { why, reason: with_causes(error) }
    }
}

/// No answer in time.
impl From<String> for NotWritten {
    fn from(reason: String) -> Self {
        NotWritten { why: None, reason }
    }
}

/// Whether PostgreSQL itself says that the statement failed, and goes on with the session: then all that the transaction
/// has done is undone. An error that ends the session may come after a commit, and one that a proxy has made up too.
pub(crate) fn is_undone(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().and_then(tokio_postgres::error::DbError::parsed_severity);
    severity == Some(tokio_postgres::error::Severity::Error)
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
                _ => LedgerError::Unavailable(with_causes(&error)),
            },
            ReadError::Row(error) => LedgerError::Unavailable(error.to_string()),
        }
    }
}
