//! Look-ups that several callers ask for at the same time are made together: one statement for thirty rows costs
//! PostgreSQL little more than one for a single row, and wakes it once. What is large is not among them: one who asks for much
//! would hold up all others, and a batch of it would take any amount of memory.

use crate::own_thread;
use crate::store::errors::{ReadError, RowError};
use contracts::ledger::LedgerError;
use deadpool_postgres::ClientWrapper;
use futures_util::future::join_all;
use platform::database::Pool;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

/// Rows that are read by one statement at most.
const BATCH_MAX: usize = 256;
/// What has more bytes is not read together with what others ask for: a batch has 16 MiB at most.
pub(super) const LARGE: usize = 64 << 10;
/// Look-ups that may wait; further callers wait for a place.
const QUEUE_MAX: usize = 4_096;

/// An array for each column.
pub(super) type Arrays = Vec<Box<dyn ToSql + Sync + Send>>;

/// What is looked up.
pub(super) trait LookUp: Send + Sync + 'static {
    type Key: Copy + Eq + Hash + Send + Sync;
    type Found: Clone + Send;

    /// The name of its thread.
    const NAME: &'static str;
    /// While one connection waits for PostgreSQL, the others collect what is asked for.
    const CONNECTIONS: usize;

    /// The column that says which key a row is of, counted from 1. The next one says whether the row is left out because what it
    /// has is [`LARGE`].
    const ORDINALITY: usize;

    /// A query whose parameters are those of [`arrays`](Self::arrays). It finds one row at most for each key.
    fn sql() -> String;

    /// One array for each column of the keys.
    fn arrays(keys: &[Self::Key]) -> Arrays;

    /// What a row says.
    fn found(row: &Row, key: &Self::Key) -> Result<Self::Found, RowError>;
}

/// What there is of a key.
#[derive(Clone)]
pub(super) enum Found<T> {
    Nothing,
    Small(T),
    /// To be read by a query of its own.
    Large,
}

type Answer<L> = Result<Found<<L as LookUp>::Found>, LedgerError>;

struct Wanted<L: LookUp> {
    key: L::Key,
    answer: oneshot::Sender<Answer<L>>,
}

/// A thread with connections of its own, which ends when this is dropped.
pub(super) struct Together<L: LookUp> {
    queue: mpsc::Sender<Wanted<L>>,
}

impl<L: LookUp> Together<L> {
    pub fn start(pool: Pool) -> Self {
        let (queue, wanted) = mpsc::channel(QUEUE_MAX);
        let wanted = Arc::new(Mutex::new(wanted));
        own_thread::start(L::NAME, move || {
            let (pool, wanted) = (pool.clone(), Arc::clone(&wanted));
            async move {
                join_all((0..L::CONNECTIONS).map(|_| serve::<L>(&pool, &wanted))).await;
            }
        });
        Together { queue }
    }

    /// What there is now.
    pub async fn find(&self, key: L::Key) -> Answer<L> {
        let ended = || LedgerError::Unavailable(format!("the thread {:?} has ended", L::NAME));
        let (answer, found) = oneshot::channel();
        self.queue.send(Wanted { key, answer }).await.map_err(|_| ended())?;
        found.await.map_err(|_| ended())?
    }
}

async fn serve<L: LookUp>(pool: &Pool, queue: &Mutex<mpsc::Receiver<Wanted<L>>>) {
    let mut connection: Option<(ClientWrapper, Statement)> = None;
    loop {
        let mut wanted = Vec::new();
        if queue.lock().await.recv_many(&mut wanted, BATCH_MAX).await == 0 {
            return;
        }
        let (keys, places) = distinct(wanted.iter().map(|wanted| wanted.key));
        let mut found: Vec<Answer<L>> = match pool.answered(read::<L>(pool, &mut connection, &keys)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => vec![Err(error.into()); keys.len()],
            // The connection is dropped: an answer to the old question may still arrive on it.
            Err(silent) => vec![Err(LedgerError::Unavailable(silent.to_string())); keys.len()],
        };
        let mut askers = vec![0_usize; found.len()];
        places.iter().for_each(|place| askers[*place] += 1);
        for (wanted, place) in wanted.into_iter().zip(places) {
            askers[place] -= 1;
            // Most are asked for once, and not copied.
            let answer = match askers[place] {
                0 => std::mem::replace(&mut found[place], Ok(Found::Nothing)),
                _ => found[place].clone(),
            };
            // The caller may have hung up.
            let _ = wanted.answer.send(answer);
        }
    }
}

/// Each key once, and for each that was given its place among them.
fn distinct<K: Copy + Eq + Hash>(given: impl Iterator<Item = K>) -> (Vec<K>, Vec<usize>) {
    let (mut keys, mut known) = (Vec::new(), HashMap::new());
    let place = |key| {
        *known.entry(key).or_insert_with(|| {
            keys.push(key);
            keys.len() - 1
        })
    };
    let places = given.map(place).collect();
    (keys, places)
}

async fn read<L: LookUp>(
    pool: &Pool,
    connection: &mut Option<(ClientWrapper, Statement)>,
    keys: &[L::Key],
) -> Result<Vec<Answer<L>>, ReadError> {
    let (client, statement) = match connection.take().filter(|(client, _)| !client.is_closed()) {
        Some(open) => open,
        None => connect(pool, &L::sql()).await?,
    };
    let arrays = L::arrays(keys);
    let parameters: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| &**array as _).collect();
    let rows = client.query(&statement, &parameters).await;
    *connection = Some((client, statement));
    let mut found: Vec<Answer<L>> = vec![Ok(Found::Nothing); keys.len()];
    for row in rows? {
        let at = row.try_get::<_, i64>(L::ORDINALITY)? - 1;
        let place = usize::try_from(at).ok().and_then(|at| Some((found.get_mut(at)?, keys.get(at)?)));
        // A row that cannot be read concerns the one who asked for it.
        if let Some((answer, key)) = place {
            *answer = match row.try_get(L::ORDINALITY + 1)? {
                true => Ok(Found::Large),
                false => L::found(&row, key).map(Found::Small).map_err(|error| ReadError::Row(error).into()),
            };
        }
    }
    Ok(found)
}

/// A connection outside of the pool, with the statement.
async fn connect(pool: &Pool, sql: &str) -> Result<(ClientWrapper, Statement), Error> {
    let client = pool.separate().await?;
    let statement = client.prepare(sql).await?;
    Ok((client, statement))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_ask_for_is_read_once() {
        assert_eq!(distinct([7, 5, 7, 7, 6, 5].into_iter()), (vec![7, 5, 6], vec![0, 1, 0, 0, 2, 1]));
    }
}
