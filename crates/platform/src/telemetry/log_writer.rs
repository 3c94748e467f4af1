//! Writing log lines to standard error on a thread of its own, many at a time: a request that logs a line waits neither
//! for a call to the system nor for a thread to wake up. Nor does it wait for who reads standard error: while that is not read,
//! lines are dropped, and counted.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that come within this time are written together.
const TOGETHER: Duration = Duration::from_millis(10);
/// With so many bytes waiting the thread writes without delay.
const MANY: usize = 64 * 1024;
/// With so many bytes waiting, further lines are dropped.
const WAITING_MAX: usize = 1024 * 1024;
/// How long a process that ends waits until what is left is written.
const LAST_MAX: Duration = Duration::from_secs(2);

/// Takes log lines.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

/// Writes what is left when it is dropped, if it can be written soon.
pub struct LinesGuard(Lines);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// The first bytes have come, or [`MANY`], or the last ones.
    added: Condvar,
    /// All is written, and no more will come.
    ended: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Lines that were dropped since lines were taken last.
    dropped: u64,
    closed: bool,
    ended: bool,
}

/// Starts the thread that writes to `out`. `notice` is the line that says how many were dropped. No log filter keeps it back, and it
/// needs no room among those that wait.
pub fn lines(
    out: impl Write + Send + 'static,
    notice: impl Fn(u64) -> String + Send + 'static,
) -> io::Result<(Lines, LinesGuard)> {
    let lines = Lines(Arc::default());
    let shared = Arc::clone(&lines.0);
    std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        let (mut batch, mut out, mut unsaid) = (Vec::new(), Out { out, is_torn: false }, 0);
        while let Some(dropped) = shared.take(&mut batch) {
            let lost = out.write(&batch);
            crate::metrics::log_lines_dropped().increment(lost);
            unsaid += dropped + lost;
            // It comes after those that were not dropped.
            if lost == 0 && unsaid > 0 && out.write(notice(unsaid).as_bytes()) == 0 {
                unsaid = 0;
            }
            batch.clear();
        }
        shared.waiting().ended = true;
        shared.ended.notify_all();
    })?;
    Ok((lines.clone(), LinesGuard(lines)))
}

/// Where lines are written to.
struct Out<W> {
    out: W,
    /// Only a part of the last line was written.
    is_torn: bool,
}

impl<W: Write> Out<W> {
    /// How many of the lines could not be written. The error has nowhere to go.
    fn write(&mut self, lines: &[u8]) -> u64 {
        if self.is_torn && self.out.write_all(b"\n").is_ok() {
            self.is_torn = false;
        }
        let mut written = 0;
        while written < lines.len() {
            match self.out.write(&lines[written..]) {
                Ok(more) if more > 0 => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Ok(_) | Err(_) => break,
            }
        }
        let (whole, rest) = lines.split_at(written);
        self.is_torn |= whole.last().is_some_and(|last| *last != b'\n');
        let flushed = self.out.flush();
        let lost = if flushed.is_ok() { rest } else { lines };
        lost.iter().map(|byte| u64::from(*byte == b'\n')).sum()
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        let before = waiting.bytes.len();
        if before >= WAITING_MAX {
            waiting.dropped += 1;
            drop(waiting);
            crate::metrics::log_lines_dropped().increment(1);
            return;
        }
        waiting.bytes.extend_from_slice(line);
        if before == 0 || (before < MANY && waiting.bytes.len() >= MANY) {
            self.added.notify_one();
        }
    }

    /// Waits for lines and takes all there are; says how many were dropped. `None` when no more will come.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let nothing = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.closed;
        let waiting = self.added.wait_while(self.waiting(), nothing).unwrap_or_else(PoisonError::into_inner);
        let few = |waiting: &mut Waiting| waiting.bytes.len() < MANY && !waiting.closed;
        let (mut waiting, _) =
            self.added.wait_timeout_while(waiting, TOGETHER, few).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(batch, &mut waiting.bytes);
        (!batch.is_empty()).then(|| std::mem::take(&mut waiting.dropped))
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
        let shared = &self.0.0;
        let mut waiting = shared.waiting();
        waiting.closed = true;
        shared.added.notify_one();
        let _ = shared.ended.wait_timeout_while(waiting, LAST_MAX, |waiting| !waiting.ended);
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

    /// Is read from when it has received something.
    struct Stalled(std::sync::mpsc::Receiver<()>, Kept);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Refuses what it is given at first, of which it takes a part.
    struct Refusing(u32, Kept);

    impl Write for Refusing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0 {
                0 => self.1.write(bytes),
                1 => {
                    self.0 -= 1;
                    Err(io::ErrorKind::WouldBlock.into())
                }
                _ => {
                    self.0 -= 1;
                    self.1.write(&bytes[..3])
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn notice(dropped: u64) -> String {
        format!("dropped {dropped}\n")
    }

    /// What is written when all is, however long it takes.
    fn all(kept: &Kept, (lines, guard): (Lines, LinesGuard)) -> String {
        drop(guard);
        let waiting = lines.0.waiting();
        drop(lines.0.ended.wait_while(waiting, |waiting| !waiting.ended).unwrap());
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_thread_waits_for_who_reads_and_what_was_dropped_is_said() {
        let (read, reads) = std::sync::mpsc::channel();
        let kept = Kept::default();
        let (lines, guard) = lines(Stalled(reads, kept.clone()), notice).unwrap();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        let sent = 4 * WAITING_MAX / line.len();
        (0..sent).for_each(|_| (&lines).write_all(&line).unwrap());
        drop(read);
        let text = all(&kept, (lines, guard));
        let said =
            text.lines().filter_map(|line| line.strip_prefix("dropped ")).map(|said| said.parse::<usize>().unwrap());
        let (written, dropped) = (text.lines().filter(|line| line.starts_with('x')).count(), said.sum::<usize>());
        assert!(dropped > 0);
        assert_eq!(written + dropped, sent, "all others are written");
    }

    #[test]
    fn lines_that_cannot_be_written_are_said_to_be_dropped_when_others_can() {
        let kept = Kept::default();
        let (lines, guard) = lines(Refusing(2, kept.clone()), notice).unwrap();
        (&lines).write_all(b"first\nsecond\n").unwrap();
        while kept.0.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        (&lines).write_all(b"third\n").unwrap();
        assert_eq!(all(&kept, (lines, guard)), "fir\nthird\ndropped 2\n");
    }

    #[test]
    fn a_process_ends_also_when_its_log_is_not_read() {
        let (_read, reads) = std::sync::mpsc::channel();
        let (lines, guard) = lines(Stalled(reads, Kept::default()), notice).unwrap();
        (&lines).write_all(b"x\n").unwrap();
        drop(guard);
    }

    #[test]
    fn loses_nothing_that_is_read_and_keeps_the_order_of_each_thread() {
        let kept = Kept::default();
        let (lines, guard) = lines(kept.clone(), notice).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let lines = lines.clone();
                std::thread::spawn(move || {
                    for number in 0..2_000 {
                        (&lines).write_all(format!("{thread} {number} {}\n", "x".repeat(60)).as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let text = all(&kept, (lines, guard));
        for thread in 0..4 {
            let prefix = format!("{thread} ");
            let of_thread = text.lines().filter_map(|line| line.strip_prefix(&prefix)?.split(' ').next());
            assert!(of_thread.eq((0..2_000).map(|number| number.to_string())));
        }
    }
}
