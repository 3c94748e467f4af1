//! Runs the roles of a process, and stops them in order.

mod gateway;
mod worker;

use crate::config::Config;
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

/// How long the roles that stop last may take: their work is short, and is taken up again at the next start.
const LAST_TIMEOUT: Duration = Duration::from_secs(10);

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

/// When a role is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stops {
    /// At once: it takes nothing new, and finishes what it has begun.
    First,
    /// When the roles that stop first have stopped.
    Last,
}

/// How a role is started, and when it stops.
fn of_role(role: Role) -> (fn(Wiring) -> Running, Stops) {
    match role {
        Role::Gateway => (gateway::start, Stops::First),
        Role::Worker => (worker::start, Stops::Last),
    }
}

/// Runs the roles of the config until the shutdown is requested and they have stopped: first those that take requests,
/// which finish theirs within `server.drain_timeout_ms`, then the others. Calls `ready` when all have started. When a
/// role fails, the others are stopped, and its error is the result.
pub async fn run(
    config: &Config,
    listener: Option<TcpListener>,
    shutdown: &Shutdown,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let roles = roles::parse(&config.server.roles).map_err(anyhow::Error::msg)?;
    let health_listener = config.server.health_listen.map(bind).transpose()?;
    let services = Arc::new(Services::new(config).await?);
    let metrics = Metrics::install()?;
    let (first, last) = (Shutdown::new(), Shutdown::new());
    let mut health = Some(Health { ready: services.readiness(&first), metrics: Arc::new(move || metrics.render()) });
    let (mut listener, mut stop_first, mut stop_last) = (listener, JoinSet::new(), JoinSet::new());
    if let Some((listener, health)) = health_listener.and_then(|listener| Some((listener, health.take()?))) {
        let serving = ::gateway::serve_health(health, listener, config.limits.clone(), last.clone());
        stop_last.spawn(async move { serving.await.context("the listener for health checks failed") });
    }
    for role in roles {
        let (start, stops) = of_role(role);
        let (stop, tasks) = match stops {
            Stops::First => (&first, &mut stop_first),
            Stops::Last => (&last, &mut stop_last),
        };
        let wiring = Wiring {
            services: Arc::clone(&services),
            health: health.clone(),
            listener: if role.listens() { listener.take() } else { None },
            shutdown: stop.clone(),
        };
        let running = start(wiring);
        tasks.spawn(async move { running.await.with_context(|| format!("the role {} failed", role.name())) });
    }
    ready()?;
    let mut result = tokio::select! {
        () = shutdown.requested() => Ok(()),
        Some(ended) = stop_first.join_next() => flat(ended),
        Some(ended) = stop_last.join_next() => flat(ended),
    };
    first.request();
    let drain_timeout = Duration::from_millis(config.server.drain_timeout_ms);
    result = result.and(stopped(stop_first, drain_timeout, "requests").await);
    last.request();
    result = result.and(stopped(stop_last, LAST_TIMEOUT, "workers").await);
    services.ledger.shutdown().await;
    result
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}, which is server.health_listen"))
}

/// Waits until all tasks have ended; ends them when they take too long.
async fn stopped(mut tasks: JoinSet<anyhow::Result<()>>, timeout: Duration, what: &str) -> anyhow::Result<()> {
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
            tracing::warn!(what, timeout_ms = timeout.as_millis(), "cut off: they took too long to finish");
            tasks.shutdown().await;
            Ok(())
        }
    }
}

fn flat(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    ended.context("a role's task ended early")?
}
