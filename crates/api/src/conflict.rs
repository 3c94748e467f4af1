//! Deciding again when an object changed between being read and being written.

use crate::error::{Failure, Result};
use std::time::Duration;

/// Does `work` until it does not end in a conflict, `rounds` times at most, with a pause that grows by a millisecond.
pub async fn retried<T, F>(rounds: u32, mut work: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    for round in 1..=rounds {
        match work().await {
            Err(Failure::Conflict) => tokio::time::sleep(Duration::from_millis(u64::from(round))).await,
            result => return result,
        }
    }
    Err(Failure::Conflict)
}
