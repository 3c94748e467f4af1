//! Idempotency keys.

use super::query::QueryPool;
use super::together::{Arrays, LookUp, Together};
use crate::store::column_values::key_id;
use crate::store::errors::{ReadError, RowError};
use crate::store::rows::{self, KEY_COLUMNS};
use contracts::ledger::{IdempotencyRecord, LedgerError};
use deadpool_postgres::Pool;
use platform::database::to_sql_time;
use tokio_postgres::Row;
use types::Timestamp;
use uuid::Uuid;

/// The records of keys of any age.
pub(crate) struct Keys(Together<SingleKey>);

impl Keys {
    pub fn new(pool: Pool) -> Self {
        Keys(Together::start(pool))
    }

    pub async fn record(&self, tenant: i32, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError> {
        self.0.find((tenant, key_id(tenant, key))).await
    }
}

/// Every request with a key looks it up.
struct SingleKey;

impl LookUp for SingleKey {
    type Key = (i32, Uuid);
    type Found = IdempotencyRecord;

    const NAME: &'static str = "idempotency keys";
    const CONNECTIONS: usize = 2;

    fn sql() -> String {
        format!(
            "SELECT i.*, k.at FROM UNNEST($1::int[], $2::uuid[]) WITH ORDINALITY AS k (tenant, id, at)
            CROSS JOIN LATERAL (
                SELECT {KEY_COLUMNS} FROM ledger.idempotency_keys i WHERE i.id = k.id AND i.tenant = k.tenant LIMIT 1
            ) i"
        )
    }

    fn arrays(keys: &[Self::Key]) -> Arrays {
        let (tenants, ids): (Vec<i32>, Vec<Uuid>) = keys.iter().copied().unzip();
        vec![Box::new(tenants), Box::new(ids)]
    }

    fn found(row: &Row, _: &[Self::Key]) -> Result<(i64, IdempotencyRecord), RowError> {
        Ok((row.try_get(8)?, rows::idempotency_record(row)?))
    }
}

/// Deletes the keys of all tenants that are older than `before`; returns whether there may be more.
pub(crate) async fn forget(queries: &QueryPool, before: Timestamp) -> Result<bool, LedgerError> {
    let connection = queries.connection().await?;
    let sql = "DELETE FROM ledger.idempotency_keys WHERE created < $1";
    let forgotten = connection.execute(sql, &[&to_sql_time(before)]).await;
    forgotten.map(|_| false).map_err(|error| ReadError::Database(error).into())
}
