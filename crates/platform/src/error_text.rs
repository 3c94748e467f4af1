//! Errors as text.

use std::error::Error;

/// An error with its causes, separated by colons: the outermost message alone says little. A cause that the text holds
/// already is not repeated.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
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
