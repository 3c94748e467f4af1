//! The public edge: HTTP, authentication, limits.

mod address;
mod answer_headers;
mod auth;
mod body;
mod limits;
mod listener;
mod network;
mod open;
mod parameters;
mod routes;

pub use limits::Limits;
pub use listener::serve;
pub use network::Network;

use api::Api;
use contracts::Identity;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What the edge needs.
pub struct Gateway {
    pub api: Arc<Api>,
    pub identity: Arc<dyn Identity>,
    /// Whether requests can be served now; the error says why not, and is shown to strangers.
    pub ready: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
    /// What `/metrics` answers.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub limits: Limits,
    /// The reverse proxies whose `X-Forwarded-For` says where a client is.
    pub trusted_proxies: Vec<Network>,
}

/// A gateway, with what is computed once.
struct Edge {
    gateway: Gateway,
    openapi: String,
    running: Arc<Semaphore>,
}
