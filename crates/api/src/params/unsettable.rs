//! Values that the empty string takes away.

use super::Param;
use crate::error::ApiError;
use crate::form::Node;
use serde_json::{Value, json};

/// A value that the empty string takes away: `Option<Unsettable<T>>` is left alone, unset, or set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsettable<T> {
    Unset,
    Set(T),
}

impl<T> Unsettable<T> {
    pub fn into_option(self) -> Option<T> {
        match self {
            Unsettable::Unset => None,
            Unsettable::Set(value) => Some(value),
        }
    }
}

impl<T: Param> Param for Unsettable<T> {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        match node {
            Node::Text(text) if text.is_empty() => Ok(Unsettable::Unset),
            other => T::parse(other, name).map(Unsettable::Set),
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [T::schema(), { "type": "string", "enum": [""] }] })
    }
}

/// Sets an attribute, if the parameter was sent.
pub fn assign<T>(attribute: &mut Option<T>, param: Option<Unsettable<T>>) {
    if let Some(value) = param {
        *attribute = value.into_option();
    }
}
