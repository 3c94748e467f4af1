//! Runs the roles of a process, and stops them in order.

mod gateway;
mod worker;

use crate::config::Config;
use crate::metrics;
use crate::roles::{self, Role};
use crate::services::Services;
use ::gateway::Health;
use anyhow::Context;
use platform::Shutdown;
use platform::metrics::Metrics;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long commits whose callers are gone may take. They are begun anew by those who ask again, and by the worker.
pub const COMMITS_TIMEOUT: Duration = Duration::from_secs(3);

/// What a role gets.
struct Wiring {
    services: Arc<Services>,
    /// What the process says of itself, unless it has a listener of its own for that.
    health: Option<Health>,
    /// Where the process listens, for the role that does.
    listener: Option<TcpListener>,
    shutdown: Shutdown,
}

/// A role at work, until it has stopped.
type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// How a role is started. When it is asked to stop, it finishes what it has begun.
fn of_role(role: Role) -> fn(Wiring) -> Running {
    match role {
        Role::Gateway => gateway::start,
        Role::Worker => worker::start,
    }
}

/// Runs the roles of the config until the shutdown is requested and they have stopped: the worker takes up nothing new from then on,
/// so that another process takes over; requests are taken for `server.shutdown_delay_ms` more, and finished within
/// `server.drain_timeout_ms`. What the process says of itself it says until then. Calls `ready` when all have started. When a role
/// fails, the others are stopped, and its error is the result.
pub async fn run(
    config: &Config,
    listener: Option<TcpListener>,
    shutdown: &Shutdown,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let roles = roles::parse(&config.server.roles).map_err(anyhow::Error::msg)?;
    let mut listener = listener;
    let health_listener = match config.server.health_listen {
        Some(address) => Some(bind(address)?),
        None if roles.iter().any(|role| role.listens()) => None,
        // There is no API beside which it could be said.
        None => listener.take(),
    };
    // Before there is anything to measure.
    let measured = Metrics::install()?;
    measured.describe(metrics::recorded());
    let Some(services) = shutdown.interrupts(Services::new(config)).await else { return Ok(()) };
    let services = Arc::new(services?);
    let (stop, stop_health) = (Shutdown::new(), Shutdown::new());
    let ready_now = services.readiness(&stop).await;
    let (measuring, is_ready) = (Arc::clone(&services), Arc::clone(&ready_now));
    let written = move || {
        metrics::sample(&measuring, is_ready().is_ok());
        measured.render()
    };
    let mut health = Some(Health { ready: ready_now, metrics: Arc::new(written) });
    let (mut running, mut saying) = (JoinSet::new(), JoinSet::new());
    if let Some((listener, health)) = health_listener.and_then(|listener| Some((listener, health.take()?))) {
        let serving = ::gateway::serve_health(health, listener, config.limits.clone(), stop_health.clone());
        saying.spawn(async move { serving.await.context("the listener for health checks failed") });
    }
    for role in roles {
        let role_runs = of_role(role)(Wiring {
            services: Arc::clone(&services),
            health: health.clone(),
            listener: if role.listens() { listener.take() } else { None },
            shutdown: stop.clone(),
        });
        running.spawn(async move { role_runs.await.with_context(|| format!("the role {} failed", role.name())) });
    }
    ready()?;
    let result = tokio::select! {
        () = shutdown.requested() => Ok(()),
        Some(ended) = running.join_next() => flat(ended),
        Some(ended) = saying.join_next() => flat(ended),
    };
    stop.request();
    let drain_timeout = Duration::from_millis(config.server.drain_timeout_ms);
    let result = result.and(stopped(running, services.shutdown_delay + drain_timeout).await);
    stop_health.request();
    if tokio::time::timeout(COMMITS_TIMEOUT, services.ledger.shutdown()).await.is_err() {
        tracing::warn!(timeout_ms = COMMITS_TIMEOUT.as_millis(), "cut off: commits took too long");
    }
    result
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}, which is server.health_listen"))
}

/// Waits until all tasks have ended; ends them when they take too long.
async fn stopped(mut tasks: JoinSet<anyhow::Result<()>>, timeout: Duration) -> anyhow::Result<()> {
    let all = async {
        let mut result = Ok(());
        while let Some(ended) = tasks.join_next().await {
            result = result.and(flat(ended));
        }
        result
    };
    match tokio::time::timeout(timeout, all).await {
        Ok(result) => result,
        Err(_) => {
            tracing::warn!(
                timeout_ms = timeout.as_millis(),
                "cut off: requests, or the worker, took too long to finish"
            );
            tasks.shutdown().await;
            Ok(())
        }
    }
}

fn flat(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    ended.context("a role's task ended early")?
}
