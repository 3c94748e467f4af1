//! `florin serve`: the server, as configured.

use super::Command;
use crate::arguments::ConfigFile;
use crate::config::Config;
use crate::exit_code::{Code, Failure};
use crate::output::Output;
use crate::reload::Reload;
use crate::{migrations, roles, run_roles};
use anyhow::Context;
use clap::Args;
use platform::database::{Client, DatabaseConfig, DatabaseError, store};
use platform::{Shutdown, telemetry};
use std::net::TcpListener;

/// Tenants that are named of those that have something wrong with them.
const UNOPENED_SHOWN: usize = 10;

/// Run the server with a configuration file and environment variables.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    file: ConfigFile,
    /// What this process does, separated by commas; `all` by default.
    #[arg(long, value_name = "ROLE", value_delimiter = ',', long_help = crate::roles::help())]
    role: Vec<String>,
    /// Bring the database's schema up to date before starting.
    #[arg(long)]
    migrate: bool,
}

impl Command for Serve {
    async fn run(&self, _: Output) -> anyhow::Result<Code> {
        let loaded = self.file.load()?;
        let mut config = loaded.config;
        if !self.role.is_empty() {
            config.server.roles.clone_from(&self.role);
        }
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(Failure::usage(problems.join("\n")));
        }
        let telemetry = telemetry::init(&config.telemetry)?;
        if !loaded.ignored.is_empty() {
            let variables = loaded.ignored.join(", ");
            tracing::info!(variables, "ignored: variables that Kubernetes sets for a Service");
        }
        let shutdown = Shutdown::new();
        let reload = Reload::new(self.file.clone(), config.clone(), telemetry.log_filter());
        shutdown.on_signals(move |_| reload.run())?;
        let result = serve(&config, self.migrate, &shutdown).await;
        tokio::task::spawn_blocking(|| telemetry.shutdown()).await?;
        result.map(|()| Code::Ok)
    }
}

async fn serve(config: &Config, migrate: bool, shutdown: &Shutdown) -> anyhow::Result<()> {
    let roles = roles::parse(&config.server.roles).map_err(Failure::usage)?;
    let listen = config.server.listen;
    // A process without the API says there how it is, unless it does elsewhere.
    let listener = if roles.iter().any(|role| role.listens()) || config.server.health_listen.is_none() {
        let listener = TcpListener::bind(listen).with_context(|| {
            format!("cannot listen on {listen}: each process of a machine needs a server.listen of its own")
        })?;
        listener.set_nonblocking(true)?;
        Some(listener)
    } else {
        None
    };
    // PostgreSQL takes back what is interrupted.
    match shutdown.interrupts(prepare(&config.database, migrate)).await {
        Some(prepared) => prepared?,
        None => return Ok(()),
    }
    if listener.is_some() && config.server.trusted_proxies.is_empty() && config.server.public_url.is_none() {
        // No TLS is spoken here, so there is a proxy unless all clients are on this machine.
        tracing::warn!(
            "neither server.trusted_proxies nor server.public_url is set: behind a proxy, all clients count as one address, and \
             payers are sent to pages that they cannot reach"
        );
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    run_roles::run(config, listener, shutdown, || {
        tracing::info!(%listen, roles = names.join(","), version = env!("CARGO_PKG_VERSION"), "ready");
        Ok(())
    })
    .await
}

/// Whether the database is fit to be served from; brings its schema up to date, if that is wanted.
async fn prepare(database: &DatabaseConfig, migrate: bool) -> anyhow::Result<()> {
    if migrate {
        let migrated = migrations::migrate(database).await?;
        for failed in migrated.failed {
            tracing::error!(failed, "a tenant's books or SQL views cannot be made; the others are served");
        }
        for harm in migrated.harm {
            tracing::warn!(
                harm,
                "what analysts could do; a superuser takes it away by the SQL of `florin migrate --print-roles`"
            );
        }
    }
    let client = database.connect().await?;
    require_durable(&client).await?;
    database.require_sessions().await.map_err(|error| match error {
        DatabaseError::Pooled => Failure::usage(error.to_string()),
        error => error.into(),
    })?;
    for newer in migrations::usable(&client).await? {
        tracing::info!("{newer}");
    }
    let unopened = migrations::unopened(&client).await?;
    if !unopened.is_empty() {
        let (count, some) = (unopened.len(), unopened.iter().take(UNOPENED_SHOWN).map(String::as_str));
        let tenants = some.collect::<Vec<_>>().join(", ");
        tracing::warn!(
            count,
            tenants,
            "tenants without books, or with the SQL views of another release; `florin migrate` makes them"
        );
    }
    Ok(())
}

/// Refuses a database that acknowledges what is not on its disk. PostgreSQL's other settings are its administrator's affair.
async fn require_durable(client: &Client) -> anyhow::Result<()> {
    let facts = store::server_facts(client).await?;
    if facts.off.iter().any(|setting| setting == "synchronous_commit") {
        return Err(Failure::usage(format!(
            "synchronous_commit is off for the role {} in this database: payments that were acknowledged would be lost when \
             PostgreSQL or its machine stops; set it to on",
            facts.role
        )));
    }
    for setting in facts.off {
        tracing::warn!(setting, "off in PostgreSQL: payments would be lost when its machine stops");
    }
    Ok(())
}
