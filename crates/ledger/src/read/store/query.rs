//! A statement with its parameters, and running it on a connection of the pool.

use super::stream::{Budget, Rows, closed};
use crate::store::errors::{ReadError, RowError};
use crate::store::session::Session;
use contracts::ledger::LedgerError;
use deadpool_postgres::{ClientWrapper, Object, PoolError};
use futures_util::TryStreamExt;
use platform::database::{Lease, Pool};
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use tokio_postgres::{Error, Row, RowStream};
use uuid::Uuid;

/// Prepared statements take memory in PostgreSQL: a connection that has more than this forgets them all.
const PREPARED_MAX: usize = 1_000;

/// The most matches in an index of rare values that are looked at one by one. A value with more matches is met soon by
/// reading all rows, newest first. PostgreSQL cannot choose between the two: it has no statistics of rare values.
pub(super) const FEW: i64 = 2_000;

/// A statement with its parameters. Values only ever go in as parameters.
///
/// The plan must not depend on what PostgreSQL believes of the tables, for it may believe anything: that a tenant with a
/// million rows has one, or that a rare value is met soon. So that there is one plan only,
/// - rows that come in an order are read in that of one index, and of no other index, up to a limit. Connections do not
///   sort (`PLANNER` in `platform`), unless no index has the order;
/// - what is no condition of that index is written so that no index has it: with `IS NOT DISTINCT FROM`, or in a sum;
/// - rows that are looked up for other rows are looked up one by one, with `LATERAL` and `LIMIT 1`.
///
/// `tests/bounded_reads` counts what each list reads.
pub(crate) struct Query {
    sql: String,
    parameters: Vec<(Type, Box<dyn ToSql + Sync + Send>)>,
    /// There are too many texts of this kind of query to prepare each, or the plan depends on the values: PostgreSQL plans anew.
    unprepared: bool,
    /// What all rows together may take.
    budget: Budget,
}

/// A value that can be a parameter, with its SQL type.
pub(crate) trait Value: ToSql + Sync + Send + 'static {
    const TYPE: Type;
}

macro_rules! values {
    ($($rust:ty => $sql:ident,)*) => { $(impl Value for $rust { const TYPE: Type = Type::$sql; })* };
}

values! {
    i16 => INT2, i32 => INT4, i64 => INT8, String => TEXT, &'static str => TEXT, Uuid => UUID,
    std::time::SystemTime => TIMESTAMPTZ, Option<i64> => INT8, Option<std::time::SystemTime> => TIMESTAMPTZ,
    Vec<i16> => INT2_ARRAY, Vec<i32> => INT4_ARRAY, Vec<i64> => INT8_ARRAY, Vec<Uuid> => UUID_ARRAY,
    Vec<String> => TEXT_ARRAY,
}

impl Query {
    pub fn new(sql: impl Into<String>) -> Self {
        Query { sql: sql.into(), parameters: Vec::new(), unprepared: false, budget: Budget::unlimited() }
    }

    /// A query whose `$1` is the number of a tenant, and of whose rows no more is kept than a read may.
    pub fn of(tenant: i32, sql: impl Into<String>) -> Self {
        Query { budget: Budget::of_tenant(), ..Query::new(sql) }.with(tenant)
    }

    /// Of whose rows no more is kept than so many bytes either.
    pub fn within(mut self, bytes_max: usize) -> Self {
        self.budget.limit(bytes_max);
        self
    }

    pub fn unprepared(mut self) -> Self {
        self.unprepared = true;
        self
    }

    pub fn with<T: Value>(mut self, parameter: T) -> Self {
        self.bind(parameter);
        self
    }

    /// Adds a parameter, and returns its place for the text: `$3`.
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

    pub(super) async fn ask(&self, connection: &ClientWrapper) -> Result<RowStream, Error> {
        let parameters = self.parameters.iter().map(|(kind, value)| (&**value as &(dyn ToSql + Sync), kind.clone()));
        if self.unprepared {
            return connection.query_typed_raw(&self.sql, parameters).await;
        }
        if connection.statement_cache.size() > PREPARED_MAX {
            connection.statement_cache.clear();
        }
        let statement = connection.prepare_cached(&self.sql).await?;
        connection.query_raw(&statement, parameters.map(|(value, _)| value)).await
    }
}

fn no_connection(error: PoolError) -> LedgerError {
    match error {
        PoolError::Backend(cause) => ReadError::Database(cause).into(),
        error => LedgerError::Unavailable(platform::database::with_causes(&error)),
    }
}

/// Runs queries.
pub(crate) struct QueryPool(Pool);

impl QueryPool {
    pub fn new(pool: Pool) -> Self {
        QueryPool(pool)
    }

    async fn lease(&self) -> Result<Lease, LedgerError> {
        Lease::of(&self.0).await.map_err(no_connection)
    }

    /// The rows that a read finds, one after another. It is given up when they are dropped.
    pub(super) async fn open(&self, query: &Query) -> Result<Rows, LedgerError> {
        let connection = self.lease().await?;
        match connection.answered(query.ask(&connection)).await {
            Ok(asked) => Rows::of(connection, asked),
            Err(silent) => Err(closed(connection, silent)),
        }
    }

    /// What a statement that writes finds; an error where nothing may be written. It is never given up: PostgreSQL carries it out, whether this is dropped or not.
    pub(crate) async fn write<T>(
        &self,
        query: Query,
        read: impl Fn(&Row) -> Result<T, RowError>,
    ) -> Result<Vec<T>, LedgerError> {
        let connection = self.0.get().await.map_err(no_connection)?;
        let found = async {
            match Session::of(&connection).await?.fence {
                Some(fence) => Ok(Err(fence)),
                None => query.ask(&connection).await?.try_collect::<Vec<Row>>().await.map(Ok),
            }
        };
        let rows = match self.0.answered(found).await {
            Ok(Ok(Ok(rows))) => rows,
            Ok(Ok(Err(fence))) => return Err(LedgerError::Unavailable(fence.to_owned())),
            Ok(Err(error)) => return Err(ReadError::Database(error).into()),
            Err(silent) => {
                drop(Object::take(connection));
                return Err(LedgerError::Unavailable(silent.to_string()));
            }
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| ReadError::Row(error).into())
    }

    /// What `read` makes of each row.
    pub(crate) async fn read<T>(
        &self,
        mut query: Query,
        read: impl Fn(&Row) -> Result<T, RowError>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut rows = self.open(&query).await?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().await? {
            query.budget.spend(row.raw_size_bytes())?;
            found.push(read(&row).map_err(ReadError::Row)?);
        }
        Ok(found)
    }

    /// The first column of what the query finds; `None` without a query, or if it finds more than [`FEW`] rows.
    pub(crate) async fn few<T: FromSqlOwned>(&self, query: Option<Query>) -> Result<Option<Vec<T>>, LedgerError> {
        let Some(query) = query else { return Ok(None) };
        let found = self.read(query, |row| Ok(row.try_get(0)?)).await?;
        let is_few = i64::try_from(found.len()).is_ok_and(|count| count <= FEW);
        Ok(is_few.then_some(found))
    }
}
