//! The connection to PostgreSQL, its part of the config, its time, and migrations.

mod clock;
mod config;
mod connection;
mod leadership;
mod lease;
pub mod store;
mod time;
mod url;

pub use crate::error_text::with_causes;
pub use clock::{CLOCK_SKEW_MAX, DatabaseClock};
pub use config::DatabaseConfig;
pub use connection::connect;
pub use deadpool_postgres::Pool;
pub use leadership::Leadership;
pub use lease::Lease;
pub use time::{from_sql_time, to_sql_time};
pub use tokio_postgres::Client;
pub use url::DatabaseUrl;

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The text is not repeated: it may hold a password.
    #[error(
        "the database URL cannot be read: {0}; write postgresql://user:password@host:port/database, with %40 for @ and so on in a password, or host=… user=… password=… dbname=…"
    )]
    Url(String),
    #[error("no database URL is set")]
    NoUrl,
    #[error(
        "the database URL asks for TLS (sslmode=require), which this build cannot do; use a Unix socket, a private network or a local proxy"
    )]
    Tls,
    #[error("the pool of connections cannot be built: {0}")]
    Pool(String),
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(String),
    #[error("PostgreSQL refused: {0}")]
    Query(#[from] tokio_postgres::Error),
}
