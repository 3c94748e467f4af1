//! The locks of leaders.

use crate::database::DatabaseError;
use tokio_postgres::Client;

/// Keepalives, so that the lock of a machine that is gone is free within some seconds; PostgreSQL's default is two hours.
const KEEPALIVES: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3";
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('florin leader of ' || $1, 0))";

/// Takes the lock of a name for as long as the connection lives; `false` if another one has it.
pub(crate) async fn try_lock(client: &Client, name: &str) -> Result<bool, DatabaseError> {
    client.batch_execute(KEEPALIVES).await?;
    Ok(client.query_one(TRY_LOCK, &[&name]).await?.try_get(0)?)
}
