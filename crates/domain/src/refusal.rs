//! Why a command is not carried out: the object's state does not allow it, or the command makes no sense.

use std::fmt;
use types::ObjectId;

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
    /// The attempt that its processor must have canceled first; then the command is decided anew.
    pub cancel_first: Option<ObjectId>,
}

impl Refusal {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Refusal { code: Some(code), ..Self::invalid(message) }
    }

    /// Without a code.
    pub fn invalid(message: impl Into<String>) -> Self {
        Refusal { code: None, message: message.into(), param: None, busy: false, cancel_first: None }
    }

    /// A processor is still working on an earlier command.
    pub fn busy() -> Self {
        let message = "Another request on this object is waiting for the processor's answer; try again later.";
        Refusal { busy: true, ..Self::new("lock_timeout", message) }
    }

    /// An attempt stands in the way that the processor could still carry out.
    pub fn cancel_first(attempt: ObjectId) -> Self {
        Refusal { cancel_first: Some(attempt), ..Self::busy() }
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
