//! Exit codes, which scripts may rely on; `docs/operations.md` lists them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    Ok = 0,
    /// Something went wrong that has no code of its own.
    Failure = 1,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// The payment was declined.
    Declined = 3,
    /// The server or the database cannot be reached.
    Unreachable = 4,
    /// `ledger verify` found differences, or `doctor` found something broken.
    Differences = 5,
    /// The payer has to do something before the payment goes on.
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

/// The exit code of an error: its own, that of a database that is not there, or 1.
pub fn code_of(error: &anyhow::Error) -> Code {
    use platform::database::DatabaseError;
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.code;
        }
        match cause.downcast_ref::<DatabaseError>() {
            Some(DatabaseError::Unreachable(_)) => return Code::Unreachable,
            Some(DatabaseError::Url(_) | DatabaseError::NoUrl | DatabaseError::Tls) => return Code::Usage,
            _ => {}
        }
    }
    Code::Failure
}

/// The error with what caused it. Some errors tell their causes themselves: nothing is said twice.
pub fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_causes_once() {
        let error = anyhow::anyhow!("no such file").context("reading x: no such file").context("starting");
        assert_eq!(explain(&error), "starting: reading x: no such file");
    }

    #[test]
    fn codes_survive_context() {
        let error = Failure::unreachable("nobody there").context("paying");
        assert_eq!(code_of(&error), Code::Unreachable);
        assert_eq!(code_of(&anyhow::anyhow!("x")), Code::Failure);
    }
}
