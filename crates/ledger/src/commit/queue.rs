//! Commits that wait for a committer: each tenant's in their order, and tenants in turn, so that a tenant with very
//! many commits does not delay the others.

use super::metrics;
use super::prepared::PreparedCommit;
use contracts::ledger::{CommitError, Committed};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

pub(crate) type Answer = Result<Committed, CommitError>;

/// A commit that waits to be written.
pub(crate) struct Job {
    pub prepared: PreparedCommit,
    pub answer: oneshot::Sender<Answer>,
    pub arrived: Instant,
}

/// What waits for one committer.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    tenant_max: usize,
}

#[derive(Default)]
struct Waiting {
    tenants: HashMap<i32, VecDeque<Job>>,
    /// Tenants with waiting commits, in the order in which they are served.
    turns: VecDeque<i32>,
    closed: bool,
}

impl Queue {
    /// An empty queue, in which so many commits of each tenant may wait.
    pub fn new(tenant_max: usize) -> Self {
        Queue { waiting: Mutex::default(), changed: Notify::new(), tenant_max: tenant_max.max(1) }
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `Overloaded` if too many commits of the tenant wait already, or if the queue is closed.
    pub fn put(&self, job: Job) -> Result<(), CommitError> {
        let mut waiting = self.locked();
        if waiting.closed {
            return Err(CommitError::Overloaded);
        }
        let tenant = job.prepared.tenant;
        let jobs = waiting.tenants.entry(tenant).or_default();
        if jobs.len() >= self.tenant_max {
            return Err(CommitError::Overloaded);
        }
        jobs.push_back(job);
        if jobs.len() == 1 {
            waiting.turns.push_back(tenant);
        }
        drop(waiting);
        metrics::entered_queue();
        self.changed.notify_one();
        Ok(())
    }

    /// Waits until there is a commit, and takes all that there are, `max` at most; `None` when the queue is closed and
    /// empty. Only one committer may take from a queue.
    pub async fn take(&self, max: usize) -> Option<Vec<Job>> {
        loop {
            {
                let mut waiting = self.locked();
                let jobs = waiting.take(max.max(1));
                if !jobs.is_empty() {
                    return Some(jobs);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Rejects new commits; those that wait are still taken.
    pub fn close(&self) {
        self.locked().closed = true;
        self.changed.notify_one();
    }
}

impl Waiting {
    fn take(&mut self, max: usize) -> Vec<Job> {
        let mut taken = Vec::new();
        while taken.len() < max {
            let Some(tenant) = self.turns.pop_front() else { break };
            let Some(jobs) = self.tenants.get_mut(&tenant) else { continue };
            taken.extend(jobs.pop_front());
            if jobs.is_empty() {
                self.tenants.remove(&tenant);
            } else {
                self.turns.push_back(tenant);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::entries::EncodedEntries;
    use domain::commit::Commit;

    fn job(tenant: i32) -> Job {
        let encoded = EncodedEntries { json: Vec::new(), places: Vec::new(), digest: [0; 32] };
        let prepared = PreparedCommit { tenant, commit: Commit::default(), encoded };
        Job { prepared, answer: oneshot::channel().0, arrived: Instant::now() }
    }

    #[tokio::test]
    async fn tenants_take_turns_and_have_a_limit_each() {
        let queue = Queue::new(3);
        for tenant in [1, 1, 1, 2, 3] {
            queue.put(job(tenant)).unwrap();
        }
        assert_eq!(queue.put(job(1)), Err(CommitError::Overloaded));
        let tenants = |jobs: Vec<Job>| jobs.iter().map(|job| job.prepared.tenant).collect::<Vec<_>>();
        assert_eq!(tenants(queue.take(4).await.unwrap()), [1, 2, 3, 1]);
        queue.put(job(2)).unwrap();
        queue.close();
        assert_eq!(queue.put(job(2)), Err(CommitError::Overloaded));
        assert_eq!(tenants(queue.take(4).await.unwrap()), [1, 2]);
        assert!(queue.take(4).await.is_none());
    }
}
