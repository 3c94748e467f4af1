//! A connection of the pool, for questions whose answer may not be waited for.

use super::store;
use crate::error_text::with_causes;
use deadpool_postgres::{ClientWrapper, Object, Pool, PoolError};
use std::ops::Deref;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::NoTls;

/// For so long a statement may go on after it was canceled, before its connection is closed.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection of the pool that is given back when its statements are answered. One that is dropped before was interrupted,
/// because its caller is gone: then PostgreSQL is asked to cancel what it is doing, and only when it has stopped does the
/// connection go back. Otherwise the next caller would wait behind a statement whose answer nothing waits for.
pub struct Lease(Option<Object>);

impl Lease {
    pub async fn of(pool: &Pool) -> Result<Self, PoolError> {
        Ok(Lease(Some(pool.get().await?)))
    }

    pub fn give_back(mut self) {
        self.0 = None;
    }
}

impl Deref for Lease {
    type Target = ClientWrapper;

    #[allow(clippy::expect_used, reason = "it is taken by what consumes the lease")]
    fn deref(&self) -> &ClientWrapper {
        self.0.as_ref().expect("a connection")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(interrupted) = self.0.take() else { return };
        metrics::counter!("florin_statements_canceled_total").increment(1);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(cancel(interrupted))),
            // Closes it.
            Err(_) => drop(Object::take(interrupted)),
        }
    }
}

/// Has PostgreSQL stop what it is doing, and gives the connection back; closes it if that fails.
async fn cancel(connection: Object) {
    let canceled = async {
        connection.cancel_token().cancel_query(NoTls).await?;
        // Answered when what was asked before has ended: so the request to cancel meets nothing that comes later.
        store::ping(&connection).await
    };
    let failure = match timeout(CANCEL_TIMEOUT, canceled).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => with_causes(&error),
        Err(_) => format!("nothing within {CANCEL_TIMEOUT:?}"),
    };
    tracing::debug!(error = failure, "a statement that no caller waits for could not be canceled");
    drop(Object::take(connection));
}
