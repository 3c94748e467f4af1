//! Runs work on a thread and a runtime of its own. On the runtime of the requests, each step of the work would wait for
//! a hundred requests, and all requests wait for the work.

use std::future::Future;

/// Starts a thread that runs `work` until it is done. If it panics, it is started again. `work` and all that it holds
/// is dropped at the end, and also if no thread can be started.
pub(crate) fn start<F>(name: &'static str, work: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            while let Err(error) = runtime.block_on(runtime.spawn(work())) {
                tracing::error!(name, %error, "a thread's work ended unexpectedly, and is started again");
            }
        }
        Err(error) => tracing::error!(name, %error, "a thread's runtime cannot be started"),
    };
    if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(run) {
        tracing::error!(name, %error, "a thread cannot be started");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[test]
    fn work_that_panics_is_started_again_and_work_that_is_done_is_dropped() {
        let (done, ended) = mpsc::channel();
        let started = std::sync::Arc::new(AtomicUsize::new(0));
        start("test", move || {
            let (started, done) = (started.clone(), done.clone());
            async move {
                let times = started.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(times > 2, "a planted panic");
                done.send(times).unwrap();
            }
        });
        assert_eq!(ended.recv(), Ok(3));
        assert!(ended.recv().is_err(), "the sender is dropped with the work");
    }
}
