//! The parameter type of a language: `en`, `pt-BR`.

use api::error::ApiError;
use api::form::Node;
use api::params::Param;
use serde_json::{Value, json};

/// RFC 5646 (4.4.1) has programs take tags of this length.
const LENGTH_MAX: usize = 35;

/// A language's tag, as RFC 5646 forms them; whether there is such a language is not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(pub String);

impl Param for Locale {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let text = String::parse(node, name)?;
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if plain && text.len() <= LENGTH_MAX {
            return Ok(Locale(text));
        }
        let message = format!(
            "Invalid locale: {name} takes a language's tag such as en or pt-BR, of up to {LENGTH_MAX} characters."
        );
        Err(ApiError::invalid(message).param(name))
    }

    fn schema() -> Value {
        json!({ "type": "string", "maxLength": LENGTH_MAX })
    }
}
