//! Parameters that take one of a fixed set of names.

use crate::error::ApiError;
use crate::form::Node;
use crate::params::{Param, not_a_choice};
use domain::Named;
use serde_json::{Value, json};

/// A parameter whose values are those of an enumeration of `domain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<T>(pub T);

impl<T: Named> Param for Choice<T> {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let text = String::parse(node, name)?;
        let names = || T::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>();
        T::from_name(&text).map(Choice).ok_or_else(|| not_a_choice(&text, name, &names()))
    }

    fn schema() -> Value {
        json!({ "type": "string", "enum": T::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>() })
    }
}

/// The value of a choice that may be left out.
pub fn chosen<T>(choice: Option<Choice<T>>) -> Option<T> {
    choice.map(|Choice(value)| value)
}
