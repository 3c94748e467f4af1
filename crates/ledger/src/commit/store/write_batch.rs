//! Writes a batch: one statement for all of its tables.

use super::arrays::{Parameter, array};
use super::connection::Connection;
use super::write_statement::{self as sets, Basis, Compared, RowSet};
use crate::commit::state::{AccountState, TenantState};
use crate::commit::writes::Writes;
use crate::store::column_values::{action_columns, answer_columns, key_id, rule_code, terms_text, types_text};
use crate::store::errors::is_undone;
use contracts::ledger::IdempotencyRecord;
use domain::commit::ObjectWrite;
use futures_util::join;
use platform::database::to_sql_time;
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

/// An array for each column, in the order of the set's columns.
type Arrays<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// Boxes arrays of different types.
macro_rules! arrays {
    ($($array:expr),* $(,)?) => { vec![$(Box::new($array) as Box<dyn ToSql + Sync + Send + '_>),*] };
}

/// How writing a batch ended.
#[derive(Debug)]
pub(crate) enum Written {
    Committed,
    /// PostgreSQL refused it and rolled all of it back.
    RolledBack(Error),
    /// It could not be sent, so none of it is written.
    Unsent(Error),
    /// The connection was lost while the transaction was being committed; whether it was committed is unknown.
    Unknown(Error),
}

/// Writes a batch and commits the transaction, in one round trip: with [`Basis::Read`] the one in which its state was
/// read, which is still open, and otherwise one of its own.
pub(crate) async fn write_batch(
    connection: &mut Connection,
    basis: Basis,
    states: &BTreeMap<i32, TenantState>,
    writes: &Writes<'_>,
) -> Written {
    let parts = parts(writes);
    let sets = parts.iter().map(|part| (part.number, part.set));
    let compared = match basis {
        Basis::Read => Compared::Nothing,
        Basis::Remembered if states.values().all(|state| state.presumed.is_empty()) => Compared::Heads,
        Basis::Remembered => Compared::HeadsAndVersions,
    };
    let statement = match connection.write_statement(compared, sets).await {
        Ok(statement) => statement,
        Err(error) => return Written::Unsent(error),
    };
    let remembered = remembered(states, compared);
    let arrays = remembered.iter().chain(parts.iter().flat_map(|part| &part.arrays));
    let parameters: Vec<Parameter<'_>> = arrays.map(|array| &**array as Parameter<'_>).collect();
    let execute = connection.client.execute(&statement, &parameters);
    match basis {
        Basis::Remembered => match execute.await {
            Ok(_) => Written::Committed,
            Err(error) if is_undone(&error) => Written::RolledBack(error),
            Err(error) => Written::Unknown(error),
        },
        Basis::Read => match join!(execute, connection.client.batch_execute("COMMIT")) {
            (Ok(_), Ok(())) => Written::Committed,
            // After a failed statement PostgreSQL answers COMMIT with a rollback, and does not call that an error.
            (Err(error), _) | (Ok(_), Err(error)) if is_undone(&error) => Written::RolledBack(error),
            (Err(error), _) | (_, Err(error)) => Written::Unknown(error),
        },
    }
}

/// Writes nothing, to all tables at once, by the statement that writes batches: it fails as that would, if a privilege is missing,
/// or if the session may only read.
pub(crate) async fn write_nothing(connection: &mut Connection) -> Result<(), Error> {
    let nothing = Writes::default();
    let parts = parts_of(&nothing, true);
    let statement =
        connection.write_statement(Compared::Nothing, parts.iter().map(|part| (part.number, part.set))).await?;
    let parameters: Vec<Parameter<'_>> =
        parts.iter().flat_map(|part| &part.arrays).map(|array| &**array as Parameter<'_>).collect();
    connection.client.execute(&statement, &parameters).await.map(drop)
}

/// The parameters of what is compared.
fn remembered(states: &BTreeMap<i32, TenantState>, compared: Compared) -> Arrays<'_> {
    if compared == Compared::Nothing {
        return Vec::new();
    }
    let heads = states.values().map(|state| &state.stored);
    let mut parameters = arrays![
        array(states.keys(), |tenant| *tenant),
        array(heads.clone(), |head| head.position),
        array(heads, |head| if head.position > 0 { head.hash.as_slice() } else { &[] }),
    ];
    if compared == Compared::HeadsAndVersions {
        let objects: Vec<_> = states
            .iter()
            .flat_map(|(tenant, state)| state.presumed.iter().map(|(id, version)| (*tenant, *id, *version)))
            .collect();
        parameters.extend(arrays![
            array(&objects, |object| object.0),
            array(&objects, |object| object.1.kind.code()),
            array(&objects, |object| object.1.value),
            array(&objects, |object| object.2),
        ]);
    }
    parameters
}

/// A set of rows with its columns.
struct Part<'a> {
    /// The number of the set among all sets.
    number: usize,
    set: &'static RowSet,
    arrays: Arrays<'a>,
}

/// The sets that have rows.
fn parts<'a>(writes: &'a Writes<'a>) -> Vec<Part<'a>> {
    parts_of(writes, false)
}

fn parts_of<'a>(writes: &'a Writes<'a>, empty_ones_too: bool) -> Vec<Part<'a>> {
    let mut parts = Vec::with_capacity(8);
    let mut number = 0;
    let mut add = |set: &'static RowSet, count: usize, arrays: &dyn Fn() -> Arrays<'a>| {
        if count > 0 || empty_ones_too {
            parts.push(Part { number, set, arrays: arrays() });
        }
        number += 1;
    };
    add(&sets::LOG, writes.log.len(), &|| log(writes));
    add(&sets::TRANSFERS, writes.transfers.len(), &|| transfers(writes));
    add(&sets::NEW_OBJECTS, writes.new_objects.len(), &|| new_objects(writes));
    add(&sets::CHANGED_OBJECTS, writes.changed_objects.len(), &|| changed_objects(writes));
    add(&sets::REVISIONS, writes.revisions.len(), &|| revisions(writes));
    add(&sets::NEW_ACCOUNTS, writes.new_accounts.len(), &|| new_accounts(&writes.new_accounts));
    add(&sets::CHANGED_ACCOUNTS, writes.changed_accounts.len(), &|| accounts(&writes.changed_accounts));
    add(&sets::NEW_KEYS, writes.new_keys.len(), &|| new_keys(&writes.new_keys));
    add(&sets::CHANGED_KEYS, writes.changed_keys.len(), &|| keys(&writes.changed_keys));
    parts
}

fn log<'a>(writes: &'a Writes<'a>) -> Arrays<'a> {
    let rows = &writes.log;
    arrays![
        array(rows, |row| row.2.tenant),
        array(rows, |row| row.0),
        // `validate` allows no more than fit.
        array(rows, |row| i16::try_from(row.2.commit.entries.len()).unwrap_or_default()),
        array(rows, |row| to_sql_time(row.1.time)),
        array(rows, |row| {
            types_text(row.2.tenant, row.2.commit.entries.iter().filter_map(|entry| entry.event_type))
        }),
        array(rows, |row| row.2.commit.request.as_ref().map(|request| request.id.as_str())),
        array(rows, |row| row.2.commit.request.as_ref().and_then(|request| request.idempotency_key.as_deref())),
        array(rows, |row| row.2.encoded.json.as_slice()),
        array(rows, |row| row.1.hash.as_slice()),
    ]
}

fn transfers<'a>(writes: &'a Writes<'a>) -> Arrays<'a> {
    let rows = &writes.transfers;
    arrays![
        array(rows, |row| row.tenant),
        array(rows, |row| row.transfer.id),
        array(rows, |row| row.position),
        array(rows, |row| row.ordinal),
        array(rows, |row| action_columns(row.transfer.action).0),
        array(rows, |row| action_columns(row.transfer.action).1),
        array(rows, |row| action_columns(row.transfer.action).2),
        array(rows, |row| row.transfer.debit.code.as_str()),
        array(rows, |row| row.transfer.credit.code.as_str()),
        array(rows, |row| row.transfer.amount),
        array(rows, |row| row.transfer.reason),
        array(rows, |row| row.transfer.object.kind.code()),
        array(rows, |row| row.transfer.object.value),
        array(rows, |row| to_sql_time(row.time)),
    ]
}

/// The columns that new and changed objects have in common.
fn objects<'a, T>(rows: &'a [T], object: impl Fn(&'a T) -> (i32, &'a ObjectWrite)) -> Arrays<'a> {
    let write = |row| object(row).1;
    arrays![
        array(rows, |row| object(row).0),
        array(rows, |row| write(row).id.kind.code()),
        array(rows, |row| write(row).id.value),
        array(rows, |row| write(row).version),
        array(rows, |row| write(row).index.customer.map(|id| id.value)),
        array(rows, |row| write(row).index.parent.map(|id| id.kind.code())),
        array(rows, |row| write(row).index.parent.map(|id| id.value)),
        array(rows, |row| write(row).index.status.as_deref()),
        array(rows, |row| write(row).index.due.map(to_sql_time)),
        array(rows, |row| terms_text(object(row).0, &write(row).index.terms)),
        // The first state is in the log.
        array(rows, |row| (write(row).version > 1).then_some(write(row).state.as_str())),
    ]
}

fn new_objects<'a>(writes: &'a Writes<'a>) -> Arrays<'a> {
    let rows = &writes.new_objects;
    let mut arrays = objects(rows, |row| (row.tenant, row.write));
    arrays.extend(arrays![
        array(rows, |row| row.position),
        array(rows, |row| row.place.0),
        array(rows, |row| row.place.1),
    ]);
    arrays
}

fn changed_objects<'a>(writes: &'a Writes<'a>) -> Arrays<'a> {
    let rows = &writes.changed_objects;
    let mut arrays = objects(rows, |row| (row.0, row.1));
    arrays.extend(arrays![array(rows, |row| row.2)]);
    arrays
}

fn revisions<'a>(writes: &'a Writes<'a>) -> Arrays<'a> {
    let rows = &writes.revisions;
    arrays![
        array(rows, |row| row.0),
        array(rows, |row| row.1.kind.code()),
        array(rows, |row| row.1.value),
        array(rows, |row| row.2),
        array(rows, |row| row.3),
    ]
}

fn accounts<'a>(rows: &'a [(i32, &'a str, &'a AccountState)]) -> Arrays<'a> {
    arrays![
        array(rows, |row| row.0),
        array(rows, |row| row.1),
        array(rows, |row| row.2.debits_posted),
        array(rows, |row| row.2.credits_posted),
        array(rows, |row| row.2.debits_pending),
        array(rows, |row| row.2.credits_pending),
    ]
}

fn new_accounts<'a>(rows: &'a [(i32, &'a str, &'a AccountState)]) -> Arrays<'a> {
    let mut arrays = accounts(rows);
    arrays.extend(arrays![array(rows, |row| row.2.currency.code()), array(rows, |row| rule_code(row.2.rule)),]);
    arrays
}

fn keys<'a>(rows: &'a [(i32, &'a IdempotencyRecord)]) -> Arrays<'a> {
    arrays![
        array(rows, |row| key_id(row.0, &row.1.key)),
        array(rows, |row| row.1.fingerprint.as_slice()),
        array(rows, |row| to_sql_time(row.1.created)),
        array(rows, |row| answer_columns(&row.1.answer).status),
        array(rows, |row| answer_columns(&row.1.answer).object.map(|id| id.kind.code())),
        array(rows, |row| answer_columns(&row.1.answer).object.map(|id| id.value)),
        array(rows, |row| answer_columns(&row.1.answer).version),
        array(rows, |row| answer_columns(&row.1.answer).body),
    ]
}

fn new_keys<'a>(rows: &'a [(i32, &'a IdempotencyRecord)]) -> Arrays<'a> {
    let mut arrays = keys(rows);
    arrays.extend(arrays![array(rows, |row| row.0), array(rows, |row| row.1.key.as_str())]);
    arrays
}

/// Ends a transaction in which there is nothing to write.
pub(crate) async fn roll_back(client: &Client) -> Result<(), Error> {
    client.batch_execute("ROLLBACK").await
}
