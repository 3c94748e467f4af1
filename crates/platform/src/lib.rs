//! What every service needs, and nothing of payments: the connection to PostgreSQL, secrets that mask themselves, logs,
//! traces, metrics, and stopping.

pub mod database;
pub mod error_text;
pub mod http_url;
pub mod metrics;
pub mod secret;
pub mod shutdown;
pub mod telemetry;

pub use http_url::HttpUrl;
pub use secret::Secret;
pub use shutdown::Shutdown;
