//! Writing log lines to standard error on a thread of its own, many at a time: a request that logs a line waits neither
//! for a call to the system nor for a thread to wake up. No line is lost.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that come within this time are written together.
const TOGETHER: Duration = Duration::from_millis(10);
/// With so many bytes waiting the thread writes without delay.
const MANY: usize = 64 * 1024;
/// With so many bytes waiting, threads that log wait too.
const WAITING_MAX: usize = 1024 * 1024;

/// Takes log lines.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

/// Writes what is left when it is dropped.
pub struct LinesGuard {
    lines: Lines,
    writer: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// The first bytes have come, or [`MANY`], or the last ones.
    added: Condvar,
    /// The waiting bytes were taken.
    taken: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    closed: bool,
}

/// Starts the thread that writes to `out`.
pub fn lines(mut out: impl Write + Send + 'static) -> io::Result<(Lines, LinesGuard)> {
    let lines = Lines(Arc::default());
    let shared = Arc::clone(&lines.0);
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        let mut batch = Vec::new();
        while shared.take(&mut batch) {
            // When standard error cannot be written to, the error has nowhere to go either.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            batch.clear();
        }
    })?;
    Ok((lines.clone(), LinesGuard { lines, writer: Some(writer) }))
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let waiting = self.waiting();
        let full = |waiting: &mut Waiting| waiting.bytes.len() >= WAITING_MAX && !waiting.closed;
        let mut waiting = self.taken.wait_while(waiting, full).unwrap_or_else(PoisonError::into_inner);
        let before = waiting.bytes.len();
        waiting.bytes.extend_from_slice(line);
        if before == 0 || (before < MANY && waiting.bytes.len() >= MANY) {
            self.added.notify_one();
        }
    }

    /// Waits for lines and takes all there are; says whether there were any.
    fn take(&self, batch: &mut Vec<u8>) -> bool {
        let nothing = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.closed;
        let waiting = self.added.wait_while(self.waiting(), nothing).unwrap_or_else(PoisonError::into_inner);
        let few = |waiting: &mut Waiting| waiting.bytes.len() < MANY && !waiting.closed;
        let (mut waiting, _) =
            self.added.wait_timeout_while(waiting, TOGETHER, few).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(batch, &mut waiting.bytes);
        drop(waiting);
        self.taken.notify_all();
        !batch.is_empty()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> &'a Lines {
        self
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LinesGuard {
    fn drop(&mut self) {
        self.lines.0.waiting().closed = true;
        self.lines.0.added.notify_one();
        self.lines.0.taken.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn loses_nothing_and_keeps_the_order_of_each_thread() {
        let kept = Kept::default();
        let (lines, guard) = lines(kept.clone()).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let lines = lines.clone();
                std::thread::spawn(move || {
                    for number in 0..20_000 {
                        (&lines).write_all(format!("{thread} {number} {}\n", "x".repeat(60)).as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(guard);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        for thread in 0..4 {
            let prefix = format!("{thread} ");
            let of_thread = text.lines().filter_map(|line| line.strip_prefix(&prefix)?.split(' ').next());
            assert!(of_thread.eq((0..20_000).map(|number| number.to_string())));
        }
    }
}
