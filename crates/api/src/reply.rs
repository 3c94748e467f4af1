//! What a handler answers with, and its bytes.

use domain::Version;
use serde_json::Value;
use types::ObjectId;

/// An answer before expansion.
#[derive(Clone, Debug)]
pub struct Reply {
    pub value: Value,
    /// The object that the value shows, so that a repeated request can be answered by showing it again.
    pub shows: Option<(ObjectId, Version)>,
}

impl Reply {
    /// An answer that is no single object.
    pub fn value(value: Value) -> Self {
        Reply { value, shows: None }
    }
}

/// JSON with two spaces of indentation, as clients are used to.
pub fn pretty(value: &Value) -> String {
    // A value's keys are texts and its numbers finite: it always has a JSON form.
    serde_json::to_string_pretty(value).unwrap_or_default()
}
