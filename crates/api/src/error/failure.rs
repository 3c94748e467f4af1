//! Why a handler has no reply, and what becomes of the ledger's errors.

use super::ApiError;
use contracts::{CommitError, IdempotencyRecord, LedgerError};
use domain::Refusal;
use std::fmt;

/// Why a handler has no reply.
#[derive(Clone)]
pub enum Failure {
    Error(ApiError),
    /// The idempotency key was used before: its record is the answer.
    Replay(Box<IdempotencyRecord>),
    /// An object changed between being read and being written: decide again.
    Conflict,
}

/// For logs: without the stored answer.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Error(error) => error.fmt(f),
            Failure::Replay(_) => f.write_str("answered before"),
            Failure::Conflict => f.write_str("conflict"),
        }
    }
}

impl Failure {
    /// Nothing of the request, not even a hash of its parameters, is stored: they may hold a card number.
    pub fn not_kept(self) -> Self {
        match self {
            Failure::Error(error) => Failure::Error(error.not_kept()),
            other => other,
        }
    }

    /// Why there is no page of a list or a search.
    pub fn of_query(error: LedgerError) -> Self {
        match error {
            LedgerError::Timeout => {
                ApiError::invalid("The query took too long; narrow it down, for instance with `created`.").into()
            }
            LedgerError::TooLarge => ApiError::page_too_large().into(),
            other => other.into(),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Failure::Error(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Error(refusal.into())
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Overloaded => ApiError::overloaded().into(),
            LedgerError::Timeout
            | LedgerError::TooLarge
            | LedgerError::NoSuchTenant(_)
            | LedgerError::Unavailable(_) => {
                tracing::error!(%error, "ledger");
                ApiError::unavailable().into()
            }
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::VersionConflict { .. } => Failure::Conflict,
            CommitError::KeyUsed(record) => Failure::Replay(record),
            CommitError::Overdrawn(account) => {
                tracing::info!(account, "a transfer was refused by its account's rule");
                ApiError::coded("balance_insufficient", "The balance does not cover this.").into()
            }
            CommitError::Overloaded => ApiError::overloaded().into(),
            // The clock itself logs since when.
            CommitError::Clock(_) => ApiError::clock_untrusted().into(),
            // The ledger itself logs since when.
            CommitError::NotWritable(why) => ApiError::not_writable(&why.to_string()).into(),
            CommitError::Unavailable(_) => {
                tracing::error!(%error, "commit");
                ApiError::outcome_unknown().into()
            }
            CommitError::Hold(_) | CommitError::Invalid(_) => {
                tracing::error!(%error, "commit refused");
                ApiError::internal().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_is_too_much_is_refused_with_what_to_do_about_it() {
        let refused = |error| match Failure::of_query(error) {
            Failure::Error(error) => (error.status, error.code, error.param.clone()),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(LedgerError::Overloaded), (429, Some("rate_limit"), None));
        assert_eq!(refused(LedgerError::TooLarge), (400, None, Some("limit".to_owned())));
        assert_eq!(refused(LedgerError::Timeout), (400, None, None));
    }
}
