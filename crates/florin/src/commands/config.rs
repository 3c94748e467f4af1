//! `florin config check|show`.

use crate::cli::Config;
use crate::config::{self, settings_of};
use crate::exit::{Code, Failure};
use crate::output::Output;
use serde_json::{Value, json};

pub fn run(command: &Config, output: Output) -> anyhow::Result<Code> {
    let (Config::Check(file) | Config::Show(file)) = command;
    let loaded = config::from_process(file.config.as_deref())?;
    match command {
        Config::Check(_) => {
            let problems = loaded.settings.problems();
            if !problems.is_empty() {
                return Err(Failure::usage(problems.join("\n")));
            }
            output.print(&json!({"ok": true}), || "the configuration can be used".to_owned())?;
        }
        Config::Show(_) => {
            let settings = settings_of(&loaded)?;
            output.print(&settings, || {
                // Valid TOML: unset keys are comments.
                let lines = settings.iter().map(|setting| match &setting.value {
                    Value::Null => format!("# {} is not set", setting.key),
                    value => format!("{} = {value}  # {}", setting.key, setting.source),
                });
                lines.collect::<Vec<_>>().join("\n")
            })?;
        }
    }
    Ok(Code::Ok)
}
