//! What a handler answers with.

use crate::error::ApiError;
use crate::json::{ANSWER_BYTES_MAX, pretty, pretty_within};
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
    /// An answer that is neither one of the objects that are stored, nor a page of many.
    pub fn value(value: impl Serialize) -> Self {
        Reply { body: pretty(&value), shows: None }
    }

    /// A page of a list or a search; an error that says how to ask for less if it is too large for an answer.
    pub fn page(value: impl Serialize) -> Result<Self, ApiError> {
        match pretty_within(ANSWER_BYTES_MAX, &value) {
            Some(body) => Ok(Reply { body, shows: None }),
            None => Err(ApiError::page_too_large()),
        }
    }
}
