//! Every setting of `florin`. `docs/configuration.md` lists them; a test keeps the two together.

mod environment;
mod load;
mod show;

pub use load::{Loaded, load};
pub use show::settings_of;

use gateway::Limits;
use ledger::CommitterConfig;
use platform::database::DatabaseSettings;
use platform::telemetry::TelemetrySettings;
use processors::sandbox::SandboxConfig;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;

/// What `florin serve` is told by its file and environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub server: ServerSettings,
    pub limits: Limits,
    pub database: DatabaseSettings,
    pub ledger: CommitterConfig,
    pub worker: WorkerSettings,
    pub sandbox: SandboxConfig,
    pub telemetry: TelemetrySettings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address and port that the HTTP API listens on.
    pub listen: SocketAddr,
    /// Where payers' browsers reach this server, for pages that they are sent to; `http://` and `listen` when not set.
    pub public_url: Option<String>,
    /// What this process does: role names, or `all`.
    pub roles: Vec<String>,
    /// Milliseconds that requests in flight may still take after SIGTERM, before they are cut off.
    pub drain_timeout_ms: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        ServerSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            public_url: None,
            roles: vec!["all".to_owned()],
            drain_timeout_ms: 25_000,
        }
    }
}

impl ServerSettings {
    /// Without a trailing slash.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}

/// What happens without a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// Milliseconds from one look at what is due to the next.
    pub poll_ms: u64,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        WorkerSettings { poll_ms: 1_000 }
    }
}

/// The settings of this process: the file that is named (else `florin.toml`, if it is there) and the environment.
pub fn from_process(file: Option<&Path>) -> anyhow::Result<Loaded> {
    let default = Path::new(load::DEFAULT_FILE);
    let file = file.or_else(|| default.exists().then_some(default));
    from_process_without_default(file)
}

/// As [`from_process`], but no file is read that is not named.
pub fn from_process_without_default(file: Option<&Path>) -> anyhow::Result<Loaded> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    load(file, variables).map_err(|error| crate::exit::Failure::usage(format!("{error:#}")))
}

impl Settings {
    /// What is well-formed but cannot work; each names its key. Empty when the settings can be used.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.problems_without_database();
        for (key, url) in [("database.url", &self.database.url), ("database.owner_url", &self.database.owner_url)] {
            // The owner's may be left out.
            if (key == "database.url" || !url.is_empty())
                && let Err(error) = platform::database::parse(url)
            {
                problems.push(format!("{key}: {error}"));
            }
        }
        problems
    }

    /// As [`Settings::problems`], for where the database comes from somewhere else.
    pub fn problems_without_database(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        require(self.database.pool_size > 0, "database.pool_size: must be at least 1");
        require(self.database.connect_timeout_ms > 0, "database.connect_timeout_ms: must be at least 1");
        require(self.ledger.batch_max > 0, "ledger.batch_max: must be at least 1");
        require(self.ledger.queue_max > 0, "ledger.queue_max: must be at least 1");
        require(self.ledger.writers > 0, "ledger.writers: must be at least 1");
        require(self.limits.requests_max > 0, "limits.requests_max: must be at least 1");
        require(self.limits.connections_max > 0, "limits.connections_max: must be at least 1");
        require(self.worker.poll_ms > 0, "worker.poll_ms: must be at least 1");
        require(
            self.server.public_url.as_ref().is_none_or(|url| url.starts_with("http://") || url.starts_with("https://")),
            "server.public_url: must begin with http:// or https://",
        );
        require(
            (0.0..=1.0).contains(&self.telemetry.otlp_sample_ratio),
            "telemetry.otlp_sample_ratio: must be from 0 to 1",
        );
        require(
            self.telemetry.otlp_endpoint.as_ref().is_none_or(|endpoint| endpoint.starts_with("http://")),
            "telemetry.otlp_endpoint: must begin with http://; send traces to a collector nearby",
        );
        problems.extend(self.sandbox.problems());
        if let Err(error) = platform::telemetry::check_filter(&self.telemetry.log_filter) {
            problems.push(format!("telemetry.log_filter: {error}"));
        }
        if let Err(error) = crate::roles::parse(&self.server.roles) {
            problems.push(format!("server.roles: {error}"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_cannot_work() {
        let mut settings = Settings::default();
        assert_eq!(settings.problems(), ["database.url: no database URL is set"]);
        settings.database.url = "postgresql://db/florin".to_owned();
        assert_eq!(settings.problems(), Vec::<String>::new());
        settings.database.pool_size = 0;
        settings.telemetry.otlp_sample_ratio = 1.5;
        settings.telemetry.log_filter = "florin=loud".to_owned();
        settings.server.roles = vec!["gatewy".to_owned()];
        settings.database.owner_url = "postgresql://db/florin?sslmode=require".to_owned();
        let problems = settings.problems().join("\n");
        for key in ["database.pool_size", "otlp_sample_ratio", "log_filter", "server.roles", "database.owner_url"] {
            assert!(problems.contains(key), "{key}: {problems}");
        }
    }
}
