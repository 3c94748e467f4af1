//! Idempotency keys.

use super::query::{Query, QueryPool};
use super::together::{Arrays, Found, LARGE, LookUp, Together};
use crate::store::column_values::key_id;
use crate::store::errors::RowError;
use crate::store::rows::{self, KEY_COLUMNS};
use contracts::ledger::{IdempotencyRecord, LedgerError};
use platform::database::{Pool, to_sql_time};
use tokio_postgres::Row;
use types::Timestamp;
use uuid::Uuid;

/// The records of keys of any age.
pub(crate) struct Keys {
    queries: QueryPool,
    single: Together<SingleKey>,
}

impl Keys {
    pub fn new(pool: Pool) -> Self {
        Keys { single: Together::start(pool.clone()), queries: QueryPool::new(pool) }
    }

    pub async fn record(&self, tenant: i32, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let id = key_id(tenant, key);
        match self.single.find((tenant, id)).await? {
            Found::Nothing => return Ok(None),
            Found::Small(record) => return Ok(Some(record)),
            Found::Large => (),
        }
        let sql = format!("SELECT {KEY_COLUMNS}, body FROM ledger.idempotency_keys WHERE tenant = $1 AND id = $2");
        Ok(self.queries.read(Query::of(tenant, sql).with(id), rows::idempotency_record).await?.pop())
    }
}

/// A request looks its key up if that was used lately, or if it fails.
struct SingleKey;

impl LookUp for SingleKey {
    type Key = (i32, Uuid);
    type Found = IdempotencyRecord;

    const NAME: &'static str = "idempotency keys";
    const CONNECTIONS: usize = 2;
    const ORDINALITY: usize = 9;

    fn sql() -> String {
        format!(
            "SELECT i.*, k.at, i.size > {LARGE} FROM UNNEST($1::int[], $2::uuid[]) WITH ORDINALITY AS k (tenant, id, at)
            CROSS JOIN LATERAL (
                SELECT {KEY_COLUMNS}, CASE WHEN octet_length(body) <= {LARGE} THEN body END AS body,
                    coalesce(octet_length(body), 0) AS size
                FROM ledger.idempotency_keys i WHERE i.id = k.id AND i.tenant = k.tenant LIMIT 1
            ) i"
        )
    }

    fn arrays(keys: &[Self::Key]) -> Arrays {
        let (tenants, ids): (Vec<i32>, Vec<Uuid>) = keys.iter().copied().unzip();
        vec![Box::new(tenants), Box::new(ids)]
    }

    fn found(row: &Row, _: &Self::Key) -> Result<IdempotencyRecord, RowError> {
        rows::idempotency_record(row)
    }
}

/// Pages of the table that one step looks at.
const PAGES: i64 = 1_024;

/// Deletes the keys of all tenants that are older than `before` and whose requests are answered, among some pages of the
/// table from `page` on. Returns the page to go on with; `None` at the table's end.
///
/// The table has no index by time, which every payment would have to write to: it is gone through from its beginning to
/// its end, in steps that each take a moment. Keys that a committer is writing are left for the next time.
pub(crate) async fn forget(queries: &QueryPool, before: Timestamp, page: i64) -> Result<Option<i64>, LedgerError> {
    const STEP: &str = "WITH old AS (
            SELECT ctid FROM ledger.idempotency_keys
            WHERE ctid >= format('(%s,0)', $2::bigint)::tid AND ctid < format('(%s,0)', $3::bigint)::tid
                AND created < $1 AND status IS NOT NULL
            FOR UPDATE SKIP LOCKED
        ), forgotten AS (
            DELETE FROM ledger.idempotency_keys i USING old WHERE i.ctid = old.ctid RETURNING 1
        )
        SELECT pg_relation_size('ledger.idempotency_keys') > $3::bigint * current_setting('block_size')::bigint,
            (SELECT count(*) FROM forgotten)";
    let next = page.saturating_add(PAGES);
    let query = Query::new(STEP).with(to_sql_time(before)).with(page).with(next);
    let more: Vec<bool> = queries.write(query, |row| Ok(row.try_get(0)?)).await?;
    Ok(more.first().is_some_and(|more| *more).then_some(next))
}
