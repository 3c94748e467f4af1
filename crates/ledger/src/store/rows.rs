//! Rows as the values that the contract speaks of.

use super::codes;
use contracts::ledger::{Balance, IdempotencyRecord, Stored};
use domain::account::Account;
use domain::commit::Index;
use std::error::Error;
use tokio_postgres::Row;
use types::{Kind, ObjectId, Timestamp};

pub(crate) type RowError = Box<dyn Error + Send + Sync>;

/// The state of an object of a table or alias `o`: its own, or that of its creation in the log. A look-up of its own
/// for each row, so that no plan can join the whole log.
pub(crate) const STATE: &str = "coalesce(o.state, (
        SELECT convert_from(substr(l.entries, o.start, o.length), 'UTF8')
        FROM ledger.log l WHERE l.tenant = o.tenant AND l.position = o.position
    ))";

/// The columns that [`stored`] reads, before [`STATE`], of a table or alias `o`.
pub(crate) const STORED_COLUMNS: &str =
    "o.kind, o.id, o.version, o.customer, o.parent_kind, o.parent, o.status, o.due, o.terms";

/// `tenant` is the number of the books that the row is of.
pub(crate) fn stored(row: &Row, tenant: i32) -> Result<Stored, RowError> {
    stored_with(row, tenant, row.try_get(9)?)
}

/// The same, with a state that is read otherwise.
pub(crate) fn stored_with(row: &Row, tenant: i32, state: String) -> Result<Stored, RowError> {
    let customer: Option<uuid::Uuid> = row.try_get(3)?;
    let parent: Option<(i16, uuid::Uuid)> = row.try_get::<_, Option<i16>>(4)?.zip(row.try_get(5)?);
    let due: Option<std::time::SystemTime> = row.try_get(7)?;
    Ok(Stored {
        id: codes::object_id(row.try_get(0)?, row.try_get(1)?)?,
        version: row.try_get(2)?,
        index: Index {
            customer: customer.map(|value| ObjectId::from_value(Kind::Customer, value)),
            parent: parent.map(|(kind, value)| codes::object_id(kind, value)).transpose()?,
            status: row.try_get(6)?,
            due: due.map(codes::from_sql_time),
            terms: codes::from_sql_terms(tenant, row.try_get(8)?),
        },
        state,
    })
}

/// The columns that [`log_row`] reads.
pub(crate) const LOG_COLUMNS: &str = "position, size, created, request_id, idempotency_key, entries";

/// The log entries of one commit.
pub(crate) struct LogRow {
    pub position: i64,
    pub size: i16,
    pub created: Timestamp,
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
    pub entries: Vec<u8>,
}

pub(crate) fn log_row(row: &Row) -> Result<LogRow, RowError> {
    Ok(LogRow {
        position: row.try_get(0)?,
        size: row.try_get(1)?,
        created: codes::from_sql_time(row.try_get(2)?),
        request_id: row.try_get(3)?,
        idempotency_key: row.try_get(4)?,
        entries: row.try_get(5)?,
    })
}

/// The columns that [`balance`] reads.
pub(crate) const BALANCE_COLUMNS: &str =
    "code, currency, rule, debits_posted, credits_posted, debits_pending, credits_pending";

pub(crate) fn balance(row: &Row) -> Result<Balance, RowError> {
    balance_from(row, 0)
}

/// The same, with other columns before.
pub(crate) fn balance_from(row: &Row, first: usize) -> Result<Balance, RowError> {
    let currency: &str = row.try_get(first + 1)?;
    let (code, rule) = (row.try_get(first)?, codes::rule(row.try_get(first + 2)?)?);
    Ok(Balance {
        account: Account { code, currency: currency.parse()?, rule },
        debits_posted: row.try_get(first + 3)?,
        credits_posted: row.try_get(first + 4)?,
        debits_pending: row.try_get(first + 5)?,
        credits_pending: row.try_get(first + 6)?,
    })
}

/// The columns that [`idempotency`] reads.
pub(crate) const KEY_COLUMNS: &str = "key, fingerprint, created, status, object_kind, object, version, body";

pub(crate) fn idempotency(row: &Row) -> Result<IdempotencyRecord, RowError> {
    idempotency_from(row, 0)
}

/// The same, with other columns before.
pub(crate) fn idempotency_from(row: &Row, first: usize) -> Result<IdempotencyRecord, RowError> {
    let fingerprint: &[u8] = row.try_get(first + 1)?;
    let object: Option<(i16, uuid::Uuid)> = row.try_get::<_, Option<i16>>(first + 4)?.zip(row.try_get(first + 5)?);
    let object = object.map(|(kind, value)| codes::object_id(kind, value)).transpose()?;
    Ok(IdempotencyRecord {
        key: row.try_get(first)?,
        fingerprint: fingerprint.try_into()?,
        created: codes::from_sql_time(row.try_get(first + 2)?),
        answer: codes::answer(row.try_get(first + 3)?, object, row.try_get(first + 6)?, row.try_get(first + 7)?)?,
    })
}
