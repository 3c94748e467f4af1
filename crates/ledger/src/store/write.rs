//! Writes a batch: one statement for all of its tables.

use super::codes::{action_columns, answer_columns, key_id, rule_code, terms_text, to_sql_time, types_text};
use super::columns::{Parameter, column};
use super::session::Session;
use super::tables::{self, Rows};
use crate::batch::Writes;
use crate::check::AccountState;
use crate::fault::{self, Fault};
use contracts::ledger::IdempotencyRecord;
use domain::commit::ObjectWrite;
use futures_util::join;
use std::collections::BTreeSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Written {
    Committed,
    /// It was refused, and all of it was rolled back.
    RolledBack(Error),
    /// It could not be sent, so nothing of it is written.
    Unsent(Error),
    /// The connection was lost while the transaction was being committed: it may have been, or not.
    Unknown(Error),
}

/// Which transaction a batch is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// The one in which it was read.
    Open,
    /// Its own: what was read before is known to be true still, or PostgreSQL will refuse a log row.
    Own,
}

/// Writes a batch of those tenants and commits it, in one round trip.
pub(crate) async fn write(
    session: &mut Session,
    transaction: Transaction,
    tenants: &BTreeSet<i32>,
    writes: &Writes<'_>,
) -> Written {
    let parts = parts(writes);
    let statement = match session.statement(&parts).await {
        Ok(statement) => statement,
        Err(error) => return Written::Unsent(error),
    };
    let tenants: Vec<i32> = tenants.iter().copied().collect();
    let columns = parts.iter().flat_map(|part| &part.columns).map(|column| &**column as Parameter<'_>);
    let parameters: Vec<Parameter<'_>> = std::iter::once(&tenants as _).chain(columns).collect();
    let execute = session.client.execute(&statement, &parameters);
    match transaction {
        Transaction::Own => match execute.await {
            Ok(_) => Written::Committed,
            // Its content cannot be what a transaction fails from once it is committed; anything else might be.
            Err(error) if fault::of(&error) == Fault::Content => Written::RolledBack(error),
            Err(error) => Written::Unknown(error),
        },
        Transaction::Open => match join!(execute, session.client.batch_execute("COMMIT")) {
            // PostgreSQL answers COMMIT after a failed statement with a rollback, and calls that a success.
            (Err(error), _) if error.as_db_error().is_some() => Written::RolledBack(error),
            (Ok(_), Ok(())) => Written::Committed,
            (Err(error), _) | (_, Err(error)) => Written::Unknown(error),
        },
    }
}

/// Rows of one kind, and their columns.
pub(crate) struct Part<'a> {
    /// Its place among all parts that there are.
    pub number: usize,
    pub rows: &'static Rows,
    columns: Columns<'a>,
}

type Columns<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// Boxes columns of whichever types.
macro_rules! columns {
    ($($column:expr),* $(,)?) => { vec![$(Box::new($column) as Box<dyn ToSql + Sync + Send + '_>),*] };
}

/// Those parts of which there are rows.
fn parts<'a>(writes: &'a Writes<'a>) -> Vec<Part<'a>> {
    let mut parts = Vec::with_capacity(8);
    let mut number = 0;
    let mut add = |rows: &'static Rows, count: usize, columns: &dyn Fn() -> Columns<'a>| {
        if count > 0 {
            parts.push(Part { number, rows, columns: columns() });
        }
        number += 1;
    };
    add(&tables::LOG, writes.log.len(), &|| log(writes));
    add(&tables::TRANSFERS, writes.transfers.len(), &|| transfers(writes));
    add(&tables::NEW_OBJECTS, writes.created.len(), &|| new_objects(writes));
    add(&tables::CHANGED_OBJECTS, writes.updated.len(), &|| objects(&writes.updated, |row| (row.0, row.1)));
    add(&tables::REVISIONS, writes.revisions.len(), &|| revisions(writes));
    add(&tables::NEW_ACCOUNTS, writes.opened.len(), &|| new_accounts(&writes.opened));
    add(&tables::CHANGED_ACCOUNTS, writes.moved.len(), &|| accounts(&writes.moved));
    add(&tables::NEW_KEYS, writes.keys_begun.len(), &|| new_keys(&writes.keys_begun));
    add(&tables::CHANGED_KEYS, writes.keys_changed.len(), &|| keys(&writes.keys_changed));
    parts
}

fn log<'a>(writes: &'a Writes<'a>) -> Columns<'a> {
    let rows = &writes.log;
    columns![
        column(rows, |row| row.2.tenant),
        column(rows, |row| row.0),
        // `validate` has counted them.
        column(rows, |row| i16::try_from(row.2.commit.entries.len()).unwrap_or_default()),
        column(rows, |row| to_sql_time(row.1.time)),
        column(rows, |row| {
            types_text(row.2.tenant, row.2.commit.entries.iter().filter_map(|event| event.event_type))
        }),
        column(rows, |row| row.2.commit.request.as_ref().map(|request| request.id.as_str())),
        column(rows, |row| row.2.commit.request.as_ref().and_then(|request| request.idempotency_key.as_deref())),
        column(rows, |row| row.2.encoded.json.as_slice()),
        column(rows, |row| row.1.hash.as_slice()),
    ]
}

fn transfers<'a>(writes: &'a Writes<'a>) -> Columns<'a> {
    let rows = &writes.transfers;
    columns![
        column(rows, |row| row.tenant),
        column(rows, |row| row.transfer.id),
        column(rows, |row| row.position),
        column(rows, |row| row.ordinal),
        column(rows, |row| action_columns(row.transfer.action).0),
        column(rows, |row| action_columns(row.transfer.action).1),
        column(rows, |row| action_columns(row.transfer.action).2),
        column(rows, |row| row.transfer.debit.code.as_str()),
        column(rows, |row| row.transfer.credit.code.as_str()),
        column(rows, |row| row.transfer.amount),
        column(rows, |row| row.transfer.reason),
        column(rows, |row| row.transfer.object.kind.code()),
        column(rows, |row| row.transfer.object.value),
        column(rows, |row| to_sql_time(row.time)),
    ]
}

/// What new and changed objects have in common.
fn objects<'a, T>(rows: &'a [T], object: impl Fn(&'a T) -> (i32, &'a ObjectWrite)) -> Columns<'a> {
    let write = |row| object(row).1;
    columns![
        column(rows, |row| object(row).0),
        column(rows, |row| write(row).id.kind.code()),
        column(rows, |row| write(row).id.value),
        column(rows, |row| write(row).version),
        column(rows, |row| write(row).index.customer.map(|id| id.value)),
        column(rows, |row| write(row).index.parent.map(|id| id.kind.code())),
        column(rows, |row| write(row).index.parent.map(|id| id.value)),
        column(rows, |row| write(row).index.status.as_deref()),
        column(rows, |row| write(row).index.due.map(to_sql_time)),
        column(rows, |row| terms_text(object(row).0, &write(row).index.terms)),
        // The first state is in the log.
        column(rows, |row| (write(row).version > 1).then_some(write(row).state.as_str())),
    ]
}

fn new_objects<'a>(writes: &'a Writes<'a>) -> Columns<'a> {
    let rows = &writes.created;
    let mut columns = objects(rows, |row| (row.tenant, row.write));
    columns.extend(columns![
        column(rows, |row| row.position),
        column(rows, |row| row.place.0),
        column(rows, |row| row.place.1),
    ]);
    columns
}

fn revisions<'a>(writes: &'a Writes<'a>) -> Columns<'a> {
    let rows = &writes.revisions;
    columns![
        column(rows, |row| row.0),
        column(rows, |row| row.1.kind.code()),
        column(rows, |row| row.1.value),
        column(rows, |row| row.2),
        column(rows, |row| row.3),
    ]
}

fn accounts<'a>(rows: &'a [(i32, &'a str, &'a AccountState)]) -> Columns<'a> {
    columns![
        column(rows, |row| row.0),
        column(rows, |row| row.1),
        column(rows, |row| row.2.debits_posted),
        column(rows, |row| row.2.credits_posted),
        column(rows, |row| row.2.debits_pending),
        column(rows, |row| row.2.credits_pending),
    ]
}

fn new_accounts<'a>(rows: &'a [(i32, &'a str, &'a AccountState)]) -> Columns<'a> {
    let mut columns = accounts(rows);
    columns.extend(columns![column(rows, |row| row.2.currency.code()), column(rows, |row| rule_code(row.2.rule)),]);
    columns
}

fn keys<'a>(rows: &'a [(i32, &'a IdempotencyRecord)]) -> Columns<'a> {
    columns![
        column(rows, |row| key_id(row.0, &row.1.key)),
        column(rows, |row| row.1.fingerprint.as_slice()),
        column(rows, |row| to_sql_time(row.1.created)),
        column(rows, |row| answer_columns(&row.1.answer).status),
        column(rows, |row| answer_columns(&row.1.answer).object.map(|id| id.kind.code())),
        column(rows, |row| answer_columns(&row.1.answer).object.map(|id| id.value)),
        column(rows, |row| answer_columns(&row.1.answer).version),
        column(rows, |row| answer_columns(&row.1.answer).body),
    ]
}

fn new_keys<'a>(rows: &'a [(i32, &'a IdempotencyRecord)]) -> Columns<'a> {
    let mut columns = keys(rows);
    columns.extend(columns![column(rows, |row| row.0), column(rows, |row| row.1.key.as_str())]);
    columns
}

/// Ends a transaction in which there was nothing to write.
pub(crate) async fn abandon(client: &Client) -> Result<(), Error> {
    client.batch_execute("ROLLBACK").await
}
