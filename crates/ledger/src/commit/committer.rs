//! A task that takes the commits that wait in its queue, of all tenants, and writes them in one transaction.

use super::metrics;
use super::prepared::PreparedCommit;
use super::queue::{Answer, Job, Queue};
use super::store::connection::Connection;
use super::store::read_state::{BatchState, read_state};
use super::store::was_written::was_written;
use super::store::write_batch::{Transaction, Written, roll_back, write_batch};
use super::touched::{ReadScope, Touched};
use super::writes::Writes;
use crate::config::CommitterConfig;
use crate::store::errors::{Cause, ReadError, cause};
use crate::store::round_trip;
use contracts::ledger::{CommitError, Committed};
use deadpool_postgres::Pool;
use platform::database::with_causes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Writes the commits of one queue.
pub(crate) struct Committer {
    queue: Arc<Queue>,
    pool: Pool,
    batch_max: usize,
    unreachable_max: Duration,
    /// Kept from one batch to the next.
    connection: Option<Connection>,
}

/// How the tries at a batch ended.
enum BatchEnd {
    /// Every commit has its answer.
    Answered(Vec<Answer>),
    /// PostgreSQL rejected the batch, or more must be read before a commit may be rejected. None of it is written.
    Rejected(String),
    /// PostgreSQL could not be reached for too long.
    GaveUp(String),
}

/// Why one try did not lead to answers.
enum TryError {
    /// As [`BatchEnd::Rejected`].
    Rejected(String),
    /// None of the batch is written; another try may succeed.
    NotWritten(String),
    /// The next try has to find out whether the batch is written.
    Lost(LostTry, String),
}

/// A try whose transaction may or may not have been committed.
struct LostTry {
    /// The number of the transaction, if it was read.
    transaction: Option<String>,
    checked: Checked,
}

/// For each commit of a batch, what its answer is if the batch is written: the position of its first log entry, or why
/// the commit is rejected.
type Checked = Vec<Result<i64, CommitError>>;

impl Committer {
    pub fn new(queue: Arc<Queue>, pool: Pool, config: &CommitterConfig) -> Self {
        let unreachable_max = config.unreachable_max();
        Committer { queue, pool, batch_max: config.batch_max, unreachable_max, connection: None }
    }

    /// Runs until the queue is closed and empty.
    pub async fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.batch_max).await {
            self.write(jobs).await;
        }
    }

    /// Writes a batch and answers each of its callers.
    async fn write(&mut self, jobs: Vec<Job>) {
        metrics::batch(jobs.len());
        let batch: Vec<&PreparedCommit> = jobs.iter().map(|job| &job.prepared).collect();
        let answers = self.answers(&batch).await;
        for (job, answer) in jobs.into_iter().zip(answers) {
            metrics::answered(&answer, job.arrived.elapsed());
            // The caller may have hung up; the commit is written all the same.
            let _ = job.answer.send(answer);
        }
    }

    async fn answers(&mut self, batch: &[&PreparedCommit]) -> Vec<Answer> {
        let mut lost = Vec::new();
        match self.write_until_certain(batch, ReadScope::WithoutNew, &mut lost).await {
            BatchEnd::Answered(answers) => answers,
            // Something new may exist already: now it is looked for.
            BatchEnd::Rejected(_) => self.answers_with_everything_read(batch, &mut lost).await,
            BatchEnd::GaveUp(reason) => gave_up(batch, reason),
        }
    }

    async fn answers_with_everything_read(
        &mut self,
        batch: &[&PreparedCommit],
        lost: &mut Vec<LostTry>,
    ) -> Vec<Answer> {
        match self.write_until_certain(batch, ReadScope::Everything, lost).await {
            BatchEnd::Answered(answers) => answers,
            BatchEnd::Rejected(reason) if batch.len() == 1 => vec![Err(CommitError::Invalid(reason))],
            BatchEnd::Rejected(reason) => {
                tracing::warn!(
                    commits = batch.len(),
                    reason,
                    "PostgreSQL rejected a batch; its commits are written one at a time"
                );
                self.write_one_by_one(batch).await
            }
            BatchEnd::GaveUp(reason) => gave_up(batch, reason),
        }
    }

    /// Writes each commit in a batch of its own, so that a commit that PostgreSQL rejects fails alone. Earlier tries at
    /// the whole batch may be lost; PostgreSQL has rejected them too.
    async fn write_one_by_one(&mut self, batch: &[&PreparedCommit]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(batch.len());
        for prepared in batch {
            match self.write_until_certain(&[prepared], ReadScope::Everything, &mut Vec::new()).await {
                BatchEnd::Answered(single) => answers.extend(single),
                BatchEnd::Rejected(reason) => answers.push(Err(CommitError::Invalid(reason))),
                BatchEnd::GaveUp(reason) => answers.push(Err(CommitError::Unavailable(reason))),
            }
        }
        answers
    }

    /// Tries a batch until it is certain how it ended. `lost` are the earlier tries of which that is not known.
    async fn write_until_certain(
        &mut self,
        batch: &[&PreparedCommit],
        scope: ReadScope,
        lost: &mut Vec<LostTry>,
    ) -> BatchEnd {
        let mut first_failure: Option<Instant> = None;
        let mut backoff = BACKOFF_MIN;
        loop {
            let reason = match self.try_once(batch, scope, lost).await {
                Ok(checked) => return BatchEnd::Answered(checked.into_iter().map(answer).collect()),
                Err(TryError::Rejected(reason)) => return BatchEnd::Rejected(reason),
                Err(TryError::NotWritten(reason)) => reason,
                Err(TryError::Lost(lost_try, reason)) => {
                    lost.push(lost_try);
                    reason
                }
            };
            let since = *first_failure.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.unreachable_max {
                return BatchEnd::GaveUp(reason);
            }
            tracing::warn!(commits = batch.len(), lost = lost.len(), reason, "a batch has to be tried again");
            sleep(backoff).await;
            backoff = BACKOFF_MAX.min(backoff * 2);
        }
    }

    /// The connection of the batch before, or a new one.
    async fn connection(&mut self) -> Result<Connection, String> {
        match self.connection.take().filter(|connection| !connection.client.is_closed()) {
            Some(connection) => Ok(connection),
            None => round_trip::limited(Connection::open(&self.pool)).await?,
        }
    }

    /// One try: reads what is not remembered, checks the commits, and writes. Unless it is certain that the transaction
    /// has ended, the connection is closed.
    async fn try_once(
        &mut self,
        batch: &[&PreparedCommit],
        scope: ReadScope,
        lost: &[LostTry],
    ) -> Result<Checked, TryError> {
        let mut connection = self.connection().await.map_err(TryError::NotWritten)?;
        let touched = Touched::by(batch, scope);
        let BatchState { tenants: mut states, transaction } =
            batch_state(&mut connection, batch, &touched, scope, lost).await?;
        for LostTry { transaction, checked } in lost {
            let expected: Vec<_> = accepted(checked, batch).collect();
            let written = was_written(&connection.client, &connection.prepared, transaction.as_deref(), &expected);
            if read(round_trip::limited(written).await)? {
                // The open transaction ends with the connection.
                return Ok(checked.clone());
            }
        }
        let mut accept =
            |prepared: &&PreparedCommit| states.entry(prepared.tenant).or_default().accept(&prepared.commit);
        let checked: Vec<_> = batch.iter().map(&mut accept).collect();
        // A rejected commit might have another reason, which comes first and was not read: its idempotency key was
        // used.
        let doubtful = scope == ReadScope::WithoutNew && checked.iter().any(Result::is_err);
        let writes = if doubtful { Writes::default() } else { Writes::of(accepted(&checked, batch), &states) };
        if writes.is_empty() {
            let no_transaction =
                transaction.is_none() || matches!(round_trip::limited(roll_back(&connection.client)).await, Ok(Ok(())));
            if no_transaction {
                self.connection = Some(connection);
            }
            return if doubtful { Err(TryError::Rejected("to be read in full".to_owned())) } else { Ok(checked) };
        }
        let how = if transaction.is_some() { Transaction::Open } else { Transaction::Own };
        let written = round_trip::limited(write_batch(&mut connection, how, &touched.tenants, &writes)).await;
        let lost = |reason| TryError::Lost(LostTry { transaction, checked: checked.clone() }, reason);
        match written {
            Ok(Written::Committed) => {
                let heads = writes.heads;
                connection.cache.written(states, &heads);
                self.connection = Some(connection);
                Ok(checked)
            }
            Ok(Written::RolledBack(error)) => {
                self.connection = Some(connection);
                Err(not_written(&error))
            }
            Ok(Written::Unsent(error)) => Err(not_written(&error)),
            Ok(Written::Unknown(error)) => Err(lost(with_causes(&error))),
            Err(reason) => Err(lost(reason)),
        }
    }
}

/// What a batch relies on, remembered or read.
async fn batch_state(
    connection: &mut Connection,
    batch: &[&PreparedCommit],
    touched: &Touched<'_>,
    scope: ReadScope,
    lost: &[LostTry],
) -> Result<BatchState, TryError> {
    // Without a log row nothing tells a lost commit from another one, and nothing makes PostgreSQL reject it.
    let logged = batch.iter().any(|prepared| !prepared.commit.entries.is_empty());
    let may_use_cache = logged && scope == ReadScope::WithoutNew && lost.is_empty();
    if let Some(tenants) = may_use_cache.then(|| connection.cache.states(touched)).flatten() {
        metrics::batch_tried("known");
        return Ok(BatchState { tenants, transaction: None });
    }
    metrics::batch_tried("read");
    let state = read(round_trip::limited(read_state(&connection.client, &connection.prepared, touched)).await)?;
    connection.cache.read(&state.tenants);
    Ok(state)
}

fn read<T>(result: Result<Result<T, ReadError>, String>) -> Result<T, TryError> {
    match result.map_err(TryError::NotWritten)? {
        Ok(read) => Ok(read),
        Err(ReadError::Row(error)) => Err(TryError::NotWritten(error.to_string())),
        Err(ReadError::Database(error)) => Err(not_written(&error)),
    }
}

fn gave_up(batch: &[&PreparedCommit], reason: String) -> Vec<Answer> {
    tracing::error!(commits = batch.len(), reason, "a batch was given up");
    vec![Err(CommitError::Unavailable(reason)); batch.len()]
}

/// The commits that were accepted, each with the position of its first log entry.
fn accepted<'a>(
    checked: &[Result<i64, CommitError>],
    batch: &[&'a PreparedCommit],
) -> impl Iterator<Item = (i64, &'a PreparedCommit)> {
    checked.iter().zip(batch).filter_map(|(result, prepared)| Some((*result.as_ref().ok()?, *prepared)))
}

fn answer(checked: Result<i64, CommitError>) -> Answer {
    checked.map(|first_position| Committed { first_position })
}

/// An error after which nothing is written.
fn not_written(error: &tokio_postgres::Error) -> TryError {
    match cause(error) {
        Cause::Content => TryError::Rejected(with_causes(error)),
        Cause::Server | Cause::Timeout => TryError::NotWritten(with_causes(error)),
    }
}
