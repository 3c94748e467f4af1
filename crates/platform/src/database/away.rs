//! Why a connection is not there, in words that name the place.

use std::error::Error as _;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};

/// Whether PostgreSQL knows no such user, password or database.
pub(super) fn is_refusal(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME)
}

/// Whether the connection was lost, or PostgreSQL is starting, stopping or has no place for it: later it may be otherwise.
pub fn is_gone(error: &Error) -> bool {
    let broken = || error.source().is_some_and(|cause| cause.is::<std::io::Error>());
    match error.code() {
        Some(code) => {
            code.code().starts_with("08") || code.code().starts_with("57P") || *code == SqlState::TOO_MANY_CONNECTIONS
        }
        None => error.is_closed() || broken(),
    }
}

/// Hosts and ports: `db.internal:5432`.
pub(super) fn place(config: &Config) -> String {
    let port = |number: usize| {
        let ports = config.get_ports();
        // One port is that of all hosts.
        ports.get(number).or(ports.first()).copied().unwrap_or(5432)
    };
    let hosts = config.get_hosts().iter().enumerate().map(|(number, host)| match host {
        Host::Tcp(host) if host.contains(':') => format!("[{host}]:{}", port(number)),
        Host::Tcp(host) => format!("{host}:{}", port(number)),
        Host::Unix(directory) => format!("{}/.s.PGSQL.{}", directory.display(), port(number)),
    });
    hosts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::DatabaseUrl;

    #[test]
    fn hosts_are_named_with_their_ports() {
        for (url, expected) in [
            ("postgresql://a:hunter2@db/x", "db:5432"),
            ("postgresql://one:1,two:2/x", "one:1, two:2"),
            ("host=one,two port=7", "one:7, two:7"),
            ("host=/run/postgresql", "/run/postgresql/.s.PGSQL.5432"),
            ("host=::1 port=6432", "[::1]:6432"),
        ] {
            assert_eq!(place(&DatabaseUrl::from(url).config().unwrap()), expected);
        }
    }
}
