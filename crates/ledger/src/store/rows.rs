//! Rows as the values that the contract speaks of.

use super::codes;
use contracts::ledger::{Balance, IdempotencyRecord, LogEntry, Stored};
use domain::account::Account;
use domain::commit::Index;
use std::error::Error;
use tokio_postgres::Row;
use types::{Kind, ObjectId};

pub(crate) type RowError = Box<dyn Error + Send + Sync>;

/// The columns that [`stored`] reads, of a table or alias `o`.
pub(crate) const STORED_COLUMNS: &str =
    "o.kind, o.id, o.version, o.customer, o.parent_kind, o.parent, o.status, o.due, o.state";

pub(crate) fn stored(row: &Row) -> Result<Stored, RowError> {
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
        },
        state: row.try_get(8)?,
    })
}

/// The columns that [`log_entry`] reads.
pub(crate) const LOG_COLUMNS: &str =
    "position, created, kind, object, version, type, change, request_id, idempotency_key";

pub(crate) fn log_entry(row: &Row) -> Result<LogEntry, RowError> {
    Ok(LogEntry {
        position: row.try_get(0)?,
        created: codes::from_sql_time(row.try_get(1)?),
        object: codes::object_id(row.try_get(2)?, row.try_get(3)?)?,
        version: row.try_get(4)?,
        event_type: row.try_get(5)?,
        change: row.try_get(6)?,
        request_id: row.try_get(7)?,
        idempotency_key: row.try_get(8)?,
    })
}

/// The columns that [`balance`] reads.
pub(crate) const BALANCE_COLUMNS: &str =
    "code, currency, rule, debits_posted, credits_posted, debits_pending, credits_pending";

pub(crate) fn balance(row: &Row) -> Result<Balance, RowError> {
    let currency: &str = row.try_get(1)?;
    Ok(Balance {
        account: Account { code: row.try_get(0)?, currency: currency.parse()?, rule: codes::rule(row.try_get(2)?)? },
        debits_posted: row.try_get(3)?,
        credits_posted: row.try_get(4)?,
        debits_pending: row.try_get(5)?,
        credits_pending: row.try_get(6)?,
    })
}

/// The columns that [`idempotency`] reads.
pub(crate) const KEY_COLUMNS: &str = "key, fingerprint, created, status, object_kind, object, version, body";

pub(crate) fn idempotency(row: &Row) -> Result<IdempotencyRecord, RowError> {
    let fingerprint: &[u8] = row.try_get(1)?;
    let object: Option<(i16, uuid::Uuid)> = row.try_get::<_, Option<i16>>(4)?.zip(row.try_get(5)?);
    let object = object.map(|(kind, value)| codes::object_id(kind, value)).transpose()?;
    Ok(IdempotencyRecord {
        key: row.try_get(0)?,
        fingerprint: fingerprint.try_into()?,
        created: codes::from_sql_time(row.try_get(2)?),
        answer: codes::answer(row.try_get(3)?, object, row.try_get(6)?, row.try_get(7)?)?,
    })
}
