//! Parameters of statements about many rows: one array for each column.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

pub(crate) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// One value of each row, as an array.
pub(crate) fn array<T, C>(rows: impl IntoIterator<Item = T>, value: impl Fn(T) -> C) -> Vec<C> {
    rows.into_iter().map(value).collect()
}

/// Runs a query about so many keys; without any keys, PostgreSQL is not asked.
pub(crate) async fn query<const N: usize>(
    client: &Client,
    statement: &Statement,
    parameters: [Parameter<'_>; N],
    keys: usize,
) -> Result<Vec<Row>, Error> {
    if keys == 0 { Ok(Vec::new()) } else { client.query(statement, &parameters).await }
}
