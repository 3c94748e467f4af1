//! `florin doctor`: looks for what is missing or wrong, and says what to do about it.

mod database;
mod machine;
mod owner;
mod rights;
mod store;

use super::Command;
use crate::arguments::WhichDatabase;
use crate::config;
use crate::exit_code::{Code, explain};
use crate::output::Output;
use clap::Args;
use serde::Serialize;

/// Look for what is missing or wrong: on this machine, in the configuration, and in the database.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    database: WhichDatabase,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    result: Verdict,
    /// What was found.
    found: String,
    /// What to do about it; empty if nothing is to be done.
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// Works, but should be changed.
    Warning,
    Broken,
    /// Could not be checked, for instance because nothing runs.
    Skipped,
}

impl Check {
    fn new(name: &'static str, result: Verdict, found: impl Into<String>, advice: impl Into<String>) -> Check {
        Check { name, result, found: found.into(), advice: advice.into() }
    }

    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, Verdict::Ok, found, "")
    }

    fn skipped(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, Verdict::Skipped, found, "")
    }

    fn broken(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
        Check::new(name, Verdict::Broken, found, advice)
    }

    /// That the check itself went wrong.
    fn failed(name: &'static str, error: &(dyn std::error::Error + 'static)) -> Check {
        Check::broken(name, platform::error_text::with_causes(error), "see why PostgreSQL does not answer that")
    }

    fn line(&self) -> String {
        let mark = match self.result {
            Verdict::Ok => "ok     ",
            Verdict::Warning => "warning",
            Verdict::Broken => "BROKEN ",
            Verdict::Skipped => "-      ",
        };
        let advice = if self.advice.is_empty() { String::new() } else { format!("\n{:27}-> {}", "", self.advice) };
        format!("{mark}  {:<14}    {}{advice}", self.name, self.found)
    }
}

impl Command for Doctor {
    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let found = self.database.find();
        let configured = matches!(&found, Ok(Some(_)));
        let mut checks = vec![
            machine::programs(configured),
            machine::disk(&self.database),
            machine::port(&self.database),
            machine::configuration(&self.database),
        ];
        match found {
            Ok(Some(database)) => {
                // What a process takes of PostgreSQL; a running `florin dev` has what is the default.
                let config = config::of_process(self.database.config.as_deref()).map(|loaded| loaded.config);
                checks.extend(database::checks(&database, &config.unwrap_or_default()).await);
            }
            Ok(None) => {
                checks.push(Check::skipped("database", "no florin dev is running here, and no database is configured"));
            }
            Err(error) => {
                let advice = "correct that: nothing in the database was looked at";
                checks.push(Check::broken("database", explain(&error), advice));
            }
        }
        let broken = checks.iter().any(|check| check.result == Verdict::Broken);
        output.print(&checks, || checks.iter().map(Check::line).collect::<Vec<_>>().join("\n"))?;
        Ok(if broken { Code::Differences } else { Code::Ok })
    }
}
