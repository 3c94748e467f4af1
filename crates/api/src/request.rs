//! A request without its transport, and its answer: HTTP is one way to make it, not the only one.

use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::form::Node;
use crate::json::pretty;
use crate::origin::Origin;
use contracts::Caller;
use std::sync::Arc;
use std::time::Duration;

/// An authenticated request to one endpoint.
#[derive(Clone)]
pub struct Request {
    pub endpoint: Arc<Endpoint>,
    /// The parameters in the path, by name.
    pub path_params: Arc<[(String, String)]>,
    /// The path with its parameters filled in.
    pub path: Arc<str>,
    pub params: Node,
    pub idempotency_key: Option<String>,
    /// `req_…`
    pub request_id: Arc<str>,
    pub caller: Caller,
    pub origin: Origin,
}

impl Request {
    /// A request with those parameters in the endpoint's path, each as name and value.
    pub fn new(endpoint: Arc<Endpoint>, path_params: &[(&str, &str)], params: Node, caller: Caller) -> Self {
        let path = path_params
            .iter()
            .fold(endpoint.path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        Request {
            endpoint,
            path_params: path_params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            path: path.into(),
            params,
            idempotency_key: None,
            request_id: "".into(),
            caller,
            origin: Origin::default(),
        }
    }
}

/// An answer; the headers that every answer has are added at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// An HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
    /// Whether this is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
    /// How long the caller should wait, if trying again at once is of no use.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// An error as an answer.
    pub fn error(error: &ApiError) -> Self {
        let retry_after = error.retry_after;
        Answer { status: error.status, body: pretty(&error.to_json()), replayed: false, retry_after }
    }
}
