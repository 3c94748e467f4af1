//! The committers' own connections: few, set up for writing, with their statements prepared.

use super::statements::{SETTINGS, Statements};
use deadpool::managed::Manager;
use deadpool_postgres::{ClientWrapper, Pool};

/// A connection that writes. One that failed in any way is dropped, which closes it.
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

/// An error with what caused it: the outermost message alone says little.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    platform::database::with_causes(error)
}
