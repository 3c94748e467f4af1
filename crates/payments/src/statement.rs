//! What may stand on a payer's statement.

use api::error::ApiError;
use domain::payments::charge::Statement;

/// Refuses a text that card schemes do not print. How long it may be, the parameters say.
pub fn check_statement(param: &str, text: &str) -> Result<(), ApiError> {
    if text.contains(['<', '>', '\\', '\'', '"', '*']) || !text.chars().any(char::is_alphabetic) {
        let message = format!("{param} must have a letter in it, and none of the characters < > \\ ' \" *.");
        return Err(ApiError::invalid(message).param(param));
    }
    Ok(())
}

/// The parameters `statement_descriptor` and `statement_descriptor_suffix`.
pub fn checked_statement(descriptor: Option<String>, suffix: Option<String>) -> Result<Statement, ApiError> {
    for (param, text) in [("statement_descriptor", &descriptor), ("statement_descriptor_suffix", &suffix)] {
        if let Some(text) = text {
            check_statement(param, text)?;
        }
    }
    Ok(Statement { descriptor, suffix })
}
