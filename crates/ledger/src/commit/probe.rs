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
use tokio::time::sleep;
use types::{Entropy, SystemEntropy};

const EVERY: Duration = Duration::from_secs(1);
/// Servers have rows of their own, most of them.
const SLOTS: u64 = 1_000;

/// Goes on until `kept` is dropped.
pub(crate) async fn keep_trying(kept: Weak<Writable>, pool: Pool) {
    let slot = i32::try_from(SystemEntropy::new().next_u64() % SLOTS).unwrap_or_default();
    let mut connection = None;
    while let Some(writable) = kept.upgrade() {
        if !writable.wrote_within(EVERY) {
            let disk_was_full = writable.now() == Err(Unwritable::DiskFull);
            match try_once(&mut connection, &pool, slot, disk_was_full).await {
                Ok(true) => writable.wrote(),
                Ok(false) => (),
                Err(NotWritten { why, reason }) => {
                    tracing::debug!(reason, "nothing can be written");
                    writable.refused(why.unwrap_or(Unwritable::Unreachable));
                }
            }
        }
        drop(writable);
        sleep(EVERY).await;
    }
}

/// Whether it was written; not if something else holds a lock, which says nothing.
async fn try_once(kept: &mut Option<Connection>, pool: &Pool, slot: i32, thorough: bool) -> Result<bool, NotWritten> {
    let mut connection = match kept.take().filter(|connection| !connection.client.is_closed()) {
        Some(connection) => limited(connection.still_may_write()).await??,
        None => limited(Connection::open(pool)).await??,
    };
    match limited(try_to_write(&mut connection, slot, thorough)).await? {
        Ok(()) => {
            *kept = Some(connection);
            Ok(true)
        }
        Err(error) if cause(&error) == Cause::Locked => Ok(false),
        Err(error) => Err((&error).into()),
    }
}
