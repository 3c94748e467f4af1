//! Lists of parameters: each declares how many items it takes.

use super::{Param, bounded, max_length, path, shortened};
use crate::error::ApiError;
use crate::form::Node;
use serde_json::{Value, json};

/// A list of so many items at most: none is without a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(pub Vec<T>);

impl<T: Param, const MAX: usize> Param for List<T, MAX> {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let items = match node {
            Node::Map(parts) if parts.len() > MAX => {
                let message = format!("Invalid array: {name} takes up to {MAX} items, not {}.", parts.len());
                return Err(ApiError::invalid(message).param(name));
            }
            Node::Map(parts) => {
                let mut numbered = Vec::with_capacity(parts.len());
                for (index, node) in parts {
                    let number: usize = super::index(&index).ok_or_else(|| {
                        ApiError::invalid(format!("Invalid array: {name} has a part named '{}'.", shortened(&index)))
                            .param(name)
                    })?;
                    numbered.push((number, node));
                }
                numbered.sort_by_key(|(number, _)| *number);
                let parse = |(number, node): (usize, Node)| T::parse(node, &path(name, &number.to_string()));
                numbered.into_iter().map(parse).collect::<Result<_, _>>()?
            }
            Node::Text(text) if text.is_empty() => Vec::new(),
            Node::Text(_) => return Err(ApiError::invalid("Invalid array").param(name)),
        };
        Ok(List(items))
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": bounded(T::schema(), max_length(&[])), "maxItems": MAX })
    }
}
