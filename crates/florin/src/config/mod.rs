//! The config of the server: its keys, and reading it. `docs/configuration.md` lists the keys; a test compares the two.

mod environment;
mod key_names;
mod load;
mod show;
mod takes;

pub use key_names::changed;
pub use load::{Loaded, of_process, of_process_without_default_file};
pub use show::entries_of;

use api::CardTestingLimits;
use gateway::{Limits, Network};
use identity::KeysConfig;
use ledger::{CommitterConfig, ScanConfig};
use platform::HttpUrl;
use platform::database::{DatabaseConfig, DatabaseError, Pool};
use platform::telemetry::TelemetryConfig;
use processors::ProcessorsConfig;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What the server gets from its file and environment, by section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: ServerConfig,
    pub limits: Limits,
    pub card_testing: CardTestingLimits,
    pub database: DatabaseConfig,
    pub keys: KeysConfig,
    pub ledger: CommitterConfig,
    pub scans: ScanConfig,
    pub worker: WorkerConfig,
    /// A section for each processor.
    pub processors: ProcessorsConfig,
    pub telemetry: TelemetryConfig,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port that the HTTP API listens on.
    pub listen: SocketAddr,
    /// Address and port of `/healthz`, `/readyz` and `/metrics`; they are at `listen` when not set.
    pub health_listen: Option<SocketAddr>,
    /// Where payers' browsers reach this server, for pages that they are sent to; `http://` and `listen` when not set.
    pub public_url: Option<HttpUrl>,
    /// The reverse proxies whose `X-Forwarded-For` says where a client is.
    pub trusted_proxies: Vec<Network>,
    /// What this process does: names of roles, or `all`.
    pub roles: Vec<String>,
    /// Milliseconds after SIGTERM in which connections are still accepted, so that balancers can see that it stops.
    pub shutdown_delay_ms: u64,
    /// Milliseconds that requests under way may take from then on, before they are cut off.
    pub drain_timeout_ms: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            health_listen: None,
            public_url: None,
            trusted_proxies: Vec::new(),
            roles: vec!["all".to_owned()],
            shutdown_delay_ms: 7_000,
            drain_timeout_ms: 17_000,
        }
    }
}

impl ServerConfig {
    /// Without a trailing slash.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.reveal().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}

/// The role `worker`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Milliseconds from one look at what is due to the next.
    pub poll_ms: u64,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        WorkerConfig { poll_ms: 1_000 }
    }
}

impl Config {
    /// The pool of connections for scans.
    pub fn scan_pool(&self) -> Result<Pool, DatabaseError> {
        let ScanConfig { pool_size, statement_timeout_ms, .. } = self.scans;
        DatabaseConfig { pool_size, statement_timeout_ms, ..self.database.clone() }.pool()
    }

    /// Connections to PostgreSQL that a process with all roles takes at most: those of both pools and of the committers, four for
    /// what is looked up together, and one each for the time, for trying to write, and for the lead of the worker.
    pub fn connections(&self) -> usize {
        self.database.pool_size + self.scans.pool_size + self.ledger.writers + 7
    }

    /// Values that are well-formed but cannot work; each problem names its key. Empty when the config can be used.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.problems_of_what_is_set();
        if self.database.url.is_empty() {
            problems.push(format!("database.url: {}", DatabaseError::NoUrl));
        }
        problems
    }

    /// As [`Config::problems`], without that something is not set.
    pub fn problems_of_what_is_set(&self) -> Vec<String> {
        let mut problems = self.problems_without_database();
        for (key, url) in [("database.url", &self.database.url), ("database.owner_url", &self.database.owner_url)] {
            if !url.is_empty()
                && let Err(error) = url.config()
            {
                problems.push(format!("{key}: {error}"));
            }
        }
        problems
    }

    /// As [`Config::problems`], without the database's URLs: `florin dev` has a database of its own.
    pub fn problems_without_database(&self) -> Vec<String> {
        let mut problems = takes::out_of_range(self).unwrap_or_else(|error| vec![error.to_string()]);
        let wrong_numbers = problems.clone();
        let mut require = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        require(
            self.scans.of_tenant_max < self.scans.pool_size.max(2),
            "scans.of_tenant_max: must be less than scans.pool_size, or one tenant has all",
        );
        require(
            self.server.public_url.as_ref().is_none_or(|url| begins_with(url, &["http://", "https://"])),
            "server.public_url: must begin with http:// or https://",
        );
        require(
            (0.0..=1.0).contains(&self.telemetry.otlp_sample_ratio),
            "telemetry.otlp_sample_ratio: must be from 0 to 1",
        );
        require(
            self.telemetry.otlp_endpoint.as_ref().is_none_or(|url| begins_with(url, &["http://"])),
            "telemetry.otlp_endpoint: must begin with http://; send traces to a collector nearby",
        );
        let key_of = |problem: &str| problem.split(':').next().map(str::to_owned);
        let limits = self.limits.problems().into_iter();
        problems.extend(limits.filter(|limit| wrong_numbers.iter().all(|wrong| key_of(wrong) != key_of(limit))));
        problems.extend(self.keys.problems());
        problems.extend(self.processors.problems());
        if let Err(error) = platform::telemetry::check_filter(&self.telemetry.log_filter) {
            problems.push(format!("telemetry.log_filter: {error}"));
        }
        if let Err(error) = crate::roles::parse(&self.server.roles) {
            problems.push(format!("server.roles: {error}"));
        }
        problems
    }
}

fn begins_with(url: &HttpUrl, schemes: &[&str]) -> bool {
    schemes.iter().any(|scheme| url.reveal().starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kubernetes waits for before it kills.
    #[test]
    fn a_shutdown_fits_into_thirty_seconds() {
        let ServerConfig { shutdown_delay_ms, drain_timeout_ms, .. } = ServerConfig::default();
        let requests = std::time::Duration::from_millis(shutdown_delay_ms + drain_timeout_ms);
        let rest = crate::run_roles::COMMITS_TIMEOUT + platform::telemetry::LAST_TIMEOUT;
        assert!((requests + rest).as_secs() < 30);
    }

    #[test]
    fn scans_have_as_many_connections_as_they_are_given() {
        let mut config = Config::default();
        config.database.url = "postgresql://db/florin".into();
        (config.database.pool_size, config.scans.pool_size) = (7, 3);
        assert_eq!(config.scan_pool().unwrap().status().max_size, 3);
    }

    #[test]
    fn says_what_cannot_work() {
        let mut config = Config::default();
        assert_eq!(config.problems(), ["database.url: no database URL is set"]);
        config.database.url = "postgresql://db/florin".into();
        assert_eq!(config.problems(), Vec::<String>::new());
        config.database.pool_size = 0;
        config.scans.of_tenant_max = config.scans.pool_size;
        config.telemetry.otlp_sample_ratio = 1.5;
        config.telemetry.log_filter = "florin=loud".to_owned();
        config.server.roles = vec!["gatewy".to_owned()];
        config.database.owner_url = "postgresql://db/florin?sslmode=require".into();
        let problems = config.problems().join("\n");
        for key in [
            "database.pool_size",
            "scans.of_tenant_max",
            "otlp_sample_ratio",
            "log_filter",
            "server.roles",
            "database.owner_url",
        ] {
            assert!(problems.contains(key), "{key}: {problems}");
        }
    }
}
