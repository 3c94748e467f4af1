//! Stopping a process: one request, which every part of it sees.

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

    /// Requests the shutdown at SIGTERM or SIGINT (Ctrl-C). A second signal ends the process at once with code 130.
    pub fn on_signals(&self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            for again in [false, true] {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if again {
                    tracing::warn!(signal = name, "second signal: stopping without waiting");
                    std::process::exit(130);
                }
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
    }
}
