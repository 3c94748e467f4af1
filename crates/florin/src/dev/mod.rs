//! `florin dev`: everything in one process, on a private PostgreSQL, with a demo tenant.

mod banner;
mod data_dir;
mod database;

pub use data_dir::{DEFAULT as DEFAULT_DATA, state};

use crate::cli::Dev;
use crate::config::{self, Settings};
use crate::exit::{Code, Failure};
use crate::keys::SecretKey;
use crate::output::Output;
use crate::server;
use banner::Banner;
use data_dir::{DataDir, State};
use database::DevDatabase;
use platform::{Shutdown, telemetry};
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

pub async fn run(args: &Dev, output: Output) -> anyhow::Result<Code> {
    let started = Instant::now();
    let wanted_key = args.secret_key.as_deref().map(SecretKey::parse).transpose();
    let wanted_key = wanted_key.map_err(|error| Failure::usage(format!("--secret-key: {error}")))?;
    let settings = settings(args)?;
    let telemetry = telemetry::init(&settings.telemetry)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;

    let directory = DataDir::open(&args.data)?;
    // Before anything that takes time: a port that is taken is the commonest reason not to start.
    let listener = listen(settings.server.listen)?;
    if args.reset {
        directory.reset()?;
    }
    let key = directory.secret_key(wanted_key)?;
    let database = DevDatabase::start(&directory.path).await?;
    let result = serve(&settings, &shutdown, listener, &directory, &key, &database, started, output).await;
    database.stop().await;
    directory.close();
    tokio::task::spawn_blocking(|| telemetry.shutdown()).await?;
    result.map(|()| Code::Ok)
}

#[allow(clippy::too_many_arguments, reason = "the pieces that `run` made, each of a type of its own")]
async fn serve(
    settings: &Settings,
    shutdown: &Shutdown,
    listener: TcpListener,
    directory: &DataDir,
    key: &SecretKey,
    database: &DevDatabase,
    started: Instant,
    output: Output,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let url = format!("http://{address}");
    let mut settings = settings.clone();
    // The port may have been chosen by the system.
    settings.server.listen = address;
    settings.database.url.clone_from(&database.url);
    settings.database.owner_url.clone_from(&database.owner_url);
    crate::schema::migrate(&settings.database).await?;
    server::demo_tenant(&settings, key).await?;
    let state = State {
        url: url.clone(),
        secret_key: key.reveal().to_owned(),
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
        directory.write_state(&state)?;
        banner.print(started.elapsed(), output)
    };
    server::run(&settings, Some(listener), shutdown, ready).await
}

fn settings(args: &Dev) -> anyhow::Result<Settings> {
    // A `florin.toml` in the working directory is for a real server: it is read only when it is named.
    let loaded = config::from_process_without_default(args.config.as_deref())?;
    let mut settings = loaded.settings;
    if !settings.database.url.is_empty() || !settings.database.owner_url.is_empty() {
        return Err(Failure::usage(
            "florin dev has a database of its own: leave database.url to florin serve (to use another PostgreSQL in development, set DATABASE_URL)",
        ));
    }
    if let Some(listen) = args.listen {
        settings.server.listen = listen;
    }
    require_loopback(settings.server.listen)?;
    let problems = settings.problems_without_database();
    if problems.is_empty() { Ok(settings) } else { Err(Failure::usage(problems.join("\n"))) }
}

fn require_loopback(listen: SocketAddr) -> anyhow::Result<()> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "florin dev listens on loopback only (127.0.0.1 or [::1]), not on {}: its key is no secret; use `florin serve` for others to reach it",
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
