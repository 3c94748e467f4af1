//! The committers of a process, each with a queue and a thread of its own.

use super::committer::Committer;
use super::one_try::Writer;
use super::prepared::PreparedCommit;
use super::queue::{Answer, Job, Queue};
use super::writable::Writable;
use crate::config::CommitterConfig;
use crate::own_thread;
use contracts::ledger::CommitError;
use platform::database::Pool;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// When it is dropped, the committers end as soon as they have written what waits.
pub(crate) struct Committers {
    queues: Vec<Arc<Queue>>,
    epoch: Arc<AtomicU64>,
    running: TaskTracker,
}

impl Committers {
    /// Starts the threads, which run until [`shutdown`](Self::shutdown).
    pub fn start(pool: &Pool, config: &CommitterConfig, writable: &Arc<Writable>) -> Self {
        let queues: Vec<_> = (0..config.writers.max(1)).map(|_| Arc::new(Queue::new(config.queue_max))).collect();
        let (running, epoch) = (TaskTracker::new(), Arc::new(AtomicU64::new(0)));
        for queue in &queues {
            // The token exists as long as the committer works.
            let (served, pool, config, token) =
                (Served(Arc::clone(queue)), pool.clone(), config.clone(), running.token());
            let (epoch, writable) = (Arc::clone(&epoch), Arc::clone(writable));
            own_thread::start("committer", move || {
                let _token = &token;
                let writer = Writer::new(pool.clone(), epoch.clone());
                Committer::new(Arc::clone(&served.0), writer, &config, Arc::clone(&writable)).run()
            });
        }
        Committers { queues, epoch, running }
    }

    /// Puts a commit into the queue of its tenant's committer.
    pub fn enqueue(&self, prepared: PreparedCommit) -> Result<oneshot::Receiver<Answer>, CommitError> {
        let (answer, answered) = oneshot::channel();
        let at = usize::try_from(prepared.tenant.unsigned_abs()).unwrap_or_default() % self.queues.len();
        let job = Job { prepared, answer, arrived: Instant::now(), lost: Vec::new(), too_much: 0 };
        self.queues[at].put(job)?;
        Ok(answered)
    }

    /// Another number whenever a committer has connected anew, or has found something missing.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Rejects new commits, and returns when all that were accepted have been answered.
    pub async fn shutdown(&self) {
        self.queues.iter().for_each(|queue| queue.close());
        self.running.close();
        self.running.wait().await;
    }
}

impl Drop for Committers {
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.close());
    }
}

/// Abandons a committer's queue when the committer can no longer serve it.
struct Served(Arc<Queue>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
