//! What a process does. The same program runs as one process or as several, each with some of the roles.

use crate::services::Services;
use anyhow::Context;
use gateway::Gateway;
use platform::Shutdown;
use platform::metrics::Metrics;
use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::MissedTickBehavior;

/// A part of the server that a process may run.
pub struct Role {
    pub name: &'static str,
    pub about: &'static str,
    /// Whether it takes requests at the process's address; only one role does.
    pub listens: bool,
    pub stops: Stops,
    pub start: fn(Wiring) -> Running,
}

/// When a role is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    /// At once: it takes nothing new, and finishes what it has.
    First,
    /// When those have stopped.
    Last,
}

/// What a role is given.
pub struct Wiring {
    pub services: Arc<Services>,
    pub metrics: Metrics,
    /// Where the process listens, for the role that does.
    pub listener: Option<TcpListener>,
    pub shutdown: Shutdown,
}

/// A role at work, until it has stopped.
pub type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Every role.
pub const ROLES: &[Role] = &[
    Role { name: "gateway", about: "answers the HTTP API", listens: true, stops: Stops::First, start: gateway },
    Role { name: "worker", about: "does what is due", listens: false, stops: Stops::Last, start: worker },
];

fn gateway(wiring: Wiring) -> Running {
    Box::pin(async move {
        let Wiring { services, metrics, listener, shutdown } = wiring;
        let listener = listener.context("no address to listen on was given")?;
        let gateway = Gateway {
            api: Arc::clone(&services.api),
            identity: services.identity(),
            limits: services.limits.clone(),
            metrics: Arc::new(move || metrics.render()),
            ready: services.readiness(&shutdown),
        };
        Ok(gateway::serve(gateway, listener, shutdown).await?)
    })
}

fn worker(wiring: Wiring) -> Running {
    Box::pin(async move {
        let Wiring { services, shutdown, .. } = wiring;
        let mut ticks = tokio::time::interval(services.worker_poll);
        let mut rounds = api::worker::Rounds::default();
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                _ = ticks.tick() => {}
            }
            // A round is not broken off: it ends before the process does.
            rounds.next(&services.api).await;
        }
    })
}

/// Reads role names; `all` stands for every role.
pub fn parse(names: &[String]) -> Result<Vec<&'static Role>, String> {
    let mut wanted: Vec<&'static Role> = Vec::new();
    for name in names {
        let named: Vec<&'static Role> = ROLES.iter().filter(|role| name == "all" || role.name == name).collect();
        if named.is_empty() {
            let known: Vec<&str> = ROLES.iter().map(|role| role.name).collect();
            return Err(format!("no role is called {name:?}; there are all, {}", known.join(", ")));
        }
        wanted.extend(named);
    }
    wanted.dedup_by_key(|role| role.name);
    if wanted.is_empty() {
        return Err("at least one role is needed".to_owned());
    }
    Ok(wanted)
}

/// What `--help` says.
pub fn help() -> String {
    let roles: Vec<String> = ROLES.iter().map(|role| format!("  {:<10} {}", role.name, role.about)).collect();
    format!("What this process does, separated by commas; all by default:\n{}", roles.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        let parsed = |names: &[&str]| {
            let roles = parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            roles.map(|roles| roles.iter().map(|role| role.name).collect::<Vec<_>>())
        };
        assert_eq!(parsed(&["worker"]), Ok(vec!["worker"]));
        assert_eq!(parsed(&["all"]).map(|roles| roles.len()), Ok(ROLES.len()));
        assert!(parsed(&["gatewy"]).unwrap_err().contains("gatewy"));
        assert!(parsed(&[]).is_err());
    }
}
