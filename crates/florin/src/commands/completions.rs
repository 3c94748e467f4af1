//! `florin completions`: a completion script for a shell.

use super::{Cli, Command};
use crate::exit_code::Code;
use crate::output::Output;
use clap::{Args, CommandFactory};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    shell: clap_complete::Shell,
}

impl Command for Completions {
    async fn run(&self, _: Output) -> anyhow::Result<Code> {
        clap_complete::generate(self.shell, &mut Cli::command(), "florin", &mut std::io::stdout());
        Ok(Code::Ok)
    }
}
