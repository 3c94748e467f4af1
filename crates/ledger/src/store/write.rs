//! The two round trips of a batch: read what it touches under the tenant's lock, then write it and commit.

use super::codes::{action_columns, answer_columns, rule_code, to_sql_time};
use super::rows::{self, RowError};
use super::statements::{self, BEGIN, OUTCOME, Statements};
use crate::batch::{Touched, Writes};
use crate::check::{AccountState, Hold, State};
use domain::commit::{Commit, ObjectWrite, Step};
use futures_util::{join, try_join};
use std::collections::HashMap;
use std::time::SystemTime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};
use types::TenantId;
use uuid::Uuid;

type Parameter<'a> = &'a (dyn ToSql + Sync);

/// What a batch touches, and the number of the transaction that has locked it.
pub(crate) struct Opened {
    pub state: State,
    pub transaction: String,
}

/// Why a batch could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Database(Error),
    Row(RowError),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        ReadError::Database(error)
    }
}

/// What became of the second round trip.
#[derive(Debug)]
pub(crate) enum Written {
    Committed,
    /// A statement was refused, so all of the batch was rolled back.
    RolledBack(Error),
    /// The connection was lost while the transaction was being committed: it may have been, or not.
    Unknown(Error),
}

/// First round trip: begins a transaction, waits for the tenant's lock, reads what the batch touches.
pub(crate) async fn open(
    client: &Client,
    prepared: &Statements,
    tenant: TenantId,
    touched: &Touched<'_>,
) -> Result<Opened, ReadError> {
    let lock = statements::lock_number(tenant);
    let lock_parameters: [Parameter<'_>; 1] = [&lock];
    let (kinds, ids): (Vec<i16>, Vec<Uuid>) = touched.objects.iter().map(|id| (id.kind.code(), id.value)).unzip();
    let codes: Vec<&str> = touched.accounts.iter().copied().collect();
    let keys: Vec<&str> = touched.keys.iter().copied().collect();
    let holds: Vec<Uuid> = touched.holds.iter().copied().collect();
    // The statements leave in the order in which they are polled first, which is the order here.
    let ((), _, head, versions, accounts, keys, holds) = try_join!(
        client.batch_execute(BEGIN),
        client.execute(&prepared.lock, &lock_parameters),
        client.query_one(&prepared.head, &[]),
        query_unless(ids.is_empty(), client, &prepared.versions, [&kinds, &ids]),
        query_unless(codes.is_empty(), client, &prepared.accounts, [&codes]),
        query_unless(keys.is_empty(), client, &prepared.keys, [&keys]),
        query_unless(holds.is_empty(), client, &prepared.holds, [&holds]),
    )?;
    let read = || -> Result<Opened, RowError> {
        Ok(Opened {
            state: State {
                head: head.try_get(0)?,
                versions: collect(&versions, |row| {
                    Ok((super::codes::object_id(row.try_get(0)?, row.try_get(1)?)?, row.try_get(2)?))
                })?,
                accounts: collect(&accounts, account)?,
                holds: collect(&holds, hold)?,
                keys: collect(&keys, |row| rows::idempotency(row).map(|record| (record.key.clone(), record)))?,
            },
            transaction: head.try_get(1)?,
        })
    };
    read().map_err(ReadError::Row)
}

fn collect<K: std::hash::Hash + Eq, V>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<(K, V), RowError>,
) -> Result<HashMap<K, V>, RowError> {
    rows.iter().map(read).collect()
}

fn account(row: &Row) -> Result<(String, AccountState), RowError> {
    let balance = rows::balance(row)?;
    let state = AccountState {
        currency: balance.account.currency,
        rule: balance.account.rule,
        debits_posted: balance.debits_posted,
        credits_posted: balance.credits_posted,
        debits_pending: balance.debits_pending,
        credits_pending: balance.credits_pending,
        stored: true,
        changed: false,
    };
    Ok((balance.account.code, state))
}

fn hold(row: &Row) -> Result<(Uuid, Hold), RowError> {
    let (amount, posted): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
    let hold = Hold {
        debit: row.try_get(1)?,
        credit: row.try_get(2)?,
        remaining: amount.saturating_sub(posted),
        closed: row.try_get(5)?,
    };
    Ok((row.try_get(0)?, hold))
}

async fn query_unless<const N: usize>(
    nothing: bool,
    client: &Client,
    statement: &Statement,
    parameters: [Parameter<'_>; N],
) -> Result<Vec<Row>, Error> {
    if nothing { Ok(Vec::new()) } else { client.query(statement, &parameters).await }
}

async fn execute_unless<const N: usize>(
    nothing: bool,
    client: &Client,
    statement: &Statement,
    parameters: [Parameter<'_>; N],
) -> Result<(), Error> {
    if !nothing {
        client.execute(statement, &parameters).await?;
    }
    Ok(())
}

/// Takes a column out of rows.
fn column<'a, T, C>(rows: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(of).collect()
}

/// Second round trip: writes and commits.
pub(crate) async fn write(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Written {
    let (events, transfers, objects, accounts, keys, commit) = join!(
        insert_events(client, prepared, writes),
        insert_transfers(client, prepared, writes),
        write_objects(client, prepared, writes),
        write_accounts(client, prepared, writes),
        upsert_keys(client, prepared, writes),
        client.batch_execute("COMMIT"),
    );
    let mut lost = None;
    for result in [events, transfers, objects, accounts, keys] {
        match result {
            // PostgreSQL answers COMMIT after a failed statement with a rollback, and calls that a success.
            Err(error) if error.as_db_error().is_some() => return Written::RolledBack(error),
            Err(error) => lost = Some(error),
            Ok(()) => {}
        }
    }
    match lost.map_or(commit, Err) {
        Ok(()) => Written::Committed,
        Err(error) => Written::Unknown(error),
    }
}

async fn insert_events(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.events;
    let position = column(rows, |row| row.position);
    let created = column(rows, |row| to_sql_time(row.commit.at));
    let kind = column(rows, |row| row.event.object.kind.code());
    let object = column(rows, |row| row.event.object.value);
    let version = column(rows, |row| row.event.version);
    let event_type = column(rows, |row| row.event.event_type);
    let change = column(rows, |row| row.event.change.as_str());
    let request = column(rows, |row| row.commit.request.as_ref().map(|request| request.id.as_str()));
    let key = column(rows, |row| row.commit.request.as_ref().and_then(|request| request.idempotency_key.as_deref()));
    let columns: [Parameter<'_>; 9] =
        [&position, &created, &kind, &object, &version, &event_type, &change, &request, &key];
    execute_unless(rows.is_empty(), client, &prepared.insert_events, columns).await
}

async fn insert_transfers(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.transfers;
    let id = column(rows, |row| row.transfer.id);
    let position = column(rows, |row| row.position);
    let ordinal = column(rows, |row| row.ordinal);
    let action = column(rows, |row| action_columns(row.transfer.action).0);
    let hold = column(rows, |row| action_columns(row.transfer.action).1);
    let last = column(rows, |row| action_columns(row.transfer.action).2);
    let debit = column(rows, |row| row.transfer.debit.code.as_str());
    let credit = column(rows, |row| row.transfer.credit.code.as_str());
    let amount = column(rows, |row| row.transfer.amount);
    let reason = column(rows, |row| row.transfer.reason);
    let kind = column(rows, |row| row.transfer.object.kind.code());
    let object = column(rows, |row| row.transfer.object.value);
    let created = column(rows, |row| to_sql_time(row.commit.at));
    let columns: [Parameter<'_>; 13] =
        [&id, &position, &ordinal, &action, &hold, &last, &debit, &credit, &amount, &reason, &kind, &object, &created];
    execute_unless(rows.is_empty(), client, &prepared.insert_transfers, columns).await
}

async fn write_objects(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let (inserted, updated) = join!(
        write_states(client, &prepared.insert_objects, &writes.created),
        write_states(client, &prepared.update_objects, &writes.updated),
    );
    refusal_first(inserted, updated)
}

async fn write_states(client: &Client, statement: &Statement, rows: &[&ObjectWrite]) -> Result<(), Error> {
    let kind = column(rows, |row| row.id.kind.code());
    let id = column(rows, |row| row.id.value);
    let version = column(rows, |row| row.version);
    let customer = column(rows, |row| row.index.customer.map(|id| id.value));
    let parent_kind = column(rows, |row| row.index.parent.map(|id| id.kind.code()));
    let parent = column(rows, |row| row.index.parent.map(|id| id.value));
    let status = column(rows, |row| row.index.status.as_deref());
    let due = column(rows, |row| row.index.due.map(to_sql_time));
    let state = column(rows, |row| row.state.as_str());
    let columns: [Parameter<'_>; 9] = [&kind, &id, &version, &customer, &parent_kind, &parent, &status, &due, &state];
    execute_unless(rows.is_empty(), client, statement, columns).await
}

async fn write_accounts(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let opened = &writes.opened;
    let opened_code = column(opened, |row| row.0);
    let currency = column(opened, |row| row.1.currency.code());
    let rule = column(opened, |row| rule_code(row.1.rule));
    let opened_balances = Balances::of(opened);
    let [debits_posted, credits_posted, debits_pending, credits_pending] = opened_balances.columns();
    let opened_columns: [Parameter<'_>; 7] =
        [&opened_code, &currency, &rule, debits_posted, credits_posted, debits_pending, credits_pending];

    let moved = &writes.moved;
    let moved_code = column(moved, |row| row.0);
    let moved_balances = Balances::of(moved);
    let [debits_posted, credits_posted, debits_pending, credits_pending] = moved_balances.columns();
    let moved_columns: [Parameter<'_>; 5] =
        [&moved_code, debits_posted, credits_posted, debits_pending, credits_pending];

    let (inserted, updated) = join!(
        execute_unless(opened.is_empty(), client, &prepared.insert_accounts, opened_columns),
        execute_unless(moved.is_empty(), client, &prepared.update_accounts, moved_columns),
    );
    refusal_first(inserted, updated)
}

/// The four balances of accounts, as columns.
struct Balances([Vec<i64>; 4]);

impl Balances {
    fn of(rows: &[(&str, &AccountState)]) -> Self {
        Balances([
            column(rows, |row| row.1.debits_posted),
            column(rows, |row| row.1.credits_posted),
            column(rows, |row| row.1.debits_pending),
            column(rows, |row| row.1.credits_pending),
        ])
    }

    fn columns(&self) -> [Parameter<'_>; 4] {
        let [debits_posted, credits_posted, debits_pending, credits_pending] = &self.0;
        [debits_posted, credits_posted, debits_pending, credits_pending]
    }
}

async fn upsert_keys(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.keys;
    let key = column(rows, |row| row.key.as_str());
    let fingerprint = column(rows, |row| row.fingerprint.as_slice());
    let created = column(rows, |row| to_sql_time(row.created));
    let status = column(rows, |row| answer_columns(&row.answer).status);
    let kind = column(rows, |row| answer_columns(&row.answer).object.map(|id| id.kind.code()));
    let object = column(rows, |row| answer_columns(&row.answer).object.map(|id| id.value));
    let version = column(rows, |row| answer_columns(&row.answer).version);
    let body = column(rows, |row| answer_columns(&row.answer).body);
    let columns: [Parameter<'_>; 8] = [&key, &fingerprint, &created, &status, &kind, &object, &version, &body];
    execute_unless(rows.is_empty(), client, &prepared.upsert_keys, columns).await
}

/// Of two failures, the one in which PostgreSQL said no: then it is certain that nothing was written.
fn refusal_first(one: Result<(), Error>, other: Result<(), Error>) -> Result<(), Error> {
    match (one, other) {
        (Err(one), Err(other)) if one.as_db_error().is_none() => Err(other),
        (Err(error), _) | (Ok(()), Err(error)) => Err(error),
        (Ok(()), Ok(())) => Ok(()),
    }
}

/// Ends a transaction in which there was nothing to write.
pub(crate) async fn abandon(client: &Client) -> Result<(), Error> {
    client.batch_execute("ROLLBACK").await
}

/// After a connection was lost in the middle of a commit: whether the commits that were to be written, with the
/// positions of their first events, are there. They are of one transaction, so if one is there, all are. Waits for the
/// tenant's lock, so that the lost transaction is over.
pub(crate) async fn look_up(
    client: &Client,
    tenant: TenantId,
    transaction: &str,
    expected: &[(i64, &Commit)],
) -> Result<bool, ReadError> {
    let schema = tenant.schema();
    client.batch_execute(BEGIN).await?;
    statements::take_lock(client, tenant).await?;
    let outcome: Option<String> = client.query_one(OUTCOME, &[&transaction]).await?.try_get(0)?;
    let has_events = expected.iter().any(|(_, commit)| !commit.events.is_empty());
    let there = match outcome.as_deref() {
        Some("aborted") => false,
        // The log decides where it can: after a fail-over the transaction's number may be somebody else's.
        _ if has_events => events_there(client, &schema, expected).await?,
        Some("committed") => true,
        _ => keys_there(client, &schema, expected).await?,
    };
    abandon(client).await?;
    Ok(there)
}

async fn events_there(client: &Client, schema: &str, expected: &[(i64, &Commit)]) -> Result<bool, ReadError> {
    let first: Vec<_> = expected
        .iter()
        .filter_map(|(position, commit)| commit.events.first().map(|event| (*position, commit.at, event)))
        .collect();
    let position = column(&first, |row| row.0);
    let created: Vec<SystemTime> = column(&first, |row| to_sql_time(row.1));
    let kind = column(&first, |row| row.2.object.kind.code());
    let object = column(&first, |row| row.2.object.value);
    let version = column(&first, |row| row.2.version);
    let change = column(&first, |row| row.2.change.as_str());
    let sql = statements::look_up_events(schema);
    let rows = client.query(&sql, &[&position, &created, &kind, &object, &version, &change]).await?;
    Ok(!rows.is_empty())
}

async fn keys_there(client: &Client, schema: &str, expected: &[(i64, &Commit)]) -> Result<bool, ReadError> {
    let writes: Vec<_> = expected
        .iter()
        .filter_map(|(_, commit)| commit.idempotency.as_ref().map(|write| (write.key.as_str(), (commit.at, write))))
        .collect();
    let keys = column(&writes, |row| row.0);
    let sql = format!("SELECT {} FROM {schema}.idempotency_keys WHERE key = ANY($1)", rows::KEY_COLUMNS);
    let rows = client.query(&sql, &[&keys]).await?;
    let records = collect(&rows, |row| rows::idempotency(row).map(|record| (record.key.clone(), record)));
    let records = records.map_err(ReadError::Row)?;
    Ok(writes.iter().any(|(key, (at, write))| {
        records.get(*key).is_some_and(|record| {
            record.fingerprint == write.fingerprint
                && record.answer == write.answer
                && (write.step == Step::Finish || record.created == *at)
        })
    }))
}
