//! What goes wrong.

use super::IdempotencyRecord;
use domain::commit::Version;
use types::{ObjectId, TenantId, Untrusted};

/// Why a commit was not written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// The object was changed after it was loaded: load it again, decide again.
    #[error("{id} is at version {found}, not {expected}")]
    VersionConflict { id: ObjectId, expected: Version, found: Version },
    /// The key was used before: answer with its record.
    #[error("the idempotency key was used before")]
    KeyUsed(Box<IdempotencyRecord>),
    /// The rule of the account with this code does not allow the transfer.
    #[error("account {0} would be overdrawn")]
    Overdrawn(String),
    /// The hold that a transfer uses does not exist, is used up, is too small, or is of other accounts.
    #[error("the hold cannot be used: {0}")]
    Hold(String),
    /// The commit contradicts itself, or has a value that cannot be stored: a fault of the caller.
    #[error("not a valid commit: {0}")]
    Invalid(String),
    /// Too many commits of the tenant wait already, or the ledger is shutting down: try later.
    #[error("too many commits are waiting")]
    Overloaded,
    /// The clock by which it was decided cannot be trusted: try later.
    #[error("the clock cannot be trusted: {0}")]
    Clock(#[from] Untrusted),
    /// PostgreSQL takes no writes, or none was possible for as long as a commit is tried. Nothing was written: try later.
    #[error("nothing can be written: {0}")]
    NotWritable(Unwritable),
    /// PostgreSQL could not be reached for so long that it is not known whether the commit was written.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
}

/// Why nothing can be written now. All but the last do not pass by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// It is a standby, or its administrator has fenced it.
    #[error("the database is read-only")]
    ReadOnly,
    #[error("the server's role may not write in the database")]
    NoRight,
    #[error("the database's disk is full")]
    DiskFull,
    /// A pooler does that.
    #[error("connections to the database have no session of their own")]
    NoSession,
    #[error("the database does not answer")]
    Unreachable,
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("no such tenant: {0}")]
    NoSuchTenant(TenantId),
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    #[error("the query took too long")]
    Timeout,
    /// The tenant has as many scans under way as it may ([`is_scan`](super::ListQuery::is_scan)), or all tenants together have: try
    /// later.
    #[error("too many scans are under way")]
    Overloaded,
    /// More bytes than one read may have: ask for less.
    #[error("what was asked for is too large")]
    TooLarge,
}
