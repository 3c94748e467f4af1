//! The committers' own connections: few, set up for writing, with their statements prepared.

use super::statements::{SETTINGS, Statements};
use deadpool::managed::Manager;
use deadpool_postgres::{ClientWrapper, Pool};
use std::time::Duration;
use tokio::time::timeout;

/// A connection that writes.
pub(crate) struct Session {
    pub client: ClientWrapper,
    pub prepared: Statements,
}

impl Session {
    /// A connection as those of the pool are, but not one of them: it is served by the runtime of whoever opens it.
    pub async fn open(pool: &Pool) -> Result<Self, String> {
        let client = pool.manager().create().await.map_err(|error| with_cause(&error))?;
        client.batch_execute(SETTINGS).await.map_err(|error| with_cause(&error))?;
        let prepared = Statements::prepare(&client).await.map_err(|error| with_cause(&error))?;
        Ok(Session { client, prepared })
    }
}

/// How long one round trip may take. PostgreSQL itself gives up earlier unless it is frozen or cut off.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> Result<T, String> {
    timeout(ROUND_TRIP_MAX, work).await.map_err(|_| format!("PostgreSQL did not answer within {ROUND_TRIP_MAX:?}"))
}

/// An error with what caused it: the outermost message alone says little.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    platform::database::with_causes(error)
}
