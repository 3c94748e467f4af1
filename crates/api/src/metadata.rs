//! The parameter `metadata`.

use crate::error::ApiError;
use crate::form::Node;
use crate::params::{Param, as_text, not_a_hash, path, shortened};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Metadata as sent: texts to set, empty ones to remove; the empty string removes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataParam {
    changes: BTreeMap<String, String>,
    clear: bool,
}

impl MetadataParam {
    const KEYS_MAX: usize = 50;
    const KEY_MAX: usize = 40;
    const VALUE_MAX: usize = 500;

    /// Merges the changes into what is there.
    pub fn apply(self, metadata: &mut BTreeMap<String, String>) -> Result<(), ApiError> {
        if self.clear {
            metadata.clear();
        }
        for (key, value) in self.changes {
            if value.is_empty() {
                metadata.remove(&key);
            } else {
                metadata.insert(key, value);
            }
        }
        if metadata.len() > Self::KEYS_MAX {
            let message =
                format!("Metadata can have up to {} keys; this would make {}.", Self::KEYS_MAX, metadata.len());
            return Err(ApiError::invalid(message).param("metadata"));
        }
        Ok(())
    }

    /// Metadata of a new object.
    pub fn into_map(self) -> Result<BTreeMap<String, String>, ApiError> {
        let mut metadata = BTreeMap::new();
        self.apply(&mut metadata).map(|()| metadata)
    }
}

/// Metadata of a new object, if any was sent.
pub fn new_metadata(param: Option<MetadataParam>) -> Result<BTreeMap<String, String>, ApiError> {
    param.unwrap_or_default().into_map()
}

/// Merges metadata, if any was sent, into a copy of what is there.
pub fn merged_metadata(
    current: &BTreeMap<String, String>,
    param: Option<MetadataParam>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut metadata = current.clone();
    param.unwrap_or_default().apply(&mut metadata).map(|()| metadata)
}

impl Param for MetadataParam {
    fn parse(node: Node, name: &str) -> Result<Self, ApiError> {
        let parts = match node {
            Node::Text(text) if text.is_empty() => return Ok(MetadataParam { clear: true, ..Self::default() }),
            Node::Text(text) => return Err(not_a_hash(&text, name)),
            Node::Map(parts) => parts,
        };
        let mut changes = BTreeMap::new();
        for (key, node) in parts {
            let param = path(name, &key);
            if key.chars().count() > Self::KEY_MAX {
                let message =
                    format!("Metadata keys can be up to {} characters long: '{}'.", Self::KEY_MAX, shortened(&key));
                return Err(ApiError::invalid(message).param(param));
            }
            let value = as_text(node, &param)?;
            if value.chars().count() > Self::VALUE_MAX {
                let message = format!("Metadata values can be up to {} characters long.", Self::VALUE_MAX);
                return Err(ApiError::invalid(message).param(param));
            }
            changes.insert(key, value);
        }
        Ok(MetadataParam { changes, clear: false })
    }

    fn schema() -> Value {
        json!({ "anyOf": [
            { "type": "object", "additionalProperties": { "type": "string", "maxLength": 500 } },
            { "type": "string", "enum": [""] },
        ]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;

    #[test]
    fn metadata_merges() {
        let parse = |text: &str| {
            let mut form = Form::default();
            form.decode(text.as_bytes()).unwrap();
            MetadataParam::parse(form.into_params().take("metadata").unwrap(), "metadata")
        };
        let mut metadata = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        parse("metadata[a]=&metadata[c]=3").unwrap().apply(&mut metadata).unwrap();
        assert_eq!(metadata.into_iter().collect::<Vec<_>>(), [("b".into(), "2".into()), ("c".into(), "3".into())]);
        assert!(parse(&format!("metadata[{}]=1", "k".repeat(41))).is_err());
        assert!(parse(&format!("metadata[k]={}", "v".repeat(501))).is_err());
        let many: String = (0..51).map(|n| format!("metadata[k{n}]=1&")).collect();
        assert!(parse(&many).unwrap().into_map().is_err());
    }
}
