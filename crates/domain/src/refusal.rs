//! Why a command is not carried out: the object's state does not allow it, or the command makes no sense.

use std::fmt;

/// A command that was refused; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs: `payment_intent_unexpected_state`.
    pub code: Option<&'static str>,
    /// For people: what was wrong, with what value, and what to do.
    pub message: String,
    pub param: Option<&'static str>,
    /// Another command is under way on the object; trying again later helps.
    pub busy: bool,
}

impl Refusal {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Refusal { code: Some(code), message: message.into(), param: None, busy: false }
    }

    /// Without a code.
    pub fn invalid(message: impl Into<String>) -> Self {
        Refusal { code: None, message: message.into(), param: None, busy: false }
    }

    /// A processor is still working on an earlier command.
    pub fn busy() -> Self {
        let message = "Another request on this object is waiting for the processor's answer; try again later.";
        Refusal { code: Some("lock_timeout"), message: message.to_owned(), param: None, busy: true }
    }

    pub fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
