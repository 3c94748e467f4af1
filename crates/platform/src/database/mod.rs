//! The connection to PostgreSQL, its part of the config, its time, and migrations.

mod away;
mod clock;
mod config;
mod connection;
mod hosts;
mod leadership;
mod lease;
mod pool;
mod sessions;
pub mod store;
mod time;
mod url;

pub use crate::error_text::with_causes;
pub use away::is_gone;
pub use clock::{CLOCK_SKEW_MAX, DatabaseClock};
pub use config::DatabaseConfig;
pub use connection::connect;
pub use hosts::takes_no_writes;
pub use leadership::Leadership;
pub use lease::Lease;
pub use pool::{Pool, Silent};
pub use time::{from_sql_time, to_sql_time};
pub use tokio_postgres::{Client, GenericClient, Transaction};
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
    #[error(
        "the database URL leads to a pooler that gives each transaction another session (pgbouncer: pool_mode = transaction or \
         statement), or has too few sessions; Florin needs one for each of its connections: set pool_mode = session, or connect to \
         PostgreSQL itself"
    )]
    Pooled,
    #[error("the pool of connections cannot be built: {0}")]
    Pool(String),
    /// With host and port.
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(String),
    /// The user, the password or the database is not one of the server's.
    #[error("PostgreSQL refuses this connection: {0}")]
    Refused(String),
    #[error("PostgreSQL refused: {0}")]
    Query(#[from] tokio_postgres::Error),
}
