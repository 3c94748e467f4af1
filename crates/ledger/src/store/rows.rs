//! Reads rows as the types of the contract; the columns that each needs are named beside it.

use super::column_values as values;
use super::errors::RowError;
use contracts::ledger::{Balance, IdempotencyRecord, Stored};
use domain::account::Account;
use domain::commit::Index;
use platform::database::from_sql_time;
use tokio_postgres::Row;
use types::{Kind, ObjectId, Timestamp};

/// The state of an object of the table or alias `o`: its column `state`, or else the first state, which is in the log.
/// The log is read by a subquery for each row, so that no plan can join the whole log.
pub(crate) const STATE: &str = "coalesce(o.state, (
        SELECT convert_from(substr(l.entries, o.start, o.length), 'UTF8')
        FROM ledger.log l WHERE l.tenant = o.tenant AND l.position = o.position
    ))";

/// The columns that [`object`] reads, of the table or alias `o`. [`STATE`] comes after them.
pub(crate) const OBJECT_COLUMNS: &str =
    "o.kind, o.id, o.version, o.customer, o.parent_kind, o.parent, o.status, o.due, o.terms";

/// `tenant` is the number of the tenant whose row it is.
pub(crate) fn object(row: &Row, tenant: i32) -> Result<Stored, RowError> {
    object_with_state(row, tenant, row.try_get(9)?)
}

/// The same, with a state that was read in another way.
pub(crate) fn object_with_state(row: &Row, tenant: i32, state: String) -> Result<Stored, RowError> {
    let customer: Option<uuid::Uuid> = row.try_get(3)?;
    let parent: Option<(i16, uuid::Uuid)> = row.try_get::<_, Option<i16>>(4)?.zip(row.try_get(5)?);
    let due: Option<std::time::SystemTime> = row.try_get(7)?;
    Ok(Stored {
        id: values::object_id(row.try_get(0)?, row.try_get(1)?)?,
        version: row.try_get(2)?,
        index: Index {
            customer: customer.map(|value| ObjectId::from_value(Kind::Customer, value)),
            parent: parent.map(|(kind, value)| values::object_id(kind, value)).transpose()?,
            status: row.try_get(6)?,
            due: due.map(from_sql_time),
            terms: values::from_sql_terms(tenant, row.try_get(8)?),
        },
        state,
    })
}

/// The columns that [`log_row`] reads.
pub(crate) const LOG_COLUMNS: &str = "position, size, created, request_id, idempotency_key, entries";

/// A row of the log: the entries of one commit.
pub(crate) struct LogRow {
    pub position: i64,
    /// How many entries there are.
    pub size: i16,
    pub created: Timestamp,
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
    /// The entries as `log::entries` encodes them.
    pub entries: Vec<u8>,
}

pub(crate) fn log_row(row: &Row) -> Result<LogRow, RowError> {
    Ok(LogRow {
        position: row.try_get(0)?,
        size: row.try_get(1)?,
        created: from_sql_time(row.try_get(2)?),
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

/// The same; `first` is the place of the first of its columns.
pub(crate) fn balance_from(row: &Row, first: usize) -> Result<Balance, RowError> {
    let currency: &str = row.try_get(first + 1)?;
    let (code, rule) = (row.try_get(first)?, values::rule(row.try_get(first + 2)?)?);
    Ok(Balance {
        account: Account { code, currency: currency.parse()?, rule },
        debits_posted: row.try_get(first + 3)?,
        credits_posted: row.try_get(first + 4)?,
        debits_pending: row.try_get(first + 5)?,
        credits_pending: row.try_get(first + 6)?,
    })
}

/// The columns that [`idempotency_record`] reads. `body` comes after them.
pub(crate) const KEY_COLUMNS: &str = "key, fingerprint, created, status, object_kind, object, version";

pub(crate) fn idempotency_record(row: &Row) -> Result<IdempotencyRecord, RowError> {
    idempotency_record_from(row, 0)
}

/// The same; `first` is the place of the first of its columns.
pub(crate) fn idempotency_record_from(row: &Row, first: usize) -> Result<IdempotencyRecord, RowError> {
    let fingerprint: &[u8] = row.try_get(first + 1)?;
    let object: Option<(i16, uuid::Uuid)> = row.try_get::<_, Option<i16>>(first + 4)?.zip(row.try_get(first + 5)?);
    let object = object.map(|(kind, value)| values::object_id(kind, value)).transpose()?;
    Ok(IdempotencyRecord {
        key: row.try_get(first)?,
        fingerprint: fingerprint.try_into()?,
        created: from_sql_time(row.try_get(first + 2)?),
        answer: values::answer(row.try_get(first + 3)?, object, row.try_get(first + 6)?, row.try_get(first + 7)?)?,
    })
}
