//! A time limit for everything that PostgreSQL is asked on a connection outside of the pool.

use std::time::Duration;
use tokio::time::timeout;

/// How long one round trip may take. PostgreSQL itself gives up earlier unless it is frozen or cut off.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(20);

/// The result of `work`, or an error that says that PostgreSQL did not answer in time.
pub(crate) async fn limited<T>(work: impl Future<Output = T>) -> Result<T, String> {
    timeout(ROUND_TRIP_MAX, work).await.map_err(|_| format!("PostgreSQL did not answer within {ROUND_TRIP_MAX:?}"))
}
