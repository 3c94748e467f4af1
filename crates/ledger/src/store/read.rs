//! Reads: each takes a connection of the pool, and sees what was committed before it began.

use super::codes::{key_id, to_sql_time};
use super::lookups::Lookups;
use super::rows::{self, BALANCE_COLUMNS, KEY_COLUMNS, RowError, STATE, STORED_COLUMNS};
use super::{history, list, log};
use crate::fault;
use contracts::ledger::{Balance, Due, EventQuery, IdempotencyRecord, LedgerError, ListQuery, LogEntry, Page, Stored};
use deadpool_postgres::{Pool, PoolError};
use domain::commit::Version;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use types::{ObjectId, TenantId, Timestamp};
use uuid::Uuid;

/// Prepared statements take memory in PostgreSQL: a connection that has more than this forgets them all.
const PREPARED_MAX: usize = 1_000;

/// What is found in an index of texts is looked at one by one if it is no more than this; what is more frequent is soon
/// met on the way through all, newest first. PostgreSQL cannot know which it is: it has no statistics of rare values.
pub(super) const FEW: i64 = 2_000;

/// Reads of all tenants.
pub(crate) struct Reader {
    pool: Pool,
    lookups: Lookups,
    /// The numbers of tenants' books, which never change.
    numbers: RwLock<HashMap<TenantId, i32>>,
}

/// A statement with what to put into it. Values only ever go in as parameters.
pub(crate) struct Query {
    sql: String,
    parameters: Vec<(Type, Box<dyn ToSql + Sync + Send>)>,
    /// How it is best done depends on the values, so it is planned anew for them.
    planned_for_values: bool,
}

/// A value with the type that it has in SQL.
pub(crate) trait Value: ToSql + Sync + Send + 'static {
    const TYPE: Type;
}

macro_rules! values {
    ($($rust:ty => $sql:ident,)*) => { $(impl Value for $rust { const TYPE: Type = Type::$sql; })* };
}

values! {
    i16 => INT2, i32 => INT4, i64 => INT8, String => TEXT, &'static str => TEXT, Uuid => UUID,
    std::time::SystemTime => TIMESTAMPTZ,
    Vec<i16> => INT2_ARRAY, Vec<i32> => INT4_ARRAY, Vec<i64> => INT8_ARRAY, Vec<Uuid> => UUID_ARRAY,
    Vec<String> => TEXT_ARRAY,
}

impl Query {
    pub fn new(sql: impl Into<String>) -> Self {
        Query { sql: sql.into(), parameters: Vec::new(), planned_for_values: false }
    }

    /// With the number of a tenant's books as `$1`.
    pub fn of(tenant: i32, sql: impl Into<String>) -> Self {
        Query::new(sql).with(tenant)
    }

    pub fn planned_for_values(mut self) -> Self {
        self.planned_for_values = true;
        self
    }

    pub fn with<T: Value>(mut self, parameter: T) -> Self {
        self.bind(parameter);
        self
    }

    /// Takes a parameter in and gives its place in the text: `$3`.
    pub fn bind<T: Value>(&mut self, parameter: T) -> String {
        self.parameters.push((T::TYPE, Box::new(parameter)));
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

pub(super) fn unavailable(error: RowError) -> LedgerError {
    LedgerError::Unavailable(error.to_string())
}

impl Reader {
    pub fn new(pool: Pool) -> Self {
        Reader { lookups: Lookups::start(pool.clone()), pool, numbers: RwLock::default() }
    }

    async fn connection(&self) -> Result<deadpool_postgres::Object, LedgerError> {
        self.pool.get().await.map_err(|error| match &error {
            PoolError::Backend(cause) => fault::ledger_error(cause),
            _ => LedgerError::Unavailable(platform::database::with_causes(&error)),
        })
    }

    async fn rows(&self, query: Query) -> Result<Vec<Row>, LedgerError> {
        let connection = self.connection().await?;
        if connection.statement_cache.size() > PREPARED_MAX {
            connection.statement_cache.clear();
        }
        let found = async {
            if query.planned_for_values {
                let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
                    query.parameters.iter().map(|(kind, value)| (&**value as _, kind.clone())).collect();
                return connection.query_typed(&query.sql, &parameters).await;
            }
            let parameters: Vec<&(dyn ToSql + Sync)> =
                query.parameters.iter().map(|(_, value)| &**value as _).collect();
            let statement = connection.prepare_cached(&query.sql).await?;
            connection.query(&statement, &parameters).await
        };
        match found.await {
            // A text that PostgreSQL cannot hold (one with a NUL character) is nowhere in it.
            Err(error) if error.code() == Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE) => Ok(Vec::new()),
            found => found.map_err(|error| fault::ledger_error(&error)),
        }
    }

    pub(super) async fn read<T>(
        &self,
        query: Query,
        read: impl Fn(&Row) -> Result<T, RowError>,
    ) -> Result<Vec<T>, LedgerError> {
        let rows = self.rows(query).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(unavailable)
    }

    /// What a query finds, if there is one and it finds no more than [`FEW`].
    pub(super) async fn few<T: FromSqlOwned>(&self, query: Option<Query>) -> Result<Option<Vec<T>>, LedgerError> {
        let Some(query) = query else { return Ok(None) };
        let found = self.read(query, |row| Ok(row.try_get(0)?)).await?;
        let is_few = i64::try_from(found.len()).is_ok_and(|count| count <= FEW);
        Ok(is_few.then_some(found))
    }

    /// The number of a tenant's books.
    pub async fn number(&self, tenant: TenantId) -> Result<i32, LedgerError> {
        let known = self.numbers.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).copied();
        if let Some(number) = known {
            return Ok(number);
        }
        let query = Query::new("SELECT number FROM ledger.books WHERE tenant = $1").with(tenant.0);
        let found: Vec<i32> = self.read(query, |row| Ok(row.try_get(0)?)).await?;
        let number = found.first().copied().ok_or(LedgerError::NoSuchTenant(tenant))?;
        self.numbers.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, number);
        Ok(number)
    }

    pub async fn objects(&self, tenant: TenantId, ids: &[ObjectId]) -> Result<Vec<Option<Stored>>, LedgerError> {
        let tenant = self.number(tenant).await?;
        let mut found = self.current(tenant, ids).await?;
        if let [_] = ids {
            return Ok(vec![found.pop()]);
        }
        let by_id: HashMap<ObjectId, Stored> = found.into_iter().map(|stored| (stored.id, stored)).collect();
        Ok(ids.iter().map(|id| by_id.get(id).cloned()).collect())
    }

    /// The newest states of those that are there, in any order.
    pub(super) async fn current(&self, tenant: i32, ids: &[ObjectId]) -> Result<Vec<Stored>, LedgerError> {
        let query = match ids {
            [] => return Ok(Vec::new()),
            [id] => return Ok(self.lookups.find(tenant, *id).await?.into_iter().collect()),
            ids => {
                let (kinds, values) = columns(ids.iter());
                // LATERAL with a limit keeps the plan one look-up for each key, however large the table is.
                Query::of(
                    tenant,
                    format!(
                        "SELECT o.* FROM UNNEST($2::smallint[], $3::uuid[]) AS k (kind, id)
                        CROSS JOIN LATERAL (
                            SELECT {STORED_COLUMNS}, {STATE} FROM ledger.objects o
                            WHERE o.tenant = $1 AND o.kind = k.kind AND o.id = k.id LIMIT 1
                        ) o"
                    ),
                )
                .with(kinds)
                .with(values)
            }
        };
        self.read(query, |row| rows::stored(row, tenant)).await
    }

    pub async fn objects_at(
        &self,
        tenant: TenantId,
        at: &[(ObjectId, Version)],
    ) -> Result<Vec<Option<Stored>>, LedgerError> {
        let tenant = self.number(tenant).await?;
        history::states(self, tenant, at).await
    }

    pub async fn list(&self, tenant: TenantId, query: &ListQuery) -> Result<Page<Stored>, LedgerError> {
        let tenant = self.number(tenant).await?;
        let backwards = query.paging.ending_before.is_some();
        let among = self.few(list::by_terms(tenant, query)).await?;
        let items = self.read(list::query(tenant, query, among), |row| rows::stored(row, tenant)).await?;
        Ok(page(items, query.paging.limit, backwards))
    }

    pub async fn events(&self, tenant: TenantId, query: &EventQuery) -> Result<Page<LogEntry>, LedgerError> {
        let tenant = self.number(tenant).await?;
        let backwards = query.paging.ending_before.is_some();
        let items = log::entries(self, tenant, query).await?;
        Ok(page(items, query.paging.limit, backwards))
    }

    pub async fn event(&self, tenant: TenantId, position: i64) -> Result<Option<LogEntry>, LedgerError> {
        let tenant = self.number(tenant).await?;
        log::entry(self, tenant, position).await
    }

    pub async fn balances(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Balance>, LedgerError> {
        let tenant = self.number(tenant).await?;
        let sql = format!(
            "SELECT {BALANCE_COLUMNS} FROM ledger.accounts WHERE tenant = $1 AND starts_with(code, $2) ORDER BY code"
        );
        self.read(Query::of(tenant, sql).with(prefix.to_owned()), rows::balance).await
    }

    pub async fn idempotency(&self, tenant: TenantId, key: &str) -> Result<Option<IdempotencyRecord>, LedgerError> {
        let tenant = self.number(tenant).await?;
        let sql = format!("SELECT {KEY_COLUMNS} FROM ledger.idempotency_keys WHERE tenant = $1 AND id = $2");
        Ok(self.read(Query::of(tenant, sql).with(key_id(tenant, key)), rows::idempotency).await?.pop())
    }

    pub async fn due(&self, now: Timestamp, after: Option<&Due>, limit: u32) -> Result<Vec<Due>, LedgerError> {
        let mut query = Query::new(format!(
            "SELECT {STORED_COLUMNS}, {STATE}, o.tenant, b.tenant
            FROM ledger.objects o JOIN ledger.books b ON b.number = o.tenant WHERE o.due <= $1"
        ))
        .with(to_sql_time(now));
        if let Some((Due { tenant, stored }, due)) = after.and_then(|last| Some((last, last.stored.index.due?))) {
            let number = self.number(*tenant).await?;
            let (due, number) = (query.bind(to_sql_time(due)), query.bind(number));
            let (kind, id) = (query.bind(stored.id.kind.code()), query.bind(stored.id.value));
            query.and(&format!("(o.due, o.tenant, o.kind, o.id) > ({due}, {number}, {kind}, {id})"));
        }
        let limit = query.bind(i64::from(limit));
        query.push(&format!(" ORDER BY o.due, o.tenant, o.kind, o.id LIMIT {limit}"));
        self.read(query, |row| {
            Ok(Due { tenant: TenantId(row.try_get(11)?), stored: rows::stored(row, row.try_get(10)?)? })
        })
        .await
    }

    pub async fn forget_idempotency(&self, before: Timestamp) -> Result<u64, LedgerError> {
        let connection = self.connection().await?;
        let sql = "DELETE FROM ledger.idempotency_keys WHERE created < $1";
        let forgotten = connection.execute(sql, &[&to_sql_time(before)]).await;
        forgotten.map_err(|error| fault::ledger_error(&error))
    }
}

pub(super) fn columns<'a>(ids: impl Iterator<Item = &'a ObjectId>) -> (Vec<i16>, Vec<Uuid>) {
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
