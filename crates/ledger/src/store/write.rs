//! The second round trip of a batch: a statement for each table, and the commit.

use super::codes::{action_columns, answer_columns, rule_code, terms_text, to_sql_time, types_text};
use super::columns::{Parameter, column, execute};
use super::statements::Statements;
use crate::batch::Writes;
use crate::check::AccountState;
use contracts::ledger::IdempotencyRecord;
use domain::commit::ObjectWrite;
use futures_util::join;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

/// What became of the second round trip.
#[derive(Debug)]
pub(crate) enum Written {
    Committed,
    /// A statement was refused, so all of the batch was rolled back.
    RolledBack(Error),
    /// The connection was lost while the transaction was being committed: it may have been, or not.
    Unknown(Error),
}

/// Second round trip: writes and commits.
pub(crate) async fn write(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Written {
    let (log, transfers, created, updated, revisions, opened, moved, begun, changed, commit) = join!(
        insert_log(client, prepared, writes),
        insert_transfers(client, prepared, writes),
        insert_objects(client, prepared, writes),
        update_objects(client, prepared, writes),
        insert_revisions(client, prepared, writes),
        insert_accounts(client, prepared, writes),
        update_accounts(client, prepared, writes),
        write_keys(client, &prepared.insert_keys, &writes.keys_begun),
        write_keys(client, &prepared.update_keys, &writes.keys_changed),
        client.batch_execute("COMMIT"),
    );
    let mut lost = None;
    for result in [log, transfers, created, updated, revisions, opened, moved, begun, changed] {
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

async fn insert_log(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.log;
    let tenant = column(rows, |row| row.2.tenant);
    let position = column(rows, |row| row.0);
    // `validate` has counted them.
    let size = column(rows, |row| i16::try_from(row.2.commit.events.len()).unwrap_or_default());
    let created = column(rows, |row| to_sql_time(row.2.commit.at));
    let types =
        column(rows, |row| types_text(row.2.tenant, row.2.commit.events.iter().filter_map(|event| event.event_type)));
    let request = column(rows, |row| row.2.commit.request.as_ref().map(|request| request.id.as_str()));
    let key = column(rows, |row| row.2.commit.request.as_ref().and_then(|request| request.idempotency_key.as_deref()));
    let entries = column(rows, |row| row.2.encoded.json.as_slice());
    let hash = column(rows, |row| row.1.as_slice());
    let columns: [Parameter<'_>; 9] = [&tenant, &position, &size, &created, &types, &request, &key, &entries, &hash];
    execute(client, &prepared.insert_log, columns, rows.len()).await
}

async fn insert_transfers(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.transfers;
    let tenant = column(rows, |row| row.tenant);
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
    let columns: [Parameter<'_>; 14] = [
        &tenant, &id, &position, &ordinal, &action, &hold, &last, &debit, &credit, &amount, &reason, &kind, &object,
        &created,
    ];
    execute(client, &prepared.insert_transfers, columns, rows.len()).await
}

/// What new and changed objects have in common.
struct ObjectColumns<'a> {
    tenant: Vec<i32>,
    kind: Vec<i16>,
    id: Vec<Uuid>,
    version: Vec<i32>,
    customer: Vec<Option<Uuid>>,
    parent_kind: Vec<Option<i16>>,
    parent: Vec<Option<Uuid>>,
    status: Vec<Option<&'a str>>,
    due: Vec<Option<std::time::SystemTime>>,
    terms: Vec<Option<String>>,
    state: Vec<Option<&'a str>>,
}

impl<'a> ObjectColumns<'a> {
    fn of<T>(rows: &'a [T], object: impl Fn(&'a T) -> (i32, &'a ObjectWrite)) -> Self {
        let write = |row| object(row).1;
        ObjectColumns {
            tenant: column(rows, |row| object(row).0),
            kind: column(rows, |row| write(row).id.kind.code()),
            id: column(rows, |row| write(row).id.value),
            version: column(rows, |row| write(row).version),
            customer: column(rows, |row| write(row).index.customer.map(|id| id.value)),
            parent_kind: column(rows, |row| write(row).index.parent.map(|id| id.kind.code())),
            parent: column(rows, |row| write(row).index.parent.map(|id| id.value)),
            status: column(rows, |row| write(row).index.status.as_deref()),
            due: column(rows, |row| write(row).index.due.map(to_sql_time)),
            terms: column(rows, |row| terms_text(object(row).0, &write(row).index.terms)),
            // The first state is in the log.
            state: column(rows, |row| (write(row).version > 1).then_some(write(row).state.as_str())),
        }
    }

    fn parameters(&self) -> [Parameter<'_>; 11] {
        [
            &self.tenant,
            &self.kind,
            &self.id,
            &self.version,
            &self.customer,
            &self.parent_kind,
            &self.parent,
            &self.status,
            &self.due,
            &self.terms,
            &self.state,
        ]
    }
}

async fn insert_objects(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.created;
    let columns = ObjectColumns::of(rows, |row| (row.tenant, row.write));
    let position = column(rows, |row| row.position);
    let start = column(rows, |row| row.place.0);
    let length = column(rows, |row| row.place.1);
    let [a, b, c, d, e, f, g, h, i, j, k] = columns.parameters();
    let parameters = [a, b, c, d, e, f, g, h, i, j, k, &position, &start, &length];
    execute(client, &prepared.insert_objects, parameters, rows.len()).await
}

async fn update_objects(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let columns = ObjectColumns::of(&writes.updated, |row| (row.0, row.1));
    execute(client, &prepared.update_objects, columns.parameters(), writes.updated.len()).await
}

async fn insert_revisions(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.revisions;
    let tenant = column(rows, |row| row.0);
    let kind = column(rows, |row| row.1.kind.code());
    let object = column(rows, |row| row.1.value);
    let version = column(rows, |row| row.2);
    let position = column(rows, |row| row.3);
    let columns: [Parameter<'_>; 5] = [&tenant, &kind, &object, &version, &position];
    execute(client, &prepared.insert_revisions, columns, rows.len()).await
}

async fn insert_accounts(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.opened;
    let tenant = column(rows, |row| row.0);
    let code = column(rows, |row| row.1);
    let currency = column(rows, |row| row.2.currency.code());
    let rule = column(rows, |row| rule_code(row.2.rule));
    let [a, b, c, d] = balances(rows);
    let columns: [Parameter<'_>; 8] = [&tenant, &code, &currency, &rule, &a, &b, &c, &d];
    execute(client, &prepared.insert_accounts, columns, rows.len()).await
}

async fn update_accounts(client: &Client, prepared: &Statements, writes: &Writes<'_>) -> Result<(), Error> {
    let rows = &writes.moved;
    let tenant = column(rows, |row| row.0);
    let code = column(rows, |row| row.1);
    let [a, b, c, d] = balances(rows);
    let columns: [Parameter<'_>; 6] = [&tenant, &code, &a, &b, &c, &d];
    execute(client, &prepared.update_accounts, columns, rows.len()).await
}

/// Posted debits and credits, then pending ones.
fn balances(rows: &[(i32, &str, &AccountState)]) -> [Vec<i64>; 4] {
    [
        column(rows, |row| row.2.debits_posted),
        column(rows, |row| row.2.credits_posted),
        column(rows, |row| row.2.debits_pending),
        column(rows, |row| row.2.credits_pending),
    ]
}

async fn write_keys(client: &Client, statement: &Statement, rows: &[(i32, &IdempotencyRecord)]) -> Result<(), Error> {
    let tenant = column(rows, |row| row.0);
    let key = column(rows, |row| row.1.key.as_str());
    let fingerprint = column(rows, |row| row.1.fingerprint.as_slice());
    let created = column(rows, |row| to_sql_time(row.1.created));
    let status = column(rows, |row| answer_columns(&row.1.answer).status);
    let kind = column(rows, |row| answer_columns(&row.1.answer).object.map(|id| id.kind.code()));
    let object = column(rows, |row| answer_columns(&row.1.answer).object.map(|id| id.value));
    let version = column(rows, |row| answer_columns(&row.1.answer).version);
    let body = column(rows, |row| answer_columns(&row.1.answer).body);
    let columns: [Parameter<'_>; 9] = [&tenant, &key, &fingerprint, &created, &status, &kind, &object, &version, &body];
    execute(client, statement, columns, rows.len()).await
}

/// Ends a transaction in which there was nothing to write.
pub(crate) async fn abandon(client: &Client) -> Result<(), Error> {
    client.batch_execute("ROLLBACK").await
}
