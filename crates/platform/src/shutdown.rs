use std::io;
use tokio_util::sync::CancellationToken;

/// Tells every part of the process to stop. Clones share one state; it is never taken back.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody who holds a clone to stop; more than once is the same as once.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits until somebody asks for it; at once if somebody has.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// A token that stops with this one, and that can be stopped earlier without stopping this one.
    pub fn child(&self) -> Shutdown {
        Shutdown(self.0.child_token())
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
    async fn reaches_clones_and_children_but_not_parents() {
        let parent = Shutdown::new();
        let child = parent.child();
        let sibling = parent.child();
        child.request();
        child.requested().await;
        assert!(!parent.is_requested() && !sibling.is_requested());
        parent.clone().request();
        sibling.requested().await;
        assert!(parent.is_requested());
    }
}
