//! Whether commits are written now, as committers and the probe have found out.

use contracts::ledger::Unwritable;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What was found out counts for so long.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// What was found out last.
#[derive(Default)]
pub(crate) struct Writable(Mutex<Option<Found>>);

struct Found {
    at: Instant,
    result: Result<(), Unwritable>,
}

impl Writable {
    fn found(&self) -> MutexGuard<'_, Option<Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error says why not.
    pub fn now(&self) -> Result<(), Unwritable> {
        match &*self.found() {
            Some(found) if found.at.elapsed() <= FRESH_FOR => found.result,
            _ => Err(Unwritable::Unreachable),
        }
    }

    pub fn wrote_within(&self, time: Duration) -> bool {
        self.found().as_ref().is_some_and(|found| found.result.is_ok() && found.at.elapsed() < time)
    }

    /// Why PostgreSQL took no writes when it was asked within this time.
    pub fn refused_within(&self, time: Duration) -> Option<Unwritable> {
        let found = self.found();
        let why = found.as_ref().filter(|found| found.at.elapsed() < time)?.result.err()?;
        (why != Unwritable::Unreachable).then_some(why)
    }

    pub fn wrote(&self) {
        self.set(Ok(()));
    }

    pub fn refused(&self, why: Unwritable) {
        self.set(Err(why));
    }

    fn set(&self, result: Result<(), Unwritable>) {
        let before = self.found().replace(Found { at: Instant::now(), result });
        match (before.map(|found| found.result), result) {
            (Some(before), now) if before == now => (),
            (_, Err(reason)) => tracing::error!(%reason, "nothing can be written"),
            (Some(Err(_)), Ok(())) => tracing::info!("commits are written again"),
            (_, Ok(())) => (),
        }
    }
}
