//! The committers' own connections: few, set up for writing, with their statements prepared.

use super::statements::{SETTINGS, Statements};
use deadpool_postgres::{ClientWrapper, Object, Pool};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use types::TenantId;

/// Prepared statements take memory in PostgreSQL: a connection keeps those of this many tenants.
const TENANTS_PREPARED: usize = 32;

/// A connection that writes.
pub(crate) struct Session {
    pub client: ClientWrapper,
    prepared: VecDeque<(TenantId, Arc<Statements>)>,
}

impl Session {
    async fn open(pool: &Pool) -> Result<Self, String> {
        let client = Object::take(pool.get().await.map_err(|error| with_cause(&error))?);
        client.batch_execute(SETTINGS).await.map_err(|error| with_cause(&error))?;
        Ok(Session { client, prepared: VecDeque::new() })
    }

    /// The tenant's statements, prepared at its first use of this connection.
    pub async fn statements(&mut self, tenant: TenantId) -> Result<Arc<Statements>, tokio_postgres::Error> {
        if let Some(at) = self.prepared.iter().position(|(known, _)| *known == tenant)
            && let Some(entry) = self.prepared.remove(at)
        {
            let statements = Arc::clone(&entry.1);
            self.prepared.push_back(entry);
            return Ok(statements);
        }
        let statements = Arc::new(Statements::prepare(&self.client, &tenant.schema()).await?);
        if self.prepared.len() >= TENANTS_PREPARED {
            self.prepared.pop_front();
        }
        self.prepared.push_back((tenant, Arc::clone(&statements)));
        Ok(statements)
    }

    fn knows(&self, tenant: TenantId) -> bool {
        self.prepared.iter().any(|(known, _)| *known == tenant)
    }
}

/// The writing connections of one process, shared by the committers of all its tenants.
pub(crate) struct Writers {
    pool: Pool,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
}

/// A session together with the right to use one. Given back with [`Writers::put_back`]; dropped, it is closed.
pub(crate) struct Lent<'a> {
    pub session: Session,
    _permit: SemaphorePermit<'a>,
}

impl Writers {
    /// At most `limit` connections, taken out of `pool` for good: they do not count against its size.
    pub fn new(pool: Pool, limit: usize) -> Self {
        Writers { pool, permits: Semaphore::new(limit.max(1)), idle: Mutex::default() }
    }

    /// Waits for a session, if possible one that has the tenant's statements.
    pub async fn lend(&self, tenant: TenantId) -> Result<Lent<'_>, String> {
        let permit = self.permits.acquire().await.map_err(|error| error.to_string())?;
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|session| !session.client.is_closed());
            let fit = idle.iter().rposition(|session| session.knows(tenant));
            fit.map(|at| idle.swap_remove(at)).or_else(|| idle.pop())
        };
        let session = match idle {
            Some(session) => session,
            None => Session::open(&self.pool).await?,
        };
        Ok(Lent { session, _permit: permit })
    }

    pub fn put_back(&self, lent: Lent<'_>) {
        let Lent { session, _permit: permit } = lent;
        if !session.client.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
        drop(permit);
    }
}

/// An error with what caused it: the outermost message alone says little.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    platform::database::with_causes(error)
}
