//! The role `worker`: does what is due, in one process at a time.

use super::{Running, Wiring};
use crate::metrics::worker_leads;
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
                () = shutdown.requested() => break,
                _ = ticks.tick() => {}
            }
            // Without a clock that can be trusted nothing can be done here; another process may have one.
            let trusted = services.clock.vouches_for(services.clock.now()).is_ok();
            if !trusted {
                leadership.resign();
            }
            let leads = trusted && leadership.leads().await;
            worker_leads().set(if leads { 1.0 } else { 0.0 });
            if !leads {
                worker.rest(&services.api);
                continue;
            }
            // A round is never interrupted: it ends before the process does.
            worker.round(&services.api).await;
        }
        // Another process leads from now on, while requests are finished here.
        leadership.resign();
        worker_leads().set(0.0);
        worker.rest(&services.api);
        Ok(())
    })
}
