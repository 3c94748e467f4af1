//! Work for a caller who may stop waiting: work that goes on then, and work that ends.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;
use tracing::Instrument;

/// Does `work` on a task of its own, to its end. `held` is let go when the work has ended, not when the caller is gone: what
/// bounds the work must be held as long as it lasts. `None` if it ended unexpectedly.
pub(crate) async fn carried_through<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    held: impl Send + 'static,
) -> Option<T> {
    ended(start(work, held).await)
}

/// The same for work without an effect: it is stopped when the caller is gone.
pub(crate) async fn while_awaited<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    held: impl Send + 'static,
) -> Option<T> {
    ended(Awaited(start(work, held)).await)
}

fn start<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    held: impl Send + 'static,
) -> JoinHandle<T> {
    let work = async move {
        // Dropped after the work, whether that ends or is stopped.
        let _held = held;
        work.await
    };
    tokio::spawn(work.in_current_span())
}

fn ended<T>(result: Result<T, tokio::task::JoinError>) -> Option<T> {
    result.inspect_err(|error| tracing::error!(%error, "a request's task ended early")).ok()
}

/// A task that is stopped when this is dropped.
struct Awaited<T>(JoinHandle<T>);

impl<T> Future for Awaited<T> {
    type Output = <JoinHandle<T> as Future>::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Awaited<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
