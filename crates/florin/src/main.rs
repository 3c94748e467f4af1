//! The `florin` binary: its commands, its config, and the server's roles put together.

mod administration;
mod amount;
mod areas;
mod arguments;
mod commands;
mod config;
mod dev_state;
mod exit_code;
mod files;
mod http_client;
mod metrics;
mod migrations;
mod output;
mod private_postgres;
mod reload;
mod roles;
mod run_roles;
mod services;

use clap::Parser;
use commands::Cli;
use exit_code::Code;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use output::Output;
use std::process::ExitCode;

/// With the system's allocator, allocation took a fifth of this process's time under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Files that this process may have open, if the system allows it: each connection is one, and many systems allow 1,024
/// at first.
const FILES: u64 = 16_384;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    allow_files();
    let output = Output { json: cli.json };
    let runtime = match cli.command.runtime().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return Code::Failure.into();
        }
    };
    let result = runtime.block_on(cli.command.run(output));
    // What still runs is waited for no longer: a name server that does not answer would take longer than a shutdown may.
    runtime.shutdown_background();
    match result {
        Ok(code) => code.into(),
        Err(error) => {
            let code = exit_code::code_of(&error);
            let message = exit_code::explain(&error);
            if output.json {
                print_error(&message, code);
            } else {
                eprintln!("error: {message}");
            }
            code.into()
        }
    }
}

fn print_error(message: &str, code: Code) {
    let document = serde_json::json!({"error": {"message": message, "exit_code": code as u8}});
    output::write_line(&document.to_string());
}

/// What clap says of a command line that is not one, or that asks for help.
fn refused(error: &clap::Error) -> ExitCode {
    // The command line was not read, so neither was the option.
    let json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && json {
        let text = error.to_string();
        print_error(text.trim().trim_start_matches("error: "), Code::Usage);
    } else {
        // That it cannot be printed cannot be said either.
        let _ = error.print();
    }
    if error.use_stderr() { Code::Usage.into() } else { Code::Ok.into() }
}

fn allow_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < FILES.min(hard)
    {
        // If the system refuses, the limit stays as it was.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, FILES.min(hard), hard);
    }
}
