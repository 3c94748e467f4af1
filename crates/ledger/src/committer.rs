//! The only writer: a task that takes the commits that wait, of whichever tenants, and writes them in one transaction.

use crate::batch::{Care, Entering, Touched, Writes};
use crate::fault::{self, Fault};
use crate::ledger::CommitterConfig;
use crate::metrics;
use crate::queue::{Answer, Job, Queue};
use crate::store::look_up::is_there;
use crate::store::open::{self, Opened, ReadError};
use crate::store::session::{Session, with_cause, within};
use crate::store::write::{self, Transaction, Written};
use contracts::ledger::{CommitError, Committed};
use deadpool_postgres::Pool;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Writes what waits in one queue.
pub(crate) struct Committer {
    queue: Arc<Queue>,
    pool: Pool,
    batch_max: usize,
    unreachable_max: Duration,
    /// The connection, between batches.
    session: Option<Session>,
}

/// How a batch ended.
enum Settled {
    /// Every commit has its answer.
    Answered(Vec<Answer>),
    /// PostgreSQL refuses something in it, or less was read than a refusal needs; nothing of it is written.
    Refused(String),
    /// PostgreSQL could not be reached for too long.
    GaveUp(String),
}

/// How one try at a batch ended, if not with answers.
enum Failure {
    Refused(String),
    /// Nothing is written; to be tried again.
    NotWritten(String),
    /// Whether it is written has to be looked up.
    Unknown(Unsure, String),
}

/// A try at a batch whose transaction may have been committed.
struct Unsure {
    /// Its number, if it has been asked for.
    transaction: Option<String>,
    checked: Checked,
}

/// What each commit of a batch is answered if it is written: the position of its first event, or why it was refused.
type Checked = Vec<Result<i64, CommitError>>;

impl Committer {
    pub fn new(queue: Arc<Queue>, pool: Pool, config: &CommitterConfig) -> Self {
        let CommitterConfig { batch_max, unreachable_max, .. } = *config;
        Committer { queue, pool, batch_max, unreachable_max, session: None }
    }

    /// Until the queue is closed and empty.
    pub async fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.batch_max).await {
            self.write(jobs).await;
        }
    }

    /// Writes a batch and answers each of its callers.
    async fn write(&mut self, jobs: Vec<Job>) {
        metrics::batch(jobs.len());
        let batch: Vec<&Entering> = jobs.iter().map(|job| &job.entering).collect();
        let answers = self.answers(&batch).await;
        for (job, answer) in jobs.into_iter().zip(answers) {
            metrics::answered(&answer, job.arrived.elapsed());
            // A caller who has hung up does not need to know; the commit stands all the same.
            let _ = job.answer.send(answer);
        }
    }

    async fn answers(&mut self, batch: &[&Entering]) -> Vec<Answer> {
        let mut lost = Vec::new();
        match self.settle(batch, Care::Trusting, &mut lost).await {
            Settled::Answered(answers) => answers,
            // Something may be there that was said to be new: this time it is looked for.
            Settled::Refused(_) => self.answers_with_care(batch, &mut lost).await,
            Settled::GaveUp(reason) => gave_up(batch, reason),
        }
    }

    async fn answers_with_care(&mut self, batch: &[&Entering], lost: &mut Vec<Unsure>) -> Vec<Answer> {
        match self.settle(batch, Care::Thorough, lost).await {
            Settled::Answered(answers) => answers,
            Settled::Refused(reason) if batch.len() == 1 => vec![Err(CommitError::Invalid(reason))],
            Settled::Refused(reason) => {
                tracing::warn!(
                    commits = batch.len(),
                    reason,
                    "PostgreSQL refused a batch; its commits are written one at a time"
                );
                self.write_singly(batch).await
            }
            Settled::GaveUp(reason) => gave_up(batch, reason),
        }
    }

    /// So that a commit that PostgreSQL refuses hurts only its own caller. If the whole batch was lost before, PostgreSQL
    /// refuses that too.
    async fn write_singly(&mut self, batch: &[&Entering]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(batch.len());
        for entering in batch {
            match self.settle(&[entering], Care::Thorough, &mut Vec::new()).await {
                Settled::Answered(single) => answers.extend(single),
                Settled::Refused(reason) => answers.push(Err(CommitError::Invalid(reason))),
                Settled::GaveUp(reason) => answers.push(Err(CommitError::Unavailable(reason))),
            }
        }
        answers
    }

    /// Tries a batch until its outcome is certain. `lost` are the tries of which it is not known yet what became of them.
    async fn settle(&mut self, batch: &[&Entering], care: Care, lost: &mut Vec<Unsure>) -> Settled {
        let mut first_failure: Option<Instant> = None;
        let mut backoff = BACKOFF_MIN;
        loop {
            let reason = match self.attempt(batch, care, lost).await {
                Ok(checked) => return Settled::Answered(checked.into_iter().map(answered).collect()),
                Err(Failure::Refused(reason)) => return Settled::Refused(reason),
                Err(Failure::NotWritten(reason)) => reason,
                Err(Failure::Unknown(unsure, reason)) => {
                    lost.push(unsure);
                    reason
                }
            };
            let since = *first_failure.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.unreachable_max {
                return Settled::GaveUp(reason);
            }
            tracing::warn!(commits = batch.len(), lost = lost.len(), reason, "a batch has to be tried again");
            sleep(backoff).await;
            backoff = BACKOFF_MAX.min(backoff * 2);
        }
    }

    /// The connection of the batch before, or a new one.
    async fn session(&mut self) -> Result<Session, String> {
        match self.session.take().filter(|session| !session.client.is_closed()) {
            Some(session) => Ok(session),
            None => within(Session::open(&self.pool)).await?,
        }
    }

    /// One try: what is not known is read, checked, and written. A session of which it is not certain that its
    /// transaction is over is closed.
    async fn attempt(&mut self, batch: &[&Entering], care: Care, lost: &[Unsure]) -> Result<Checked, Failure> {
        let mut session = self.session().await.map_err(Failure::NotWritten)?;
        let touched = Touched::by(batch, care);
        let Opened { mut books, transaction } = opened(&mut session, batch, &touched, care, lost).await?;
        for Unsure { transaction, checked } in lost {
            let expected: Vec<_> = accepted(checked, batch).collect();
            let there = is_there(&session.client, &session.prepared, transaction.as_deref(), &expected);
            if read(within(there).await)? {
                // The transaction ends with the session.
                return Ok(checked.clone());
            }
        }
        let mut accept = |entering: &&Entering| books.entry(entering.tenant).or_default().accept(&entering.commit);
        let checked: Vec<_> = batch.iter().map(&mut accept).collect();
        // What was not read might refuse a commit for another reason, which comes first: its key was used.
        let doubtful = care == Care::Trusting && checked.iter().any(Result::is_err);
        let writes = if doubtful { Writes::default() } else { Writes::of(accepted(&checked, batch), &books) };
        if writes.is_empty() {
            if transaction.is_none() || matches!(within(write::abandon(&session.client)).await, Ok(Ok(()))) {
                self.session = Some(session);
            }
            return if doubtful { Err(Failure::Refused("to be read in full".to_owned())) } else { Ok(checked) };
        }
        let how = if transaction.is_some() { Transaction::Open } else { Transaction::Own };
        let written = within(write::write(&mut session, how, &touched.tenants, &writes)).await;
        let unsure = |reason| Failure::Unknown(Unsure { transaction, checked: checked.clone() }, reason);
        match written {
            Ok(Written::Committed) => {
                let heads = writes.heads;
                session.known.written(books, &heads);
                self.session = Some(session);
                Ok(checked)
            }
            Ok(Written::RolledBack(error)) => {
                self.session = Some(session);
                Err(not_written(&error))
            }
            Ok(Written::Unsent(error)) => Err(not_written(&error)),
            Ok(Written::Unknown(error)) => Err(unsure(with_cause(&error))),
            Err(reason) => Err(unsure(reason)),
        }
    }
}

/// What a batch touches: as it is known, or read.
async fn opened(
    session: &mut Session,
    batch: &[&Entering],
    touched: &Touched<'_>,
    care: Care,
    lost: &[Unsure],
) -> Result<Opened, Failure> {
    // Without a log row nothing could tell a lost commit from another one's, or refuse it.
    let logged = batch.iter().any(|entering| !entering.commit.entries.is_empty());
    let may_rely = logged && care == Care::Trusting && lost.is_empty();
    if let Some(books) = may_rely.then(|| session.known.books(touched)).flatten() {
        metrics::books("known");
        return Ok(Opened { books, transaction: None });
    }
    metrics::books("read");
    let opened = read(within(open::open(&session.client, &session.prepared, touched)).await)?;
    session.known.read(&opened.books);
    Ok(opened)
}

fn read<T>(result: Result<Result<T, ReadError>, String>) -> Result<T, Failure> {
    match result.map_err(Failure::NotWritten)? {
        Ok(read) => Ok(read),
        Err(ReadError::Row(error)) => Err(Failure::NotWritten(error.to_string())),
        Err(ReadError::Database(error)) => Err(not_written(&error)),
    }
}

fn gave_up(batch: &[&Entering], reason: String) -> Vec<Answer> {
    tracing::error!(commits = batch.len(), reason, "a batch was given up");
    vec![Err(CommitError::Unavailable(reason)); batch.len()]
}

fn accepted<'a>(
    checked: &[Result<i64, CommitError>],
    batch: &[&'a Entering],
) -> impl Iterator<Item = (i64, &'a Entering)> {
    checked.iter().zip(batch).filter_map(|(result, entering)| Some((*result.as_ref().ok()?, *entering)))
}

fn answered(checked: Result<i64, CommitError>) -> Answer {
    checked.map(|first_position| Committed { first_position })
}

/// An error that leaves nothing written: of the batch's content, or of the server's condition.
fn not_written(error: &tokio_postgres::Error) -> Failure {
    match fault::of(error) {
        Fault::Content => Failure::Refused(with_cause(error)),
        Fault::Server | Fault::Timeout => Failure::NotWritten(with_cause(error)),
    }
}
