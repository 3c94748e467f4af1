//! Reads: each takes a connection of the pool, and sees what was committed before it began.

use super::codes::to_sql_time;
use super::rows::{self, BALANCE_COLUMNS, KEY_COLUMNS, LOG_COLUMNS, RowError, STORED_COLUMNS};
use super::{list, log};
use crate::fault;
use contracts::ledger::{Balance, EventQuery, IdempotencyRecord, LedgerError, ListQuery, LogEntry, Page, Stored};
use deadpool_postgres::{Pool, PoolError};
use domain::commit::{Index, Version};
use domain::patch;
use std::collections::HashMap;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use types::{ObjectId, TenantId, Timestamp};
use uuid::Uuid;

/// Prepared statements take memory in PostgreSQL: a connection that has more than this forgets them all.
const PREPARED_MAX: usize = 1_000;

/// Reads of all tenants.
pub(crate) struct Reader {
    pool: Pool,
}

/// A statement with what to put into it. Values only ever go in as parameters.
pub(crate) struct Query {
    sql: String,
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Query {
    pub fn new(sql: String) -> Self {
        Query { sql, parameters: Vec::new() }
    }

    pub fn with(mut self, parameter: impl ToSql + Sync + Send + 'static) -> Self {
        self.bind(parameter);
        self
    }

    /// Takes a parameter in and gives its place in the text: `$3`.
    pub fn bind(&mut self, parameter: impl ToSql + Sync + Send + 'static) -> String {
        self.parameters.push(Box::new(parameter));
        format!("${}", self.parameters.len())
    }

    pub fn push(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    pub fn and(&mut self, condition: &str) {
        self.push(" AND ");
        self.push(condition);
    }
}

fn unavailable(error: RowError) -> LedgerError {
    LedgerError::Unavailable(error.to_string())
}

impl Reader {
    pub fn new(pool: Pool) -> Self {
        Reader { pool }
    }

    async fn connection(&self, tenant: TenantId) -> Result<deadpool_postgres::Object, LedgerError> {
        self.pool.get().await.map_err(|error| match &error {
            PoolError::Backend(cause) => fault::ledger_error(tenant, cause),
            _ => LedgerError::Unavailable(platform::database::with_causes(&error)),
        })
    }

    async fn rows(&self, tenant: TenantId, query: Query) -> Result<Vec<Row>, LedgerError> {
        let connection = self.connection(tenant).await?;
        if connection.statement_cache.size() > PREPARED_MAX {
            connection.statement_cache.clear();
        }
        let parameters: Vec<&(dyn ToSql + Sync)> =
            query.parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect();
        let found = async {
            let statement = connection.prepare_cached(&query.sql).await?;
            connection.query(&statement, &parameters).await
        };
        match found.await {
            // A text that PostgreSQL cannot hold (one with a NUL character) is nowhere in it.
            Err(error) if error.code() == Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE) => Ok(Vec::new()),
            found => found.map_err(|error| fault::ledger_error(tenant, &error)),
        }
    }

    async fn read<T>(
        &self,
        tenant: TenantId,
        query: Query,
        read: impl Fn(&Row) -> Result<T, RowError>,
    ) -> Result<Vec<T>, LedgerError> {
        let rows = self.rows(tenant, query).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(unavailable)
    }

    pub async fn objects(&self, tenant: TenantId, ids: &[ObjectId]) -> Result<Vec<Option<Stored>>, LedgerError> {
        let schema = tenant.schema();
        let query = match ids {
            [] => return Ok(Vec::new()),
            [id] => Query::new(format!("SELECT {STORED_COLUMNS} FROM {schema}.objects o WHERE kind = $1 AND id = $2"))
                .with(id.kind.code())
                .with(id.value),
            ids => {
                let (kinds, values) = columns(ids.iter());
                // LATERAL with a limit keeps the plan one look-up for each key, however large the table is.
                Query::new(format!(
                    "SELECT o.* FROM UNNEST($1::smallint[], $2::uuid[]) AS k (kind, id)
                    CROSS JOIN LATERAL (
                        SELECT {STORED_COLUMNS} FROM {schema}.objects o WHERE o.kind = k.kind AND o.id = k.id LIMIT 1
                    ) o"
                ))
                .with(kinds)
                .with(values)
            }
        };
        let found = self.read(tenant, query, rows::stored).await?;
        let by_id: HashMap<ObjectId, Stored> = found.into_iter().map(|stored| (stored.id, stored)).collect();
        Ok(ids.iter().map(|id| by_id.get(id).cloned()).collect())
    }

    pub async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        if at.is_empty() {
            return Ok(Vec::new());
        }
        // Each object's log once, up to the newest version that is asked for.
        let mut wanted: HashMap<ObjectId, Version> = HashMap::new();
        for (id, version) in at {
            wanted.entry(*id).and_modify(|newest| *newest = (*newest).max(*version)).or_insert(*version);
        }
        let (ids, versions): (Vec<ObjectId>, Vec<Version>) = wanted.into_iter().unzip();
        let (kinds, values) = columns(ids.iter());
        let query = Query::new(format!(
            "SELECT k.kind, k.id, e.version, e.change
            FROM UNNEST($1::smallint[], $2::uuid[], $3::int[]) AS k (kind, id, version)
            CROSS JOIN LATERAL (
                SELECT e.version, e.change FROM {}.events e
                WHERE e.kind = k.kind AND e.object = k.id AND e.version <= k.version
                ORDER BY e.version
                LIMIT k.version
            ) e",
            tenant.schema()
        ))
        .with(kinds)
        .with(values)
        .with(versions);
        let changes = self
            .read(tenant, query, |row| {
                let id = super::codes::object_id(row.try_get(0)?, row.try_get(1)?)?;
                Ok((id, row.try_get::<_, Version>(2)?, row.try_get::<_, String>(3)?))
            })
            .await?;
        let mut logs: HashMap<ObjectId, Vec<(Version, String)>> = HashMap::new();
        for (id, version, change) in changes {
            logs.entry(id).or_default().push((version, change));
        }
        at.iter()
            .map(|(id, version)| match logs.get_mut(id) {
                Some(log) => {
                    log.sort_unstable_by_key(|(version, _)| *version);
                    let state = fold(log, *version).map_err(|error| unavailable(error.into()))?;
                    Ok(state.map(|state| Stored { id: *id, version: *version, index: Index::default(), state }))
                }
                None => Ok(None),
            })
            .collect()
    }

    pub async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        let backwards = query.paging.ending_before.is_some();
        let items = self.read(tenant, list::query(&tenant.schema(), query), rows::stored).await?;
        Ok(page(items, query.paging.limit, backwards))
    }

    pub async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        let backwards = query.paging.ending_before.is_some();
        let items = self.read(tenant, log::query(&tenant.schema(), query), rows::log_entry).await?;
        Ok(page(items, query.paging.limit, backwards))
    }

    pub async fn event(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        let sql = format!("SELECT {LOG_COLUMNS} FROM {}.events WHERE position = $1", tenant.schema());
        Ok(self.read(tenant, Query::new(sql).with(position), rows::log_entry).await?.pop())
    }

    pub async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        let sql = format!(
            "SELECT {BALANCE_COLUMNS} FROM {}.accounts WHERE starts_with(code, $1) ORDER BY code",
            tenant.schema()
        );
        self.read(tenant, Query::new(sql).with(prefix.to_owned()), rows::balance).await
    }

    pub async fn idempotency(&self, tenant: TenantId, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let sql = format!("SELECT {KEY_COLUMNS} FROM {}.idempotency_keys WHERE key = $1", tenant.schema());
        Ok(self.read(tenant, Query::new(sql).with(key.to_owned()), rows::idempotency).await?.pop())
    }

    pub async fn due(&self, tenant: TenantId, now: Timestamp, limit: u32) -> Result<Vec<Stored>, LedgerError> {
        let sql = format!(
            "SELECT {STORED_COLUMNS} FROM {}.objects o WHERE due <= $1 ORDER BY due, kind, id LIMIT $2",
            tenant.schema()
        );
        self.read(tenant, Query::new(sql).with(to_sql_time(now)).with(i64::from(limit)), rows::stored).await
    }

    pub async fn forget_idempotency(&self, tenant: TenantId, before: Timestamp) -> Result<u64, LedgerError> {
        let connection = self.connection(tenant).await?;
        let sql = format!("DELETE FROM {}.idempotency_keys WHERE created < $1", tenant.schema());
        let forgotten = connection.execute(&sql, &[&to_sql_time(before)]).await;
        forgotten.map_err(|error| fault::ledger_error(tenant, &error))
    }
}

fn columns<'a>(ids: impl Iterator<Item = &'a ObjectId>) -> (Vec<i16>, Vec<Uuid>) {
    ids.map(|id| (id.kind.code(), id.value)).unzip()
}

/// A page out of rows in the direction of paging, of which one more than the limit was asked for.
fn page<T>(mut items: Vec<T>, limit: u32, backwards: bool) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    if backwards {
        items.reverse();
    }
    Page { items, has_more }
}

/// The state at one version; `None` if the log does not reach it.
fn fold(log: &[(Version, String)], version: Version) -> Result<Option<String>, serde_json::Error> {
    let changes: Vec<&str> = log.iter().filter(|(at, _)| *at <= version).map(|(_, change)| change.as_str()).collect();
    let complete = usize::try_from(version).is_ok_and(|version| version > 0 && version == changes.len());
    match changes.split_first() {
        Some((first, patches)) if complete => {
            if patches.is_empty() {
                return Ok(Some((*first).to_owned()));
            }
            let mut state = serde_json::from_str(first)?;
            for change in patches {
                patch::apply(&mut state, serde_json::from_str(change)?);
            }
            Ok(Some(state.to_string()))
        }
        _ => Ok(None),
    }
}
