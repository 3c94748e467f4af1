//! Running roles, and stopping them in order.

use crate::config::Settings;
use crate::keys::SecretKey;
use crate::roles::{self, Stops, Wiring};
use crate::services::Services;
use anyhow::Context;
use platform::Shutdown;
use platform::metrics::Metrics;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The tenant of `florin dev`.
const DEMO: &str = "Demo";
/// How long the roles that stop last may take: what they do is short, and is taken up again at the next start.
const LAST_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes sure that the demo tenant is there, and that the keys open it.
pub async fn demo_tenant(settings: &Settings, key: &SecretKey) -> anyhow::Result<()> {
    let services = Services::new(settings)?;
    let tenant = services.ensure_tenant(&settings.database, DEMO).await?;
    services.identity.add_key(tenant.id, key.reveal()).await.context("the secret key cannot be used")?;
    services.identity.add_key(tenant.id, &key.publishable()).await.context("the publishable key cannot be used")?;
    Ok(())
}

/// Runs the roles of the settings until the shutdown is requested and they have stopped: first those that take
/// requests, which finish what they have for `server.drain_timeout_ms` at most, then the others. Calls `ready` when all
/// have started. When a role fails, the others are stopped, and its error is the result.
pub async fn run(
    settings: &Settings,
    listener: Option<TcpListener>,
    shutdown: &Shutdown,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let roles = roles::parse(&settings.server.roles).map_err(anyhow::Error::msg)?;
    let services = Arc::new(Services::new(settings)?);
    let metrics = Metrics::install()?;
    let (first, last) = (Shutdown::new(), Shutdown::new());
    let (mut listener, mut taking, mut background) = (listener, JoinSet::new(), JoinSet::new());
    for role in roles {
        let (stop, tasks) = match role.stops {
            Stops::First => (&first, &mut taking),
            Stops::Last => (&last, &mut background),
        };
        let wiring = Wiring {
            services: Arc::clone(&services),
            metrics: metrics.clone(),
            listener: if role.listens { listener.take() } else { None },
            shutdown: stop.clone(),
        };
        let running = (role.start)(wiring);
        tasks.spawn(async move { running.await.with_context(|| format!("the role {} failed", role.name)) });
    }
    ready()?;
    let mut result = tokio::select! {
        () = shutdown.requested() => Ok(()),
        Some(ended) = taking.join_next() => flat(ended),
        Some(ended) = background.join_next() => flat(ended),
    };
    first.request();
    let patience = Duration::from_millis(settings.server.drain_timeout_ms);
    result = result.and(stopped(taking, patience, "requests").await);
    last.request();
    result = result.and(stopped(background, LAST_TIMEOUT, "workers").await);
    services.ledger.shutdown().await;
    result
}

/// Waits until all tasks have ended; cuts them off when they take too long.
async fn stopped(mut tasks: JoinSet<anyhow::Result<()>>, patience: Duration, what: &str) -> anyhow::Result<()> {
    let all = async {
        let mut result = Ok(());
        while let Some(ended) = tasks.join_next().await {
            result = result.and(flat(ended));
        }
        result
    };
    match tokio::time::timeout(patience, all).await {
        Ok(result) => result,
        Err(_) => {
            tracing::warn!(what, timeout_ms = patience.as_millis(), "cut off: they took too long to finish");
            tasks.shutdown().await;
            Ok(())
        }
    }
}

fn flat(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    ended.context("a role's task ended early")?
}
