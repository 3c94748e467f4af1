//! Exit codes, and errors that have one of their own. Scripts rely on the codes; `docs/operations.md` lists them.

use contracts::{IdentityError, LedgerError};
use platform::database::DatabaseError;
use platform::error_text::with_causes;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    Ok = 0,
    /// An error that has no code of its own.
    Failure = 1,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// The payment was declined.
    Declined = 3,
    /// The server or the database cannot be reached.
    Unreachable = 4,
    /// `ledger verify` found differences, or `doctor` found something broken.
    Differences = 5,
    /// The payer has to do something before the payment continues.
    ActionRequired = 6,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> ExitCode {
        ExitCode::from(code as u8)
    }
}

/// An error with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: Code,
    pub message: String,
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> anyhow::Error {
        Failure { code: Code::Usage, message: message.into() }.into()
    }

    pub fn unreachable(message: impl Into<String>) -> anyhow::Error {
        Failure { code: Code::Unreachable, message: message.into() }.into()
    }
}

/// The exit code of an error: its own, that of a database that cannot be reached or named, or 1.
pub fn code_of(error: &anyhow::Error) -> Code {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.code;
        }
        match cause.downcast_ref::<DatabaseError>() {
            Some(DatabaseError::Unreachable(_)) => return Code::Unreachable,
            Some(DatabaseError::Url(_) | DatabaseError::NoUrl | DatabaseError::Tls | DatabaseError::Refused(_)) => {
                return Code::Usage;
            }
            _ => {}
        }
        let gone = cause.downcast_ref::<tokio_postgres::Error>().is_some_and(platform::database::is_gone)
            || matches!(cause.downcast_ref(), Some(LedgerError::Unavailable(_)))
            || matches!(cause.downcast_ref(), Some(IdentityError::Unavailable(_)));
        if gone {
            return Code::Unreachable;
        }
    }
    Code::Failure
}

/// The error with its causes.
pub fn explain(error: &anyhow::Error) -> String {
    with_causes(error.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_named_once() {
        let error = anyhow::anyhow!("no such file").context("reading x: no such file").context("starting");
        assert_eq!(explain(&error), "starting: reading x: no such file");
    }

    #[test]
    fn codes_survive_context() {
        let error = Failure::unreachable("no answer").context("paying");
        assert_eq!(code_of(&error), Code::Unreachable);
        assert_eq!(code_of(&anyhow::anyhow!("x")), Code::Failure);
    }
}
