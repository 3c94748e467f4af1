//! What a handler answers with.

use crate::json::pretty;
use domain::Version;
use serde::Serialize;
use types::ObjectId;

/// An answer before expansion.
#[derive(Clone, Debug)]
pub struct Reply {
    /// JSON.
    pub body: String,
    /// The object that the body shows: a repeated request is answered by showing it again.
    pub shows: Option<(ObjectId, Version)>,
}

impl Reply {
    /// An answer that is not a single object.
    pub fn value(value: impl Serialize) -> Self {
        Reply { body: pretty(&value), shows: None }
    }
}
