//! The commands, each in a file or folder of its own with its arguments, and one line in the list below.

use crate::exit_code::Code;
use crate::output::Output;
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

/// Declares the modules of the commands, the enum that clap reads, and which command is run. In `mod pay; Pay;`, `Pay` names
/// the struct with the command's arguments, whose doc comment is its line in `florin --help`. The order is that of the
/// help.
macro_rules! commands {
    ($(mod $module:ident; $arguments:ident;)*) => {
        $(mod $module;)*

        #[derive(Debug, Subcommand)]
        pub enum AnyCommand {
            $($arguments($module::$arguments),)*
        }

        impl AnyCommand {
            /// The runtime that the command asks for.
            pub fn runtime(&self) -> Builder {
                match self {
                    $(AnyCommand::$arguments(command) => command.runtime(),)*
                }
            }

            pub async fn run(&self, output: Output) -> anyhow::Result<Code> {
                match self {
                    $(AnyCommand::$arguments(command) => command.run(output).await,)*
                }
            }
        }
    };
}

commands! {
    mod dev; Dev;
    mod serve; Serve;
    mod config; Config;
    mod migrate; Migrate;
    mod doctor; Doctor;
    mod pay; Pay;
    mod refund; Refund;
    mod events; Events;
    mod ledger; Ledger;
    mod tenants; Tenants;
    mod keys; Keys;
    mod bench; Bench;
    mod completions; Completions;
}

/// What each command has besides its arguments.
trait Command {
    /// The tokio runtime that it works on: by default with a thread for each processor.
    fn runtime(&self) -> Builder {
        Builder::new_multi_thread()
    }

    /// Does the work and prints the result.
    async fn run(&self, output: Output) -> anyhow::Result<Code>;
}

/// A self-hosted payments platform, wire compatible with Stripe's HTTP API.
#[derive(Debug, Parser)]
#[command(name = "florin", version, max_term_width = 100)]
pub struct Cli {
    /// Print one JSON document instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: AnyCommand,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_has_its_line_of_help() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands() {
            assert!(command.get_about().is_some(), "{}: its struct needs a doc comment", command.get_name());
        }
    }
}
