//! Progress of a long preparation, on standard error.

use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(5);

/// Prints a line every five seconds.
pub struct Progress {
    started: Instant,
    printed: Instant,
}

impl Progress {
    pub fn start() -> Progress {
        Progress { started: Instant::now(), printed: Instant::now() }
    }

    /// Prints the line if the last one was printed long enough ago, or at the end. `line` gets the time since the start.
    pub fn print(&mut self, at_end: bool, line: impl FnOnce(Duration) -> String) {
        if at_end || self.printed.elapsed() > EVERY {
            eprintln!("{}", line(self.started.elapsed()));
            self.printed = Instant::now();
        }
    }
}
