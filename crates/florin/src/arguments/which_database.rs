//! `--config` and `--data`: which database a command works on directly.

use crate::exit_code::Failure;
use crate::{config, dev_state};
use clap::Args;
use platform::database::DatabaseConfig;
use std::path::PathBuf;

/// The database of a configuration, or that of a running `florin dev`.
#[derive(Debug, Args)]
pub struct WhichDatabase {
    /// Configuration file with the database's URL.
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Data directory of a running `florin dev`.
    #[arg(long, value_name = "DIR", env = "FLORIN_DATA")]
    pub data: Option<PathBuf>,
}

impl WhichDatabase {
    /// The database that the command line names; else that of the configuration, else that of a running `florin dev`.
    /// `None` when there is none of them.
    pub fn find(&self) -> anyhow::Result<Option<DatabaseConfig>> {
        if self.data.is_none() {
            let configured = config::of_process(self.config.as_deref())?.config.database;
            if !configured.url.is_empty() || !configured.owner_url.is_empty() || self.config.is_some() {
                return Ok(Some(configured));
            }
        }
        let state = dev_state::read(self.data.as_deref())?;
        Ok(state.map(|state| DatabaseConfig {
            url: state.database_url,
            owner_url: state.database_owner_url,
            ..DatabaseConfig::default()
        }))
    }

    /// As [`WhichDatabase::find`]; that there is none is an error.
    pub fn require(&self) -> anyhow::Result<DatabaseConfig> {
        self.find()?.ok_or_else(|| match &self.data {
            Some(directory) => Failure::unreachable(format!("no florin dev runs in {}", directory.display())),
            None => Failure::usage(
                "no database: start `florin dev`, or set database.url in florin.toml or FLORIN_DATABASE_URL, or give --config or --data",
            ),
        })
    }
}
