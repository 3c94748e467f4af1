//! The only writer: one task for each active tenant takes the commits that wait and writes them in one transaction.

use crate::batch::{Touched, Writes};
use crate::fault::{self, Fault};
use crate::metrics;
use crate::store::session::{Writers, with_cause};
use crate::store::write::{self, ReadError, Written};
use contracts::ledger::{CommitError, Committed};
use domain::commit::Commit;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use types::TenantId;

/// How long one round trip may take. PostgreSQL itself gives up earlier unless it is frozen or cut off.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(20);
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

pub(crate) type Answer = Result<Committed, CommitError>;

/// A commit that waits to be written.
pub(crate) struct Job {
    pub commit: Commit,
    pub answer: oneshot::Sender<Answer>,
    pub arrived: Instant,
}

/// What the committers of one process share.
pub(crate) struct Shared {
    pub writers: Writers,
    /// How long a batch is tried while PostgreSQL cannot be reached.
    pub unreachable_max: Duration,
}

/// Writes for one tenant.
pub(crate) struct Committer {
    pub shared: Arc<Shared>,
    pub tenant: TenantId,
}

/// How a batch ended.
enum Settled {
    /// Every commit has its answer.
    Answered(Vec<Answer>),
    /// PostgreSQL refuses something in it, and nothing of it is written.
    Refused(tokio_postgres::Error),
    /// PostgreSQL could not be reached for too long.
    GaveUp(String),
}

/// How one try at a batch ended, if not with answers.
enum Failure {
    Refused(tokio_postgres::Error),
    /// Nothing is written; to be tried again.
    NotWritten(String),
    /// Whether it is written has to be looked up.
    Unknown(Unsure),
}

/// A batch whose transaction may have been committed.
struct Unsure {
    reason: String,
    transaction: String,
    /// What each commit is answered if it was: the position of its first event, or why it was refused.
    checked: Vec<Result<i64, CommitError>>,
}

impl Committer {
    /// Writes a batch and answers each of its callers.
    pub async fn write(&self, jobs: Vec<Job>) {
        metrics::batch(jobs.len());
        let commits: Vec<&Commit> = jobs.iter().map(|job| &job.commit).collect();
        let answers = match self.settle(&commits).await {
            Settled::Answered(answers) => answers,
            Settled::Refused(error) if commits.len() == 1 => vec![Err(refusal(self.tenant, &error))],
            Settled::Refused(error) => {
                tracing::warn!(tenant = %self.tenant, commits = commits.len(), error = with_cause(&error),
                    "PostgreSQL refused a batch; its commits are written one at a time");
                self.write_singly(&commits).await
            }
            Settled::GaveUp(reason) => {
                tracing::error!(tenant = %self.tenant, commits = commits.len(), reason, "a batch was given up");
                vec![Err(CommitError::Unavailable(reason)); commits.len()]
            }
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            metrics::answered(&answer, job.arrived.elapsed());
            // A caller who has hung up does not need to know; the commit stands all the same.
            let _ = job.answer.send(answer);
        }
    }

    /// So that a commit that PostgreSQL refuses hurts only its own caller.
    async fn write_singly(&self, commits: &[&Commit]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(commits.len());
        for commit in commits {
            match self.settle(&[commit]).await {
                Settled::Answered(single) => answers.extend(single),
                Settled::Refused(error) => answers.push(Err(refusal(self.tenant, &error))),
                Settled::GaveUp(reason) => answers.push(Err(CommitError::Unavailable(reason))),
            }
        }
        answers
    }

    /// Tries a batch until its outcome is certain.
    async fn settle(&self, commits: &[&Commit]) -> Settled {
        let mut unsure: Option<Unsure> = None;
        let mut first_failure: Option<Instant> = None;
        let mut backoff = BACKOFF_MIN;
        loop {
            let tried = match unsure.take() {
                None => self.attempt(commits).await,
                Some(batch) => match self.look_up(commits, &batch).await {
                    Ok(true) => Ok(batch.checked),
                    Ok(false) => Err(Failure::NotWritten(batch.reason)),
                    Err(reason) => Err(Failure::Unknown(Unsure { reason, ..batch })),
                },
            };
            let reason = match tried {
                Ok(checked) => return Settled::Answered(checked.into_iter().map(answered).collect()),
                Err(Failure::Refused(error)) => return Settled::Refused(error),
                Err(Failure::NotWritten(reason)) => reason,
                Err(Failure::Unknown(batch)) => unsure.insert(batch).reason.clone(),
            };
            let since = *first_failure.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.shared.unreachable_max {
                return Settled::GaveUp(reason);
            }
            tracing::warn!(tenant = %self.tenant, commits = commits.len(), unsure = unsure.is_some(), reason,
                "a batch has to be tried again");
            sleep(backoff).await;
            backoff = BACKOFF_MAX.min(backoff * 2);
        }
    }

    /// One try: two round trips, and the check between them. A session that failed in any way is closed.
    async fn attempt(&self, commits: &[&Commit]) -> Result<Vec<Result<i64, CommitError>>, Failure> {
        let writers = &self.shared.writers;
        let mut lent = writers.lend(self.tenant).await.map_err(Failure::NotWritten)?;
        let prepared = within(lent.session.statements(self.tenant)).await.map_err(Failure::NotWritten)?;
        let prepared = prepared.map_err(not_written)?;
        let client = &lent.session.client;

        let touched = Touched::by(commits.iter().copied());
        let opening = within(write::open(client, &prepared, self.tenant, &touched)).await;
        let opened = match opening.map_err(Failure::NotWritten)? {
            Ok(opened) => opened,
            Err(ReadError::Row(error)) => return Err(Failure::NotWritten(error.to_string())),
            Err(ReadError::Database(error)) => return Err(not_written(error)),
        };
        let mut state = opened.state;
        let checked: Vec<_> = commits.iter().map(|commit| state.accept(commit)).collect();
        let writes = Writes::of(accepted(&checked, commits), &state);
        if writes.is_empty() {
            let over = within(write::abandon(client)).await;
            if matches!(over, Ok(Ok(()))) {
                writers.put_back(lent);
            }
            return Ok(checked);
        }
        let written = within(write::write(client, &prepared, &writes)).await;
        drop(writes);
        let unsure = |reason: String| {
            Failure::Unknown(Unsure { reason, transaction: opened.transaction, checked: checked.clone() })
        };
        match written {
            Ok(Written::Committed) => {
                writers.put_back(lent);
                Ok(checked)
            }
            Ok(Written::RolledBack(error)) => Err(not_written(error)),
            Ok(Written::Unknown(error)) => Err(unsure(with_cause(&error))),
            Err(reason) => Err(unsure(reason)),
        }
    }

    /// Whether a batch of which the connection was lost has been written.
    async fn look_up(&self, commits: &[&Commit], batch: &Unsure) -> Result<bool, String> {
        let lent = self.shared.writers.lend(self.tenant).await?;
        let expected: Vec<_> = accepted(&batch.checked, commits).collect();
        let looking = write::look_up(&lent.session.client, self.tenant, &batch.transaction, &expected);
        match within(looking).await? {
            Ok(there) => {
                self.shared.writers.put_back(lent);
                Ok(there)
            }
            Err(ReadError::Database(error)) => Err(with_cause(&error)),
            Err(ReadError::Row(error)) => Err(error.to_string()),
        }
    }
}

fn accepted<'a>(
    checked: &[Result<i64, CommitError>],
    commits: &[&'a Commit],
) -> impl Iterator<Item = (i64, &'a Commit)> {
    checked.iter().zip(commits).filter_map(|(result, commit)| Some((*result.as_ref().ok()?, *commit)))
}

fn answered(checked: Result<i64, CommitError>) -> Answer {
    checked.map(|first_position| Committed { first_position })
}

/// An error that leaves nothing written: of the batch's content, or of the server's condition.
fn not_written(error: tokio_postgres::Error) -> Failure {
    match fault::of(&error) {
        Fault::Content | Fault::NoSuchTenant => Failure::Refused(error),
        Fault::Server | Fault::Timeout => Failure::NotWritten(with_cause(&error)),
    }
}

fn refusal(tenant: TenantId, error: &tokio_postgres::Error) -> CommitError {
    match fault::of(error) {
        Fault::NoSuchTenant => CommitError::Invalid(format!("no such tenant: {tenant}")),
        _ => CommitError::Invalid(with_cause(error)),
    }
}

async fn within<T>(work: impl Future<Output = T>) -> Result<T, String> {
    timeout(ROUND_TRIP_MAX, work).await.map_err(|_| format!("PostgreSQL did not answer within {ROUND_TRIP_MAX:?}"))
}
