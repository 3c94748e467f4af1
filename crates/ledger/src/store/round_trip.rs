//! A time limit for everything that PostgreSQL is asked on a connection outside of the pool.

use std::time::Duration;
use tokio::time::timeout;

/// How long one round trip may take. PostgreSQL itself gives up earlier (`SETTINGS` in `commit/store/read_statements.rs`), unless it
/// is frozen, cut off, or waits for its disk.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(7);

/// The result of `work`, or an error that says that PostgreSQL did not answer in time.
pub(crate) async fn limited<T>(work: impl Future<Output = T>) -> Result<T, String> {
    timeout(ROUND_TRIP_MAX, work).await.map_err(|_| format!("PostgreSQL did not answer within {ROUND_TRIP_MAX:?}"))
}
