//! One try at writing a batch: reads what is not remembered, checks the commits, and writes those that are accepted.

use super::accept::Place;
use super::lost::LostPlace;
use super::prepared::PreparedCommit;
use super::queue::Job;
use super::state::TenantState;
use super::store::connection::Connection;
use super::store::read_state::read_state;
use super::store::settled::settled;
use super::store::write_batch::{Written, roll_back, write_batch};
use super::store::write_statement::Basis;
use super::touched::{ReadScope, Touched};
use super::writes::Writes;
use crate::metrics;
use crate::store::errors::{Cause, NotWritten, ReadError, cause, is_gone};
use crate::store::round_trip;
use contracts::ledger::{CommitError, Unwritable};
use platform::database::{Pool, with_causes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of one commit.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is written; its first log entry has this position.
    Written(i64),
    /// A lost try has written it, there.
    Found(i64),
    Refused(CommitError),
    /// It is refused, but a lost try may still write it.
    Unclear(CommitError),
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
    /// A row that it changes is locked by another session.
    RowIsLocked,
    /// Some value cannot be stored.
    Refused(String),
    /// It took too much time or memory, or met a row that cannot be read.
    TooMuch(String),
    /// Another try may succeed, unless it is known why not.
    NotWritten(NotWritten),
    /// The next try has to find out whether each commit is written at this place.
    Lost(Vec<Option<LostPlace>>, String),
}

/// Whether a commit is accepted, and where it goes; `None` if its tenant's lock is not free.
type Verdict = Option<Result<Place, CommitError>>;

/// Makes tries, on one connection after another.
pub(super) struct Writer {
    pool: Pool,
    /// Kept from one batch to the next.
    connection: Option<Connection>,
    /// Changed when what was written may not be there any more.
    epoch: Arc<AtomicU64>,
}

impl Writer {
    /// Connects at the first try.
    pub fn new(pool: Pool, epoch: Arc<AtomicU64>) -> Self {
        Writer { pool, connection: None, epoch }
    }

    /// One try. `waits`: for the lock of the first commit's tenant. Unless it is certain that its transaction has ended,
    /// the connection is closed.
    pub async fn try_once(
        &mut self,
        jobs: &[Job],
        scope: ReadScope,
        from_memory: bool,
        waits: bool,
    ) -> Result<Vec<Fate>, TryError> {
        let mut connection = self.connection().await.map_err(TryError::NotWritten)?;
        let touched = Touched::by(jobs.iter().map(|job| &job.prepared), scope);
        let is_lost = jobs.iter().any(|job| !job.lost.is_empty());
        let may_remember = from_memory && !is_lost && scope == ReadScope::WithoutNew;
        let remembered = may_remember.then(|| connection.cache.states(&touched)).flatten();
        let (basis, mut states) = match remembered {
            Some(states) => (Basis::Remembered, states),
            None => {
                let first = jobs.first().map(|job| job.prepared.tenant).filter(|_| waits);
                let read = read(&mut connection, &touched, first).await;
                if matches!(read, Err(TryError::FirstIsLocked)) {
                    self.leave(connection).await;
                    return Err(TryError::FirstIsLocked);
                }
                (Basis::Read, read?)
            }
        };
        metrics::batch_tries(if basis == Basis::Read { "read" } else { "known" }).increment(1);
        if is_lost {
            let fates = fates_of_lost(&connection, jobs, &states).await?;
            if fates.iter().any(|fate| matches!(fate, Fate::Found(_))) {
                self.leave(connection).await;
                return Ok(fates);
            }
        }
        let may_come: Vec<bool> = jobs.iter().map(|job| may_come(job, &states)).collect();
        let verdicts = verdicts(jobs, &mut states);
        if basis == Basis::Remembered && !each_tenant_is_logged(&verdicts, jobs) {
            self.connection = Some(connection);
            return Err(TryError::ToBeRead(ReadScope::WithoutNew));
        }
        let writes = Writes::of(accepted(&verdicts, jobs), &states);
        if writes.is_empty() {
            match basis {
                Basis::Read => self.leave(connection).await,
                Basis::Remembered => self.connection = Some(connection),
            }
            return Ok(fates(verdicts, may_come));
        }
        let written = round_trip::limited(write_batch(&mut connection, basis, &states, &writes)).await;
        match written {
            Ok(Written::Committed) => {
                let changed =
                    writes.changed_objects.iter().map(|(tenant, write, _)| (*tenant, write.id, write.version));
                connection.cache.written(&states, changed);
                self.connection = Some(connection);
                Ok(fates(verdicts, may_come))
            }
            Ok(Written::RolledBack(error)) => {
                // A session that may only read may go on so when a new one would not have to.
                self.connection = Some(connection).filter(|_| cause(&error) != Cause::Unwritable(Unwritable::ReadOnly));
                if is_gone(&error) {
                    self.epoch.fetch_add(1, Ordering::Release);
                }
                Err(undone(&error, basis, scope))
            }
            Ok(Written::Unsent(error)) => Err(TryError::NotWritten((&error).into())),
            Ok(Written::Unknown(error)) => Err(lost(&verdicts, jobs, basis, with_causes(&error))),
            Err(late) => Err(lost(&verdicts, jobs, basis, late)),
        }
    }

    /// The connection of the batch before, or a new one.
    async fn connection(&mut self) -> Result<Connection, NotWritten> {
        match self.connection.take().filter(|connection| !connection.client.is_closed()) {
            Some(connection) => round_trip::limited(connection.still_may_write()).await?,
            None => {
                let connection = round_trip::limited(Connection::open(&self.pool)).await?;
                self.epoch.fetch_add(1, Ordering::Release);
                connection
            }
        }
    }

    /// Ends a transaction in which there is nothing to write, and keeps the connection.
    async fn leave(&mut self, connection: Connection) {
        if matches!(round_trip::limited(roll_back(&connection.client)).await, Ok(Ok(()))) {
            self.connection = Some(connection);
        }
    }
}

/// Reads what a batch relies on, under the locks of its tenants.
async fn read(
    connection: &mut Connection,
    touched: &Touched<'_>,
    first: Option<i32>,
) -> Result<BTreeMap<i32, TenantState>, TryError> {
    let states = read_state(&connection.client, &connection.prepared, touched, first);
    let states = ended(round_trip::limited(states).await)?;
    connection.cache.read(&states);
    for tenant in touched.tenants.keys().filter(|tenant| !states.contains_key(tenant)) {
        connection.cache.shared(*tenant);
    }
    Ok(states)
}

/// Whether a lost try may still write the commit. A refusal is then not for certain.
fn may_come(job: &Job, states: &BTreeMap<i32, TenantState>) -> bool {
    let next = states.get(&job.prepared.tenant).map_or(0, |state| state.next);
    job.lost.iter().any(|place| place.may_come(next))
}

/// Whether there is a new log row of each tenant of which something is accepted: without one, nothing makes PostgreSQL
/// refuse what is out of date.
fn each_tenant_is_logged(verdicts: &[Verdict], jobs: &[Job]) -> bool {
    let tenants = |logged: bool| -> BTreeSet<i32> {
        let commits = accepted(verdicts, jobs).map(|(_, commit)| commit);
        commits.filter(|commit| !logged || commit.is_logged()).map(|commit| commit.tenant).collect()
    };
    tenants(false) == tenants(true)
}

fn lost(verdicts: &[Verdict], jobs: &[Job], basis: Basis, reason: String) -> TryError {
    let place = |(verdict, job): (&Verdict, &Job)| {
        Some(LostPlace::new(verdict.as_ref()?.as_ref().ok()?, job.prepared.is_logged(), basis == Basis::Remembered))
    };
    TryError::Lost(verdicts.iter().zip(jobs).map(place).collect(), reason)
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

fn fates(verdicts: Vec<Verdict>, may_come: Vec<bool>) -> Vec<Fate> {
    let fate = |(verdict, may_come)| match verdict {
        Some(Ok(Place { position, .. })) => Fate::Written(position),
        Some(Err(error)) if may_come => Fate::Unclear(error),
        Some(Err(error)) => Fate::Refused(error),
        None => Fate::Busy,
    };
    verdicts.into_iter().zip(may_come).map(fate).collect()
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
            fates[at] = Fate::Found(place.position);
        }
    }
    Ok(fates)
}

fn job_places(at: usize, job: &Job) -> impl Iterator<Item = (usize, &LostPlace, &PreparedCommit)> {
    job.lost.iter().map(move |place| (at, place, &job.prepared))
}

fn ended<T>(result: Result<Result<T, ReadError>, String>) -> Result<T, TryError> {
    match result.map_err(|late| TryError::NotWritten(late.into()))? {
        Ok(read) => Ok(read),
        Err(ReadError::Row(error)) => Err(TryError::TooMuch(error.to_string())),
        Err(ReadError::Database(error)) => Err(match cause(&error) {
            Cause::Locked => TryError::FirstIsLocked,
            Cause::Timeout | Cause::TooMuch => TryError::TooMuch(with_causes(&error)),
            Cause::Content | Cause::NotAsKnown | Cause::Unwritable(_) | Cause::Server => {
                TryError::NotWritten((&error).into())
            }
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
        (Cause::Locked, Basis::Read, _) => TryError::RowIsLocked,
        (Cause::NotAsKnown | Cause::Unwritable(_) | Cause::Server, ..) => TryError::NotWritten(error.into()),
    }
}
