//! Commits that wait for a committer: each tenant's in their order, and tenants in turn, so that a tenant with very
//! many commits does not delay the others, nor one whose lock another process holds.

use super::lost::LostPlace;
use super::metrics;
use super::prepared::PreparedCommit;
use super::rests::Rests;
use contracts::ledger::{CommitError, Committed};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

pub(crate) type Answer = Result<Committed, CommitError>;

/// A commit that waits to be written.
pub(crate) struct Job {
    pub prepared: PreparedCommit,
    pub answer: oneshot::Sender<Answer>,
    pub arrived: Instant,
    /// Where tries that were lost would have written it.
    pub lost: Vec<LostPlace>,
    /// How often it was too much for PostgreSQL by itself.
    pub too_much: u32,
}

impl Job {
    pub fn answer(self, answer: Answer) {
        metrics::answered(&answer, self.arrived.elapsed());
        // The caller may have hung up; the commit is written all the same.
        let _ = self.answer.send(answer);
    }
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
    rests: Rests,
    closed: bool,
}

/// What a committer takes at a time at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    pub commits: usize,
    pub bytes: usize,
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
        if jobs.len() == 1 && !waiting.rests.holds(tenant) {
            waiting.turns.push_back(tenant);
        }
        drop(waiting);
        metrics::entered_queue();
        self.changed.notify_one();
        Ok(())
    }

    /// Waits until there is a commit, and takes all that there are, within the limits, but one at least; `None` when the
    /// queue is closed and empty. Only one committer may take from a queue.
    pub async fn take(&self, limits: BatchLimits) -> Option<Vec<Job>> {
        loop {
            let wake = {
                let mut waiting = self.locked();
                let wake = waiting.wake(Instant::now());
                let jobs = waiting.take(limits);
                if !jobs.is_empty() {
                    return Some(jobs);
                }
                if waiting.closed && waiting.tenants.is_empty() {
                    return None;
                }
                wake
            };
            match wake {
                Some(wake) => {
                    let _ = tokio::time::timeout_at(wake, self.changed.notified()).await;
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// Puts commits back, before those of the same tenants that have come since. Their tenants are left alone for a
    /// while, `at_least` so long.
    pub fn put_back(&self, jobs: Vec<Job>, at_least: Duration) {
        let mut waiting = self.locked();
        let now = Instant::now();
        for job in jobs.into_iter().rev() {
            let tenant = job.prepared.tenant;
            waiting.tenants.entry(tenant).or_default().push_front(job);
            if !waiting.rests.holds(tenant) {
                waiting.rests.begin(tenant, at_least, now);
                waiting.turns.retain(|turn| *turn != tenant);
            }
        }
    }

    /// The locks of these tenants were free.
    pub fn free(&self, tenants: impl Iterator<Item = i32>) {
        let mut waiting = self.locked();
        if !waiting.rests.is_empty() {
            for tenant in tenants {
                // Others of its commits, which were put back, have lost their turn.
                if waiting.rests.end(tenant) && waiting.tenants.contains_key(&tenant) {
                    waiting.turns.push_back(tenant);
                }
            }
        }
    }

    /// Rejects new commits, and drops those that wait: their callers hear that the committer has ended.
    pub fn abandon(&self) {
        let mut waiting = self.locked();
        waiting.closed = true;
        waiting.turns.clear();
        let jobs = std::mem::take(&mut waiting.tenants);
        drop(waiting);
        jobs.values().flatten().for_each(|_| metrics::left_queue());
    }

    /// Rejects new commits; those that wait are still taken.
    pub fn close(&self) {
        self.locked().closed = true;
        self.changed.notify_one();
    }
}

impl Waiting {
    /// Gives tenants that have rested long enough their turn; returns when the next one has.
    fn wake(&mut self, now: Instant) -> Option<Instant> {
        let woken = self.rests.wake(now);
        self.turns.extend(woken.into_iter().filter(|tenant| self.tenants.contains_key(tenant)));
        self.rests.next()
    }

    fn take(&mut self, limits: BatchLimits) -> Vec<Job> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < limits.commits.max(1) && bytes < limits.bytes.max(1) {
            let Some(tenant) = self.turns.pop_front() else { break };
            let Some(jobs) = self.tenants.get_mut(&tenant) else { continue };
            if let Some(job) = jobs.pop_front() {
                bytes += job.prepared.bytes();
                taken.push(job);
            }
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
    use domain::commit::{Answer, Commit, IdempotencyWrite, KeyIdentity, Step};
    use types::TenantId;
    use uuid::Uuid;

    const MANY: BatchLimits = BatchLimits { commits: 4, bytes: 1_000 };

    fn job(tenant: i32) -> Job {
        job_of(tenant, "")
    }

    fn job_of(tenant: i32, body: &str) -> Job {
        let answer = Answer::Body { status: 200, body: body.to_owned() };
        let key = IdempotencyWrite {
            key: KeyIdentity::new("k", false, false),
            fingerprint: [0; 32],
            step: Step::Begin,
            answer,
        };
        let commit = Commit { idempotency: Some(key), ..Commit::default() };
        let prepared = PreparedCommit::new(tenant, TenantId(Uuid::nil()), commit).unwrap();
        Job { prepared, answer: oneshot::channel().0, arrived: Instant::now(), lost: Vec::new(), too_much: 0 }
    }

    async fn taken(queue: &Queue) -> Vec<i32> {
        queue.take(MANY).await.unwrap().iter().map(|job| job.prepared.tenant).collect()
    }

    #[tokio::test]
    async fn tenants_take_turns_and_have_a_limit_each() {
        let queue = Queue::new(3);
        for tenant in [1, 1, 1, 2, 3] {
            queue.put(job(tenant)).unwrap();
        }
        assert_eq!(queue.put(job(1)), Err(CommitError::Overloaded));
        assert_eq!(taken(&queue).await, [1, 2, 3, 1]);
        queue.put(job(2)).unwrap();
        queue.close();
        assert_eq!(queue.put(job(2)), Err(CommitError::Overloaded));
        assert_eq!(taken(&queue).await, [1, 2]);
        assert!(queue.take(MANY).await.is_none());
    }

    #[tokio::test]
    async fn a_batch_has_no_more_bytes_than_allowed_or_one_commit() {
        let queue = Queue::new(10);
        for bytes in [600, 600, 5_000, 10] {
            queue.put(job_of(1, &"x".repeat(bytes))).unwrap();
        }
        assert_eq!(taken(&queue).await.len(), 2);
        assert_eq!(taken(&queue).await.len(), 1);
        assert_eq!(taken(&queue).await.len(), 1);
    }

    #[tokio::test]
    async fn a_tenant_whose_lock_is_not_free_rests_longer_and_longer() {
        let queue = Queue::new(10);
        for tenant in [1, 1, 2] {
            queue.put(job(tenant)).unwrap();
        }
        for length in [50, 100, 200] {
            let (busy, others): (Vec<Job>, _) =
                queue.take(MANY).await.unwrap().into_iter().partition(|job| job.prepared.tenant == 1);
            assert_eq!(busy.len(), 2);
            drop(others);
            queue.put_back(busy, Duration::from_millis(50));
            // What comes meanwhile waits too; other tenants go on.
            queue.put(job(3)).unwrap();
            assert_eq!(taken(&queue).await, [3]);
            let began = Instant::now();
            let again = queue.take(MANY).await.unwrap();
            assert_eq!(again.len(), 2);
            assert!(began.elapsed() >= Duration::from_millis(length - 20), "{:?}", began.elapsed());
            for job in again {
                queue.put(job).unwrap();
            }
        }
        let mut busy = queue.take(MANY).await.unwrap();
        let (first, others) = (busy.remove(0), busy);
        queue.put_back(vec![first], Duration::from_secs(1));
        for job in others {
            queue.put(job).unwrap();
        }
        queue.free([1].into_iter());
        let busy = queue.take(MANY).await.unwrap();
        assert_eq!(busy.len(), 2, "the one that was put back is not forgotten");
        queue.close();
        queue.put_back(busy, Duration::from_millis(100));
        assert_eq!(taken(&queue).await, [1, 1], "also when the queue is closed");
        assert!(queue.take(MANY).await.is_none());
    }
}
