//! The committers' own connections: few, set up for writing, with their statements prepared.

use super::statements::{SETTINGS, Statements};
use deadpool_postgres::{ClientWrapper, Object, Pool};

/// A connection that writes. One that failed in any way is dropped, which closes it.
pub(crate) struct Session {
    pub client: ClientWrapper,
    pub prepared: Statements,
}

impl Session {
    /// Takes a connection out of `pool` for good: it does not count against its size.
    pub async fn open(pool: &Pool) -> Result<Self, String> {
        let client = Object::take(pool.get().await.map_err(|error| with_cause(&error))?);
        client.batch_execute(SETTINGS).await.map_err(|error| with_cause(&error))?;
        let prepared = Statements::prepare(&client).await.map_err(|error| with_cause(&error))?;
        Ok(Session { client, prepared })
    }
}

/// An error with what caused it: the outermost message alone says little.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    platform::database::with_causes(error)
}
