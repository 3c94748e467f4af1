//! `florin config check|show`.

use super::Command;
use crate::arguments::ConfigFile;
use crate::config::entries_of;
use crate::exit_code::{Code, Failure};
use crate::output::Output;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Check or show the configuration.
#[derive(Debug, Args)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether the configuration can be used.
    Check(ConfigFile),
    /// Print every key of the configuration with its value and where that came from; secrets are masked.
    Show(ConfigFile),
}

impl Command for Config {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        match &self.action {
            Action::Check(file) => check(file, output)?,
            Action::Show(file) => show(file, output)?,
        }
        Ok(Code::Ok)
    }
}

fn check(file: &ConfigFile, output: Output) -> anyhow::Result<()> {
    let loaded = file.load()?;
    let problems = loaded.config.problems();
    if !problems.is_empty() {
        return Err(Failure::usage(problems.join("\n")));
    }
    output.print(&json!({"ok": true, "ignored": loaded.ignored}), || {
        let ignored =
            loaded.ignored.iter().map(|name| format!("\nignored: {name}, which Kubernetes sets for a Service"));
        format!("the configuration can be used{}", ignored.collect::<String>())
    })
}

fn show(file: &ConfigFile, output: Output) -> anyhow::Result<()> {
    let entries = entries_of(&file.load()?)?;
    output.print(&entries, || {
        // Valid TOML: keys that are not set are comments.
        let lines = entries.iter().map(|entry| match &entry.value {
            Value::Null => format!("# {} is not set", entry.key),
            value => format!("{} = {value}  # {}", entry.key, entry.source),
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}
