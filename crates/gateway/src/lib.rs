//! The public edge: HTTP, authentication, limits.

mod address;
mod answer_body;
mod answer_headers;
mod answer_line;
mod answered;
mod auth;
mod body;
mod calls;
mod clients;
mod connection;
mod edge;
mod health;
mod limits;
mod listener;
mod metrics;
mod network;
mod open;
mod parameters;
mod places;
mod room;
mod routes;

pub use health::{Health, serve_health};
pub use limits::Limits;
pub use metrics::METRICS;
pub use network::Network;
pub use routes::serve;

use api::Api;
use contracts::Identity;
use std::sync::Arc;
use std::time::Duration;

/// What the edge needs.
pub struct Gateway {
    pub api: Arc<Api>,
    pub identity: Arc<dyn Identity>,
    /// What is said of the process at the same address; `None` if it is said elsewhere.
    pub health: Option<Health>,
    pub limits: Limits,
    /// The reverse proxies whose `X-Forwarded-For` says where a client is.
    pub trusted_proxies: Vec<Network>,
    /// How long connections are still accepted after the shutdown was requested: until balancers send no more.
    pub shutdown_delay: Duration,
}
