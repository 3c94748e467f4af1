//! The role `worker`: does what is due.

use super::{Running, Wiring};
use tokio::time::MissedTickBehavior;

pub fn start(wiring: Wiring) -> Running {
    Box::pin(async move {
        let Wiring { services, shutdown, .. } = wiring;
        let mut ticks = tokio::time::interval(services.worker_poll);
        let mut worker = api::worker::Worker::default();
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                _ = ticks.tick() => {}
            }
            // A round is never interrupted: it ends before the process does.
            worker.round(&services.api).await;
        }
    })
}
