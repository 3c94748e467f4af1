//! A connection of the pool, for questions whose answer may not be waited for.

use super::pool::{Pool, Silent};
use super::store;
use crate::error_text::with_causes;
use crate::metrics;
use deadpool_postgres::{ClientWrapper, Object, PoolError};
use std::ops::Deref;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::NoTls;

/// For so long a statement may go on after it was canceled, before its connection is closed all the same.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection of the pool for one caller's reads, given back when they are answered. One that is dropped before was
/// interrupted, because its caller is gone: then PostgreSQL is asked to cancel what it is doing, and the connection is closed. It
/// is never used again: PostgreSQL carries out a request to cancel some time after it was received, without saying when, and
/// would cancel the next caller's statement. The connection keeps its place in the pool until it is closed.
pub struct Lease {
    connection: Option<Object>,
    pool: Pool,
}

impl Lease {
    pub async fn of(pool: &Pool) -> Result<Self, PoolError> {
        Ok(Lease { connection: Some(pool.get().await?), pool: pool.clone() })
    }

    /// See [`Pool::answered`]. When it was silent, the lease is to be [closed](Lease::close).
    pub async fn answered<T>(&self, work: impl Future<Output = T>) -> Result<T, Silent> {
        self.pool.answered(work).await
    }

    pub fn give_back(mut self) {
        self.connection = None;
    }

    /// Closes a connection that does not answer. Nothing is asked on it any more, and nothing has to be canceled: PostgreSQL
    /// ends the statement itself, if there is one.
    pub fn close(mut self) {
        drop(self.connection.take().map(Object::take));
    }
}

impl Deref for Lease {
    type Target = ClientWrapper;

    #[allow(clippy::expect_used, reason = "it is taken by what consumes the lease")]
    fn deref(&self) -> &ClientWrapper {
        self.connection.as_ref().expect("a connection")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(interrupted) = self.connection.take() else { return };
        metrics::statements_canceled().increment(1);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(cancel(interrupted))),
            // Closes it.
            Err(_) => drop(Object::take(interrupted)),
        }
    }
}

/// Has PostgreSQL stop what it is doing, and closes the connection.
async fn cancel(interrupted: Object) {
    let stopped = async {
        if let Err(error) = interrupted.cancel_token().cancel_query(NoTls).await {
            tracing::debug!(error = with_causes(&error), "a statement that no caller waits for cannot be canceled");
        }
        // Answered, or canceled itself, when what was asked before has ended.
        let _ = store::ping(&interrupted).await;
    };
    if timeout(CANCEL_TIMEOUT, stopped).await.is_err() {
        tracing::debug!("a statement that no caller waits for goes on, although it was canceled");
    }
    drop(Object::take(interrupted));
}
