//! SIGHUP: the config is read again, and what can be changed while the server runs is.

use crate::arguments::ConfigFile;
use crate::config::{self, Config};
use platform::telemetry::LogFilter;

/// The only key that takes effect without a restart.
const RELOADED: &str = "telemetry.log_filter";

/// Reads the config of a running server again.
pub struct Reload {
    file: ConfigFile,
    /// As the server was started.
    running: Config,
    log_filter: LogFilter,
}

impl Reload {
    pub fn new(file: ConfigFile, running: Config, log_filter: LogFilter) -> Self {
        Reload { file, running, log_filter }
    }

    /// A config that cannot be used changes nothing. What needs a restart is named.
    pub fn run(&self) {
        match self.try_run() {
            Ok(need_restart) => {
                tracing::info!(log_filter = self.log_filter.now(), "SIGHUP: the configuration was read again");
                if !need_restart.is_empty() {
                    let keys = need_restart.join(", ");
                    tracing::warn!(keys, "these have changed, and take effect when the server is started again");
                }
            }
            Err(error) => tracing::error!(error = format!("{error:#}"), "SIGHUP: the configuration stays as it was"),
        }
    }

    /// The keys that need a restart.
    fn try_run(&self) -> anyhow::Result<Vec<String>> {
        let mut config = self.file.load()?.config;
        // The command line wins over it.
        config.server.roles.clone_from(&self.running.server.roles);
        let problems = config.problems();
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
        self.log_filter.set(&config.telemetry.log_filter)?;
        let changed = config::changed(&self.running, &config)?.into_iter();
        Ok(changed.filter(|key| key != RELOADED).collect())
    }
}
