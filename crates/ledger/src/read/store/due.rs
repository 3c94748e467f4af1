//! What a worker has to look at.

use super::query::{Query, QueryPool};
use crate::store::rows::{self, OBJECT_COLUMNS, STATE};
use contracts::ledger::{Due, LedgerError};
use platform::database::to_sql_time;
use std::ops::RangeInclusive;
use types::{ObjectId, TenantId, Timestamp};

/// The objects of all tenants that are due at one of `times`, in the order of their due time, tenant's number and id; with
/// `after` those that come after that place.
pub(crate) async fn due(
    queries: &QueryPool,
    times: RangeInclusive<Timestamp>,
    after: Option<(Timestamp, i32, ObjectId)>,
    limit: u32,
) -> Result<Vec<Due>, LedgerError> {
    let mut query = Query::new(format!(
        "SELECT {OBJECT_COLUMNS}, {STATE}, o.tenant, b.tenant
            FROM ledger.objects o JOIN ledger.books b ON b.number = o.tenant WHERE o.due BETWEEN $1 AND $2"
    ))
    .with(to_sql_time(*times.start()))
    .with(to_sql_time(*times.end()));
    if let Some((due, tenant, id)) = after {
        let (due, number) = (query.bind(to_sql_time(due)), query.bind(tenant));
        let (kind, id) = (query.bind(id.kind.code()), query.bind(id.value));
        query.and(&format!("(o.due, o.tenant, o.kind, o.id) > ({due}, {number}, {kind}, {id})"));
    }
    let limit = query.bind(i64::from(limit));
    query.push(&format!(" ORDER BY o.due, o.tenant, o.kind, o.id LIMIT {limit}"));
    queries
        .read(query, |row| Ok(Due { tenant: TenantId(row.try_get(11)?), stored: rows::object(row, row.try_get(10)?)? }))
        .await
}
