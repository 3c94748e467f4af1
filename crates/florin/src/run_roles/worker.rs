//! The role `worker`: does what is due, in one process at a time.

use super::{Running, Wiring};
use platform::database::Leadership;
use tokio::time::MissedTickBehavior;

pub fn start(wiring: Wiring) -> Running {
    Box::pin(async move {
        let Wiring { services, shutdown, .. } = wiring;
        let mut leadership = Leadership::new(services.database.clone(), "worker");
        let mut ticks = tokio::time::interval(services.worker_poll);
        let mut worker = api::worker::Worker::default();
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                _ = ticks.tick() => {}
            }
            // Without a clock that can be trusted nothing can be done here; another process may have one.
            if services.clock.vouches_for(services.clock.now()).is_err() {
                leadership.resign();
                continue;
            }
            if !leadership.leads().await {
                continue;
            }
            // A round is never interrupted: it ends before the process does.
            worker.round(&services.api).await;
        }
    })
}
