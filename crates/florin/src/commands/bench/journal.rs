//! A file of all payments that were sent and that were acknowledged, written while that happens. When the server or
//! PostgreSQL is killed meanwhile, a test can compare the file with what is stored: nothing lost, nothing twice.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file with a line for each event: `sent KEY FORM`, `acknowledged KEY ID`, and `repeated KEY` with what a repeated request
/// was answered: the id, or the status when it was not 200.
pub struct Journal(Mutex<State>);

struct State {
    file: BufWriter<File>,
    /// The first error of writing; after it nothing more is written.
    result: Result<()>,
}

impl Journal {
    pub fn create(path: &Path) -> Result<Journal> {
        Ok(Journal(Mutex::new(State { file: BufWriter::new(File::create(path)?), result: Ok(()) })))
    }

    /// A payment will be sent next, with that idempotency key.
    pub fn sent(&self, key: &str, form: &[u8]) {
        self.write("sent", key, form);
    }

    /// The payment with that idempotency key was answered 200.
    pub fn acknowledged(&self, key: &str, id: &str) {
        self.write("acknowledged", key, id.as_bytes());
    }

    /// The payment with that idempotency key, which had been acknowledged, was asked for again, and answered so.
    pub fn repeated(&self, key: &str, id_or_status: &str) {
        self.write("repeated", key, id_or_status.as_bytes());
    }

    fn write(&self, event: &str, key: &str, what: &[u8]) {
        let mut state = self.state();
        if state.result.is_ok() {
            let parts = [event.as_bytes(), b" ", key.as_bytes(), b" ", what, b"\n"];
            state.result = parts.iter().try_for_each(|part| state.file.write_all(part));
        }
    }

    /// Writes what is still in memory; an error means that not everything was written.
    pub fn finish(&self) -> Result<()> {
        let mut state = self.state();
        std::mem::replace(&mut state.result, Ok(()))?;
        state.file.flush()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_lines_and_reports_when_it_could_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::create(&path).unwrap();
        journal.sent("k1", b"amount=1&currency=usd");
        journal.acknowledged("k1", "pi_1");
        journal.repeated("k1", "409");
        journal.finish().unwrap();
        let written = "sent k1 amount=1&currency=usd\nacknowledged k1 pi_1\nrepeated k1 409\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
        if let Ok(full) = Journal::create(Path::new("/dev/full")) {
            full.acknowledged("k1", "pi_1");
            assert!(full.finish().is_err());
        }
    }
}
