//! Work that goes on when its caller stops waiting.

use tracing::Instrument;

/// Does `work` on a task of its own. `held` is let go when the work has ended, not when the caller is gone: what bounds
/// the work must be held as long as it lasts. `None` if it ended unexpectedly.
pub(crate) async fn carried_through<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    held: impl Send + 'static,
) -> Option<T> {
    let work = async move {
        let done = work.await;
        drop(held);
        done
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "a request's task ended early");
            None
        }
    }
}
