//! One try at writing a batch: reads what is not remembered, checks the commits, and writes those that are accepted.

use super::accept::Place;
use super::lost::LostTry;
use super::metrics;
use super::prepared::PreparedCommit;
use super::queue::Job;
use super::state::TenantState;
use super::store::connection::Connection;
use super::store::read_state::{BatchState, read_state};
use super::store::settled::settled;
use super::store::write_batch::{Written, roll_back, write_batch};
use super::store::write_statement::Basis;
use super::touched::{ReadScope, Touched};
use super::writes::Writes;
use crate::store::errors::{Cause, ReadError, cause};
use crate::store::round_trip;
use contracts::ledger::CommitError;
use deadpool_postgres::Pool;
use platform::database::with_causes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of one commit.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is written; its first log entry has this position.
    Written(i64),
    Refused(CommitError),
    /// The lock of its tenant is not free.
    Busy,
    /// Nothing yet: it is to be tried again.
    Again,
}

/// Why a try has not led to fates. Unless it is `Lost`, nothing is written.
#[derive(Debug)]
pub(super) enum TryError {
    /// Something is not as it was remembered, or exists already: so much has to be read first.
    ToBeRead(ReadScope),
    /// The lock of the first commit's tenant was waited for in vain.
    FirstIsLocked,
    /// Some value cannot be stored.
    Refused(String),
    /// It took too much time or memory.
    TooMuch(String),
    /// Another try may succeed.
    NotWritten(String),
    /// The next try has to find out whether it is written.
    Lost(LostTry, Vec<Option<Place>>, String),
}

/// Whether a commit is accepted, and where it goes; `None` if its tenant's lock is not free.
type Verdict = Option<Result<Place, CommitError>>;

/// Makes tries, on one connection after another.
pub(super) struct Writer {
    pool: Pool,
    /// Kept from one batch to the next.
    connection: Option<Connection>,
    /// How many tries were lost.
    lost: u64,
}

impl Writer {
    /// Connects at the first try.
    pub fn new(pool: Pool) -> Self {
        Writer { pool, connection: None, lost: 0 }
    }

    /// One try. Unless it is certain that its transaction has ended, the connection is closed.
    pub async fn try_once(&mut self, jobs: &[Job], scope: ReadScope, from_memory: bool) -> Result<Vec<Fate>, TryError> {
        let mut connection = self.connection().await.map_err(TryError::NotWritten)?;
        let touched = Touched::by(jobs.iter().map(|job| &job.prepared), scope);
        let is_lost = jobs.iter().any(|job| !job.lost.is_empty());
        // Without a log row nothing makes PostgreSQL refuse what is out of date.
        let is_logged = jobs.iter().any(|job| job.is_logged());
        let may_remember = from_memory && is_logged && !is_lost && scope == ReadScope::WithoutNew;
        let remembered = may_remember.then(|| connection.cache.states(&touched)).flatten();
        let (basis, mut states, transaction) = match remembered {
            Some(states) => (Basis::Remembered, states, None),
            None => {
                let read = self.read(&mut connection, jobs, &touched).await;
                if matches!(read, Err(TryError::FirstIsLocked)) {
                    self.leave(connection).await;
                    return Err(TryError::FirstIsLocked);
                }
                let BatchState { tenants, transaction } = read?;
                (Basis::Read, tenants, transaction.map(Arc::from))
            }
        };
        metrics::batch_tried(if basis == Basis::Read { "read" } else { "known" });
        if is_lost {
            let fates = fates_of_lost(&connection, jobs, &states).await?;
            if fates.iter().any(|fate| matches!(fate, Fate::Written(_))) {
                self.leave(connection).await;
                return Ok(fates);
            }
        }
        let verdicts = verdicts(jobs, &mut states);
        let writes = Writes::of(accepted(&verdicts, jobs), &states);
        if writes.is_empty() {
            if basis == Basis::Read {
                self.leave(connection).await;
            }
            return Ok(fates(verdicts));
        }
        let written = round_trip::limited(write_batch(&mut connection, basis, &states, &writes)).await;
        let lost = |reason, number| {
            let places = verdicts.iter().map(|verdict| Some(*verdict.as_ref()?.as_ref().ok()?)).collect();
            TryError::Lost(LostTry { number, transaction }, places, reason)
        };
        match written {
            Ok(Written::Committed) => {
                let changed =
                    writes.changed_objects.iter().map(|(tenant, write, _)| (*tenant, write.id, write.version));
                connection.cache.written(&states, changed);
                self.connection = Some(connection);
                Ok(fates(verdicts))
            }
            Ok(Written::RolledBack(error)) => {
                self.connection = Some(connection);
                Err(undone(&error, basis, scope))
            }
            Ok(Written::Unsent(error)) => Err(TryError::NotWritten(with_causes(&error))),
            Ok(Written::Unknown(error)) => Err(lost(with_causes(&error), self.next_lost())),
            Err(late) => Err(lost(late, self.next_lost())),
        }
    }

    /// Reads what a batch relies on, under the locks of its tenants.
    async fn read(
        &self,
        connection: &mut Connection,
        jobs: &[Job],
        touched: &Touched<'_>,
    ) -> Result<BatchState, TryError> {
        let first = jobs.first().map(|job| job.prepared.tenant).unwrap_or_default();
        let state = read_state(&connection.client, &connection.prepared, touched, first);
        let state = ended(round_trip::limited(state).await)?;
        connection.cache.read(&state.tenants);
        for tenant in touched.tenants.keys().filter(|tenant| !state.tenants.contains_key(tenant)) {
            connection.cache.shared(*tenant);
        }
        Ok(state)
    }

    /// The connection of the batch before, or a new one.
    async fn connection(&mut self) -> Result<Connection, String> {
        match self.connection.take().filter(|connection| !connection.client.is_closed()) {
            Some(connection) => Ok(connection),
            None => round_trip::limited(Connection::open(&self.pool)).await?,
        }
    }

    /// The number of one more try that was lost.
    fn next_lost(&mut self) -> u64 {
        self.lost += 1;
        self.lost
    }

    /// Ends a transaction in which there is nothing to write, and keeps the connection.
    async fn leave(&mut self, connection: Connection) {
        if matches!(round_trip::limited(roll_back(&connection.client)).await, Ok(Ok(()))) {
            self.connection = Some(connection);
        }
    }
}

/// Checks each commit against what is stored and what those before it leave.
fn verdicts(jobs: &[Job], states: &mut BTreeMap<i32, TenantState>) -> Vec<Verdict> {
    let verdict = |job: &Job| states.get_mut(&job.prepared.tenant).map(|state| state.accept(&job.prepared));
    jobs.iter().map(verdict).collect()
}

/// The commits that were accepted, with their places.
fn accepted<'a>(verdicts: &[Verdict], jobs: &'a [Job]) -> impl Iterator<Item = (Place, &'a PreparedCommit)> {
    let accepted = |(verdict, job): (&Verdict, &'a Job)| Some((*verdict.as_ref()?.as_ref().ok()?, &job.prepared));
    verdicts.iter().zip(jobs).filter_map(accepted)
}

fn fates(verdicts: Vec<Verdict>) -> Vec<Fate> {
    let fate = |verdict| match verdict {
        Some(Ok(Place { position, .. })) => Fate::Written(position),
        Some(Err(error)) => Fate::Refused(error),
        None => Fate::Busy,
    };
    verdicts.into_iter().map(fate).collect()
}

/// Looks for commits that lost tries have written. While a tenant's lock is not free, a lost try may still be under way.
async fn fates_of_lost(
    connection: &Connection,
    jobs: &[Job],
    states: &BTreeMap<i32, TenantState>,
) -> Result<Vec<Fate>, TryError> {
    let is_locked = |job: &Job| states.contains_key(&job.prepared.tenant);
    let places = |(at, job)| job_places(at, job);
    let lost: Vec<_> = jobs.iter().enumerate().filter(|(_, job)| is_locked(job)).flat_map(places).collect();
    let asked: Vec<_> = lost.iter().map(|(_, place, commit)| (*place, *commit)).collect();
    let settled = settled(&connection.client, &connection.prepared, &asked);
    let settled = ended(round_trip::limited(settled).await)?;
    let mut fates: Vec<Fate> = jobs.iter().map(|job| if is_locked(job) { Fate::Again } else { Fate::Busy }).collect();
    for ((at, place, _), is_written) in lost.into_iter().zip(settled) {
        if is_written {
            fates[at] = Fate::Written(place.position);
        }
    }
    Ok(fates)
}

fn job_places(at: usize, job: &Job) -> impl Iterator<Item = (usize, &super::lost::LostPlace, &PreparedCommit)> {
    job.lost.iter().map(move |place| (at, place, &job.prepared))
}

fn ended<T>(result: Result<Result<T, ReadError>, String>) -> Result<T, TryError> {
    match result.map_err(TryError::NotWritten)? {
        Ok(read) => Ok(read),
        Err(ReadError::Row(error)) => Err(TryError::NotWritten(error.to_string())),
        Err(ReadError::Database(error)) => Err(match cause(&error) {
            Cause::Locked => TryError::FirstIsLocked,
            Cause::Timeout | Cause::TooMuch => TryError::TooMuch(with_causes(&error)),
            Cause::Content | Cause::NotAsKnown | Cause::Server => TryError::NotWritten(with_causes(&error)),
        }),
    }
}

/// What it means that PostgreSQL has refused a batch and undone it.
fn undone(error: &tokio_postgres::Error, basis: Basis, scope: ReadScope) -> TryError {
    let reason = with_causes(error);
    let is_duplicate = error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION);
    // Another process's log rows are in the way.
    let is_overtaken = is_duplicate && error.as_db_error().and_then(|error| error.constraint()) == Some("log_pkey");
    match (cause(error), basis, scope) {
        (Cause::Locked, Basis::Remembered, _) => TryError::ToBeRead(ReadScope::WithoutNew),
        (Cause::NotAsKnown, Basis::Remembered, _) if is_overtaken || !is_duplicate => {
            TryError::ToBeRead(ReadScope::WithoutNew)
        }
        (Cause::NotAsKnown, _, ReadScope::WithoutNew) => TryError::ToBeRead(ReadScope::Everything),
        // All that is there was read: a commit contradicts another one, or itself.
        (Cause::NotAsKnown, _, ReadScope::Everything) if is_duplicate => TryError::Refused(reason),
        (Cause::Content, ..) => TryError::Refused(reason),
        (Cause::Timeout | Cause::TooMuch, ..) => TryError::TooMuch(reason),
        (Cause::NotAsKnown | Cause::Locked | Cause::Server, ..) => TryError::NotWritten(reason),
    }
}
