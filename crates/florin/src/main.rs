//! The `florin` binary: commands, configuration, which role runs where.

mod bench;
mod cli;
mod client;
mod commands;
mod config;
mod dev;
mod exit;
mod keys;
mod output;
mod postgres;
mod roles;
mod schema;
mod serve;
mod server;
mod services;
mod target;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use exit::Code;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use output::Output;
use std::process::ExitCode;

/// The system's allocator took a fifth of this process's time under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Files that this process may have open, if the system lets it: each connection is one, and many systems begin with 1,024.
const FILES: u64 = 16_384;

fn main() -> ExitCode {
    let cli = Cli::parse();
    allow_files();
    let output = Output { json: cli.json };
    let mut runtime = match cli.command {
        // The measuring must leave the processors to what is measured: one thread is enough for it.
        Command::Bench(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if let Command::Dev(_) = cli.command {
        // The other half is PostgreSQL's. More threads than there are processors free wake each other up for nothing.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        runtime.worker_threads(processors.div_ceil(2));
    }
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return Code::Failure.into();
        }
    };
    match runtime.block_on(run(&cli.command, output)) {
        Ok(code) => code.into(),
        Err(error) => {
            let code = exit::code_of(&error);
            if output.json {
                let document =
                    serde_json::json!({"error": {"message": exit::explain(&error), "exit_code": code as u8}});
                output::write_line(&document.to_string());
            } else {
                eprintln!("error: {}", exit::explain(&error));
            }
            code.into()
        }
    }
}

fn allow_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < FILES.min(hard)
    {
        // Where that is refused, the limit stays as it was.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, FILES.min(hard), hard);
    }
}

async fn run(command: &Command, output: Output) -> anyhow::Result<Code> {
    match command {
        Command::Dev(dev) => dev::run(dev, output).await,
        Command::Serve(serve) => serve::run(serve).await,
        Command::Config(config) => commands::config::run(config, output),
        Command::Migrate(database) => commands::migrate::run(database, output).await,
        Command::Doctor(doctor) => commands::doctor::run(doctor, output).await,
        Command::Pay(pay) => commands::pay::run(pay, output).await,
        Command::Refund(refund) => commands::refund::run(refund, output).await,
        Command::Events(events) => commands::events::run(events, output).await,
        Command::Ledger(ledger) => commands::ledger::run(ledger, output).await,
        Command::Tenants(tenants) => commands::tenants::run(tenants, output).await,
        Command::Bench(bench) => bench::run(bench, output).await,
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "florin", &mut std::io::stdout());
            Ok(Code::Ok)
        }
    }
}
