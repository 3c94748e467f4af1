//! `--config`: the configuration file.

use crate::config::{self, Loaded};
use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub struct ConfigFile {
    /// Configuration file [default: florin.toml, if it exists].
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    pub fn load(&self) -> anyhow::Result<Loaded> {
        config::of_process(self.config.as_deref())
    }
}
