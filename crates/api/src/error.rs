//! Errors in Stripe's shape: what was wrong, with which parameter, and which object it happened to.

mod failure;

pub use failure::Failure;

use domain::Refusal;
use serde_json::{Map, Value, json};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// The most characters of a message, and of a parameter's name: both may repeat what was sent.
const MESSAGE_MAX: usize = 1_000;
pub(crate) const PARAM_MAX: usize = 200;

/// The result of a handler, unless another error is named.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The `type` of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    Api,
    Card,
    Idempotency,
    InvalidRequest,
}

impl ErrorType {
    fn name(self) -> &'static str {
        match self {
            ErrorType::Api => "api_error",
            ErrorType::Card => "card_error",
            ErrorType::Idempotency => "idempotency_error",
            ErrorType::InvalidRequest => "invalid_request_error",
        }
    }
}

/// An error as the caller sees it. Small, because many functions may return it and few do.
#[derive(Clone, PartialEq)]
pub struct ApiError(Box<Content>);

/// What an error says.
#[derive(Clone, PartialEq)]
pub struct Content {
    pub status: u16,
    pub error_type: ErrorType,
    pub code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    /// Whether a repeated request gets this very answer: what was refused before it began may be tried again.
    pub kept: bool,
    /// How long the caller should wait, if trying again at once is of no use.
    pub retry_after: Option<Duration>,
    /// Further attributes: `decline_code`, `charge`, `payment_intent`, `payment_method`, `setup_intent`.
    pub details: Map<String, Value>,
}

/// For logs: without the details, which may show an object with its secrets.
impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { status, code, message, param, .. } = &*self.0;
        write!(f, "{status} {} {message:?}", code.unwrap_or_else(|| param.as_deref().unwrap_or_default()))
    }
}

impl ApiError {
    fn new(status: u16, error_type: ErrorType, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let kept = matches!(status, 402 | 500);
        let message = cut(message.into(), MESSAGE_MAX);
        let (param, retry_after, details) = (None, None, Map::new());
        ApiError(Box::new(Content { status, error_type, code, message, param, kept, retry_after, details }))
    }

    /// 400: the request cannot be carried out as it is.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, ErrorType::InvalidRequest, None, message)
    }

    /// 400 with a code that programs can act upon.
    pub fn coded(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, ErrorType::InvalidRequest, Some(code), message)
    }

    /// 402: the card was refused.
    pub fn card(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(402, ErrorType::Card, Some(code), message)
    }

    /// 401: no key, or not a good one.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(401, ErrorType::InvalidRequest, None, message)
    }

    /// 403: the key has no right to do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, ErrorType::InvalidRequest, None, message)
    }

    /// 400: the objects of a page are too large together.
    pub fn page_too_large() -> Self {
        Self::invalid("The objects of this page are too large for one answer; ask for fewer by `limit`.").param("limit")
    }

    /// 404: there is no such endpoint.
    pub fn no_such_endpoint(message: impl Into<String>) -> Self {
        Self::new(404, ErrorType::InvalidRequest, None, message)
    }

    /// 429: too much at once; trying again later helps.
    pub fn overloaded() -> Self {
        Self::new(429, ErrorType::InvalidRequest, Some("rate_limit"), "Too many requests are waiting; try again later.")
    }

    /// 429: another request holds the object.
    pub fn lock_timeout() -> Self {
        let message = "This object cannot be accessed right now because another request is changing it; try again.";
        Self::new(429, ErrorType::InvalidRequest, Some("lock_timeout"), message)
    }

    /// 500: a defect of the server. The cause belongs into the log, not into the answer.
    pub fn internal() -> Self {
        Self::new(500, ErrorType::Api, None, "An error occurred here; the request id tells us which one.")
    }

    /// 503: a part that the request needs cannot be reached.
    pub fn unavailable() -> Self {
        Self::unavailable_because("A part of the service cannot be reached right now; try again later.")
    }

    /// 503: a part that the request needs is not here. The message says which, and to try again later.
    pub fn unavailable_because(message: impl Into<String>) -> Self {
        Self::new(503, ErrorType::Api, None, message)
    }

    /// 503: nothing can be written, for this reason.
    pub fn not_writable(reason: &str) -> Self {
        Self::unavailable_because(format!("This cannot be carried out right now, because {reason}; try again later."))
    }

    /// 503: it may have been carried out.
    pub fn outcome_unknown() -> Self {
        Self::unavailable_because(
            "It is not known yet whether this was carried out; ask again with the same idempotency key. Without one, look \
             first what there is: a request that is repeated may be carried out twice.",
        )
    }

    /// 503: what is decided now could have a wrong time. Nothing was written.
    pub fn clock_untrusted() -> Self {
        Self::unavailable_because(
            "This server's clock cannot be trusted right now, so nothing is written; try again later.",
        )
    }

    /// 409: the first request with this key is not finished.
    pub fn key_in_use(key: &str) -> Self {
        let message =
            format!("There is another request in progress with the idempotency key '{key}'; try again later.");
        Self::new(409, ErrorType::Idempotency, Some("idempotency_key_in_use"), message)
    }

    /// 400: the key belongs to another request.
    pub fn key_reused(key: &str) -> Self {
        let message = format!(
            "The idempotency key '{key}' was first used with other parameters; keys are for repeating one request."
        );
        Self::new(400, ErrorType::Idempotency, None, message)
    }

    /// The id in the URL (404), or in the parameter named (400), is of no object. `noun` says what was looked for:
    /// `customer`.
    pub fn missing(noun: &str, id: &str, param: Option<&str>) -> Self {
        let status = if param.is_some() { 400 } else { 404 };
        let shown = cut(id.to_owned(), 200);
        Self::new(status, ErrorType::InvalidRequest, Some("resource_missing"), format!("No such {noun}: '{shown}'"))
            .param(param.unwrap_or("id"))
    }

    /// Names the parameter that is wrong.
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(cut(param.into(), PARAM_MAX));
        self
    }

    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn not_kept(mut self) -> Self {
        self.kept = false;
        self
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        let mut error = Map::new();
        if let Some(code) = self.code {
            error.insert("code".into(), code.into());
        }
        for (name, value) in &self.details {
            error.insert(name.clone(), value.clone());
        }
        error.insert("message".into(), self.message.clone().into());
        if let Some(param) = &self.param {
            error.insert("param".into(), param.clone().into());
        }
        error.insert("type".into(), self.error_type.name().into());
        json!({ "error": error })
    }
}

impl Deref for ApiError {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.0
    }
}

impl DerefMut for ApiError {
    fn deref_mut(&mut self) -> &mut Content {
        &mut self.0
    }
}

/// The first characters of a text.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// A refused command.
impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        if refusal.busy {
            return ApiError::lock_timeout();
        }
        let mut error = ApiError::invalid(refusal.message);
        error.code = refusal.code;
        error.param = refusal.param.map(str::to_owned);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_of_an_error_has_no_secret() {
        let intent = json!({ "client_secret": "pi_1_secret_2" });
        let error = ApiError::card("card_declined", "Your card was declined.").detail("payment_intent", intent);
        for shown in [format!("{error:?}"), format!("{:?}", Failure::from(error))] {
            assert!(shown.contains("card_declined") && !shown.contains("secret"), "{shown}");
        }
    }
}
