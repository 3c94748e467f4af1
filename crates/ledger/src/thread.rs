//! Work on a thread and runtime of its own: between the tasks of requests, a step of it would wait for a hundred of
//! them, and everybody waits for it.

use std::future::Future;

/// Works until the work is done; what ends in a panic is begun again. Whatever `work` holds is dropped at the end, also
/// where there can be no thread.
pub(crate) fn start<F>(name: &'static str, work: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            while let Err(error) = runtime.block_on(runtime.spawn(work())) {
                tracing::error!(name, %error, "it ended unexpectedly, and is begun again");
            }
        }
        Err(error) => tracing::error!(name, %error, "there is no runtime for it"),
    };
    if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(run) {
        tracing::error!(name, %error, "there is no thread for it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[test]
    fn what_panics_is_begun_again_and_what_is_done_is_dropped() {
        let (done, ended) = mpsc::channel();
        let begun = std::sync::Arc::new(AtomicUsize::new(0));
        start("test", move || {
            let (begun, done) = (begun.clone(), done.clone());
            async move {
                let times = begun.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(times > 2, "a planted panic");
                done.send(times).unwrap();
            }
        });
        assert_eq!(ended.recv(), Ok(3));
        assert!(ended.recv().is_err(), "nobody holds the other end any more");
    }
}
