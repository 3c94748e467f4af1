//! `florin serve`: the server, as configured.

use crate::cli::Serve;
use crate::exit::{Code, Failure};
use crate::{config, roles, schema, server};
use anyhow::{Context, bail};
use platform::{Shutdown, telemetry};
use std::net::TcpListener;

pub async fn run(args: &Serve) -> anyhow::Result<Code> {
    let mut settings = config::from_process(args.file.config.as_deref())?.settings;
    if !args.role.is_empty() {
        settings.server.roles.clone_from(&args.role);
    }
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(Failure::usage(problems.join("\n")));
    }
    let telemetry = telemetry::init(&settings.telemetry)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let result = serve(args, &settings, &shutdown).await;
    tokio::task::spawn_blocking(|| telemetry.shutdown()).await?;
    result.map(|()| Code::Ok)
}

async fn serve(args: &Serve, settings: &config::Settings, shutdown: &Shutdown) -> anyhow::Result<()> {
    let roles = roles::parse(&settings.server.roles).map_err(Failure::usage)?;
    let listen = settings.server.listen;
    let listener = if roles.iter().any(|role| role.listens) {
        let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
        listener.set_nonblocking(true)?;
        Some(listener)
    } else {
        None
    };
    if args.migrate {
        schema::migrate(&settings.database).await?;
    }
    let pending = schema::pending(&settings.database).await?;
    if !pending.is_empty() {
        bail!("the schema is not up to date ({}); run `florin migrate`, or start with --migrate", pending.join(", "));
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name).collect();
    server::run(settings, listener, shutdown, || {
        tracing::info!(%listen, roles = names.join(","), version = env!("CARGO_PKG_VERSION"), "ready");
        Ok(())
    })
    .await
}
