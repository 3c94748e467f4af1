//! The public edge: HTTP, authentication, limits. What a request asks for is the API's business.

mod auth;
mod edge;
mod headers;
mod limits;
mod server;

pub use limits::Limits;
pub use server::serve;

use api::Api;
use contracts::Identity;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What the edge stands in front of.
pub struct Gateway {
    pub api: Arc<Api>,
    pub identity: Arc<dyn Identity>,
    /// Whether requests can be served now; the error says why not.
    pub ready: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
    /// What `/metrics` answers.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub limits: Limits,
}

/// A gateway with what it has worked out once.
struct Edge {
    gateway: Gateway,
    openapi: String,
    running: Arc<Semaphore>,
}
