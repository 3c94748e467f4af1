//! The rows of the log that may have the events of a page.

use super::query::{Query, QueryPool};
use crate::store::column_values::from_sql_type;
use crate::store::rows::LOG_COLUMNS;
use contracts::ledger::{EventQuery, FIRST_POSITION, LedgerError};
use platform::database::to_sql_time;
use types::ObjectId;

/// A number for a set of public types, as the index `log_types` has it.
const SET: &str = "hash_array_extended(types, 0)";

/// Positions of rows, the first and the last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    first: i64,
    last: i64,
}

impl Range {
    pub fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// What remains of it after a row was read.
    pub fn after(self, position: i64, backwards: bool) -> Range {
        if backwards { Range { first: position + 1, ..self } } else { Range { last: position - 1, ..self } }
    }
}

/// Where the positions of the rows are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// All rows of the tenant.
    Log,
    /// The rows that have one of these sets of types.
    Sets(Vec<i64>),
    /// The rows in which an object was created or changed.
    Object(ObjectId),
}

/// The public types that some commits have.
pub(super) struct TypeSet {
    pub hash: i64,
    pub types: Vec<String>,
}

/// The sets of types that a tenant's commits have. There are as many as there are sorts of commits. Each is found by one
/// step through the index, behind all the commits of the one before it.
pub(super) async fn sets(queries: &QueryPool, tenant: i32) -> Result<Vec<TypeSet>, LedgerError> {
    let next = |condition: &str| {
        format!(
            "SELECT {SET} AS hash, types FROM ledger.log WHERE tenant = $1 AND types IS NOT NULL {condition}
            ORDER BY {SET}, position LIMIT 1"
        )
    };
    let sql = format!(
        "WITH RECURSIVE sets AS (
            ({})
            UNION ALL
            SELECT n.hash, n.types FROM sets s CROSS JOIN LATERAL ({}) n
        ) SELECT hash, types FROM sets",
        next(""),
        next(&format!("AND {SET} > s.hash"))
    );
    let read = |row: &tokio_postgres::Row| {
        let types: Vec<&str> = row.try_get(1)?;
        let types = types.into_iter().map(|stored| from_sql_type(stored).to_owned()).collect();
        Ok(TypeSet { hash: row.try_get(0)?, types })
    };
    queries.read(Query::of(tenant, sql), read).await
}

/// The positions that a query's cursors and times leave. The log's time never runs backwards, so a time is a position.
pub(super) async fn range(queries: &QueryPool, tenant: i32, query: &EventQuery) -> Result<Range, LedgerError> {
    let last = query.paging.starting_after.map_or(i64::MAX, |after| after.saturating_sub(1));
    let mut range = Range { first: FIRST_POSITION, last };
    if query.paging.ending_before.is_none() && query.created_from.is_none() && query.created_until.is_none() {
        return Ok(range);
    }
    let since = |comparison: &str| {
        format!(
            "SELECT position FROM ledger.log WHERE tenant = $1 AND created {comparison} ORDER BY created, position LIMIT 1"
        )
    };
    // From the row that the cursor's entry is in.
    let sql = format!(
        "SELECT (SELECT position FROM ledger.log WHERE tenant = $1 AND position <= $2 ORDER BY position DESC LIMIT 1),
            ({}), ({})",
        since(">= $3"),
        since("> $4")
    );
    let bounds = Query::of(tenant, sql)
        .with(query.paging.ending_before)
        .with(query.created_from.map(to_sql_time))
        .with(query.created_until.map(to_sql_time));
    type Bounds = (Option<i64>, Option<i64>, Option<i64>);
    let found = queries.read(bounds, |row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).await?;
    let (cursor, from, until): Bounds = found.into_iter().next().unwrap_or_default();
    range.first = range.first.max(cursor.unwrap_or(FIRST_POSITION));
    if query.created_from.is_some() {
        range.first = range.first.max(from.unwrap_or(i64::MAX));
    }
    if let Some(later) = until {
        range.last = range.last.min(later - 1);
    }
    Ok(range)
}

/// So many rows at most, in the direction of paging.
pub(super) fn query(tenant: i32, source: &Source, range: Range, backwards: bool, limit: u32) -> Query {
    let direction = if backwards { "ASC" } else { "DESC" };
    let mut query = Query::of(tenant, "").with(range.first).with(range.last).with(i64::from(limit));
    let positions = match source {
        Source::Log => format!(
            "SELECT position FROM ledger.log WHERE tenant = $1 AND position >= $2 AND position <= $3
            ORDER BY position {direction} LIMIT $4"
        ),
        // Set and position are compared as one, so that only the index that begins with the set has the order.
        Source::Sets(sets) => {
            let sets = query.bind(sets.clone());
            format!(
                "SELECT p.position FROM UNNEST({sets}::bigint[]) AS s (hash) CROSS JOIN LATERAL (
                    SELECT position FROM ledger.log WHERE tenant = $1 AND types IS NOT NULL
                        AND ({SET}, position) >= (s.hash, $2) AND ({SET}, position) <= (s.hash, $3)
                    ORDER BY {SET} {direction}, position {direction} LIMIT $4
                ) p ORDER BY p.position {direction} LIMIT $4"
            )
        }
        // Later versions are at later positions.
        Source::Object(object) => {
            let (kind, value) = (query.bind(object.kind.code()), query.bind(object.value));
            format!(
                "SELECT p.position FROM (
                    SELECT o.position FROM ledger.objects o WHERE o.tenant = $1 AND o.kind = {kind} AND o.id = {value}
                        AND o.position + 0 >= $2 AND o.position + 0 <= $3
                    UNION
                    (SELECT r.position FROM ledger.revisions r
                    WHERE r.tenant = $1 AND r.kind = {kind} AND r.object = {value}
                        AND r.position + 0 >= $2 AND r.position + 0 <= $3
                    ORDER BY r.version {direction} LIMIT $4)
                ) p ORDER BY p.position {direction} LIMIT $4"
            )
        }
    };
    query.push(&format!(
        "SELECT l.* FROM ({positions}) p CROSS JOIN LATERAL (
            SELECT {LOG_COLUMNS} FROM ledger.log WHERE tenant = $1 AND position = p.position LIMIT 1
        ) l ORDER BY p.position {direction}"
    ));
    query
}
