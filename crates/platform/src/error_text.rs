//! Errors as text.

use std::error::Error;
use tokio_postgres::error::DbError;

/// An error with its causes, separated by colons: the outermost message alone says little. A cause that the text holds
/// already is not repeated. Of what PostgreSQL says, only what cannot hold a value that was to be stored: such a text goes
/// into logs.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = own_text(error);
    let mut last = error;
    while let Some(cause) = last.source().filter(|_| !is_about_a_value(last)) {
        let cause_text = own_text(cause);
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        last = cause;
    }
    text
}

fn own_text(error: &(dyn Error + 'static)) -> String {
    error.downcast_ref::<DbError>().map_or_else(|| error.to_string(), from_postgres)
}

/// Whether an error says that a value could not be read or sent: its cause may quote the value.
fn is_about_a_value(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<tokio_postgres::Error>().is_some_and(|error| {
        let text = error.to_string();
        text.starts_with("error deserializing") || text.starts_with("error serializing")
    })
}

/// Classes of SQLSTATEs whose messages name tables, files, settings and roles, but quote no value. Data exceptions (22) and
/// errors that functions raise (P0) do.
const WITHOUT_VALUES: &[&str] =
    &["08", "0A", "23", "25", "26", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX"];

/// Severity, message, SQLSTATE, and which table and constraint it is about. Details, hints and context have whole rows.
fn from_postgres(error: &DbError) -> String {
    let code = error.code().code();
    let is_plain = code.get(..2).is_some_and(|class| WITHOUT_VALUES.contains(&class));
    let message = if is_plain { error.message() } else { "the message is left out, it may quote a value" };
    let named = [("table", error.table()), ("constraint", error.constraint())];
    let named: String = named.iter().filter_map(|(what, name)| Some(format!(", {what} {}", (*name)?))).collect();
    format!("{}: {message} (SQLSTATE {code}{named})", error.severity())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Failed {
        text: &'static str,
        source: Option<Box<Failed>>,
    }

    #[test]
    fn each_cause_is_named_once() {
        let failed = |text, source| Failed { text, source };
        let inner = failed("no such file", None);
        let middle = failed("reading x: no such file", Some(Box::new(inner)));
        let outer = failed("starting", Some(Box::new(middle)));
        assert_eq!(with_causes(&outer), "starting: reading x: no such file");
    }
}
