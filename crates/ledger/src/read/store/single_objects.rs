//! Reads single objects. Those that several callers ask for at the same time are read together: one statement for
//! thirty objects costs PostgreSQL little more than one statement for one object, and wakes it once.

use crate::own_thread;
use crate::store::errors::{ReadError, RowError};
use crate::store::round_trip;
use crate::store::rows::{self, OBJECT_COLUMNS, STATE};
use contracts::ledger::{LedgerError, Stored};
use deadpool::managed::Manager;
use deadpool_postgres::{ClientWrapper, Pool};
use futures_util::future::join_all;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::{Error, Statement};
use types::ObjectId;

/// Objects that are read by one statement at most.
const BATCH_MAX: usize = 256;
/// Objects that may wait to be read; further callers wait for a place.
const QUEUE_MAX: usize = 4_096;
/// Connections: while one waits for PostgreSQL, the other collects what is asked for.
const CONNECTIONS: usize = 2;

type Answer = Result<Option<Stored>, LedgerError>;

struct Wanted {
    tenant: i32,
    id: ObjectId,
    answer: oneshot::Sender<Answer>,
}

/// A thread with connections of its own, which ends when this is dropped.
pub(super) struct SingleObjects {
    queue: mpsc::Sender<Wanted>,
}

impl SingleObjects {
    pub fn start(pool: Pool) -> Self {
        let (queue, wanted) = mpsc::channel(QUEUE_MAX);
        let wanted = Arc::new(Mutex::new(wanted));
        own_thread::start("single objects", move || {
            let (pool, wanted) = (pool.clone(), Arc::clone(&wanted));
            async move {
                join_all((0..CONNECTIONS).map(|_| serve(&pool, &wanted))).await;
            }
        });
        SingleObjects { queue }
    }

    /// One object as it is now; `None` if it does not exist.
    pub async fn find(&self, tenant: i32, id: ObjectId) -> Answer {
        let ended = || LedgerError::Unavailable("the thread that reads objects has ended".to_owned());
        let (answer, found) = oneshot::channel();
        self.queue.send(Wanted { tenant, id, answer }).await.map_err(|_| ended())?;
        found.await.map_err(|_| ended())?
    }
}

async fn serve(pool: &Pool, queue: &Mutex<mpsc::Receiver<Wanted>>) {
    let mut connection: Option<(ClientWrapper, Statement)> = None;
    loop {
        let mut wanted = Vec::new();
        if queue.lock().await.recv_many(&mut wanted, BATCH_MAX).await == 0 {
            return;
        }
        let found: Vec<Answer> = match round_trip::limited(read(pool, &mut connection, &wanted)).await {
            Ok(Ok(found)) => found.into_iter().map(Ok).collect(),
            Ok(Err(error)) => vec![Err(error.into()); wanted.len()],
            // The connection is dropped: an answer to the old question may still arrive on it.
            Err(reason) => vec![Err(LedgerError::Unavailable(reason)); wanted.len()],
        };
        for (wanted, answer) in wanted.into_iter().zip(found) {
            // The caller may have hung up.
            let _ = wanted.answer.send(answer);
        }
    }
}

async fn read(
    pool: &Pool,
    connection: &mut Option<(ClientWrapper, Statement)>,
    wanted: &[Wanted],
) -> Result<Vec<Option<Stored>>, ReadError> {
    let (client, statement) = match connection.take().filter(|(client, _)| !client.is_closed()) {
        Some(open) => open,
        None => connect(pool).await?,
    };
    let tenants: Vec<i32> = wanted.iter().map(|wanted| wanted.tenant).collect();
    let kinds: Vec<i16> = wanted.iter().map(|wanted| wanted.id.kind.code()).collect();
    let ids: Vec<uuid::Uuid> = wanted.iter().map(|wanted| wanted.id.value).collect();
    let rows = client.query(&statement, &[&tenants, &kinds, &ids]).await;
    *connection = Some((client, statement));
    let mut found = vec![None; wanted.len()];
    for row in rows? {
        let at = usize::try_from(row.try_get::<_, i64>(10)? - 1).map_err(RowError::from)?;
        let tenant = tenants.get(at).copied().unwrap_or_default();
        let stored = rows::object(&row, tenant)?;
        if let Some(place) = found.get_mut(at) {
            *place = Some(stored);
        }
    }
    Ok(found)
}

/// A connection outside of the pool, with the statement. LATERAL with a limit keeps the plan at one index look-up for
/// each object, however large the table is.
async fn connect(pool: &Pool) -> Result<(ClientWrapper, Statement), Error> {
    let client = pool.manager().create().await?;
    let sql = format!(
        "SELECT o.*, k.at
        FROM UNNEST($1::int[], $2::smallint[], $3::uuid[]) WITH ORDINALITY AS k (tenant, kind, id, at)
        CROSS JOIN LATERAL (
            SELECT {OBJECT_COLUMNS}, {STATE} FROM ledger.objects o
            WHERE o.tenant = k.tenant AND o.kind = k.kind AND o.id = k.id LIMIT 1
        ) o"
    );
    let statement = client.prepare(&sql).await?;
    Ok((client, statement))
}
