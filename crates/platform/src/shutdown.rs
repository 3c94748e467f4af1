//! Stopping a process: one request, which every part of it sees; and what signals mean.

use std::io;
use tokio_util::sync::CancellationToken;

/// A request that the process stops. Clones share one state; a request is never taken back.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests that all holders of a clone stop; more than once is the same as once.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits for the request; returns at once if there was one.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// The result of work that may be left half-done; `None` if the shutdown is requested before it is there.
    pub async fn interrupts<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.requested() => None,
            result = work => Some(result),
        }
    }

    /// Requests the shutdown at SIGTERM or SIGINT (Ctrl-C). A second signal ends the process at once with code 130. SIGHUP does
    /// what `hangup` says, as often as it comes.
    pub fn on_signals(&self, hangup: impl Fn(&Shutdown) + Send + 'static) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hung_up = signal(SignalKind::hangup())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            let mut again = false;
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                    _ = hung_up.recv() => {
                        hangup(&shutdown);
                        continue;
                    }
                };
                if again {
                    tracing::warn!(signal = name, "second signal: stopping without waiting");
                    std::process::exit(130);
                }
                again = true;
                tracing::info!(signal = name, "shutdown requested");
                shutdown.request();
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_reaches_all_clones() {
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        assert!(!shutdown.is_requested() && !clone.is_requested());
        clone.request();
        shutdown.requested().await;
        assert!(shutdown.is_requested());
        assert_eq!(clone.interrupts(async { 1 }).await, None);
        assert_eq!(Shutdown::new().interrupts(async { 1 }).await, Some(1));
    }
}
