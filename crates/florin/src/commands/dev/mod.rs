//! `florin dev`: everything in one process, on a private PostgreSQL, with a demo tenant.

mod banner;
mod data_directory;
mod demo_key;
mod demo_tenant;
mod dev_database;

use super::Command;
use crate::config::{self, Config};
use crate::dev_state::{DEFAULT_DIRECTORY, DevState};
use crate::exit_code::{Code, Failure};
use crate::output::Output;
use crate::{migrations, run_roles};
use banner::Banner;
use clap::Args;
use data_directory::DataDirectory;
use demo_key::DemoKey;
use dev_database::DevDatabase;
use platform::{Secret, Shutdown, telemetry};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Instant;
use tokio::runtime::Builder;

/// What only this user's processes and root's can read, other than an argument.
const SECRET_KEY_VARIABLE: &str = "FLORIN_DEV_SECRET_KEY";

/// Run everything in one process on a private PostgreSQL, for development.
#[derive(Debug, Args)]
pub struct Dev {
    /// Address to listen on; loopback only.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Directory for the database and the key.
    #[arg(long, value_name = "DIR", env = "FLORIN_DATA", default_value = DEFAULT_DIRECTORY)]
    data: PathBuf,
    /// File with the secret key of the demo tenant, `sk_test_…`; by default one is made and kept.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_key")]
    secret_key_file: Option<PathBuf>,
    /// The key itself. As an argument, every user of the machine can read it in the list of processes.
    #[arg(long, value_name = "KEY", env = SECRET_KEY_VARIABLE, hide_env_values = true)]
    secret_key: Option<Secret>,
    /// Remove everything in the data directory first.
    #[arg(long)]
    reset: bool,
    /// Configuration file; it cannot set what `florin dev` decides itself, such as the database.
    #[arg(long, value_name = "FILE", env = "FLORIN_CONFIG")]
    config: Option<PathBuf>,
}

impl Command for Dev {
    /// Half of the processors; PostgreSQL has the other half. More threads than there are free processors only wake each
    /// other up.
    fn runtime(&self) -> Builder {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(processors.div_ceil(2));
        runtime
    }

    async fn run(&self, output: Output) -> anyhow::Result<Code> {
        let started = Instant::now();
        let wanted_key = self.wanted_key()?;
        let config = self.config()?;
        let telemetry = telemetry::init(&config.telemetry)?;
        let shutdown = Shutdown::new();
        // The terminal was closed.
        shutdown.on_signals(Shutdown::request)?;

        let directory = DataDirectory::open(&self.data)?;
        // Before anything that takes time: a port that is taken is the most frequent reason not to start.
        let listener = listen(config.server.listen)?;
        if self.reset {
            directory.reset()?;
        }
        let key = directory.secret_key(wanted_key)?;
        let database = DevDatabase::start(&directory.path).await?;
        let parts = Parts { directory: &directory, key: &key, database: &database };
        let result = serve(config, &shutdown, listener, parts, |banner| banner.print(started.elapsed(), output)).await;
        database.stop().await;
        directory.close();
        tokio::task::spawn_blocking(|| telemetry.shutdown()).await?;
        result.map(|()| Code::Ok)
    }
}

impl Dev {
    /// The demo tenant's key, if one is given.
    fn wanted_key(&self) -> anyhow::Result<Option<DemoKey>> {
        let (text, source) = match (&self.secret_key_file, &self.secret_key) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file).map_err(|error| {
                    Failure::usage(format!("--secret-key-file: {} cannot be read: {error}", file.display()))
                })?;
                (Secret::from(text.trim()), format!("--secret-key-file: {}", file.display()))
            }
            (None, Some(key)) => (key.clone(), format!("{SECRET_KEY_VARIABLE} or --secret-key")),
            (None, None) => return Ok(None),
        };
        let key = DemoKey::parse(text.reveal()).map_err(|error| Failure::usage(format!("{source}: {error}")))?;
        Ok(Some(key))
    }

    fn config(&self) -> anyhow::Result<Config> {
        // A `florin.toml` in the working directory is for `florin serve`: it is read only when it is named.
        let mut config = config::of_process_without_default_file(self.config.as_deref())?.config;
        if !config.database.url.is_empty() || !config.database.owner_url.is_empty() {
            return Err(Failure::usage(
                "florin dev has a database of its own: database.url is for florin serve (to use another PostgreSQL in development, set DATABASE_URL)",
            ));
        }
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        require_loopback(config.server.listen)?;
        let problems = config.problems_without_database();
        if problems.is_empty() { Ok(config) } else { Err(Failure::usage(problems.join("\n"))) }
    }
}

/// What a `florin dev` has before its server starts.
struct Parts<'a> {
    directory: &'a DataDirectory,
    key: &'a DemoKey,
    database: &'a DevDatabase,
}

/// Runs all roles until the shutdown is requested; calls `ready` when they have started.
async fn serve(
    mut config: Config,
    shutdown: &Shutdown,
    listener: TcpListener,
    Parts { directory, key, database }: Parts<'_>,
    ready: impl FnOnce(&Banner) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let url = format!("http://{address}");
    // The system has chosen the port if `--listen` has port 0.
    config.server.listen = address;
    config.database.url.clone_from(&database.url);
    config.database.owner_url.clone_from(&database.owner_url);
    // There is no balancer that has to see it first.
    config.server.shutdown_delay_ms = 0;
    let prepared = async {
        migrations::migrate(&config.database).await?.into_result()?;
        database.act_for_service().await?;
        demo_tenant::ensure(&config, key).await
    };
    match shutdown.interrupts(prepared).await {
        Some(prepared) => prepared?,
        None => return Ok(()),
    };
    let state = DevState {
        url: url.clone(),
        secret_key: key.secret().clone(),
        database_url: database.url.clone(),
        database_owner_url: database.owner_url.clone(),
        pid: std::process::id(),
    };
    let banner = Banner {
        url,
        secret_key: key.reveal().to_owned(),
        publishable_key: key.publishable(),
        data: directory.path.clone(),
        database: database.description.clone(),
        psql: database.psql.clone(),
        pid: state.pid,
        ready_ms: 0,
    };
    let ready = || {
        state.write(&directory.path)?;
        ready(&banner)
    };
    run_roles::run(&config, Some(listener), shutdown, ready).await
}

fn require_loopback(listen: SocketAddr) -> anyhow::Result<()> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "florin dev listens on loopback only (127.0.0.1 or [::1]), not on {}: everyone can know its key; use `florin serve` where others can reach it",
        listen.ip()
    )))
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let advice =
            if error.kind() == std::io::ErrorKind::AddrInUse { "; choose another port with --listen" } else { "" };
        Failure { code: Code::Failure, message: format!("cannot listen on {address}: {error}{advice}") }
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listens_on_loopback_only() {
        for (address, allowed) in [
            ("127.0.0.1:8420", true),
            ("127.9.9.9:1", true),
            ("[::1]:8420", true),
            ("0.0.0.0:8420", false),
            ("192.168.1.2:8420", false),
            ("[::]:8420", false),
        ] {
            assert_eq!(require_loopback(address.parse().unwrap()).is_ok(), allowed, "{address}");
        }
    }
}
