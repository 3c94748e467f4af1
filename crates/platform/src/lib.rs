//! What any service needs and no payment is in: database pool, telemetry, metrics, shutdown.

pub mod database;
mod json;
mod lines;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;

pub use shutdown::Shutdown;
