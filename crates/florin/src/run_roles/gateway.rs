//! The role `gateway`: answers the HTTP API.

use super::{Running, Wiring};
use anyhow::Context;
use gateway::Gateway;
use std::sync::Arc;

pub fn start(wiring: Wiring) -> Running {
    Box::pin(async move {
        let Wiring { services, health, listener, shutdown } = wiring;
        let listener = listener.context("no address to listen on was given")?;
        let gateway = Gateway {
            api: Arc::clone(&services.api),
            identity: services.identity(),
            limits: services.limits.clone(),
            trusted_proxies: services.trusted_proxies.clone(),
            health,
            shutdown_delay: services.shutdown_delay,
        };
        Ok(gateway::serve(gateway, listener, shutdown).await?)
    })
}
