//! A task that takes the commits that wait in its queue, of all tenants, and writes them in one transaction.

use super::one_try::{Fate, TryError, Writer};
use super::queue::{BatchLimits, Job, Queue};
use super::touched::ReadScope;
use super::writable::Writable;
use crate::config::CommitterConfig;
use crate::metrics;
use crate::store::errors::NotWritten;
use contracts::ledger::{CommitError, Committed, Unwritable};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// For so long PostgreSQL is not asked again when it has taken no writes.
const REFUSED_FOR: Duration = Duration::from_millis(250);
/// How long a tenant is left alone at least whose lock was waited for in vain.
const LOCKED_MIN: Duration = Duration::from_millis(100);

/// Writes the commits of one queue.
pub(crate) struct Committer {
    queue: Arc<Queue>,
    writer: Writer,
    limits: BatchLimits,
    unreachable_max: Duration,
    writable: Arc<Writable>,
}

/// A batch, or a part of one that has to be written by itself.
struct Part {
    jobs: Vec<Job>,
    scope: ReadScope,
    /// Whether what is remembered may be used.
    from_memory: bool,
    /// Whether it waits for the lock of its first tenant.
    waits: bool,
    backoff: Duration,
}

impl Part {
    fn new(jobs: Vec<Job>) -> Self {
        let (scope, from_memory) = (ReadScope::WithoutNew, true);
        Part { jobs, scope, from_memory, waits: true, backoff: BACKOFF_MIN }
    }

    /// Other jobs of the same batch.
    fn with(&self, jobs: Vec<Job>) -> Self {
        Part { jobs, ..*self }
    }
}

impl Committer {
    pub fn new(queue: Arc<Queue>, writer: Writer, config: &CommitterConfig, writable: Arc<Writable>) -> Self {
        let limits = BatchLimits { commits: config.batch_max, bytes: config.batch_bytes_max };
        Committer { queue, writer, limits, unreachable_max: config.unreachable_max(), writable }
    }

    /// Runs until the queue is closed and empty.
    pub async fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.limits).await {
            metrics::batch(jobs.len());
            let began = Instant::now();
            let mut parts = vec![Part::new(jobs)];
            while let Some(part) = parts.pop() {
                parts.extend(self.write(part).await);
            }
            metrics::batch_duration().record(began.elapsed().as_secs_f64());
        }
    }

    /// Tries until something is certain. Answers the callers of commits of which it is known what became of them, and
    /// returns the others, to be written in reverse order.
    async fn write(&mut self, mut part: Part) -> Vec<Part> {
        if let Some(why) = self.writable.refused_within(REFUSED_FOR) {
            // Of the others it is to be found out whether they are written.
            let (certain, lost) = by_certainty(part.jobs);
            end(certain, &CommitError::NotWritable(why));
            if lost.is_empty() {
                return Vec::new();
            }
            part.jobs = lost;
        }
        loop {
            let reason = match self.writer.try_once(&part.jobs, part.scope, part.from_memory, part.waits).await {
                Ok(fates) => {
                    if fates.iter().any(|fate| matches!(fate, Fate::Written(_))) {
                        self.writable.wrote();
                    }
                    return self.conclude(part, fates);
                }
                Err(TryError::ToBeRead(scope)) => {
                    part.from_memory = false;
                    part.scope = scope;
                    continue;
                }
                Err(TryError::FirstIsLocked) => return self.without_first_tenant(part),
                // A commit that was refused might have another reason, which comes first: its key was used.
                Err(TryError::Refused(_)) if part.jobs.len() == 1 && part.scope == ReadScope::WithoutNew => {
                    part.scope = ReadScope::Everything;
                    continue;
                }
                Err(TryError::Refused(reason)) if part.jobs.len() == 1 => {
                    return end(part.jobs, &CommitError::Invalid(reason));
                }
                Err(TryError::RowIsLocked) if part.jobs.len() == 1 => return self.put_back(part.jobs, LOCKED_MIN),
                Err(TryError::TooMuch(reason)) if part.jobs.len() == 1 => return self.too_much(part.jobs, &reason),
                Err(TryError::RowIsLocked) => return halves(part),
                Err(TryError::Refused(reason) | TryError::TooMuch(reason)) => {
                    tracing::warn!(commits = part.jobs.len(), reason, "a batch cannot be written as a whole");
                    return halves(part);
                }
                Err(TryError::NotWritten(NotWritten { why: Some(why), reason })) => {
                    self.writable.refused(why);
                    return self.not_writable(part.jobs, why, &reason);
                }
                Err(TryError::NotWritten(NotWritten { why: None, reason })) => reason,
                Err(TryError::Lost(places, reason)) => {
                    for (job, place) in part.jobs.iter_mut().zip(places) {
                        job.lost.extend(place);
                    }
                    reason
                }
            };
            // Those that wait meanwhile have no more time than those that are tried.
            let (late, in_time) = std::mem::take(&mut part.jobs).into_iter().partition(|job| self.is_late(job));
            part.jobs = in_time;
            let late: Vec<Job> = self.queue.take_late(self.unreachable_max).into_iter().chain(late).collect();
            if !late.is_empty() {
                self.writable.refused(Unwritable::Unreachable);
                gave_up(late, &reason);
            }
            if part.jobs.is_empty() {
                return Vec::new();
            }
            tracing::warn!(commits = part.jobs.len(), reason, "a batch has to be tried again");
            sleep(part.backoff).await;
            part.backoff = BACKOFF_MAX.min(part.backoff * 2);
        }
    }

    /// Answers what is known. Of what is left, each kind is a part of its own.
    fn conclude(&self, mut part: Part, fates: Vec<Fate>) -> Vec<Part> {
        let free = part.jobs.iter().zip(&fates).filter(|(_, fate)| !matches!(fate, Fate::Busy));
        self.queue.free(free.map(|(job, _)| job.prepared.tenant));
        let (mut doubtful, mut again, mut busy) = (Vec::new(), Vec::new(), Vec::new());
        for (job, fate) in std::mem::take(&mut part.jobs).into_iter().zip(fates) {
            match fate {
                Fate::Written(first_position) | Fate::Found(first_position) => {
                    job.answer(Ok(Committed { first_position }))
                }
                // Not everything was read: the commit might have been refused for another reason, which comes first.
                Fate::Refused(_) | Fate::Unclear(_) if part.scope == ReadScope::WithoutNew => doubtful.push(job),
                Fate::Refused(error) => job.answer(Err(error)),
                Fate::Unclear(error) => {
                    job.answer(Err(CommitError::Unavailable(format!("a lost try may still write it; now {error}"))));
                }
                Fate::Again => again.push(job),
                Fate::Busy => busy.push(job),
            }
        }
        self.put_back(busy, Duration::ZERO);
        let doubtful = Part { scope: ReadScope::Everything, ..part.with(doubtful) };
        [doubtful, part.with(again)].into_iter().filter(|part| !part.jobs.is_empty()).collect()
    }

    fn is_late(&self, job: &Job) -> bool {
        job.arrived.elapsed() >= self.unreachable_max
    }

    /// Answers at once what is certainly not written. A commit that a lost try may have written is tried until that is known.
    fn not_writable(&self, jobs: Vec<Job>, why: Unwritable, reason: &str) -> Vec<Part> {
        tracing::debug!(commits = jobs.len(), reason, "PostgreSQL takes no writes");
        let (certain, lost) = by_certainty(jobs);
        end(certain, &CommitError::NotWritable(why));
        let (late, lost): (Vec<Job>, Vec<Job>) = lost.into_iter().partition(|job| self.is_late(job));
        gave_up(late, reason);
        self.queue.put_back(lost, LOCKED_MIN);
        Vec::new()
    }

    fn without_first_tenant(&self, mut part: Part) -> Vec<Part> {
        let Some(first) = part.jobs.first().map(|job| job.prepared.tenant) else { return Vec::new() };
        let (busy, others): (Vec<Job>, Vec<Job>) =
            std::mem::take(&mut part.jobs).into_iter().partition(|job| job.prepared.tenant == first);
        self.put_back(busy, LOCKED_MIN);
        // One is waited for in a batch: so many locked tenants hold the others up no longer than one.
        if others.is_empty() { Vec::new() } else { vec![Part { waits: false, ..part.with(others) }] }
    }

    /// Puts a commit back that was too much for PostgreSQL by itself, once: it holds up all others for as long as it takes.
    fn too_much(&self, mut jobs: Vec<Job>, reason: &str) -> Vec<Part> {
        jobs.iter_mut().for_each(|job| job.too_much += 1);
        if jobs.iter().any(|job| job.too_much > 1) {
            tracing::error!(commits = jobs.len(), reason, "a commit is too much for PostgreSQL");
            return end(jobs, &CommitError::Unavailable(reason.to_owned()));
        }
        self.put_back(jobs, LOCKED_MIN)
    }

    /// Puts commits back that cannot be written now, unless they have waited for too long. Their tenants rest meanwhile.
    fn put_back(&self, busy: Vec<Job>, at_least: Duration) -> Vec<Part> {
        let (late, busy): (Vec<Job>, Vec<Job>) = busy.into_iter().partition(|job| self.is_late(job));
        if let Some(job) = late.first() {
            let tenant = job.prepared.tenant_id;
            tracing::error!(%tenant, commits = late.len(), "another session has held what commits need for too long");
        }
        let reason = "another session holds a lock on the tenant's books; pg_locks says which".to_owned();
        end(late, &CommitError::Unavailable(reason));
        self.queue.put_back(busy, at_least);
        Vec::new()
    }
}

/// Each half of a part, so that a commit that cannot be written fails alone in the end. The first half comes last: it is
/// written first.
fn halves(mut part: Part) -> Vec<Part> {
    let mut first = std::mem::take(&mut part.jobs);
    let second = first.split_off(first.len() / 2);
    vec![part.with(second), part.with(first)]
}

/// Answers all with the same error.
fn end(jobs: Vec<Job>, error: &CommitError) -> Vec<Part> {
    jobs.into_iter().for_each(|job| job.answer(Err(error.clone())));
    Vec::new()
}

/// Those that are certainly not written, and those that a lost try may have written.
fn by_certainty(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    jobs.into_iter().partition(|job| job.lost.is_empty())
}

/// Answers those that were tried for long enough: it is not known what became of those that a lost try may have written.
fn gave_up(jobs: Vec<Job>, reason: &str) {
    let (certain, lost) = by_certainty(jobs);
    if !certain.is_empty() {
        tracing::error!(commits = certain.len(), reason, "commits were given up; they are not written");
        end(certain, &CommitError::NotWritable(Unwritable::Unreachable));
    }
    if !lost.is_empty() {
        tracing::error!(
            commits = lost.len(),
            reason,
            "commits were given up; it is not known whether they are written"
        );
        end(lost, &CommitError::Unavailable(reason.to_owned()));
    }
}

#[cfg(test)]
mod tests;
