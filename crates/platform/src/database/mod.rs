//! A pool of PostgreSQL connections with limits on everything that can hang.

pub mod store;
mod time;

pub use deadpool_postgres::Pool;
pub use time::{from_sql_time, to_sql_time};
pub use tokio_postgres::Client;

use deadpool_postgres::{Hook, Manager, ManagerConfig, RecyclingMethod, Runtime};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::Duration;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

/// Which database, and how patient to be with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// Where PostgreSQL is, as a URL (`postgresql://user:password@host/database`) or as key-value pairs.
    pub url: String,
    /// The role that owns the tables and migrates them, as in `url`; when empty, `url` is used for that too.
    pub owner_url: String,
    /// Connections at most.
    pub pool_size: usize,
    /// Milliseconds that opening a connection may take.
    pub connect_timeout_ms: u64,
    /// Milliseconds that a caller waits for a free connection.
    pub wait_timeout_ms: u64,
    /// Milliseconds after which PostgreSQL cancels a statement.
    pub statement_timeout_ms: u64,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        DatabaseSettings {
            url: String::new(),
            owner_url: String::new(),
            pool_size: 32,
            connect_timeout_ms: 5_000,
            wait_timeout_ms: 10_000,
            statement_timeout_ms: 30_000,
        }
    }
}

/// Without the URLs: they may hold passwords.
impl std::fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseSettings").field("pool_size", &self.pool_size).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The text is not repeated: it may hold a password.
    #[error("the database URL cannot be read: {0}")]
    Url(String),
    #[error("no database URL is set")]
    NoUrl,
    #[error(
        "the database URL asks for TLS (sslmode=require), which this build does not speak; use a Unix socket, a private network or a local proxy"
    )]
    Tls,
    #[error("the pool of connections cannot be built: {0}")]
    Pool(String),
    #[error("PostgreSQL cannot be reached: {0}")]
    Unreachable(String),
    #[error("PostgreSQL refused: {0}")]
    Query(#[from] tokio_postgres::Error),
}

impl DatabaseSettings {
    /// A pool under the service's role. Connects at first use; a connection that was lost, also because PostgreSQL
    /// was killed, is replaced at the next use.
    pub fn pool(&self) -> Result<Pool, DatabaseError> {
        self.pool_of(&self.url, self.pool_size)
    }

    /// A small pool under the role that owns the tables, for migrations.
    pub fn owner_pool(&self) -> Result<Pool, DatabaseError> {
        self.pool_of(self.owner_url(), 2)
    }

    /// `owner_url`, or `url` where that is empty.
    pub fn owner_url(&self) -> &str {
        if self.owner_url.is_empty() { &self.url } else { &self.owner_url }
    }

    fn pool_of(&self, url: &str, size: usize) -> Result<Pool, DatabaseError> {
        let mut config = parse(url)?;
        let connect_timeout = Duration::from_millis(self.connect_timeout_ms);
        config.connect_timeout(connect_timeout);
        let timeout = format!("-c statement_timeout={}", self.statement_timeout_ms);
        // What the URL says itself comes last, and so wins.
        let options = match config.get_options() {
            Some(own) => format!("{timeout} {own}"),
            None => timeout,
        };
        config.options(options);
        if config.get_application_name().is_none() {
            config.application_name("florin");
        }
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_millis(self.wait_timeout_ms)))
            .create_timeout(Some(connect_timeout))
            .recycle_timeout(Some(connect_timeout))
            .post_create(Hook::sync_fn(|_, _| {
                metrics::counter!("database_connections_opened_total").increment(1);
                Ok(())
            }))
            .build()
            .map_err(|error| DatabaseError::Pool(error.to_string()))
    }
}

/// Reads a database URL. Errors do not repeat it.
pub fn parse(url: &str) -> Result<tokio_postgres::Config, DatabaseError> {
    if url.trim().is_empty() {
        return Err(DatabaseError::NoUrl);
    }
    let config = tokio_postgres::Config::from_str(url).map_err(|error| DatabaseError::Url(with_causes(&error)))?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(DatabaseError::Tls);
    }
    Ok(config)
}

/// The URL for connections that act with another role's privileges, which the URL's own user must be a member of.
pub fn with_role(url: &str, role: &str) -> String {
    let is_url = url.contains("://");
    let escaped = role.replace('%', "%25").replace('&', "%26").replace(' ', "%20");
    match (is_url, url.contains('?')) {
        (true, true) => format!("{url}&options=-c%20role%3D{escaped}"),
        (true, false) => format!("{url}?options=-c%20role%3D{escaped}"),
        (false, _) => format!("{url} options='-c role={role}'"),
    }
}

/// One connection outside of any pool; it closes when the client is dropped.
pub async fn connect(url: &str, timeout: Duration) -> Result<Client, DatabaseError> {
    let mut config = parse(url)?;
    config.connect_timeout(timeout);
    let connecting = tokio::time::timeout(timeout, config.connect(NoTls));
    let (client, connection) = match connecting.await {
        Ok(connected) => connected.map_err(|error| DatabaseError::Unreachable(with_causes(&error)))?,
        Err(_) => return Err(DatabaseError::Unreachable(format!("no answer within {timeout:?}"))),
    };
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a database connection was lost");
        }
    });
    Ok(client)
}

/// Whether a connection of the pool can be had, and PostgreSQL answers on it.
pub async fn ping(pool: &Pool) -> Result<(), DatabaseError> {
    let client = pool.get().await.map_err(|error| DatabaseError::Unreachable(with_causes(&error)))?;
    store::ping(&client).await
}

/// The URL with its password replaced, fit to be shown; whatever cannot be read is hidden as a whole.
pub fn masked(url: &str) -> String {
    const MASK: &str = "********";
    if url.is_empty() {
        return String::new();
    }
    let Ok(config) = tokio_postgres::Config::from_str(url) else { return MASK.to_owned() };
    let Some(password) = config.get_password() else { return url.to_owned() };
    let Some((scheme, rest)) = url.split_once("://") else { return MASK.to_owned() };
    match rest.split_once('@').and_then(|(user, place)| Some((user.split_once(':')?.0, place))) {
        Some((user, place)) if !contains(place, password) => format!("{scheme}://{user}:{MASK}@{place}"),
        _ => MASK.to_owned(),
    }
}

fn contains(text: &str, part: &[u8]) -> bool {
    !part.is_empty() && text.as_bytes().windows(part.len()).any(|window| window == part)
}

/// An error with what caused it: the outermost message alone says little.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_a_password() {
        for (url, shown) in [
            ("", ""),
            ("postgresql://florin@db/florin", "postgresql://florin@db/florin"),
            ("postgresql://florin:hunter2@db:5432/florin", "postgresql://florin:********@db:5432/florin"),
            (
                "postgresql://florin:hun%40ter2@db/florin?sslmode=disable",
                "postgresql://florin:********@db/florin?sslmode=disable",
            ),
            ("postgresql://db/florin?user=a&password=hunter2", "********"),
            ("host=db password=hunter2", "********"),
            ("host=db user=florin", "host=db user=florin"),
            ("postgresql://:::hunter2", "********"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }

    #[test]
    fn refuses_what_it_cannot_connect_to() {
        assert!(matches!(parse(" "), Err(DatabaseError::NoUrl)));
        assert!(matches!(parse("postgresql://db/x?sslmode=require"), Err(DatabaseError::Tls)));
        let error = parse("postgresql://florin:hunter2@db:port/x").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn says_when_nobody_answers() {
        let error = connect("host=127.0.0.1 port=1 user=x", Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Unreachable(_)), "{error}");
        let settings = DatabaseSettings { url: "host=127.0.0.1 port=1 user=x".to_owned(), ..Default::default() };
        assert!(settings.pool().unwrap().get().await.is_err());
    }
}
