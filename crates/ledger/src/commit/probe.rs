//! Finds out each second whether a commit would be written, unless one has just been: a server that could not write it is not
//! ready.

use super::store::connection::Connection;
use super::store::probe::try_to_write;
use super::writable::Writable;
use crate::store::errors::{Cause, NotWritten, cause};
use crate::store::round_trip::limited;
use contracts::ledger::Unwritable;
use platform::database::Pool;
use std::sync::Weak;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use types::{Entropy, SystemEntropy};

const EVERY: Duration = Duration::from_secs(1);
/// Filling a full disk is tried less and less often.
const FILL_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Servers have rows of their own, most of them.
const SLOTS: u64 = 1_000;

/// Tries on a connection of its own.
pub(crate) struct Probe {
    pool: Pool,
    connection: Option<Connection>,
    slot: i32,
    /// When a full disk may be filled again, and how long it is left alone afterwards.
    fills_at: Instant,
    pause: Duration,
}

impl Probe {
    pub fn new(pool: Pool) -> Self {
        let slot = i32::try_from(SystemEntropy::new().next_u64() % SLOTS).unwrap_or_default();
        Probe { pool, connection: None, slot, fills_at: Instant::now(), pause: EVERY }
    }

    /// Finds it out again and again, until `kept` is dropped.
    pub async fn keep_trying(mut self, kept: Weak<Writable>) {
        while let Some(writable) = kept.upgrade() {
            if !writable.wrote_within(EVERY) {
                self.find_out(&writable).await;
            }
            drop(writable);
            sleep(EVERY).await;
        }
    }

    pub async fn find_out(&mut self, writable: &Writable) {
        let disk_was_full = writable.now() == Err(Unwritable::DiskFull);
        let fills = disk_was_full && Instant::now() >= self.fills_at;
        let tried = self.try_once(fills).await;
        if fills {
            (self.fills_at, self.pause) = (Instant::now() + self.pause, FILL_PAUSE_MAX.min(self.pause * 2));
        }
        match tried {
            // Nothing else is wrong, and whether it still is will be tried.
            Ok(true) if disk_was_full && !fills => writable.refused(Unwritable::DiskFull),
            Ok(true) => {
                (self.fills_at, self.pause) = (Instant::now(), EVERY);
                writable.wrote();
            }
            Ok(false) => (),
            Err(NotWritten { why, reason }) => {
                tracing::debug!(reason, "nothing can be written");
                writable.refused(why.unwrap_or(Unwritable::Unreachable));
            }
        }
    }

    /// Whether it was written; not if something else holds a lock, which says nothing.
    async fn try_once(&mut self, thorough: bool) -> Result<bool, NotWritten> {
        let mut connection = match self.connection.take().filter(|connection| !connection.client.is_closed()) {
            Some(connection) => limited(connection.still_may_write()).await??,
            None => limited(Connection::open(&self.pool)).await??,
        };
        match limited(try_to_write(&mut connection, self.slot, thorough)).await? {
            Ok(()) => {
                self.connection = Some(connection);
                Ok(true)
            }
            Err(error) if cause(&error) == Cause::Locked => Ok(false),
            Err(error) => Err((&error).into()),
        }
    }
}
