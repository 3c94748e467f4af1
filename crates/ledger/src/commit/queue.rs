//! Commits that wait for a committer: each tenant's in their order, and tenants in turn, so that a tenant with very
//! many commits does not delay the others, nor one whose lock another process holds.

use super::lost::LostPlace;
use super::prepared::PreparedCommit;
use super::rests::Rests;
use crate::metrics;
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

    /// Takes the commits that have waited for so long.
    pub fn take_late(&self, waited: Duration) -> Vec<Job> {
        let mut waiting = self.locked();
        let Waiting { tenants, turns, .. } = &mut *waiting;
        let mut taken = VecDeque::new();
        tenants.retain(|_, jobs| {
            let (mut late, in_time) = std::mem::take(jobs).into_iter().partition(|job| job.arrived.elapsed() >= waited);
            taken.append(&mut late);
            *jobs = in_time;
            !jobs.is_empty()
        });
        turns.retain(|tenant| tenants.contains_key(tenant));
        taken.into()
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
mod tests;
