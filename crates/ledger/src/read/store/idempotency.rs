//! Idempotency keys.

use super::query::{Query, QueryPool};
use crate::store::column_values::key_id;
use crate::store::errors::ReadError;
use crate::store::rows::{self, KEY_COLUMNS};
use contracts::ledger::{IdempotencyRecord, LedgerError};
use platform::database::to_sql_time;
use types::Timestamp;

/// The record of a key of any age.
pub(crate) async fn record(
    queries: &QueryPool,
    tenant: i32,
    key: &str,
) -> Result<Option<IdempotencyRecord>, LedgerError> {
    let sql = format!("SELECT {KEY_COLUMNS} FROM ledger.idempotency_keys WHERE tenant = $1 AND id = $2");
    let query = Query::of(tenant, sql).with(key_id(tenant, key));
    Ok(queries.read(query, rows::idempotency_record).await?.pop())
}

/// Deletes the keys of all tenants that are older than `before`; returns how many.
pub(crate) async fn forget(queries: &QueryPool, before: Timestamp) -> Result<u64, LedgerError> {
    let connection = queries.connection().await?;
    let sql = "DELETE FROM ledger.idempotency_keys WHERE created < $1";
    let forgotten = connection.execute(sql, &[&to_sql_time(before)]).await;
    forgotten.map_err(|error| ReadError::Database(error).into())
}
